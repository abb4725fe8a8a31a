/*
 * cron_times.h - when a CronJob is due: the last time that has passed since it last ran, and the
 * next to come.  Pure functions.
 */
#ifndef SERVER_CONTROL_CRON_TIMES_H
#define SERVER_CONTROL_CRON_TIMES_H

#include "api/cron.h"

struct cron_due {
	int64_t time_s; /* the newest time that was missed; INT64_MIN: none */
	bool many;      /* more than a hundred were */
	bool never;     /* the schedule has no times, or all of them at once */
};

/*
 * The newest time after `since_s` and not after `now_s`.  How many were missed is reckoned from the
 * distance of the first two, as the real one does, so that a clock that was set by years costs
 * nothing.
 */
struct cron_due cron_times_due(const struct cron *cron, const struct zone_clock *zone,
			       int64_t since_s, int64_t now_s);
/* Since when times count: the last that was served (INT64_MIN: none), else since the CronJob is
 * there; not longer ago than the deadline (< 0: none). */
int64_t cron_times_since(int64_t created_s, int64_t last_s, int64_t deadline_s, int64_t now_s);

#endif
