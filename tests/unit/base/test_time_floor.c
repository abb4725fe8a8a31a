/*
 * test_time_floor.c - what is remembered of the time across a boot with a clock at 1970.
 */
#include "base/time_floor.h"

#include <inttypes.h>
#include <stdio.h>
#include <sys/timex.h>

#include "base/clock.h"
#include "base/file.h"
#include "tests/unit/harness.h"

/* The kernel that the test runs on may be synchronised or not. */
static bool synchronised;
static int fake_adjtimex(struct timex *state)
{
	state->status = synchronised ? 0 : STA_UNSYNC;
	return synchronised ? TIME_OK : TIME_ERROR;
}

#define adjtimex fake_adjtimex
#include "base/time_floor.c"
#undef adjtimex

static char *path_of_floor(void)
{
	return memory_print("%s/time-floor", harness_folder());
}

static void put(const char *text)
{
	auto_free char *path = path_of_floor();
	struct error err;

	CHECK_OK(file_replace(path, str_of(text), 0600, &err), &err);
}

static int64_t kept(void)
{
	auto_free char *path = path_of_floor();

	return read_file(path);
}

/* One life of a process: open, let some time pass, close. */
static void live(int64_t seconds, int64_t *out_wall_s)
{
	auto_free char *path = path_of_floor();
	struct loop *loop;
	struct time_floor *floor;
	struct error err;

	CHECK_OK(loop_open(&loop, &err), &err);
	floor = time_floor_open(loop, path);
	*out_wall_s = clock_wall_s();
	clock_shift(seconds * 1000);
	time_floor_close(floor);
	loop_close(loop);
	clock_set_floor(0);
}

/* Goal: with a clock at 1970 it is never earlier than the build, nor than when we ended last. */
static void goes_on_from_the_last_life(void)
{
	int64_t wall, last;

	CHECK(MOTE_BUILT > 1700000000);
	clock_shift_wall(-clock_machine_s() * 1000);
	live(3600, &wall);
	CHECK(wall >= MOTE_BUILT && wall < MOTE_BUILT + 5);
	last = kept();
	CHECK(last >= MOTE_BUILT + 3600 && last < MOTE_BUILT + 3610);
	clock_shift_wall(-clock_machine_s() * 1000);
	live(1, &wall);
	CHECK(wall >= last && wall < last + 5);
}

/* Goal: a right clock is taken as it is; NTP is believed, also backwards. */
static void a_right_clock_is_believed(void)
{
	int64_t wall, now = clock_machine_s();
	char text[32];

	live(1, &wall);
	CHECK(wall >= now && wall < now + 5);
	snprintf(text, sizeof(text), "%" PRId64 "\n", (int64_t)(now + 5 * 365 * 86400));
	put(text);
	live(1, &wall);
	CHECK(wall >= now + 5 * 365 * 86400);
	put(text);
	synchronised = true;
	live(1, &wall);
	CHECK(wall >= now && wall < now + 15);
	CHECK(kept() < now + 30);
}

/* Goal: damaged files, and times that cannot be, are passed over and made anew. */
static void odd_files_are_passed_over(void)
{
	static const char *const texts[] = {
		"", "x", "-5\n", "99999999999999999999\n", "999999999999\n", "17 00\n"
	};
	int64_t wall, now = clock_machine_s();

	for (size_t i = 0; i < ARRAY_LENGTH(texts); i++) {
		put(texts[i]);
		live(0, &wall);
		CHECK(wall >= now && wall < now + 5);
		CHECK(kept() >= now);
	}
}

static const struct test tests[] = {
	{ "goes on from the last life", goes_on_from_the_last_life },
	{ "a right clock is believed", a_right_clock_is_believed },
	{ "odd files are passed over", odd_files_are_passed_over },
};

TEST_MAIN(tests)
