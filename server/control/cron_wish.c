/*
 * cron_wish.c - reads the schedule, counts times that have passed, weighs what stands in the way.
 */
#include "server/control/cron_wish.h"

#include <inttypes.h>
#include <string.h>

#include "base/clock.h"
#include "server/control/controller.h"
#include "server/control/cron_times.h"
#include "server/control/zone_store.h"

#define DAY_S         86400
#define LOOK_MAX_MS   60000
#define LOOK_AFTER_MS 100 /* the time itself: the clock is past it then */

/* Nothing is told twice of one time, however often it is looked at. */
static void tell_once(const struct cron_pass *pass, int64_t time_s, const char *type,
		      const char *reason, const char *message)
{
	if (pass->note->told_s != time_s)
		cron_pass_tell(pass, type, reason, message);
	pass->note->told_s = time_s;
}

static bool is_running(const struct cron_pass *pass, const char *name)
{
	for (struct json_iter it = json_iter(cron_pass_actives(pass)); json_next(&it);)
		if (str_is(json_str(json_get(it.value, "name")), name))
			return true;
	return false;
}

/* Its zone and times.  False: it has none, an event says why. */
static bool read_schedule(struct cron_pass *pass)
{
	const struct json *wish = json_get(pass->spec, "timeZone");
	struct str text = json_str(json_get(pass->spec, "schedule"));
	const char *why;
	struct error err;

	if (wish && !zone_store_find(pass->zones, json_str(wish), &pass->zone, &err)) {
		cron_pass_tell(pass, "Warning", "UnknownTimeZone",
			       arena_print(pass->arena, "invalid timeZone: \"" STR_FMT "\": %s",
					   STR_ARG(json_str(wish)), err.text));
		return false;
	}
	if (json_bool(json_get(pass->spec, "suspend")))
		return false;
	if (str_search(text, STR("TZ")) >= 0 && !pass->note->told_zone) {
		pass->note->told_zone = true;
		cron_pass_tell(
			pass, "Warning", "UnsupportedSchedule",
			arena_print(
				pass->arena,
				"CRON_TZ or TZ used in schedule \"" STR_FMT
				"\" is not officially supported, see https://kubernetes.io/docs/"
				"concepts/workloads/controllers/cron-jobs/ for more details",
				STR_ARG(text)));
	}
	why = cron_parse(text, pass->arena, &pass->schedule);
	if (!why && !wish &&
	    !zone_store_find(pass->zones,
			     pass->schedule.zone.at ? pass->schedule.zone : STR("Local"),
			     &pass->zone, &err))
		why = err.text;
	if (!why)
		return true;
	cron_pass_tell(pass, "Warning", "UnparseableSchedule",
		       arena_print(pass->arena, "unparseable schedule: \"" STR_FMT "\" : %s",
				   STR_ARG(text), why));
	return false;
}

static int64_t time_of(const struct json *text)
{
	int64_t at;

	return clock_parse(json_str(text), &at, NULL) ? at : INT64_MIN;
}

static int64_t deadline_of(const struct cron_pass *pass)
{
	const struct json *deadline = json_get(pass->spec, "startingDeadlineSeconds");

	return deadline ? json_int(deadline) : -1;
}

/* The time of the next look: that of the next Job, or sooner. */
static void plan_next(struct cron_pass *pass, int64_t now_s)
{
	int64_t next, left = LOOK_MAX_MS;

	if (cron_next(&pass->schedule, pass->zone, now_s, &next))
		left = next * 1000 + LOOK_AFTER_MS - clock_wall_us() / 1000;
	pass->look_ms = left < LOOK_AFTER_MS ? LOOK_AFTER_MS : left;
	if (pass->look_ms > LOOK_MAX_MS)
		pass->look_ms = LOOK_MAX_MS;
}

/* True: a time has passed that no Job was made for.  Tells of times that will not be served. */
static bool find_due(struct cron_pass *pass, int64_t now_s)
{
	const struct json *created = json_get(meta_of(pass->root), "creationTimestamp");
	int64_t last = time_of(json_get(pass->status, "lastScheduleTime"));
	int64_t since = cron_times_since(time_of(created), last, deadline_of(pass), now_s);
	struct cron_due due;

	/* Of a clock that was wrong: what is served from now on counts. */
	if (since > now_s + DAY_S) {
		if (pass->note->changed_s > now_s || pass->note->changed_s == INT64_MIN)
			pass->note->changed_s = now_s;
		since = INT64_MIN;
	}
	/* A new schedule is about times to come. */
	if (pass->note->changed_s > since && pass->note->changed_s <= now_s)
		since = pass->note->changed_s;
	due = cron_times_due(&pass->schedule, pass->zone, since, now_s);
	if (due.never) {
		pass->look_ms = 0;
		cron_pass_tell(
			pass, "Warning", "InvalidSchedule",
			arena_print(
				pass->arena,
				"invalid schedule: " STR_FMT
				" : time difference between two schedules is less than 1 second",
				STR_ARG(json_str(json_get(pass->spec, "schedule")))));
	}
	if (due.many)
		tell_once(pass, due.time_s, "Warning", "TooManyMissedTimes",
			  "too many missed start times. Set or decrease "
			  ".spec.startingDeadlineSeconds "
			  "or check clock skew");
	pass->due_s = due.time_s;
	return due.time_s != INT64_MIN && due.time_s != last;
}

const char *cron_wish_name(const struct cron_pass *pass)
{
	return arena_print(pass->arena, STR_FMT "-%" PRId64, STR_ARG(object_name(pass->object)),
			   pass->due_s / 60);
}

/* "Thu, 01 Jan 1970 00:00:00 +0000" */
static const char *long_time(const struct cron_pass *pass, int64_t at_s)
{
	static const char days[] = "SunMonTueWedThuFriSat",
			  months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	struct zone_time at = zone_clock_show(NULL, at_s);

	return arena_print(pass->arena, "%.3s, %02d %.3s %" PRId64 " %02d:%02d:%02d +0000",
			   days + 3 * at.weekday, at.day, months + 3 * (at.month - 1), at.year,
			   at.hour, at.minute, at.second);
}

static bool is_due(struct cron_pass *pass)
{
	int64_t now_s = clock_wall_s(), deadline = deadline_of(pass);

	if (object_is_deleting(pass->object) || !read_schedule(pass))
		return false;
	plan_next(pass, now_s);
	if (!find_due(pass, now_s))
		return false;
	if (deadline >= 0 && pass->due_s + deadline < now_s) {
		tell_once(pass, pass->due_s, "Warning", "MissSchedule",
			  arena_print(pass->arena, "Missed scheduled time to start a job: %s",
				      long_time(pass, pass->due_s)));
		return false;
	}
	if (is_running(pass, cron_wish_name(pass)))
		return false;
	if (str_is(json_str(json_get(pass->spec, "concurrencyPolicy")), "Forbid") &&
	    json_count(cron_pass_actives(pass)) > 0) {
		tell_once(pass, pass->due_s, "Normal", "JobAlreadyActive",
			  "Not starting job because prior execution is running and concurrency "
			  "policy "
			  "is Forbid");
		return false;
	}
	return true;
}

bool cron_wish_find(struct cron_pass *pass)
{
	if (is_due(pass))
		return true;
	pass->due_s = INT64_MIN;
	return false;
}
