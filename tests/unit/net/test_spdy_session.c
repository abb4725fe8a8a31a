/*
 * test_spdy_session.c - streams over a SPDY connection, from the client's side of a pair in memory:
 * ends, resets, back-pressure, limits; and that nothing is left when either side goes away.
 */
#include "net/mux.h"
#include "net/spdy_session.h"
#include "tests/unit/harness.h"
#include "tests/unit/net/sink.h"

struct scene {
	struct loop *loop;
	struct stream *client;
	struct spdy *spdy; /* the client's end */
	struct spdy_session *session;
	struct stream *streams[SPDY_STREAMS_MAX + 1];
	unsigned count;
	bool closed;
	struct buf got; /* what the session has sent */
};

static void on_stream(void *owner, struct stream *stream, const struct spdy_frame *opened)
{
	struct scene *scene = owner;

	CHECK(str_is(spdy_header(opened, "streamtype"), "data"));
	scene->streams[scene->count++] = stream;
}

static void on_closed(void *owner, const struct error *why)
{
	struct scene *scene = owner;

	CHECK(why->text[0]);
	scene->closed = true;
}

static const struct spdy_session_events events = { .on_stream = on_stream, .on_closed = on_closed };

static void open_scene(struct scene *scene)
{
	struct stream *server;

	*scene = (struct scene){ .loop = sink_loop(), .spdy = spdy_new() };
	stream_pair(scene->loop, &scene->client, &server);
	scene->session = spdy_session_new(server, &events, scene);
}

static void close_scene(struct scene *scene)
{
	stream_close(scene->client);
	sink_rounds(scene->loop, 20);
	spdy_session_close(scene->session);
	spdy_free(scene->spdy);
	buf_clear(&scene->got);
	sink_rounds(scene->loop, 20);
	loop_close(scene->loop);
}

static void send_frame(struct scene *scene, const struct spdy_frame *frame)
{
	auto_buf out = BUF_INIT;

	spdy_print(scene->spdy, frame, &out);
	stream_write(scene->client, buf_str(&out));
}

static void open_stream(struct scene *scene, uint32_t id)
{
	static const struct spdy_header header = { STR("streamtype"), STR("data") };
	struct spdy_frame frame = {
		.type = SPDY_SYN_STREAM, .stream = id, .headers = &header, .header_count = 1
	};

	send_frame(scene, &frame);
}

static void send_data(struct scene *scene, uint32_t id, const char *text, bool fin)
{
	struct spdy_frame frame = {
		.type = SPDY_DATA, .stream = id, .bytes = str_of(text), .fin = fin
	};

	send_frame(scene, &frame);
}

/* The next frame from the session. */
static struct spdy_frame next(struct scene *scene)
{
	static struct buf kept;
	struct spdy_frame frame;
	struct error err;

	for (int i = 0; i < 1000; i++) {
		struct str in = buf_str(&scene->got);
		enum spdy_step step = spdy_next(scene->spdy, &in, &frame, &err);
		char piece[4096];
		ptrdiff_t got;

		if (step == SPDY_FRAME) {
			buf_clear(&kept);
			buf_add_str(&kept, frame.bytes);
			frame.bytes = buf_str(&kept);
		}
		buf_drop_front(&scene->got, scene->got.len - in.len);
		if (step == SPDY_FRAME)
			return frame;
		CHECK_INT(step, SPDY_MORE);
		loop_once(scene->loop, 0);
		got = stream_read(scene->client, piece, sizeof(piece));
		if (got > 0)
			buf_add(&scene->got, piece, (size_t)got);
	}
	harness_fail(__FILE__, __LINE__, "no frame came");
}

static void check_next(struct scene *scene, enum spdy_type type, uint32_t stream)
{
	struct spdy_frame frame = next(scene);

	CHECK_INT(frame.type, type);
	CHECK_INT(frame.stream, stream);
}

static void carries_both_ways(void)
{
	struct scene scene;
	struct sink sink = { .echo = true };
	struct spdy_frame frame;

	open_scene(&scene);
	open_stream(&scene, 1);
	check_next(&scene, SPDY_SYN_REPLY, 1);
	CHECK_INT(scene.count, 1);
	sink_own(&sink, scene.streams[0]);
	send_data(&scene, 1, "hello", false);
	frame = next(&scene);
	CHECK(str_is(frame.bytes, "hello"));
	send_data(&scene, 1, "", true);
	frame = next(&scene);
	CHECK_INT(frame.type, SPDY_DATA);
	CHECK(frame.fin);
	sink_until_count(scene.loop, &sink.closed, 1);
	CHECK(!sink.broken);
	sink_clear(&sink);
	close_scene(&scene);
	CHECK(scene.closed);
}

static void answers_pings(void)
{
	struct scene scene;
	struct spdy_frame ping = { .type = SPDY_PING, .number = 17 };

	open_scene(&scene);
	send_frame(&scene, &ping);
	CHECK_INT(next(&scene).number, 17);
	close_scene(&scene);
}

/* A reset breaks one stream; closing one resets it at the client's. */
static void resets(void)
{
	struct scene scene;
	struct sink first = { 0 }, second = { 0 };
	struct spdy_frame reset = { .type = SPDY_RST_STREAM, .stream = 1, .number = SPDY_CANCEL };

	open_scene(&scene);
	open_stream(&scene, 1);
	open_stream(&scene, 3);
	check_next(&scene, SPDY_SYN_REPLY, 1);
	check_next(&scene, SPDY_SYN_REPLY, 3);
	sink_own(&first, scene.streams[0]);
	sink_own(&second, scene.streams[1]);
	send_frame(&scene, &reset);
	sink_until(scene.loop, &first.broken);
	CHECK(!second.broken);
	sink_clear(&second);
	check_next(&scene, SPDY_RST_STREAM, 3);
	send_data(&scene, 3, "too late", true);
	sink_rounds(scene.loop, 10);
	CHECK(!scene.closed);
	sink_clear(&first);
	close_scene(&scene);
}

/* What nobody reads is bounded, whatever the client sends; reading lets it go on. */
static void bounds_what_is_unread(void)
{
	struct scene scene;
	struct sink sink = { .take_max = 1 };
	static char piece[SPDY_DATA_MAX + 1];
	size_t sent = 0;

	memset(piece, 'x', SPDY_DATA_MAX);
	open_scene(&scene);
	open_stream(&scene, 1);
	check_next(&scene, SPDY_SYN_REPLY, 1);
	sink_own(&sink, scene.streams[0]);
	for (int i = 0; i < 64; i++, sent += SPDY_DATA_MAX)
		send_data(&scene, 1, piece, false);
	sink_rounds(scene.loop, 300);
	/* It is left on the client's side. */
	CHECK(stream_pending(scene.client) > sent - MUX_HIGH - 2 * 16384 - 4096);
	sink.take_max = 0;
	sink.take = 60000;
	sink_read(&sink);
	sink_until_bytes(scene.loop, &sink, sent);
	CHECK_INT(sink.got.len, sent);
	sink_clear(&sink);
	close_scene(&scene);
}

static void limits_streams(void)
{
	struct scene scene;

	open_scene(&scene);
	for (uint32_t i = 0; i <= SPDY_STREAMS_MAX; i++) {
		open_stream(&scene, 2 * i + 1);
		check_next(&scene, i < SPDY_STREAMS_MAX ? SPDY_SYN_REPLY : SPDY_RST_STREAM,
			   2 * i + 1);
	}
	CHECK_INT(scene.count, SPDY_STREAMS_MAX);
	for (unsigned i = 0; i < scene.count; i++)
		stream_close(scene.streams[i]);
	close_scene(&scene);
}

static void ends_on_nonsense(void)
{
	static const uint32_t again[] = { 1, 2 }; /* a number twice, one of ours */

	for (size_t i = 0; i < ARRAY_LENGTH(again); i++) {
		struct scene scene;
		struct sink sink = { 0 };

		open_scene(&scene);
		open_stream(&scene, 1);
		check_next(&scene, SPDY_SYN_REPLY, 1);
		sink_own(&sink, scene.streams[0]);
		open_stream(&scene, again[i]);
		check_next(&scene, SPDY_GOAWAY, 1);
		sink_until(scene.loop, &scene.closed);
		sink_until(scene.loop, &sink.broken);
		sink_clear(&sink);
		close_scene(&scene);
	}
}

/* Our end goes first: what was written still arrives, the streams break. */
static void closing_delivers(void)
{
	struct scene scene;
	struct sink sink = { 0 };

	open_scene(&scene);
	open_stream(&scene, 1);
	check_next(&scene, SPDY_SYN_REPLY, 1);
	sink_own(&sink, scene.streams[0]);
	stream_write(scene.streams[0], STR("last words"));
	spdy_session_close(take_ptr(&scene.session));
	CHECK(str_is(next(&scene).bytes, "last words"));
	sink_until(scene.loop, &sink.broken);
	sink_clear(&sink);
	close_scene(&scene);
	CHECK(!scene.closed);
}

static const struct test tests[] = {
	{ "carries both ways", carries_both_ways },
	{ "answers pings", answers_pings },
	{ "resets", resets },
	{ "bounds what is unread", bounds_what_is_unread },
	{ "limits streams", limits_streams },
	{ "ends on nonsense", ends_on_nonsense },
	{ "closing delivers", closing_delivers },
};

TEST_MAIN(tests)
