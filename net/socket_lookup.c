/*
 * socket_lookup.c - names to addresses on short-lived threads.
 */
#include "net/socket_lookup.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>

/* Lookups that hang in a dead resolver must not pile up threads. */
#define RUNNING_MAX  32
#define HOST_MAX     253
#define THREAD_STACK (512u * 1024)

struct socket_lookup {
	struct loop *loop;
	struct loop_task task; /* for what needs no thread */
	struct loop_post post;
	socket_lookup_fn *on_done;
	void *of;
	bool abandoned;
	bool has_thread;
	char host[HOST_MAX + 1];
	unsigned port;
	int failure; /* of getaddrinfo */
	struct socket_address found[SOCKET_ADDRESSES_MAX];
	size_t count;
};

static unsigned running; /* loop thread only */

bool socket_lookup_parse(struct str text, unsigned port, struct socket_address *out)
{
	char copy[INET6_ADDRSTRLEN];
	struct sockaddr_in v4 = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port) };

	assert(port <= 65535);
	if (text.len == 0 || text.len >= sizeof(copy) || memchr(text.at, '\0', text.len))
		return false;
	memcpy(copy, text.at, text.len);
	copy[text.len] = '\0';
	memset(out, 0, sizeof(*out));
	if (inet_pton(AF_INET, copy, &v4.sin_addr) == 1) {
		memcpy(&out->at, &v4, sizeof(v4));
		out->len = sizeof(v4);
		return true;
	}
	if (inet_pton(AF_INET6, copy, &v6.sin6_addr) == 1) {
		memcpy(&out->at, &v6, sizeof(v6));
		out->len = sizeof(v6);
		return true;
	}
	return false;
}

void socket_lookup_print(const struct socket_address *address, char *out, size_t room)
{
	struct sockaddr_in6 v6;
	struct sockaddr_in v4;
	const char *done;

	assert(room >= INET6_ADDRSTRLEN);
	if (address->at.ss_family == AF_INET) {
		memcpy(&v4, &address->at, sizeof(v4));
		done = inet_ntop(AF_INET, &v4.sin_addr, out, (socklen_t)room);
	} else {
		memcpy(&v6, &address->at, sizeof(v6));
		done = inet_ntop(AF_INET6, &v6.sin6_addr, out, (socklen_t)room);
	}
	assert(done);
	(void)done;
}

static void tell(struct socket_lookup *lookup)
{
	struct error err;

	if (lookup->count > 0) {
		lookup->on_done(lookup->of, lookup->found, lookup->count, NULL);
	} else {
		error_set(&err, ERROR_UNAVAILABLE, "the name \"%s\" cannot be resolved: %s",
			  lookup->host,
			  lookup->failure ? gai_strerror(lookup->failure) : "no address");
		lookup->on_done(lookup->of, NULL, 0, &err);
	}
	free(lookup);
}

static void on_resolved(struct loop_post *post)
{
	struct socket_lookup *lookup = CONTAINER_OF(post, struct socket_lookup, post);

	running--;
	if (lookup->abandoned)
		free(lookup);
	else
		tell(lookup);
}

/* The thread: touches nothing but the lookup. */
static void *resolve(void *of)
{
	struct socket_lookup *lookup = of;
	struct addrinfo hints = { .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM };
	struct addrinfo *list = NULL;
	char port[8];

	snprintf(port, sizeof(port), "%u", lookup->port);
	lookup->failure = getaddrinfo(lookup->host, port, &hints, &list);
	for (struct addrinfo *at = list; at && lookup->count < SOCKET_ADDRESSES_MAX;
	     at = at->ai_next) {
		struct socket_address *found = &lookup->found[lookup->count++];

		assert(at->ai_addrlen <= sizeof(found->at));
		memcpy(&found->at, at->ai_addr, at->ai_addrlen);
		found->len = at->ai_addrlen;
	}
	if (list)
		freeaddrinfo(list);
	loop_post(lookup->loop, &lookup->post);
	return NULL;
}

static bool start_thread(struct socket_lookup *lookup, struct error *err)
{
	pthread_attr_t attributes;
	pthread_t thread;
	int failed;

	if (running >= RUNNING_MAX)
		return error_set(err, ERROR_TOO_MANY, "%u names are being resolved already",
				 running);
	pthread_attr_init(&attributes);
	pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
	pthread_attr_setstacksize(&attributes, THREAD_STACK);
	failed = pthread_create(&thread, &attributes, resolve, lookup);
	pthread_attr_destroy(&attributes);
	if (failed) {
		errno = failed;
		return error_os(err, "start a thread to resolve a name");
	}
	running++;
	lookup->has_thread = true;
	return true;
}

static void on_begin(struct loop_task *task)
{
	struct socket_lookup *lookup = CONTAINER_OF(task, struct socket_lookup, task);
	struct str host = str_of(lookup->host);
	struct error err;

	if (host.len == 0) {
		error_set(&err, ERROR_INVALID, "the host is empty or too long");
	} else if (socket_lookup_parse(host, lookup->port, &lookup->found[0])) {
		lookup->count = 1;
		tell(lookup);
		return;
	} else if (start_thread(lookup, &err)) {
		return;
	}
	lookup->on_done(lookup->of, NULL, 0, &err);
	free(lookup);
}

struct socket_lookup *socket_lookup(struct loop *loop, struct str host, unsigned port,
				    socket_lookup_fn *on_done, void *of)
{
	struct socket_lookup *lookup = memory_new(struct socket_lookup);

	assert(on_done);
	assert(port <= 65535);
	lookup->loop = loop;
	lookup->on_done = on_done;
	lookup->of = of;
	lookup->port = port;
	lookup->task.on_task = on_begin;
	lookup->post.on_post = on_resolved;
	if (host.len > 0 && host.len <= HOST_MAX)
		memcpy(lookup->host, host.at, host.len);
	loop_defer(loop, &lookup->task);
	return lookup;
}

void socket_lookup_cancel(struct socket_lookup *lookup)
{
	if (!lookup)
		return;
	if (lookup->has_thread) {
		lookup->abandoned = true;
		return;
	}
	loop_task_cancel(&lookup->task);
	free(lookup);
}
