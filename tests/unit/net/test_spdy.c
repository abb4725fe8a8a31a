/*
 * test_spdy.c - SPDY frames: from another implementation's bytes, both ways through ours, in any
 * pieces, and everything that is not as it must be.
 */
#include <zlib.h>

#include "net/spdy.h"
#include "tests/unit/harness.h"

/* Two SYN_STREAMs of a port-forward, packed by Python's zlib with the protocol's dictionary. */
static const char recorded[] =
	"800300010000003d0000000100000000000078bbe3c6a7c202253a703a2b294a4dcc851625aca9a08086"
	"14cb45e01c6061606100a4398b20d198094ade8c0600000000ffff800300010000001800000003000000"
	"000000c2aa19540e2512d60b000000ffff";

static enum spdy_step next(struct spdy *spdy, struct str *in, struct spdy_frame *out)
{
	struct error err;

	return spdy_next(spdy, in, out, &err);
}

static void check_header(const struct spdy_frame *frame, const char *name, const char *want)
{
	auto_free char *have = str_copy(spdy_header(frame, name));

	CHECK_STR(have, want);
}

static void check_recorded(struct str bytes, size_t piece)
{
	struct spdy *spdy = spdy_new();
	struct spdy_frame frame;
	unsigned seen = 0;

	for (size_t at = 0; at < bytes.len; at += piece) {
		struct str in =
			str_from(bytes.at + at, bytes.len - at < piece ? bytes.len - at : piece);

		while (next(spdy, &in, &frame) == SPDY_FRAME) {
			CHECK_INT(frame.type, SPDY_SYN_STREAM);
			CHECK_INT(frame.stream, 1 + 2 * seen);
			CHECK(!frame.fin);
			CHECK_INT(frame.header_count, 3);
			check_header(&frame, "streamtype", seen ? "data" : "error");
			check_header(&frame, "Port", "8080");
			check_header(&frame, "requestid", "0");
			CHECK(!spdy_header(&frame, "host").at);
			seen++;
		}
		CHECK_INT(in.len, 0);
	}
	CHECK_INT(seen, 2);
	spdy_free(spdy);
}

static void reads_another_implementation(void)
{
	auto_buf bytes = BUF_INIT;

	CHECK(buf_add_hex_decoded(&bytes, str_of(recorded)));
	for (size_t piece = 1; piece <= bytes.len; piece++)
		check_recorded(buf_str(&bytes), piece);
}

static void round_trip(struct spdy *out, struct spdy *in, const struct spdy_frame *frame)
{
	auto_buf bytes = BUF_INIT;
	struct spdy_frame have;
	struct str rest;

	spdy_print(out, frame, &bytes);
	rest = buf_str(&bytes);
	CHECK_INT(next(in, &rest, &have), SPDY_FRAME);
	CHECK_INT(rest.len, 0);
	CHECK_INT(have.type, frame->type);
	CHECK_INT(have.stream, frame->stream);
	CHECK_INT(have.number, frame->number);
	CHECK_INT(have.fin, frame->fin);
	CHECK(str_equal(have.bytes, frame->bytes));
	CHECK_INT(have.header_count, frame->header_count);
	for (size_t i = 0; i < have.header_count; i++) {
		CHECK(str_equal(have.headers[i].name, frame->headers[i].name));
		CHECK(str_equal(have.headers[i].value, frame->headers[i].value));
	}
	CHECK_INT(next(in, &rest, &have), SPDY_MORE);
}

static void prints_what_it_reads(void)
{
	static const struct spdy_header headers[] = { { STR("streamtype"), STR("stdin") },
						      { STR("empty"), STR("") } };
	static const struct spdy_frame frames[] = {
		{ .type = SPDY_SYN_STREAM, .stream = 1, .headers = headers, .header_count = 2 },
		{ .type = SPDY_SYN_REPLY, .stream = 1 },
		{ .type = SPDY_SYN_REPLY, .stream = 3, .headers = headers, .header_count = 1 },
		{ .type = SPDY_HEADERS,
		  .stream = 3,
		  .fin = true,
		  .headers = headers,
		  .header_count = 2 },
		{ .type = SPDY_DATA, .stream = 1, .bytes = STR("some bytes") },
		{ .type = SPDY_DATA, .stream = 1, .fin = true },
		{ .type = SPDY_DATA, .stream = 0x7fffffff, .bytes = STR("x"), .fin = true },
		{ .type = SPDY_RST_STREAM, .stream = 5, .number = SPDY_CANCEL },
		{ .type = SPDY_PING, .number = 0xffffffff },
		{ .type = SPDY_GOAWAY, .stream = 7, .number = 1 },
	};
	struct spdy *out = spdy_new(), *in = spdy_new();

	for (int round = 0; round < 3; round++)
		for (size_t i = 0; i < ARRAY_LENGTH(frames); i++)
			round_trip(out, in, &frames[i]);
	spdy_free(out);
	spdy_free(in);
}

/* A frame of 1 MiB is not gathered; only its last piece ends the stream. */
static void gives_data_in_pieces(void)
{
	struct spdy *spdy = spdy_new();
	static const char head[] = { 0, 0, 0, 9, 1, 0x10, 0, 0 };
	static char piece[4096];
	struct str in = str_from(head, sizeof(head));
	struct spdy_frame frame;

	CHECK_INT(next(spdy, &in, &frame), SPDY_MORE);
	for (size_t i = 0; i < 256; i++) {
		in = str_from(piece, sizeof(piece));
		CHECK_INT(next(spdy, &in, &frame), SPDY_FRAME);
		CHECK_INT(frame.bytes.len, sizeof(piece));
		CHECK(frame.bytes.at == piece);
		CHECK_INT(frame.fin, i == 255);
		CHECK_INT(in.len, 0);
	}
	spdy_free(spdy);
}

/* SETTINGS, WINDOW_UPDATE and types of other worlds, each in front of a PING. */
static void skips_what_is_not_used(void)
{
	static const char *const others[] = { "80030004000000080000000000000000",
					      "80030009000000080000000100001000",
					      "8003000400000000", "800300050000000301020",
					      "8003ffff0000000401020304" };
	struct spdy *spdy = spdy_new();
	struct spdy_frame frame;

	for (size_t i = 0; i < ARRAY_LENGTH(others); i++) {
		auto_free char *text = memory_print("%s%s%s", others[i], i == 3 ? "3" : "",
						    "8003000600000004000000aa");
		auto_buf bytes = BUF_INIT;
		struct str in;

		CHECK(buf_add_hex_decoded(&bytes, str_of(text)));
		in = buf_str(&bytes);
		CHECK_INT(next(spdy, &in, &frame), SPDY_FRAME);
		CHECK_INT(frame.type, SPDY_PING);
		CHECK_INT(frame.number, 0xaa);
	}
	spdy_free(spdy);
}

static void breaks_on_nonsense(void)
{
	static const char *const bad[] = {
		"8002000600000004000000aa",         /* another version */
		"0000000000000001ff",               /* data of stream 0 */
		"80030006000000050000000001",       /* a ping of 5 bytes */
		"80030003000000080000000000000001", /* a reset of stream 0 */
		"800300010000000400000001",         /* a stream without the rest of its head */
		"80030001000040010000000100000000", /* longer than a control frame may be */
		"8003000100000010000000010000000000000102030405ff", /* no zlib */
		"80030002000000060000000178bb",                     /* a block without a count */
	};

	for (size_t i = 0; i < ARRAY_LENGTH(bad); i++) {
		struct spdy *spdy = spdy_new();
		auto_buf bytes = BUF_INIT;
		struct spdy_frame frame;
		struct str in;

		CHECK(buf_add_hex_decoded(&bytes, str_of(bad[i])));
		in = buf_str(&bytes);
		CHECK_INT(next(spdy, &in, &frame), SPDY_BROKEN);
		spdy_free(spdy);
	}
}

/* --- blocks that lie, packed here --- */

static bool unpack_plain(const void *plain, size_t len, struct error *err)
{
	struct spdy_unpacker *it = spdy_unpacker_new();
	const struct spdy_header *headers;
	auto_buf packed = BUF_INIT;
	z_stream zlib = { 0 };
	size_t count;
	bool ok;

	CHECK_INT(deflateInit(&zlib, 9), Z_OK);
	buf_reserve(&packed, len + 1024);
	zlib.next_in = (unsigned char *)(uintptr_t)plain;
	zlib.avail_in = (unsigned)len;
	zlib.next_out = (unsigned char *)packed.at;
	zlib.avail_out = (unsigned)len + 1024;
	CHECK_INT(deflate(&zlib, Z_SYNC_FLUSH), Z_OK);
	packed.len = len + 1024 - zlib.avail_out;
	deflateEnd(&zlib);
	ok = spdy_unpack(it, buf_str(&packed), &headers, &count, err);
	spdy_unpacker_free(it);
	return ok;
}

static void bounds_what_it_unpacks(void)
{
	static char zeros[8 * 1024 * 1024];
	static const char many[4] = { 0, 0, 0, SPDY_HEADERS_MAX + 1 };
	static const char none[4] = { 0, 0, 0, 0 };
	static const char longer[] = { 0, 0, 0, 1, 0x7f, 0xf, 0xf, 0xf, 'x' };
	static const char nameless[] = { 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 'x' };
	static const char behind[] = { 0, 0, 0, 0, 1 };
	struct error err;

	CHECK_OK(unpack_plain(none, sizeof(none), &err), &err);
	CHECK(!unpack_plain(zeros, sizeof(zeros), &err)); /* 8 MiB out of 8 KiB */
	CHECK_INT(err.kind, ERROR_TOO_LARGE);
	CHECK(!unpack_plain(many, sizeof(many), &err));
	CHECK_INT(err.kind, ERROR_TOO_LARGE);
	CHECK(!unpack_plain(longer, sizeof(longer), &err));
	CHECK(!unpack_plain(nameless, sizeof(nameless), &err));
	CHECK(!unpack_plain(behind, sizeof(behind), &err));
	CHECK(!unpack_plain(none, 3, &err));
}

static const struct test tests[] = {
	{ "reads another implementation", reads_another_implementation },
	{ "prints what it reads", prints_what_it_reads },
	{ "gives data in pieces", gives_data_in_pieces },
	{ "skips what is not used", skips_what_is_not_used },
	{ "breaks on nonsense", breaks_on_nonsense },
	{ "bounds what it unpacks", bounds_what_it_unpacks },
};

TEST_MAIN(tests)
