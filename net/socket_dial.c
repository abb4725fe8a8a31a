/*
 * socket_dial.c - connecting to host:port: resolve, then each address in turn until one answers.
 *
 *   RESOLVING --on_resolved--> CONNECTING --on_connect--> done
 *       (a name: getaddrinfo on a thread of its own; it cannot be interrupted, so a cancelled or late
 *        lookup is abandoned and frees itself when it ends)
 */
#include "net/socket_inside.h"

#include <assert.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>

#include "base/clock.h"

#define ADDRESSES_MAX 16
/* Lookups that hang in a dead resolver must not pile up threads. */
#define LOOKUPS_MAX 32
#define HOST_MAX 253
#define LOOKUP_STACK (512u * 1024)

struct address {
	struct sockaddr_storage at;
	socklen_t len;
};

struct lookup {
	struct loop_post post;
	struct loop *loop;
	struct socket_dial *dial; /* NULL = abandoned; loop thread only */
	char host[HOST_MAX + 1];
	unsigned port;
	int failure; /* of getaddrinfo */
	struct address found[ADDRESSES_MAX];
	size_t count;
};

struct socket_dial {
	struct loop *loop;
	void (*on_done)(void *of, struct stream *stream, const struct error *err);
	void *of;
	struct loop_task task;	    /* starts the work, so that nothing is told inside socket_dial */
	struct loop_timer timer;    /* the whole dial */
	struct loop_timer patience; /* one address of several */
	struct loop_fd watch;
	struct lookup *lookup;
	char host[HOST_MAX + 1];
	unsigned port;
	int64_t deadline_ms;
	struct address addresses[ADDRESSES_MAX];
	size_t count;
	size_t next;
	struct error last;
};

static unsigned lookups; /* running; loop thread only */

static void drop_socket(struct socket_dial *dial)
{
	loop_timer_stop(&dial->patience);
	loop_fd_stop(&dial->watch);
	if (dial->watch.fd >= 0)
		close(dial->watch.fd);
	dial->watch.fd = -1;
}

void socket_dial_cancel(struct socket_dial *dial)
{
	if (!dial)
		return;
	drop_socket(dial);
	loop_timer_stop(&dial->timer);
	loop_task_cancel(&dial->task);
	if (dial->lookup)
		dial->lookup->dial = NULL;
	free(dial);
}

static void finish(struct socket_dial *dial, struct stream *stream, const struct error *err)
{
	void (*on_done)(void *of, struct stream *stream, const struct error *err) = dial->on_done;
	void *of = dial->of;
	struct error copy;

	assert(stream || err);
	if (err)
		copy = *err;
	socket_dial_cancel(dial);
	on_done(of, stream, err ? &copy : NULL);
}

static void fail(struct socket_dial *dial, struct error *err)
{
	error_context(err, "dial %s port %u", dial->host, dial->port);
	finish(dial, NULL, err);
}

static void on_timer(struct loop_timer *timer)
{
	struct socket_dial *dial = CONTAINER_OF(timer, struct socket_dial, timer);
	struct error err;

	error_set(&err, ERROR_TIMEOUT, "no answer in time");
	fail(dial, &err);
}

static bool begin_connect(struct socket_dial *dial, const struct address *address, struct error *err)
{
	auto_fd fd = socket(address->at.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return error_os(err, "make a socket");
	socket_tune(fd);
	if (connect(fd, (const struct sockaddr *)&address->at, address->len) != 0 && errno != EINPROGRESS &&
	    errno != EINTR)
		return error_os(err, "connect");
	dial->watch.fd = fd;
	if (!loop_fd_start(dial->loop, &dial->watch, LOOP_WRITE, err)) {
		dial->watch.fd = -1;
		return false;
	}
	fd = -1;
	return true;
}

static void connect_next(struct socket_dial *dial)
{
	drop_socket(dial);
	while (dial->next < dial->count) {
		size_t left = dial->count - dial->next;

		if (!begin_connect(dial, &dial->addresses[dial->next++], &dial->last))
			continue;
		/* A silent address may use its share of the time, the last one all of it. */
		if (left > 1)
			loop_timer_set(dial->loop, &dial->patience,
				       (dial->deadline_ms - clock_now_ms()) / (int64_t)left);
		return;
	}
	fail(dial, &dial->last);
}

static void on_patience(struct loop_timer *timer)
{
	struct socket_dial *dial = CONTAINER_OF(timer, struct socket_dial, patience);

	error_set(&dial->last, ERROR_TIMEOUT, "no answer in time");
	connect_next(dial);
}

static void on_connect(struct loop_fd *watch, unsigned events)
{
	struct socket_dial *dial = CONTAINER_OF(watch, struct socket_dial, watch);
	socklen_t len = sizeof(int);
	int code = 0;
	int fd;

	(void)events;
	if (getsockopt(watch->fd, SOL_SOCKET, SO_ERROR, &code, &len) != 0)
		code = errno;
	if (code != 0) {
		errno = code;
		error_os(&dial->last, "connect");
		connect_next(dial);
		return;
	}
	loop_fd_stop(watch);
	fd = take_fd(&watch->fd);
	finish(dial, stream_of_fd(dial->loop, fd), NULL);
}

static void on_resolved(struct loop_post *post)
{
	struct lookup *lookup = CONTAINER_OF(post, struct lookup, post);
	struct socket_dial *dial = lookup->dial;
	struct error err;

	lookups--;
	if (!dial) {
		free(lookup);
		return;
	}
	dial->lookup = NULL;
	memcpy(dial->addresses, lookup->found, sizeof(lookup->found));
	dial->count = lookup->count;
	if (dial->count > 0) {
		free(lookup);
		connect_next(dial);
		return;
	}
	error_set(&err, ERROR_UNAVAILABLE, "the name cannot be resolved: %s",
		  lookup->failure ? gai_strerror(lookup->failure) : "no address");
	free(lookup);
	fail(dial, &err);
}

/* The lookup's thread: touches nothing but the lookup. */
static void *resolve(void *of)
{
	struct lookup *lookup = of;
	struct addrinfo hints = { .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM };
	struct addrinfo *list = NULL;
	char port[8];

	snprintf(port, sizeof(port), "%u", lookup->port);
	lookup->failure = getaddrinfo(lookup->host, port, &hints, &list);
	for (struct addrinfo *at = list; at && lookup->count < ADDRESSES_MAX; at = at->ai_next) {
		struct address *found = &lookup->found[lookup->count++];

		assert(at->ai_addrlen <= sizeof(found->at));
		memcpy(&found->at, at->ai_addr, at->ai_addrlen);
		found->len = at->ai_addrlen;
	}
	if (list)
		freeaddrinfo(list);
	loop_post(lookup->loop, &lookup->post);
	return NULL;
}

static bool start_lookup(struct socket_dial *dial, struct error *err)
{
	pthread_attr_t attributes;
	pthread_t thread;
	struct lookup *lookup;
	int failed;

	if (lookups >= LOOKUPS_MAX)
		return error_set(err, ERROR_TOO_MANY, "%u names are being resolved already", lookups);
	lookup = memory_new(struct lookup);
	lookup->loop = dial->loop;
	lookup->dial = dial;
	lookup->port = dial->port;
	lookup->post.on_post = on_resolved;
	memcpy(lookup->host, dial->host, sizeof(lookup->host));
	pthread_attr_init(&attributes);
	pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
	pthread_attr_setstacksize(&attributes, LOOKUP_STACK);
	failed = pthread_create(&thread, &attributes, resolve, lookup);
	pthread_attr_destroy(&attributes);
	if (failed) {
		free(lookup);
		errno = failed;
		return error_os(err, "start a thread to resolve the name");
	}
	lookups++;
	dial->lookup = lookup;
	return true;
}

static void on_begin(struct loop_task *task)
{
	struct socket_dial *dial = CONTAINER_OF(task, struct socket_dial, task);
	struct str host = str_of(dial->host);
	struct error err;

	if (host.len == 0) {
		error_set(&err, ERROR_INVALID, "the host is empty or too long");
		fail(dial, &err);
	} else if (socket_parse_address(host, dial->port, &dial->addresses[0].at, &dial->addresses[0].len)) {
		dial->count = 1;
		connect_next(dial);
	} else if (!start_lookup(dial, &err)) {
		fail(dial, &err);
	}
}

struct socket_dial *socket_dial(struct loop *loop, struct str host, unsigned port, int timeout_ms,
				void (*on_done)(void *of, struct stream *stream, const struct error *err),
				void *of)
{
	struct socket_dial *dial = memory_new(struct socket_dial);

	assert(on_done);
	assert(timeout_ms > 0);
	assert(port <= 65535);
	dial->loop = loop;
	dial->on_done = on_done;
	dial->of = of;
	dial->port = port;
	dial->deadline_ms = clock_now_ms() + timeout_ms;
	dial->task.on_task = on_begin;
	dial->timer.on_timer = on_timer;
	dial->patience.on_timer = on_patience;
	dial->watch.on_event = on_connect;
	dial->watch.fd = -1;
	if (host.len <= HOST_MAX && host.len > 0)
		memcpy(dial->host, host.at, host.len);
	loop_timer_set(loop, &dial->timer, timeout_ms);
	loop_defer(loop, &dial->task);
	return dial;
}
