/*
 * test_clock.c - RFC 3339 times and Go durations.
 */
#include "base/clock.h"

#include <stdlib.h>

#include "tests/unit/harness.h"

/* Goal: times with any zone and fraction are read; malformed ones are not. */
static void reads_times(void)
{
	static const char *const bad[] = { "",
					   "2026-11-20",
					   "2026-13-01T00:00:00Z",
					   "2026-11-20T17:14:06",
					   "2026-11-20T25:00:00Z",
					   "2026-11-20T17:14:06.Z",
					   "2026-11-20T17:14:06Zx" };
	int64_t seconds;
	int32_t nanos;
	char text[CLOCK_TEXT];

	CHECK(clock_parse(STR("2026-11-20T18:14:06.5+01:00"), &seconds, &nanos));
	clock_print(seconds, text);
	CHECK_STR(text, "2026-11-20T17:14:06Z");
	CHECK_INT(nanos, 500000000);
	clock_print_micro(seconds * 1000000 + 7, text);
	CHECK_STR(text, "2026-11-20T17:14:06.000007Z");
	for (size_t i = 0; i < ARRAY_LENGTH(bad); i++)
		CHECK(!clock_parse(str_of(bad[i]), &seconds, &nanos));
}

/* Goal: only days that the calendar has are taken. */
static void knows_the_calendar(void)
{
	static const struct {
		const char *day;
		bool exists;
	} rows[] = {
		{ "2026-02-28", true },  { "2026-02-29", false }, { "2026-02-31", false },
		{ "2028-02-29", true },  { "2028-02-30", false }, { "2100-02-29", false },
		{ "2000-02-29", true },  { "2026-04-30", true },  { "2026-04-31", false },
		{ "2026-12-31", true },  { "2026-12-32", false }, { "2026-01-00", false },
		{ "2026-00-01", false }, { "2026-06-31", false }, { "2026-09-31", false },
		{ "2026-11-31", false }, { "2026-01-31", true },  { "2026-08-31", true },
	};

	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		auto_free char *text = memory_print("%sT12:00:00Z", rows[i].day);
		char back[CLOCK_TEXT];
		int64_t seconds = 0;

		CHECK_INT(clock_parse(str_of(text), &seconds, NULL), rows[i].exists);
		clock_print(seconds, back);
		if (rows[i].exists)
			CHECK_STR(back, text);
	}
}

/* Goal: durations as Go writes them. */
static void reads_durations(void)
{
	int64_t ms;

	CHECK(clock_parse_duration(STR("1h30m0.5s"), &ms));
	CHECK_INT(ms, 5400500);
	CHECK(clock_parse_duration(STR("32s"), &ms));
	CHECK_INT(ms, 32000);
	CHECK(clock_parse_duration(STR("0"), &ms));
	CHECK_INT(ms, 0);
	CHECK(!clock_parse_duration(STR("5"), &ms));
	CHECK(!clock_parse_duration(STR("s"), &ms));
	CHECK(!clock_parse_duration(STR(""), &ms));
}

/* Goal: below its floor the machine's clock is not believed, and time goes on from there; above, it
 * is. Who is started with our environment has the same floor. */
static void has_a_floor(void)
{
	static char word[CLOCK_FLOOR_WORD];
	int64_t now = clock_machine_s();

	clock_set_floor(now + 1000);
	CHECK(clock_wall_s() >= now + 1000 && clock_wall_s() <= now + 1010);
	clock_shift(5000);
	CHECK(clock_wall_s() >= now + 1005 && clock_wall_s() <= now + 1015);
	clock_shift_wall(-400000000000);
	CHECK(clock_wall_s() >= now + 1005 && clock_wall_s() <= now + 1015);
	clock_shift_wall(400002000000);
	CHECK(clock_wall_s() >= now + 2005 && clock_wall_s() <= now + 2015);
	clock_set_floor(0);
	clock_inherit_floor();
	clock_shift_wall(-2000000);
	CHECK(clock_wall_s() >= now + 5 && clock_wall_s() <= now + 15);
	clock_set_floor(now + 3000);
	CHECK(clock_floor_word(word) == word);
	clock_set_floor(0);
	CHECK(clock_floor_word((char[CLOCK_FLOOR_WORD]){ 0 }) == NULL);
	CHECK_INT(putenv(word), 0);
	clock_inherit_floor();
	CHECK(clock_wall_s() >= now + 3000 && clock_wall_s() <= now + 3010);
}

static const struct test tests[] = {
	{ "has a floor", has_a_floor },
	{ "reads times", reads_times },
	{ "knows the calendar", knows_the_calendar },
	{ "reads durations", reads_durations },
};
TEST_MAIN(tests)
