/*
 * test_lines.c - one form of each value, one form of a line.
 */
#include "ota/lines.h"

#include <stdint.h>

#include "tests/unit/harness.h"

static struct error err;

static void takes_lines(void)
{
	struct lines lines = { .what = "a list", .rest = STR("word a b\nother x\n") };
	struct str values[2];

	CHECK(lines_next_is(&lines, "word"));
	CHECK(!lines_next_is(&lines, "wor"));
	CHECK_OK(lines_take(&lines, "word", values, 2, &err), &err);
	CHECK(str_is(values[0], "a"));
	CHECK(str_is(values[1], "b"));
	CHECK(!lines_take(&lines, "word", values, 1, &err));
	CHECK_STR(err.text, "a list, line 2: this should be the line \"word ...\"");
	CHECK(lines_end(&lines));
	CHECK(!lines_take(&lines, "word", values, 1, &err));
	CHECK_STR(err.text, "a list, line 3: the line \"word ...\" is missing or not ended");
}

static void refuses_other_forms(void)
{
	static const char *const bad[] = {
		"word a",       "word a b",    "word a\n",      "word a b c\n",
		"word  a b\n",  "word a  b\n", " word a b\n",   "word a b \n",
		"word\ta\tb\n", "word\n",      "word a b\r\n ", "Word a b\n",
	};

	for (size_t i = 0; i < ARRAY_LENGTH(bad); i++) {
		struct lines lines = { .what = "a list", .rest = str_of(bad[i]) };
		struct str values[2];
		bool taken = lines_take(&lines, "word", values, 2, &err);

		/* A carriage return is left in the value, where no value may have it. */
		CHECK(!taken || !lines_is_word(values[1], "", 10));
	}
}

static void numbers(void)
{
	uint64_t out = 7;

	CHECK(!lines_number(STR(""), 100, &out));
	CHECK(!lines_number(STR("00"), 100, &out));
	CHECK(!lines_number(STR("01"), 100, &out));
	CHECK(!lines_number(STR("+1"), 100, &out));
	CHECK(!lines_number(STR("-1"), 100, &out));
	CHECK(!lines_number(STR("1 "), 100, &out));
	CHECK(!lines_number(STR("0x1"), 100, &out));
	CHECK(!lines_number(STR("101"), 100, &out));
	CHECK(!lines_number(STR("18446744073709551616"), UINT64_MAX, &out));
	CHECK_INT(out, 7);
	CHECK(lines_number(STR("0"), 100, &out));
	CHECK_INT(out, 0);
	CHECK(lines_number(STR("18446744073709551615"), UINT64_MAX, &out));
	CHECK(out == UINT64_MAX);
}

static void hashes_and_base64(void)
{
	static const char good[] =
		"00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff";
	unsigned char out[32];
	auto_buf bytes = BUF_INIT;
	char other[65];

	CHECK(lines_sha256(str_of(good), out));
	CHECK_INT(out[31], 0xff);
	CHECK(!lines_sha256(str_from(good, 63), out));
	memcpy(other, good, sizeof(other));
	other[3] = 'F'; /* another form of the same */
	CHECK(!lines_sha256(str_of(other), out));
	other[3] = 'g';
	CHECK(!lines_sha256(str_of(other), out));

	CHECK(lines_base64(STR("aGk="), &bytes));
	CHECK_STR(buf_text(&bytes), "hi");
	CHECK(!lines_base64(STR("aGk"), &bytes));
	CHECK(!lines_base64(STR("aGl="), &bytes)); /* bits that nobody reads */
	CHECK(!lines_base64(STR("aGk=\r"), &bytes));
	CHECK(!lines_base64(STR(""), &bytes));
	CHECK_STR(buf_text(&bytes), "hi");
}

static void times(void)
{
	int64_t out = 0;

	CHECK(lines_time(STR("2023-11-14T22:13:20Z"), &out));
	CHECK_INT(out, 1700000000);
	CHECK(!lines_time(STR("2023-11-14T22:13:20z"), &out));
	CHECK(!lines_time(STR("2023-11-14T22:13:20.0Z"), &out));
	CHECK(!lines_time(STR("2023-11-14 22:13:20Z"), &out));
	CHECK(!lines_time(STR("2023-02-30T22:13:20Z"), &out));
	CHECK(!lines_time(STR("2023-11-14T23:13+01:00"), &out));
}

static void words(void)
{
	CHECK(lines_is_word(STR("aZ09._-"), "._-", 7));
	CHECK(!lines_is_word(STR("aZ09._-"), "._-", 6));
	CHECK(!lines_is_word(STR(""), "._-", 6));
	CHECK(!lines_is_word(STR("a/b"), "._-", 6));
	CHECK(!lines_is_word(str_from("a\0b", 3), "._-", 6));
}

static const struct test tests[] = {
	{ "takes lines", takes_lines },
	{ "refuses other forms", refuses_other_forms },
	{ "numbers", numbers },
	{ "hashes and base64", hashes_and_base64 },
	{ "times", times },
	{ "words", words },
};

TEST_MAIN(tests)
