/*
 * test_stream.c - the promises of stream.h, kept by the socket kind and by the pair in memory
 * alike; and splicing.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "net/stream.h"
#include "tests/unit/harness.h"
#include "tests/unit/net/sink.h"

typedef void make_fn(struct loop *loop, struct stream **out_a, struct stream **out_b);

static void check_bytes(const struct sink *sink, const struct buf *want)
{
	CHECK_INT(sink->got.len, want->len);
	CHECK_BYTES(sink->got.at, want->at, want->len);
}

/* Megabytes both ways at once, with half-close: everything arrives, then the ends, then one
 * on_closed each. */
static void carries(make_fn *make)
{
	struct loop *loop = sink_loop();
	struct sink a = { 0 }, b = { 0 };
	struct stream *end_a, *end_b;
	auto_buf there = BUF_INIT, back = BUF_INIT;

	sink_pattern(&there, 9000000, 1);
	sink_pattern(&back, 2000000, 2);
	make(loop, &end_a, &end_b);
	sink_own(&a, end_a);
	sink_own(&b, end_b);
	stream_write(end_a, buf_str(&there));
	CHECK(stream_pending(end_a) > STREAM_LOW);
	stream_finish(end_a);
	sink_until(loop, &b.ended);
	check_bytes(&b, &there);
	sink_until_count(loop, &a.writable, 1);
	CHECK_INT(a.closed, 0);
	/* The other direction still works. */
	stream_write(end_b, buf_str(&back));
	stream_finish(end_b);
	sink_until(loop, &a.ended);
	check_bytes(&a, &back);
	sink_until_count(loop, &a.closed, 1);
	sink_until_count(loop, &b.closed, 1);
	CHECK(!a.broken);
	CHECK(!b.broken);
	sink_clear(&a);
	sink_clear(&b);
	loop_close(loop);
}

/* Unread input stops the source: no busy announcing, the writer's pending stays; reading goes on
 * later. */
static void pushes_back(make_fn *make)
{
	struct loop *loop = sink_loop();
	struct sink a = { 0 }, b = { .take_max = 4096 };
	struct stream *end_a, *end_b;
	auto_buf bytes = BUF_INIT;
	unsigned before;

	sink_pattern(&bytes, 8000000, 3);
	make(loop, &end_a, &end_b);
	sink_own(&a, end_a);
	sink_own(&b, end_b);
	stream_write(end_a, buf_str(&bytes));
	sink_rounds(loop, 50);
	before = b.readable;
	CHECK(before >= 1);
	sink_rounds(loop, 50);
	CHECK(b.readable <= before + 1);
	CHECK_INT(b.got.len, 4096);
	CHECK(stream_pending(end_a) > STREAM_HIGH);
	b.take_max = 0;
	sink_read(&b);
	sink_until_bytes(loop, &b, bytes.len);
	check_bytes(&b, &bytes);
	sink_until_count(loop, &a.writable, 1);
	sink_clear(&a);
	sink_clear(&b);
	loop_close(loop);
}

static void pauses(make_fn *make)
{
	struct loop *loop = sink_loop();
	struct sink a = { 0 }, b = { 0 };
	struct stream *end_a, *end_b;

	make(loop, &end_a, &end_b);
	sink_own(&a, end_a);
	sink_own(&b, end_b);
	stream_pause(end_b, true);
	stream_write(end_a, STR("hello"));
	stream_finish(end_a);
	sink_rounds(loop, 20);
	CHECK_INT(b.readable, 0);
	stream_pause(end_b, false);
	sink_until(loop, &b.ended);
	CHECK_INT(b.got.len, 5);
	sink_clear(&a);
	sink_clear(&b);
	loop_close(loop);
}

/* Callbacks come from the loop only, and not at all after closing. */
static void calls_from_loop_only(make_fn *make)
{
	struct loop *loop = sink_loop();
	struct sink a = { 0 }, b = { 0 };
	struct stream *end_a, *end_b;

	make(loop, &end_a, &end_b);
	sink_own(&a, end_a);
	sink_own(&b, end_b);
	stream_write(end_a, STR("x"));
	stream_finish(end_a);
	CHECK_INT(b.readable + a.readable, 0);
	stream_close(b.stream);
	b.stream = NULL;
	sink_rounds(loop, 10);
	CHECK_INT(b.readable, 0);
	CHECK_INT(b.closed, 0);
	sink_clear(&a);
	loop_close(loop);
}

/* What one owner left unread, and the end, is announced to the next owner. */
static void hands_over(make_fn *make)
{
	struct loop *loop = sink_loop();
	struct sink a = { 0 }, first = { .take = 2, .take_max = 2 }, second = { 0 };
	struct stream *end_a, *end_b;

	make(loop, &end_a, &end_b);
	sink_own(&a, end_a);
	sink_own(&first, end_b);
	stream_write(end_a, STR("abcdef"));
	sink_until_bytes(loop, &first, 2);
	stream_finish(end_a);
	sink_rounds(loop, 10);
	sink_own(&second, end_b);
	sink_until(loop, &second.ended);
	CHECK_STR(buf_text(&second.got), "cdef");
	buf_clear(&first.got);
	sink_clear(&a);
	sink_clear(&second);
	loop_close(loop);
}

/* The other end goes away while we write: on_closed once, writes after it are harmless. */
static void peer_goes(make_fn *make)
{
	struct loop *loop = sink_loop();
	struct sink a = { 0 };
	struct stream *end_a, *end_b;

	make(loop, &end_a, &end_b);
	sink_own(&a, end_a);
	stream_write(end_a, STR("nobody reads this"));
	sink_rounds(loop, 5);
	stream_close(end_b);
	for (int i = 0; i < 20 && a.closed == 0; i++) {
		stream_write(end_a, STR("more"));
		sink_rounds(loop, 3);
	}
	CHECK_INT(a.closed, 1);
	CHECK(a.broken);
	CHECK(a.why.text[0] != '\0');
	stream_write(end_a, STR("still more"));
	CHECK_INT(stream_pending(end_a), 0);
	CHECK_INT(stream_read(end_a, (char[4]){ 0 }, 4), -1);
	sink_rounds(loop, 5);
	CHECK_INT(a.closed, 1);
	sink_clear(&a);
	loop_close(loop);
}

/* Everything written before is delivered, and nothing is heard any more. */
static void closes_after_flush(make_fn *make)
{
	struct loop *loop = sink_loop();
	struct sink a = { 0 }, b = { .echo = true };
	struct stream *end_a, *end_b;
	auto_buf bytes = BUF_INIT;

	sink_pattern(&bytes, 4000000, 4);
	make(loop, &end_a, &end_b);
	sink_own(&a, end_a);
	sink_own(&b, end_b);
	stream_write(end_a, buf_str(&bytes));
	stream_close_after_flush(end_a, 3000);
	a.stream = NULL;
	sink_until(loop, &b.ended);
	check_bytes(&b, &bytes);
	sink_until_count(loop, &b.closed, 1);
	CHECK_INT(a.readable + a.closed + a.writable, 0);
	sink_rounds(loop, 200); /* the rest of the echo is thrown away */
	sink_clear(&b);
	loop_close(loop);
}

/* A peer that never ends does not keep it for ever. */
static void lingers_bounded(make_fn *make)
{
	struct loop *loop = sink_loop();
	struct sink b = { 0 };
	struct stream *end_a, *end_b;

	make(loop, &end_a, &end_b);
	sink_own(&b, end_b);
	stream_close_after_flush(end_a, 50);
	sink_until(loop, &b.ended);
	for (int i = 0; i < 100; i++)
		loop_once(loop, 1);
	/* The leak check of the harness says whether it is gone. */
	sink_clear(&b);
	loop_close(loop);
}

#define BOTH(what)                                                                                 \
	static void what##_fd(void)                                                                \
	{                                                                                          \
		what(sink_tcp_pair);                                                               \
	}                                                                                          \
	static void what##_pair(void)                                                              \
	{                                                                                          \
		what(stream_pair);                                                                 \
	}

BOTH(carries)
BOTH(pushes_back)
BOTH(pauses)
BOTH(calls_from_loop_only)
BOTH(hands_over)
BOTH(peer_goes)
BOTH(closes_after_flush)
BOTH(lingers_bounded)

/* A reset is told at once, even to an owner that is not reading. */
static void reset_while_paused(void)
{
	struct loop *loop = sink_loop();
	struct sink a = { 0 };
	struct stream *end_a;
	struct linger hard = { 1, 0 };
	struct sockaddr_in at = { .sin_family = AF_INET,
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(at);
	int listener = socket(AF_INET, SOCK_STREAM, 0), fd = socket(AF_INET, SOCK_STREAM, 0), peer;

	CHECK(bind(listener, (struct sockaddr *)&at, sizeof(at)) == 0 && listen(listener, 1) == 0);
	CHECK(getsockname(listener, (struct sockaddr *)&at, &len) == 0);
	CHECK(connect(fd, (struct sockaddr *)&at, sizeof(at)) == 0);
	peer = accept(listener, NULL, NULL);
	close(listener);
	end_a = stream_of_fd(loop, fd);
	sink_own(&a, end_a);
	stream_pause(end_a, true);
	sink_rounds(loop, 3);
	setsockopt(peer, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
	close(peer);
	sink_until_count(loop, &a.closed, 1);
	CHECK(a.broken);
	sink_clear(&a);
	loop_close(loop);
}

static void on_done(void *of)
{
	*(bool *)of = true;
}

/* client - a TCP pair - splice - another pair - echo server: bytes, ends and back-pressure go
 * through. */
static void splices(void)
{
	struct loop *loop = sink_loop();
	struct sink client = { 0 }, server = { .echo = true };
	struct stream *a, *b, *c, *d;
	bool done = false;
	auto_buf bytes = BUF_INIT;

	sink_pattern(&bytes, 5000000, 5);
	sink_tcp_pair(loop, &a, &b);
	stream_pair(loop, &c, &d);
	stream_splice(b, c, on_done, &done);
	sink_own(&client, a);
	sink_own(&server, d);
	stream_write(a, buf_str(&bytes));
	stream_finish(a);
	sink_until(loop, &client.ended);
	check_bytes(&client, &bytes);
	check_bytes(&server, &bytes);
	sink_until(loop, &done);
	sink_until_count(loop, &client.closed, 1);
	sink_rounds(loop, 10);
	sink_clear(&client);
	sink_clear(&server);
	sink_rounds(loop, 10);
	loop_close(loop);
}

/* A stalled reader at one side: the splice holds a bounded amount. */
static void splice_holds_little(void)
{
	struct loop *loop = sink_loop();
	struct sink client = { 0 }, server = { .take_max = 1 };
	struct stream *a, *b, *c, *d;
	bool done = false;
	auto_buf bytes = BUF_INIT;

	sink_pattern(&bytes, 3000000, 6);
	stream_pair(loop, &a, &b);
	stream_pair(loop, &c, &d);
	stream_splice(b, c, on_done, &done);
	sink_own(&client, a);
	sink_own(&server, d);
	stream_write(a, buf_str(&bytes));
	sink_rounds(loop, 50);
	CHECK(stream_pending(c) <= STREAM_HIGH + 32768);
	CHECK(stream_pending(a) >= bytes.len - STREAM_HIGH - 3 * 32768);
	server.take_max = 0;
	sink_read(&server);
	sink_until_bytes(loop, &server, bytes.len);
	check_bytes(&server, &bytes);
	sink_clear(&client);
	sink_until(loop, &server.ended);
	sink_clear(&server);
	sink_until(loop, &done);
	sink_rounds(loop, 10);
	loop_close(loop);
}

static const struct test tests[] = {
	{ "socket carries", carries_fd },
	{ "pair carries", carries_pair },
	{ "socket pushes back", pushes_back_fd },
	{ "pair pushes back", pushes_back_pair },
	{ "socket pauses", pauses_fd },
	{ "pair pauses", pauses_pair },
	{ "socket calls from the loop only", calls_from_loop_only_fd },
	{ "pair calls from the loop only", calls_from_loop_only_pair },
	{ "socket hands over", hands_over_fd },
	{ "pair hands over", hands_over_pair },
	{ "socket's peer goes", peer_goes_fd },
	{ "pair's peer goes", peer_goes_pair },
	{ "socket closes after flush", closes_after_flush_fd },
	{ "pair closes after flush", closes_after_flush_pair },
	{ "socket lingers bounded", lingers_bounded_fd },
	{ "pair lingers bounded", lingers_bounded_pair },
	{ "reset while paused", reset_while_paused },
	{ "splices", splices },
	{ "splice holds little", splice_holds_little },
};
TEST_MAIN(tests)
