/*
 * sink.c - the recording owner.
 */
#include "tests/unit/net/sink.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "tests/unit/harness.h"

/* The harness ends a test that waits in vain; the patience here only names what it waited for, so
 * it is as long as an emulated processor under load may need. */
#define PATIENCE_MS 60000

void sink_read(struct sink *sink)
{
	static char piece[65536];
	size_t room = sink->take ? sink->take : 4096;

	while (!sink->take_max || sink->got.len < sink->take_max) {
		ptrdiff_t got = stream_read(sink->stream, piece, room);

		if (got == 0)
			return;
		if (got < 0) {
			if (sink->echo && !sink->ended)
				stream_finish(sink->stream);
			sink->ended = true;
			return;
		}
		buf_add(&sink->got, piece, (size_t)got);
		if (sink->echo)
			stream_write(sink->stream, str_from(piece, (size_t)got));
	}
}

static void on_readable(void *owner)
{
	struct sink *sink = owner;

	sink->readable++;
	sink_read(sink);
}

static void on_writable(void *owner)
{
	struct sink *sink = owner;

	sink->writable++;
}

static void on_closed(void *owner, const struct error *why)
{
	struct sink *sink = owner;

	sink->closed++;
	CHECK_INT(sink->closed, 1);
	sink->broken = why != NULL;
	if (why)
		sink->why = *why;
}

static const struct stream_events events = {
	.on_readable = on_readable,
	.on_writable = on_writable,
	.on_closed = on_closed,
};

void sink_own(struct sink *sink, struct stream *stream)
{
	sink->stream = stream;
	stream_own(stream, &events, sink);
}

void sink_clear(struct sink *sink)
{
	stream_close(sink->stream);
	sink->stream = NULL;
	buf_clear(&sink->got);
}

struct loop *sink_loop(void)
{
	struct loop *loop;
	struct error err;

	CHECK_OK(loop_open(&loop, &err), &err);
	return loop;
}

void sink_until(struct loop *loop, const bool *flag)
{
	int64_t end = clock_now_ms() + PATIENCE_MS;

	while (!*flag) {
		if (clock_now_ms() > end)
			harness_fail(__FILE__, __LINE__, "waited in vain");
		loop_once(loop, 20);
	}
}

void sink_until_count(struct loop *loop, const unsigned *count, unsigned at_least)
{
	int64_t end = clock_now_ms() + PATIENCE_MS;

	while (*count < at_least) {
		if (clock_now_ms() > end)
			harness_fail(__FILE__, __LINE__, "waited in vain for %u, have %u", at_least,
				     *count);
		loop_once(loop, 20);
	}
}

void sink_until_bytes(struct loop *loop, const struct sink *sink, size_t at_least)
{
	int64_t end = clock_now_ms() + PATIENCE_MS;

	while (sink->got.len < at_least) {
		if (clock_now_ms() > end)
			harness_fail(__FILE__, __LINE__, "waited in vain for %zu bytes, have %zu",
				     at_least, sink->got.len);
		loop_once(loop, 20);
	}
}

void sink_rounds(struct loop *loop, int count)
{
	while (count-- > 0)
		loop_once(loop, 1);
}

void sink_tcp_pair(struct loop *loop, struct stream **out_a, struct stream **out_b)
{
	struct sockaddr_in at = { .sin_family = AF_INET,
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(at);
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int a = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int b;

	CHECK(bind(listener, (struct sockaddr *)&at, sizeof(at)) == 0);
	CHECK(listen(listener, 1) == 0);
	CHECK(getsockname(listener, (struct sockaddr *)&at, &len) == 0);
	CHECK(connect(a, (struct sockaddr *)&at, sizeof(at)) == 0);
	b = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	CHECK(b >= 0);
	close(listener);
	fcntl(a, F_SETFL, O_NONBLOCK);
	*out_a = stream_of_fd(loop, a);
	*out_b = stream_of_fd(loop, b);
}

void sink_pattern(struct buf *out, size_t len, unsigned seed)
{
	for (size_t i = 0; i < len; i++)
		buf_add_byte(out, (char)((i * 31 + (i >> 8) * 7 + seed) & 0xff));
}
