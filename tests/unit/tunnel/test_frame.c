/*
 * test_frame.c - the bytes of docs/protocols/tunnel.md, both ways; malformed frames.
 */
#include "tunnel/frame.h"

#include "tests/unit/harness.h"
#include "tunnel/tunnel.h"

static struct error err;

static void check_bytes(const struct frame *frame, const char *hex)
{
	auto_buf bytes = BUF_INIT, have = BUF_INIT;
	struct frame back;

	frame_print(frame, &bytes);
	buf_add_hex(&have, buf_str(&bytes));
	CHECK_STR(buf_text(&have), hex);
	CHECK_OK(frame_parse(buf_str(&bytes), &back, &err), &err);
	CHECK_INT(back.type, frame->type);
	CHECK_INT(back.id, frame->id);
	CHECK_INT(back.version, frame->version);
	CHECK_INT(back.priority, frame->priority);
	CHECK_INT(back.credit, frame->credit);
	CHECK_INT(back.kind, frame->kind);
	CHECK(str_equal(back.bytes, frame->bytes));
}

static void known_bytes(void)
{
	check_bytes(&(struct frame){ .type = FRAME_HELLO, .version = 1, .credit = 262144 },
		    "010100040000");
	check_bytes(&(struct frame){ .type = FRAME_OPEN,
				     .id = 3,
				     .priority = TUNNEL_LOGS,
				     .bytes = STR("node") },
		    "0200000003026e6f6465");
	check_bytes(&(struct frame){ .type = FRAME_OPENED, .id = 0x01020304 }, "0301020304");
	check_bytes(&(struct frame){ .type = FRAME_REFUSED,
				     .id = 4,
				     .kind = ERROR_NOT_FOUND,
				     .bytes = STR("no") },
		    "0400000004046e6f");
	check_bytes(&(struct frame){ .type = FRAME_DATA, .id = 5, .bytes = STR("abc") },
		    "0500000005616263");
	check_bytes(&(struct frame){ .type = FRAME_FIN, .id = 6 }, "0600000006");
	check_bytes(
		&(struct frame){
			.type = FRAME_RESET, .id = 7, .kind = ERROR_FULL, .bytes = STR_NONE },
		"070000000711");
	check_bytes(&(struct frame){ .type = FRAME_WINDOW, .id = 8, .credit = 65536 },
		    "080000000800010000");
	check_bytes(
		&(struct frame){ .type = FRAME_GOAWAY, .kind = ERROR_TIMEOUT, .bytes = STR("x") },
		"091078");
}

static void all_kinds_travel(void)
{
	for (int kind = ERROR_BAD_REQUEST; kind < ERROR_KINDS; kind++) {
		struct frame frame = { .type = FRAME_RESET,
				       .id = 1,
				       .kind = (enum error_kind)kind },
			     back;
		auto_buf bytes = BUF_INIT;

		frame_print(&frame, &bytes);
		CHECK_OK(frame_parse(buf_str(&bytes), &back, &err), &err);
		CHECK_INT(back.kind, kind);
	}
}

static void long_texts_are_cut(void)
{
	struct frame frame = { .type = FRAME_GOAWAY, .kind = ERROR_BROKEN }, back;
	auto_buf text = BUF_INIT, bytes = BUF_INIT;

	for (int i = 0; i < 600; i++)
		buf_add_byte(&text, 'x');
	frame.bytes = buf_str(&text);
	frame_print(&frame, &bytes);
	CHECK_OK(frame_parse(buf_str(&bytes), &back, &err), &err);
	CHECK_INT(back.bytes.len, FRAME_TEXT_MAX);
}

static void malformed(void)
{
	static const char *const rows[] = {
		"",
		"00",
		"0a",
		"ff01",
		"01",
		"0101",
		"01010004",
		"010100000000", /* no window     */
		"010180000000",
		/* too large */ "01010004000000", /* trailing */
		"02",
		"0200000001",
		"020000000100", /* no service */
		"020000000104616263",
		/* priority 4 */ "020000000002616263", /* stream 0 */
		"0300000000",
		"030000000100",
		"0500000001", /* no data */
		"06000001",
		"060000000100",
		"0800000001",
		"080000000100000000",
		"08000000010000000100",
		"0700000001",
	};

	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		auto_buf bytes = BUF_INIT;
		struct frame frame;

		CHECK(buf_add_hex_decoded(&bytes, str_of(rows[i])));
		if (frame_parse(buf_str(&bytes), &frame, &err))
			harness_fail(__FILE__, __LINE__, "taken: %s", rows[i]);
		CHECK_INT(err.kind, ERROR_BAD_REQUEST);
	}
}

static void too_large(void)
{
	auto_buf bytes = BUF_INIT;
	struct frame frame;

	CHECK(buf_add_hex_decoded(&bytes, STR("0500000001")));
	for (size_t i = 0; i < FRAME_DATA_MAX; i++)
		buf_add_byte(&bytes, 'x');
	CHECK_INT(bytes.len, FRAME_SIZE_MAX);
	CHECK_OK(frame_parse(buf_str(&bytes), &frame, &err), &err);
	buf_add_byte(&bytes, 'x');
	CHECK(!frame_parse(buf_str(&bytes), &frame, &err));
}

static const struct test tests[] = {
	{ "known bytes", known_bytes },
	{ "all kinds travel", all_kinds_travel },
	{ "long texts are cut", long_texts_are_cut },
	{ "malformed", malformed },
	{ "too large", too_large },
};
TEST_MAIN(tests)
