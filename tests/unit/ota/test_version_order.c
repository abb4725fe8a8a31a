/*
 * test_version_order.c - precedence, with the examples of semver.org.
 */
#include "ota/version_order.h"
#include "tests/unit/harness.h"

static void order(void)
{
	static const char *const ascending[] = {
		"0.0.0",       "0.9.9",         "0.10.0",
		"1.0.0-1",     "1.0.0-2",       "1.0.0-10",
		"1.0.0-alpha", "1.0.0-alpha.1", "1.0.0-alpha.beta",
		"1.0.0-beta",  "1.0.0-beta.2",  "1.0.0-beta.11",
		"1.0.0-rc.1",  "1.0.0",         "1.0.1-a-b",
		"1.0.1",       "2.0.0",         "4294967295.0.0",
	};

	for (size_t i = 0; i < ARRAY_LENGTH(ascending); i++)
		for (size_t k = 0; k < ARRAY_LENGTH(ascending); k++)
			CHECK_INT(version_compare(str_of(ascending[i]), str_of(ascending[k])) < 0,
				  i < k);
	CHECK_INT(version_compare(STR("1.2.3+a"), STR("1.2.3+b-c")), 0);
	CHECK_INT(version_compare(STR("1.2.3-x+a"), STR("1.2.3-x")), 0);
}

static void validity(void)
{
	static const char *const bad[] = {
		"",        "1",     "1.2",    "1.2.",   "1.2.3.4", "v1.2.3",         "01.2.3",
		"1.2.03",  "1.2.x", "1 .2.3", "1.2.3 ", "-1.2.3",  "4294967296.0.0", "1.2.3/..",
		"1.2.3_4",
	};

	for (size_t i = 0; i < ARRAY_LENGTH(bad); i++)
		if (version_is_valid(str_of(bad[i])))
			harness_fail(__FILE__, __LINE__, "\"%s\" was taken", bad[i]);
	CHECK(version_is_valid(STR("0.1.0+3f2c1ab4d5e6")));
	CHECK(version_is_valid(STR("1.2.3-rc.1")));
}

static const struct test tests[] = {
	{ "order", order },
	{ "validity", validity },
};

TEST_MAIN(tests)
