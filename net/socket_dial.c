/*
 * socket_dial.c - connecting to host:port: look it up, then each address in turn until one answers.
 */
#include "net/socket_inside.h"

#include <assert.h>
#include <errno.h>

#include "base/clock.h"

struct socket_dial {
	struct loop *loop;
	void (*on_done)(void *of, struct stream *stream, const struct error *err);
	void *of;
	struct loop_timer timer;    /* the whole dial */
	struct loop_timer patience; /* one address of several */
	struct loop_fd watch;
	char *host; /* for messages */
	struct socket_lookup *lookup;
	unsigned port;
	int64_t deadline_ms;
	struct socket_address addresses[SOCKET_ADDRESSES_MAX];
	size_t count;
	size_t next;
	struct error last;
};

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
	socket_lookup_cancel(dial->lookup);
	free(dial->host);
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

static bool begin_connect(struct socket_dial *dial, const struct socket_address *address,
			  struct error *err)
{
	auto_fd fd = socket(address->at.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return error_os(err, "make a socket");
	socket_tune(fd);
	if (connect(fd, (const struct sockaddr *)&address->at, address->len) != 0 &&
	    errno != EINPROGRESS && errno != EINTR)
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

static void on_found(void *of, const struct socket_address *found, size_t count,
		     const struct error *err)
{
	struct socket_dial *dial = of;

	dial->lookup = NULL;
	if (err) {
		dial->last = *err;
		fail(dial, &dial->last);
		return;
	}
	assert(count <= SOCKET_ADDRESSES_MAX);
	memcpy(dial->addresses, found, count * sizeof(*found));
	dial->count = count;
	connect_next(dial);
}

struct socket_dial *
socket_dial(struct loop *loop, struct str host, unsigned port, int timeout_ms,
	    void (*on_done)(void *of, struct stream *stream, const struct error *err), void *of)
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
	dial->timer.on_timer = on_timer;
	dial->patience.on_timer = on_patience;
	dial->watch.on_event = on_connect;
	dial->watch.fd = -1;
	dial->host = str_copy(host);
	loop_timer_set(loop, &dial->timer, timeout_ms);
	dial->lookup = socket_lookup(loop, host, port, on_found, dial);
	return dial;
}
