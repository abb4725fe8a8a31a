/*
 * cron.h - schedules as cron has them: "0 4 * * 1-5", "@hourly", "@every 1h30m".
 *
 * Five fields: minute, hour, day of month, month, day of week; names of months and days; lists,
 * ranges and steps.  The words, and what happens when clocks change, are those of the library that
 * the real server uses.  Pure functions; any thread.
 */
#ifndef API_CRON_H
#define API_CRON_H

#include "base/memory.h"
#include "base/text.h"
#include "base/zone_clock.h"

enum cron_unit { CRON_MINUTE, CRON_HOUR, CRON_DAY, CRON_MONTH, CRON_WEEKDAY, CRON_UNITS };

struct cron_field {
	uint64_t bits; /* 1 << value */
	bool star;     /* says "any" */
};
struct cron {
	struct cron_field fields[CRON_UNITS];
	int64_t every_s; /* > 0: no fields, but this long after the last time */
	struct str zone; /* of a TZ=NAME or CRON_TZ=NAME in front, borrowed; at == NULL: none */
};

/* NULL, or what is wrong with the schedule, in `arena`. */
const char *cron_parse(struct str schedule, struct arena *arena, struct cron *out);
/* The same, for those who only want to know. */
const char *cron_check(struct str schedule, struct arena *arena);

/* The first time of the schedule after `after_s` by the clock of `zone` (NULL = UTC).  False: there
 * is none within CRON_YEARS years (30 February). */
#define CRON_YEARS 5
bool cron_next(const struct cron *cron, const struct zone_clock *zone, int64_t after_s,
	       int64_t *out_s);

#endif
