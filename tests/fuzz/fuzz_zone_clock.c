/*
 * fuzz_zone_clock.c - a schedule (the first line) by the clock of a zone (the rest, a file or a
 * rule): each next time is later, is shown as the schedule says, and what a clock shows has a time.
 */
#include <stdint.h>
#include <stdlib.h>

#include "api/cron.h"

#define TIMES 4

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len);

static void check_shown(const struct cron *cron, const struct zone_time *shown)
{
	const int values[] = { shown->minute, shown->hour, 1, shown->month };

	for (int unit = CRON_MINUTE; unit <= CRON_MONTH; unit++)
		if (unit != CRON_DAY && !(cron->fields[unit].bits >> values[unit] & 1))
			abort();
	if (!(cron->fields[CRON_DAY].bits >> shown->day & 1) &&
	    !(cron->fields[CRON_WEEKDAY].bits >> shown->weekday & 1))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
	AUTO(zone_clock_free) struct zone_clock *zone = NULL;
	auto_arena arena = arena_new();
	struct str rest = str_from(at, len), schedule = str_cut(&rest, '\n');
	int64_t time = 1774681200; /* 2026-03-28, a day before clocks change */
	struct cron cron;
	struct error err;

	if (!zone_clock_parse(rest, &zone, &err) && !zone_clock_rule(rest, &zone, &err) &&
	    rest.len > 0)
		return 0;
	for (int64_t far = -40000000000; far < 40000000000; far += 7777777777) {
		struct zone_time shown = zone_clock_show(zone, far);
		int64_t start, end;

		zone_clock_time(zone, &shown);
		zone_clock_offset(zone, far, &start, &end);
		if (start > far || end <= far)
			abort();
	}
	if (cron_parse(schedule, arena, &cron))
		return 0;
	for (int i = 0; i < TIMES; i++) {
		struct zone_time shown;
		int64_t next;

		if (!cron_next(&cron, zone, time, &next))
			break;
		if (next <= time)
			abort();
		time = next;
		shown = zone_clock_show(zone, next);
		if (cron.every_s == 0)
			check_shown(&cron, &shown);
		else if (cron.every_s > 100000000)
			break;
	}
	return 0;
}
