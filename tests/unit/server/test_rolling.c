/*
 * test_rolling.c - rolling update arithmetic.
 */
#include "server/control/rolling.h"

#include "tests/unit/harness.h"

/* Goal: surge rounds up, missing rounds down, never both zero. */
static void bounds(void)
{
	static const struct {
		const char *update;
		int64_t wanted, surge, missing;
	} rows[] = {
		{ "{\"maxSurge\":\"25%\",\"maxUnavailable\":\"25%\"}", 4, 1, 1 },
		{ "{\"maxSurge\":\"25%\",\"maxUnavailable\":\"25%\"}", 10, 3, 2 },
		{ "{\"maxSurge\":\"25%\",\"maxUnavailable\":\"25%\"}", 1, 1, 0 },
		{ "{\"maxSurge\":0,\"maxUnavailable\":\"10%\"}", 5, 0, 1 },
		{ "{\"maxSurge\":3,\"maxUnavailable\":9}", 2, 3, 2 },
	};

	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		auto_json_doc doc = NULL;
		struct error err;
		int64_t surge, missing;

		CHECK_OK(json_parse(str_of(rows[i].update), &doc, NULL, &err), &err);
		rolling_bounds(json_root(doc), rows[i].wanted, &surge, &missing);
		CHECK_INT(surge, rows[i].surge);
		CHECK_INT(missing, rows[i].missing);
	}
}

/* Goal: step by step a rollout ends, never with more than wanted + surge nor fewer than wanted -
 * missing available. Method: after each step all pods that are wanted become available, or only the
 * old ones do. */
static void ends_within_bounds(void)
{
	for (int64_t wanted = 1; wanted <= 20; wanted++)
		for (int64_t surge = 0; surge <= 3; surge++)
			for (int64_t missing = surge ? 0 : 1; missing <= 3 && missing <= wanted;
			     missing++) {
				int64_t fresh = 0, old = wanted;
				int steps = 0;

				while (fresh != wanted || old != 0) {
					struct rolling rolling = { wanted,      surge, missing,
								   fresh + old, fresh, fresh,
								   fresh + old };
					int64_t grown = rolling_fresh(&rolling), shrink;

					CHECK(grown + old <= wanted + surge);
					fresh = grown;
					rolling.fresh = rolling.fresh_available = fresh;
					rolling.all = rolling.available = fresh + old;
					shrink = rolling_shrink(&rolling);
					shrink = shrink > old ? old : shrink;
					old -= shrink;
					CHECK(fresh + old >= wanted - missing);
					CHECK(++steps < 100);
				}
			}
}

/* Goal: new pods that never become available hold the old ones at the bound. */
static void sick_update_stops(void)
{
	struct rolling rolling = { 4, 1, 1, 6, 2, 0, 4 };

	CHECK_INT(rolling_shrink(&rolling), 1);
	rolling.all = 5;
	CHECK_INT(rolling_shrink(&rolling), 0);
}

/* Goal: shares are by size, rounded, and never more than is left. */
static void shares(void)
{
	static const struct {
		int64_t wanted, surge, size, max, to_add, added, share;
	} rows[] = {
		{ 15, 3, 8, 13, 5, 0, 3 },    { 15, 3, 5, 13, 5, 3, 2 },
		{ 5, 0, 10, 20, -10, 0, -7 }, { 5, 0, 10, 20, -10, -8, -2 },
		{ 10, 0, 0, 10, 5, 0, 0 },    { 10, 0, 3, 10, 5, 5, 0 },
		{ 0, 0, 4, 10, -4, 0, -4 },   { 10, 0, 3, 0, 5, 0, 0 },
	};

	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		struct rolling rolling = { .wanted = rows[i].wanted, .surge = rows[i].surge };

		CHECK_INT(rolling_share(&rolling, rows[i].size, rows[i].max, rows[i].to_add,
					rows[i].added),
			  rows[i].share);
	}
}

static const struct test tests[] = {
	{ "bounds", bounds },
	{ "ends within bounds", ends_within_bounds },
	{ "sick update stops", sick_update_stops },
	{ "shares", shares },
};
TEST_MAIN(tests)
