/*
 * test_cron.c - the times of schedules, in zones whose clocks change.
 */
#include "api/cron.h"

#include <stdio.h>

#include "base/clock.h"
#include "tests/unit/harness.h"

#define BERLIN "CET-1CEST,M3.5.0,M10.5.0/3"
/* Clocks change at midnight: 00:00 of 20 April 2026 does not exist. */
#define MIDNIGHT "QQQ3RRR,M4.3.1/0,M9.1.0/0"

static const struct {
	const char *schedule, *zone, *after, *next[3];
} rows[] = {
	{ "*/15 * * * *",
	  NULL,
	  "2026-01-01T00:00:00Z",
	  { "2026-01-01T00:15:00Z", "2026-01-01T00:30:00Z", "2026-01-01T00:45:00Z" } },
	{ "* * * * *",
	  NULL,
	  "2026-01-01T00:00:59Z",
	  { "2026-01-01T00:01:00Z", "2026-01-01T00:02:00Z", "2026-01-01T00:03:00Z" } },
	{ "0 4 * * mon-fri",
	  NULL,
	  "2026-01-02T04:00:00Z",
	  { "2026-01-05T04:00:00Z", "2026-01-06T04:00:00Z", "2026-01-07T04:00:00Z" } },
	{ "@monthly",
	  NULL,
	  "2026-11-15T12:00:00Z",
	  { "2026-12-01T00:00:00Z", "2027-01-01T00:00:00Z", "2027-02-01T00:00:00Z" } },
	{ "@weekly",
	  NULL,
	  "2026-01-01T00:00:00Z",
	  { "2026-01-04T00:00:00Z", "2026-01-11T00:00:00Z", "2026-01-18T00:00:00Z" } },
	{ "@hourly",
	  NULL,
	  "2026-01-01T22:30:00Z",
	  { "2026-01-01T23:00:00Z", "2026-01-02T00:00:00Z", "2026-01-02T01:00:00Z" } },
	{ "@every 90s",
	  NULL,
	  "2026-01-01T00:00:07Z",
	  { "2026-01-01T00:01:37Z", "2026-01-01T00:03:07Z", "2026-01-01T00:04:37Z" } },
	/* Either day will do; with a star only both. */
	{ "0 0 13 * fri",
	  NULL,
	  "2026-01-09T00:00:00Z",
	  { "2026-01-13T00:00:00Z", "2026-01-16T00:00:00Z", "2026-01-23T00:00:00Z" } },
	{ "0 0 * * fri",
	  NULL,
	  "2026-01-09T00:00:00Z",
	  { "2026-01-16T00:00:00Z", "2026-01-23T00:00:00Z", "2026-01-30T00:00:00Z" } },
	{ "0 0 */2 * fri",
	  NULL,
	  "2026-01-09T00:00:00Z",
	  { "2026-01-11T00:00:00Z", "2026-01-13T00:00:00Z", "2026-01-15T00:00:00Z" } },
	{ "0 0 29 2 ?", NULL, "2026-01-01T00:00:00Z", { "2028-02-29T00:00:00Z" } },
	{ "5,10 8-9 1 jan,FEB *",
	  NULL,
	  "2026-01-01T09:05:00Z",
	  { "2026-01-01T09:10:00Z", "2026-02-01T08:05:00Z", "2026-02-01T08:10:00Z" } },
	{ "50/5 0 * * *",
	  NULL,
	  "2026-01-01T00:00:00Z",
	  { "2026-01-01T00:50:00Z", "2026-01-01T00:55:00Z", "2026-01-02T00:50:00Z" } },
	/* 2:30 does not exist on 29 March and is there twice on 25 October. */
	{ "30 2 * * *",
	  BERLIN,
	  "2026-03-28T00:00:00Z",
	  { "2026-03-28T01:30:00Z", "2026-03-30T00:30:00Z", "2026-03-31T00:30:00Z" } },
	{ "30 2 * * *",
	  BERLIN,
	  "2026-10-24T12:00:00Z",
	  { "2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z", "2026-10-26T01:30:00Z" } },
	{ "0 * * * *",
	  BERLIN,
	  "2026-03-28T23:30:00Z",
	  { "2026-03-29T00:00:00Z", "2026-03-29T01:00:00Z", "2026-03-29T02:00:00Z" } },
	{ "0 4 * * *",
	  BERLIN,
	  "2026-03-28T12:00:00Z",
	  { "2026-03-29T02:00:00Z", "2026-03-30T02:00:00Z", "2026-03-31T02:00:00Z" } },
	{ "0 12 20 4 *", MIDNIGHT, "2026-04-19T12:00:00Z", { "2026-04-20T14:00:00Z" } },
	{ "0 0 20 4 *", MIDNIGHT, "2026-04-19T12:00:00Z", { "2027-04-20T02:00:00Z" } },
	{ "0 0 30 2 *", NULL, "2026-01-01T00:00:00Z", { "never" } },
	{ ", * * * *", NULL, "2026-01-01T00:00:00Z", { "never" } },
};

/* Goal: each schedule's next times, one after the other. */
static void finds_next_times(void)
{
	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		auto_arena arena = arena_new();
		AUTO(zone_clock_free) struct zone_clock *zone = NULL;
		struct error err;
		struct cron cron;
		char text[CLOCK_TEXT];
		int64_t at;

		CHECK_STR(cron_parse(str_of(rows[i].schedule), arena, &cron), NULL);
		if (rows[i].zone)
			CHECK_OK(zone_clock_rule(str_of(rows[i].zone), &zone, &err), &err);
		CHECK(clock_parse(str_of(rows[i].after), &at, NULL));
		for (size_t k = 0; k < 3 && rows[i].next[k]; k++) {
			printf("%s after %s\n", rows[i].schedule, k ? text : rows[i].after);
			if (cron_next(&cron, zone, at, &at))
				clock_print(at, text);
			else
				snprintf(text, sizeof(text), "never");
			CHECK_STR(text, rows[i].next[k]);
		}
	}
}

/* Goal: a zone in front is given out, and is none of the fields. */
static void gives_the_zone(void)
{
	auto_arena arena = arena_new();
	struct cron cron;

	CHECK(!cron_parse(STR("TZ=Europe/Berlin 0 4 * * *"), arena, &cron));
	CHECK(str_is(cron.zone, "Europe/Berlin"));
	CHECK(!cron_parse(STR("CRON_TZ=UTC @daily"), arena, &cron));
	CHECK(str_is(cron.zone, "UTC"));
	CHECK(!cron_parse(STR("@daily"), arena, &cron));
	CHECK(!cron.zone.at);
	CHECK(cron_parse(STR("TZ=Nowhere @daily"), arena, &cron));
	CHECK(cron_parse(STR("@every 9999999h"), arena, &cron));
}

static const struct test tests[] = {
	{ "finds next times", finds_next_times },
	{ "gives the zone", gives_the_zone },
};
TEST_MAIN(tests)
