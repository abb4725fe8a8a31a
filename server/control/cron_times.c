/*
 * cron_times.c - times of a schedule that have passed.
 */
#include "server/control/cron_times.h"

#define MANY     100
#define STEP_MAX 200000 /* schedules whose first two times are a year apart, the others minutes */

struct cron_due cron_times_due(const struct cron *cron, const struct zone_clock *zone,
			       int64_t since_s, int64_t now_s)
{
	struct cron_due due = { .time_s = INT64_MIN };
	int64_t first, second, apart, missed, at;

	if (!cron_next(cron, zone, since_s, &first)) {
		due.never = true;
		return due;
	}
	if (now_s < first)
		return due;
	if (!cron_next(cron, zone, first, &second) || now_s < second) {
		due.time_s = first;
		return due;
	}
	apart = second - first;
	missed = (now_s - first) / apart + 1;
	due.many = missed > MANY;
	at = first + (missed - 2) * apart;
	for (int i = 0; i < STEP_MAX && cron_next(cron, zone, at, &at) && at <= now_s; i++)
		due.time_s = at;
	return due;
}

int64_t cron_times_since(int64_t created_s, int64_t last_s, int64_t deadline_s, int64_t now_s)
{
	int64_t since = last_s == INT64_MIN ? created_s : last_s;

	if (deadline_s >= 0 && now_s - deadline_s > since)
		since = now_s - deadline_s;
	return since;
}
