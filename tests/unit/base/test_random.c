/*
 * test_random.c - random bytes, numbers, suffixes and UUIDs.  What is tested is shape, and that all
 * values come; a wrong failure is less likely than 1 in 10^12.
 */
#include "base/random.h"

#include <string.h>

#include "base/memory.h"
#include "tests/unit/harness.h"

/* Goal: every byte asked for is filled, none beside it. */
static void fills_bytes(void)
{
	unsigned char a[1024], seen[1022] = { 0 };
	bool all = false;

	a[0] = a[1023] = 7;
	for (int round = 0; round < 100 && !all; round++) {
		random_bytes(a + 1, 1022);
		all = true;
		for (int i = 0; i < 1022; i++) {
			seen[i] |= a[i + 1];
			all = all && seen[i] != 0;
		}
	}
	CHECK(all);
	CHECK(a[0] == 7 && a[1023] == 7);
	random_bytes(a, 0);
	CHECK(a[0] == 7);
}

/* Goal: numbers are below the limit, all of them come, none much too often. */
static void numbers_below(void)
{
	static const uint64_t limits[] = { 2, 3, 10, 27 };
	uint64_t high = 0;

	for (size_t i = 0; i < ARRAY_LENGTH(limits); i++) {
		unsigned counts[27] = { 0 };

		for (unsigned k = 0; k < 500 * limits[i]; k++) {
			uint64_t number = random_below(limits[i]);

			CHECK(number < limits[i]);
			counts[number]++;
		}
		for (uint64_t k = 0; k < limits[i]; k++)
			CHECK(counts[k] > 300 && counts[k] < 700);
	}
	for (int i = 0; i < 100; i++) {
		CHECK(random_below(1) == 0);
		high |= random_below(UINT64_MAX);
	}
	CHECK(high >> 63 == 1);
}

/* Goal: suffixes have the length and the alphabet, are terminated and differ. */
static void makes_suffixes(void)
{
	char a[12], b[12];

	memset(a, '!', sizeof(a));
	random_suffix(a, 10);
	random_suffix(b, 10);
	CHECK_INT(strlen(a), 10);
	CHECK_INT(strspn(a, "bcdfghjklmnpqrstvwxz2456789"), 10);
	CHECK(a[11] == '!');
	CHECK(strcmp(a, b) != 0);
	random_suffix(a, 0);
	CHECK_STR(a, "");
}

/* Goal: UUIDs are of version 4, in lower case, and differ. */
static void makes_uuids(void)
{
	char a[RANDOM_UUID], b[RANDOM_UUID];

	for (int round = 0; round < 50; round++) {
		random_uuid(a);
		random_uuid(b);
		CHECK_INT(strlen(a), 36);
		CHECK_INT(strspn(a, "0123456789abcdef-"), 36);
		CHECK(a[8] == '-' && a[13] == '-' && a[18] == '-' && a[23] == '-');
		CHECK(a[14] == '4');
		CHECK(strchr("89ab", a[19]) != NULL);
		CHECK(strcmp(a, b) != 0);
	}
}

static const struct test tests[] = {
	{ "fills bytes", fills_bytes },
	{ "numbers below", numbers_below },
	{ "makes suffixes", makes_suffixes },
	{ "makes uuids", makes_uuids },
};
TEST_MAIN(tests)
