/*
 * test_ctr_frames.c - frames of a session, cut anywhere, and the last word of one.
 */
#include "cli/ctr_frames.h"
#include "tests/unit/harness.h"

/* Goal: what is added comes out, whole frames only.  Method: every cut of three frames. */
static void frames_come_whole(void)
{
	static const int channels[] = { 1, 2, 255 }, lengths[] = { 3, 0, 1 };
	auto_buf all = BUF_INIT;
	struct error err;

	ctr_frames_add(&all, CTR_STDOUT, STR("one"));
	ctr_frames_add(&all, CTR_STDERR, STR(""));
	ctr_frames_add(&all, CTR_END, str_from("", 1));
	for (size_t cut = 0; cut <= all.len; cut++) {
		auto_buf in = BUF_INIT; /* of its own size, for the sanitizer */
		struct str rest, payload;
		size_t used, frames = 0;
		int channel;

		buf_add(&in, all.at, cut);
		rest = buf_str(&in);
		for (;;) {
			CHECK_OK(ctr_frames_next(rest, &channel, &payload, &used, &err), &err);
			if (used == 0)
				break;
			CHECK_INT(channel, channels[frames]);
			CHECK_INT(payload.len, lengths[frames]);
			frames++;
			rest = str_from(rest.at + used, rest.len - used);
		}
		CHECK_INT(frames, (cut >= 8) + (cut >= 13) + (cut >= 19));
	}
}

static void too_long_a_frame_is_refused(void)
{
	struct str payload;
	struct error err;
	size_t used;
	int channel;

	CHECK(!ctr_frames_next(str_from("\1\0\x10\0\1", 5), &channel, &payload, &used, &err));
	CHECK_INT(err.kind, ERROR_TOO_LARGE);
	CHECK_OK(ctr_frames_next(str_from("\1\0\x10\0\0", 5), &channel, &payload, &used, &err),
		 &err);
	CHECK_INT(used, 0);
}

static void size_is_json(void)
{
	auto_buf out = BUF_INIT;

	ctr_frames_add_size(&out, 80, 24);
	CHECK_INT(out.at[0], CTR_RESIZE);
	CHECK_STR(buf_text(&out) + 5, "{\"Width\":80,\"Height\":24}");
}

static void status_gives_the_exit_code(void)
{
	struct error err;
	int status = -1;

	CHECK_OK(ctr_frames_status(STR("{\"metadata\":{},\"status\":\"Success\"}"), &status, &err),
		 &err);
	CHECK_INT(status, 0);
	CHECK_OK(ctr_frames_status(
			 STR("{\"status\":\"Failure\",\"message\":\"x\",\"details\":{\"causes\":[{"
			     "\"reason\":\"Other\",\"message\":\"9\"},"
			     "{\"reason\":\"ExitCode\",\"message\":\"137\"}]}}"),
			 &status, &err),
		 &err);
	CHECK_INT(status, 137);
}

static void status_without_a_code_is_an_error(void)
{
	struct error err;
	int status = -1;

	CHECK(!ctr_frames_status(STR("{\"status\":\"Failure\",\"message\":\"no such file\"}"),
				 &status, &err));
	CHECK_STR(err.text, "no such file");
	CHECK(!ctr_frames_status(
		STR("{\"status\":\"Failure\",\"details\":{\"causes\":[{\"reason\":\"ExitCode\","
		    "\"message\":\"256\"}]}}"),
		&status, &err));
	CHECK(!ctr_frames_status(STR("{"), &status, &err));
	CHECK_INT(status, -1);
}

static const struct test tests[] = {
	{ "frames come whole", frames_come_whole },
	{ "too long a frame is refused", too_long_a_frame_is_refused },
	{ "size is JSON", size_is_json },
	{ "status gives the exit code", status_gives_the_exit_code },
	{ "status without a code is an error", status_without_a_code_is_an_error },
};
TEST_MAIN(tests)
