/*
 * test_tunnel.c - sessions and streams: content, ends, credit, refusals, losses, broken rules.
 */
#include "tunnel/tunnel.h"

#include <string.h>

#include "base/clock.h"
#include "tests/unit/harness.h"
#include "tests/unit/tunnel/rope.h"
#include "tunnel/frame.h"
#include "tunnel/tunnel_inside.h"

static struct rope rope;
static struct rope_ask asks[ROPE_SINKS];

static void asks_clear(unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		sink_clear(&asks[i].sink);
}

/* Both ways, a hundred at once from each side, each with its own content, through echo services. */
static void many_streams(void)
{
	enum { COUNT = 100, SIZE = 60000 };
	auto_buf want = BUF_INIT;

	rope_open(&rope);
	rope_dial(&rope);
	for (unsigned i = 0; i < 2 * COUNT; i++)
		rope_ask(&asks[i], i < COUNT ? rope.agent.tunnel : rope.server.tunnel, "echo",
			 (enum tunnel_priority)(i % TUNNEL_PRIORITIES));
	for (unsigned i = 0; i < 2 * COUNT; i++) {
		sink_until_count(rope.loop, &asks[i].done, 1);
		CHECK(asks[i].opened);
		buf_reset(&want);
		sink_pattern(&want, SIZE + i, i);
		stream_write(asks[i].sink.stream, buf_str(&want));
		stream_finish(asks[i].sink.stream);
	}
	for (unsigned i = 0; i < 2 * COUNT; i++) {
		sink_until(rope.loop, &asks[i].sink.ended);
		buf_reset(&want);
		sink_pattern(&want, SIZE + i, i);
		CHECK_INT(asks[i].sink.got.len, want.len);
		CHECK_BYTES(asks[i].sink.got.at, want.at, want.len);
		sink_until_count(rope.loop, &asks[i].sink.closed, 1);
		CHECK(!asks[i].sink.broken);
	}
	CHECK_INT(rope.agent.tunnel->count, 0);
	CHECK_INT(rope.server.tunnel->count, 0);
	asks_clear(2 * COUNT);
	rope_close(&rope);
}

/* Much more than a window through one stream. */
static void long_stream(void)
{
	auto_buf want = BUF_INIT;

	rope_open(&rope);
	rope_dial(&rope);
	rope_ask_open(&rope, &asks[0], rope.server.tunnel, "echo", TUNNEL_BULK);
	sink_pattern(&want, 6000000, 9);
	stream_write(asks[0].sink.stream, buf_str(&want));
	stream_finish(asks[0].sink.stream);
	sink_until(rope.loop, &asks[0].sink.ended);
	CHECK_INT(asks[0].sink.got.len, want.len);
	CHECK_BYTES(asks[0].sink.got.at, want.at, want.len);
	CHECK(asks[0].sink.writable >= 1);
	asks_clear(1);
	rope_close(&rope);
}

/* Readers that do not read stop their own streams only, and hold no more than the window. */
static void stalled_stall_nobody(void)
{
	enum { STALLED = 20 };
	auto_buf much = BUF_INIT;

	rope_open(&rope);
	rope_dial(&rope);
	sink_pattern(&much, 2000000, 1);
	for (unsigned i = 0; i < STALLED; i++) {
		rope_ask_open(&rope, &asks[i], rope.agent.tunnel, "stall", TUNNEL_CONTROL);
		stream_write(asks[i].sink.stream, buf_str(&much));
	}
	sink_rounds(rope.loop, 100);
	rope_ask_open(&rope, &asks[STALLED], rope.agent.tunnel, "echo", TUNNEL_BULK);
	stream_write(asks[STALLED].sink.stream, STR("still alive"));
	sink_until_bytes(rope.loop, &asks[STALLED].sink, 11);
	for (unsigned i = 0; i < STALLED; i++)
		CHECK(stream_pending(asks[i].sink.stream) >= much.len - TUNNEL_WINDOW - 4096);
	CHECK(rope.server.tunnel->unread <= STALLED * TUNNEL_WINDOW);
	/* And go on when they read. */
	for (unsigned i = 0; i < STALLED; i++) {
		rope.server.accepted[i].take_max = 0;
		sink_read(&rope.server.accepted[i]);
	}
	for (unsigned i = 0; i < STALLED; i++)
		sink_until_bytes(rope.loop, &rope.server.accepted[i], much.len);
	asks_clear(STALLED + 1);
	rope_close(&rope);
}

/* Bulk under way does not hold control back: with one control stream that often waits for credit,
 * and with eight that always have something to send, when bulk gets its small share all the same.
 * */
static void priorities(void)
{
	enum { EACH = 4000000 };
	auto_buf much = BUF_INIT;

	sink_pattern(&much, 60000000, 1);
	for (unsigned count = 1; count <= 8; count += 7) {
		struct sink *bulk = &rope.server.accepted[0];
		size_t before;

		rope_open(&rope);
		memset(asks, 0, sizeof(asks));
		rope_dial(&rope);
		rope_ask_open(&rope, &asks[0], rope.agent.tunnel, "sink", TUNNEL_BULK);
		for (unsigned i = 1; i <= count; i++)
			rope_ask_open(&rope, &asks[i], rope.agent.tunnel, "sink", TUNNEL_CONTROL);
		stream_write(asks[0].sink.stream, buf_str(&much));
		sink_until_bytes(rope.loop, bulk, 1000000);
		before = bulk->got.len;
		for (unsigned i = 1; i <= count; i++)
			stream_write(asks[i].sink.stream, str_from(much.at, EACH));
		for (unsigned i = 1; i <= count; i++)
			sink_until_bytes(rope.loop, &rope.server.accepted[i], EACH);
		CHECK(bulk->got.len - before < EACH + EACH / 2);
		CHECK(bulk->got.len - before > count * EACH / 200);
		asks_clear(count + 1);
		rope_close(&rope);
	}
}

static void half_close(void)
{
	rope_open(&rope);
	rope_dial(&rope);
	rope_ask_open(&rope, &asks[0], rope.agent.tunnel, "sink", TUNNEL_EXEC);
	stream_write(asks[0].sink.stream, STR("question"));
	stream_finish(asks[0].sink.stream);
	sink_until(rope.loop, &rope.server.accepted[0].ended);
	sink_rounds(rope.loop, 10);
	CHECK_INT(asks[0].sink.closed, 0);
	stream_write(rope.server.accepted[0].stream, STR("answer"));
	stream_finish(rope.server.accepted[0].stream);
	sink_until(rope.loop, &asks[0].sink.ended);
	CHECK_STR(buf_text(&asks[0].sink.got), "answer");
	sink_until_count(rope.loop, &rope.server.accepted[0].closed, 1);
	CHECK(!rope.server.accepted[0].broken);
	asks_clear(1);
	rope_close(&rope);
}

/* Closed right after writing: the peer still gets everything, then the end. */
static void close_delivers(void)
{
	auto_buf bytes = BUF_INIT;

	rope_open(&rope);
	rope_dial(&rope);
	sink_pattern(&bytes, 1000000, 4);
	rope_ask_open(&rope, &asks[0], rope.agent.tunnel, "sink", TUNNEL_EXEC);
	stream_write(asks[0].sink.stream, buf_str(&bytes));
	sink_clear(&asks[0].sink);
	sink_until(rope.loop, &rope.server.accepted[0].ended);
	CHECK_INT(rope.server.accepted[0].got.len, bytes.len);
	/* What it writes now reaches nobody: it hears so. */
	for (int i = 0; i < 20 && rope.server.accepted[0].closed == 0; i++) {
		stream_write(rope.server.accepted[0].stream, STR("hello?"));
		sink_rounds(rope.loop, 5);
	}
	CHECK_INT(rope.server.accepted[0].closed, 1);
	CHECK(rope.server.accepted[0].broken);
	CHECK(strstr(rope.server.accepted[0].why.text, "closed by its reader"));
	CHECK_INT(rope.agent.tunnel->count, 0);
	CHECK_INT(rope.server.tunnel->count, 0);
	rope_close(&rope);
}

static void refusal(void)
{
	rope_open(&rope);
	rope_dial(&rope);
	rope_ask(&asks[0], rope.agent.tunnel, "refuse", TUNNEL_EXEC);
	sink_until_count(rope.loop, &asks[0].done, 1);
	CHECK(!asks[0].opened);
	CHECK_INT(asks[0].why.kind, ERROR_NOT_FOUND);
	CHECK_STR(asks[0].why.text, "there is no such service");
	/* The session and the other streams live on. */
	rope_ask_open(&rope, &asks[1], rope.agent.tunnel, "echo", TUNNEL_EXEC);
	CHECK_INT(rope.agent.tunnel->count, 1);
	asks_clear(2);
	rope_close(&rope);
}

static void cancel_and_time_limit(void)
{
	struct rope_ask late = { 0 };
	struct stream *stream;

	rope_open(&rope);
	rope_dial(&rope);
	rope_ask(&asks[0], rope.agent.tunnel, "later", TUNNEL_EXEC);
	for (int i = 0; i < 200 && !rope.server.kept; i++)
		loop_once(rope.loop, 10);
	CHECK(rope.server.kept != NULL);
	tunnel_open_cancel(asks[0].ask);
	sink_rounds(rope.loop, 30);
	CHECK_INT(asks[0].done, 0);
	/* The other end accepts too late: its stream is broken. */
	stream = tunnel_accept(rope.server.kept);
	rope.server.kept = NULL;
	sink_own(&rope.server.accepted[rope.server.accepted_count++], stream);
	sink_until_count(rope.loop, &rope.server.accepted[0].closed, 1);
	CHECK(rope.server.accepted[0].broken);
	/* Nobody answers. */
	rope_ask(&late, rope.agent.tunnel, "later", TUNNEL_EXEC);
	for (int i = 0; i < 200 && !rope.server.kept; i++)
		loop_once(rope.loop, 10);
	clock_shift(6000);
	sink_until_count(rope.loop, &late.done, 1);
	CHECK_INT(late.why.kind, ERROR_TIMEOUT);
	tunnel_refuse(rope.server.kept, &late.why);
	sink_rounds(rope.loop, 10);
	CHECK(rope.agent.up && rope.server.up);
	rope_close(&rope);
}

/* The session is lost: every stream hears it once, every question is answered, at both ends. */
static void loss(void)
{
	rope_open(&rope);
	rope_dial(&rope);
	for (unsigned i = 0; i < 10; i++)
		rope_ask_open(&rope, &asks[i], rope.agent.tunnel, "echo", TUNNEL_EXEC);
	rope_ask(&asks[10], rope.agent.tunnel, "later", TUNNEL_EXEC);
	for (int i = 0; i < 200 && !rope.server.kept; i++)
		loop_once(rope.loop, 10);
	tunnel_close(rope.server.tunnel);
	rope.server.tunnel = NULL;
	sink_until_count(rope.loop, &rope.agent.down, 1);
	CHECK(rope.agent.why.kind != ERROR_NONE);
	sink_until_count(rope.loop, &asks[10].done, 1);
	CHECK(!asks[10].opened);
	for (unsigned i = 0; i < 10; i++) {
		sink_until_count(rope.loop, &asks[i].sink.closed, 1);
		CHECK(asks[i].sink.broken);
		sink_until_count(rope.loop, &rope.server.accepted[i].closed, 1);
		CHECK(rope.server.accepted[i].broken);
	}
	CHECK_INT(rope.server.down, 0); /* it closed by itself */
	/* Late answers to a lost session do no harm. */
	stream_close(tunnel_accept(rope.server.kept));
	asks_clear(10);
	rope_close(&rope);
}

static void asks_while_down(void)
{
	struct error err;
	struct link_plan plan = { .host = "127.0.0.1", .path = "/", .server_name = "localhost" };

	rope_open(&rope);
	plan.port = rope.front.port;
	plan.ca_pem = buf_str(&rope.certs.ca);
	plan.authorization = "Bearer wrong";
	CHECK_OK(tunnel_dial(rope.loop, &plan, &rope_events, &rope.agent, &rope.agent.tunnel, &err),
		 &err);
	rope_ask(&asks[0], rope.agent.tunnel, "echo", TUNNEL_EXEC);
	sink_until_count(rope.loop, &asks[0].done, 1);
	CHECK_INT(asks[0].why.kind, ERROR_UNAVAILABLE);
	sink_until_count(rope.loop, &rope.agent.down, 1);
	CHECK(strstr(rope.agent.why.text, "refused"));
	CHECK(!rope.agent.up);
	rope_close(&rope);
}

/* --- broken rules, by frames that our own code would not send --- */

static void cheat(struct tunnel *from, struct frame frame)
{
	tunnel_send_control(from, &frame);
}

static void too_much(void)
{
	static char bytes[FRAME_DATA_MAX];

	rope_open(&rope);
	rope_dial(&rope);
	rope_ask_open(&rope, &asks[0], rope.agent.tunnel, "stall", TUNNEL_EXEC);
	rope_ask_open(&rope, &asks[1], rope.agent.tunnel, "echo", TUNNEL_EXEC);
	for (size_t sent = 0; sent <= TUNNEL_WINDOW; sent += sizeof(bytes))
		cheat(rope.agent.tunnel, (struct frame){ .type = FRAME_DATA,
							 .id = 1,
							 .bytes = str_from(bytes, sizeof(bytes)) });
	sink_until_count(rope.loop, &asks[0].sink.closed, 1);
	CHECK(strstr(asks[0].sink.why.text, "more bytes than the window allows"));
	sink_until_count(rope.loop, &rope.server.accepted[0].closed, 1);
	stream_write(asks[1].sink.stream, STR("alive"));
	sink_until_bytes(rope.loop, &asks[1].sink, 5);
	asks_clear(2);
	rope_close(&rope);
}

static void used_numbers(void)
{
	rope_open(&rope);
	rope_dial(&rope);
	rope_ask_open(&rope, &asks[0], rope.agent.tunnel, "echo", TUNNEL_EXEC);
	rope_ask_open(&rope, &asks[1], rope.agent.tunnel, "echo", TUNNEL_EXEC);
	/* Stream 1 again: it is reset, stream 3 lives. */
	cheat(rope.agent.tunnel,
	      (struct frame){ .type = FRAME_OPEN, .id = 1, .bytes = STR("echo") });
	sink_until_count(rope.loop, &asks[0].sink.closed, 1);
	CHECK(asks[0].sink.broken);
	/* A number of the other parity, and frames for numbers that never were. */
	cheat(rope.agent.tunnel,
	      (struct frame){ .type = FRAME_OPEN, .id = 8, .bytes = STR("echo") });
	cheat(rope.agent.tunnel, (struct frame){ .type = FRAME_DATA, .id = 77, .bytes = STR("x") });
	cheat(rope.agent.tunnel, (struct frame){ .type = FRAME_WINDOW, .id = 77, .credit = 1 });
	stream_write(asks[1].sink.stream, STR("alive"));
	sink_until_bytes(rope.loop, &asks[1].sink, 5);
	CHECK_INT(rope.server.accepted_count, 2);
	/* A window that overflows, an end after the end. */
	cheat(rope.agent.tunnel,
	      (struct frame){ .type = FRAME_WINDOW, .id = 3, .credit = FRAME_CREDIT_MAX });
	sink_until_count(rope.loop, &asks[1].sink.closed, 1);
	CHECK(rope.agent.up && rope.server.up);
	asks_clear(2);
	rope_close(&rope);
}

static void no_frame(void)
{
	rope_open(&rope);
	rope_dial(&rope);
	rope_ask_open(&rope, &asks[0], rope.agent.tunnel, "echo", TUNNEL_EXEC);
	fifo_add(&rope.agent.tunnel->control, STR("\0\3\377\1\2"));
	link_want_send(rope.agent.tunnel->link);
	sink_until_count(rope.loop, &rope.agent.down, 1);
	CHECK(strstr(rope.agent.why.text, "unknown type 255"));
	sink_until_count(rope.loop, &rope.server.down, 1);
	sink_until_count(rope.loop, &asks[0].sink.closed, 1);
	asks_clear(1);
	rope_close(&rope);
}

static void too_many_streams(void)
{
	struct rope_ask one = { 0 };

	rope_open(&rope);
	rope_dial(&rope);
	rope.server.tunnel->count += 4096; /* as if */
	rope_ask(&one, rope.agent.tunnel, "echo", TUNNEL_EXEC);
	sink_until_count(rope.loop, &one.done, 1);
	CHECK_INT(one.why.kind, ERROR_TOO_MANY);
	rope.server.tunnel->count -= 4096;
	rope_close(&rope);
}

static const struct test tests[] = {
	{ "many streams", many_streams, .time_limit_s = 60 },
	{ "long stream", long_stream, .time_limit_s = 60 },
	{ "stalled stall nobody", stalled_stall_nobody, .time_limit_s = 60 },
	{ "priorities", priorities, .time_limit_s = 60 },
	{ "half close", half_close },
	{ "close delivers", close_delivers },
	{ "refusal", refusal },
	{ "cancel and time limit", cancel_and_time_limit },
	{ "loss", loss },
	{ "asks while down", asks_while_down },
	{ "too much", too_much },
	{ "used numbers", used_numbers },
	{ "no frame", no_frame },
	{ "too many streams", too_many_streams },
};
TEST_MAIN(tests)
