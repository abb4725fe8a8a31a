/*
 * test_copy.c - every length around the limits, every alignment, and nothing beside the target.
 */
#include "base/copy.h"

#include <string.h>

#include "tests/unit/harness.h"

#define ROOM 5000

static unsigned char from[ROOM], to[ROOM];

static void copy_once(size_t count, size_t from_at, size_t to_at)
{
	memset(to, 0xee, sizeof(to));
	CHECK(copy_bytes(to + to_at, from + from_at, count) == to + to_at);
	CHECK(memcmp(to + to_at, from + from_at, count) == 0);
	CHECK(to_at == 0 || to[to_at - 1] == 0xee);
	CHECK(to[to_at + count] == 0xee);
}

static void every_length_and_alignment(void)
{
	for (size_t i = 0; i < ROOM; i++)
		from[i] = (unsigned char)(i * 7 + i / 256);
	for (size_t count = 0; count < 200; count++)
		for (size_t at = 0; at < 17; at++)
			copy_once(count, at, 17 - at);
	for (size_t count = 2030; count < 2070; count++)
		copy_once(count, 3, 5);
	copy_once(4096, 1, 2);
}

/* Both ways, by distances around the size of a block. */
static void overlapping_ranges(void)
{
	for (size_t count = 0; count < 300; count++)
		for (size_t by = 0; by < 70; by += by < 20 ? 1 : 7) {
			for (size_t i = 0; i < 600; i++)
				from[i] = to[i] = (unsigned char)(i * 31 + i / 256);
			CHECK(move_bytes(to + 100 + by, to + 100, count) == to + 100 + by);
			CHECK(memcmp(to + 100 + by, from + 100, count) == 0);
			memcpy(to, from, 600);
			move_bytes(to + 100, to + 100 + by, count);
			CHECK(memcmp(to + 100, from + 100 + by, count) == 0);
		}
}

static const struct test tests[] = {
	{ "every length and alignment", every_length_and_alignment },
	{ "overlapping ranges", overlapping_ranges },
};

TEST_MAIN(tests)
