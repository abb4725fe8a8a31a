/*
 * cron.h - schedules as cron has them: "0 4 * * 1-5", "@hourly", "@every 1h30m".
 *
 * Five fields: minute, hour, day of month, month, day of week; names of months and days; lists,
 * ranges and steps.  The words are those of the library that the real server uses.
 */
#ifndef API_CRON_H
#define API_CRON_H

#include "base/memory.h"
#include "base/text.h"

/* What is wrong with a schedule, in `arena`; NULL when nothing is.  A time zone in front (TZ=NAME
 * or CRON_TZ=NAME) is understood. */
const char *cron_check(struct str schedule, struct arena *arena);

#endif
