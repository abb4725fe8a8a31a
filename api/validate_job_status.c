/*
 * validate_job_status.c - what may be said of a Job: whoever takes care of it, clients rely on
 * conditions that contradict neither each other nor the counts, and on ends that stay.
 *
 * A part that has not changed is not looked at: what an older server has let in can still be
 * served.
 */
#include <inttypes.h>

#include "api/object.h"
#include "api/validate.h"
#include "api/validate_job.h"
#include "api/validate_workload.h"
#include "base/clock.h"
#include "base/map.h"

#define AT(...) field_path(work->errors, __VA_ARGS__)

static const struct json *status_of(const struct json *object, const char *field)
{
	return json_path(object, "status", field, NULL);
}

static bool is_set(const struct json *object, const char *type)
{
	return meta_condition_is_true(object, str_of(type));
}

static bool is_finished(const struct json *object)
{
	return is_set(object, "Complete") || is_set(object, "Failed");
}

/* --- what has changed --- */

static bool changed(const struct kind_work *work, const char *field)
{
	return !json_equal(status_of(work->object, field), status_of(work->old, field));
}

static bool turned(const struct kind_work *work, const char *type)
{
	return is_set(work->object, type) != is_set(work->old, type);
}

static bool finish_turned(const struct kind_work *work)
{
	return is_finished(work->object) != is_finished(work->old);
}

static void invalid(const struct kind_work *work, const char *field, const char *detail)
{
	const struct json *value = status_of(work->object, field);
	bool shown = strcmp(field, "conditions") != 0;

	field_errors_add(work->errors, FIELD_INVALID, AT("status.%s", field),
			 !shown  ? NULL
			 : value ? field_value(work->errors, value)
				 : "\"\"",
			 detail);
}

/* --- counts --- */

static void check_uids(const struct kind_work *work, const char *list, struct map *seen)
{
	for (struct json_iter it =
		     json_iter(json_get(status_of(work->object, "uncountedTerminatedPods"), list));
	     json_next(&it);) {
		const char *path = AT("status.uncountedTerminatedPods.%s[%zu]", list, it.index);

		if (json_str(it.value).len == 0)
			validate_invalid(work, path, it.value, "must not be empty");
		else if (map_put(seen, json_str(it.value), it.value))
			validate_duplicate(work, path, it.value);
	}
}

static void check_counts(const struct kind_work *work)
{
	static const char *const counts[] = { "active", "succeeded",   "failed",
					      "ready",  "terminating", NULL };
	auto_map seen = map_new();

	workload_counts(work, json_get(work->object, "status"), "status", counts);
	check_uids(work, "succeeded", seen);
	check_uids(work, "failed", seen);
}

/* --- conditions and times --- */

static void check_both(const struct kind_work *work, const char *a, const char *b,
		       const char *detail)
{
	if ((turned(work, a) || turned(work, b)) && is_set(work->object, a) &&
	    is_set(work->object, b))
		invalid(work, "conditions", detail);
}

static void check_needs(const struct kind_work *work, const char *type, const char *needed,
			const char *detail)
{
	if ((turned(work, type) || turned(work, needed)) && is_set(work->object, type) &&
	    !is_set(work->object, needed))
		invalid(work, "conditions", detail);
}

static bool is_before(const struct json *a, const struct json *b)
{
	int64_t first, second;

	return clock_parse(json_str(a), &first, NULL) && clock_parse(json_str(b), &second, NULL) &&
	       first < second;
}

static void check_times(const struct kind_work *work)
{
	const struct json *start = status_of(work->object, "startTime"),
			  *end = status_of(work->object, "completionTime");
	bool complete = is_set(work->object, "Complete");

	if (turned(work, "Complete") || changed(work, "completionTime")) {
		if (end && !complete)
			invalid(work, "completionTime",
				"cannot set completionTime when there is no Complete=True "
				"condition");
		if (!end && complete)
			validate_required(work, "status.completionTime",
					  "completionTime is required for Complete jobs");
	}
	if ((changed(work, "startTime") || changed(work, "completionTime")) && start && end &&
	    is_before(end, start))
		invalid(work, "completionTime", "completionTime cannot be set before startTime");
}

static void check_conditions(const struct kind_work *work)
{
	check_both(work, "Complete", "Failed",
		   "cannot set Complete=True and Failed=true conditions");
	check_both(work, "Complete", "FailureTarget",
		   "cannot set Complete=True and FailureTarget=true conditions");
	check_times(work);
	check_needs(work, "Failed", "FailureTarget",
		    "cannot set Failed=True condition without the FailureTarget=true condition");
	check_needs(work, "Complete", "SuccessCriteriaMet",
		    "cannot set Complete=True condition without the SuccessCriteriaMet=true "
		    "condition");
}

static void check_finish(const struct kind_work *work)
{
	const struct json *uncounted = status_of(work->object, "uncountedTerminatedPods");
	bool finished = is_finished(work->object), turn = finish_turned(work);

	if (!finished)
		return;
	if ((turn || changed(work, "active")) && json_int(status_of(work->object, "active")) > 0)
		invalid(work, "active", "active>0 is invalid for finished job");
	if ((turn || changed(work, "startTime")) && !status_of(work->object, "startTime"))
		validate_required(work, "status.startTime",
				  "startTime is required for finished job");
	if ((turn || changed(work, "uncountedTerminatedPods")) &&
	    json_count(json_get(uncounted, "succeeded")) +
			    json_count(json_get(uncounted, "failed")) >
		    0)
		invalid(work, "uncountedTerminatedPods",
			"uncountedTerminatedPods needs to be empty for finished job");
}

/* --- indexes --- */

static void check_index_list(const struct kind_work *work, const char *field)
{
	const struct json *value = status_of(work->object, field),
			  *completions = json_path(work->object, "spec", "completions", NULL);
	const char *why;

	if (changed(work, field) && completions && value &&
	    job_count_indexes(json_str(value), json_int(completions), work->errors->arena, &why) <
		    0)
		invalid(work, field, AT("error parsing %s: %s", field, why));
}

static void check_indexes(const struct kind_work *work)
{
	const struct json *spec = json_get(work->object, "spec"),
			  *done = status_of(work->object, "completedIndexes"),
			  *failed = status_of(work->object, "failedIndexes");
	bool limited = json_get(spec, "backoffLimitPerIndex") != NULL;
	int64_t shared = -1;

	check_index_list(work, "completedIndexes");
	if (limited)
		check_index_list(work, "failedIndexes");
	if (changed(work, "completedIndexes") && json_str(done).len > 0 && !job_is_indexed(spec))
		invalid(work, "completedIndexes",
			"cannot set non-empty completedIndexes when non-indexed completion mode");
	if (changed(work, "failedIndexes") && failed && !limited)
		invalid(work, "failedIndexes",
			"cannot set non-null failedIndexes when backoffLimitPerIndex is null");
	if ((changed(work, "failedIndexes") || changed(work, "completedIndexes")) && failed &&
	    json_get(spec, "completions"))
		shared = job_shared_index(json_str(done), json_str(failed),
					  json_int(json_get(spec, "completions")));
	if (shared >= 0)
		invalid(work, "failedIndexes",
			AT("failedIndexes and completedIndexes overlap at index: %" PRId64,
			   shared));
}

/* --- the end of the list --- */

static void check_pods(const struct kind_work *work)
{
	const struct json *ready = status_of(work->object, "ready");

	if ((finish_turned(work) || changed(work, "terminating")) && is_finished(work->object) &&
	    json_int(status_of(work->object, "terminating")) > 0)
		invalid(work, "terminating", "terminating>0 is invalid for finished job");
	if ((changed(work, "ready") || changed(work, "active")) && ready &&
	    json_int(ready) > json_int(status_of(work->object, "active")))
		invalid(work, "ready", "cannot set more ready pods than active");
}

static void check_success(const struct kind_work *work)
{
	bool met = is_set(work->object, "SuccessCriteriaMet");

	if (met && is_set(work->object, "Failed"))
		invalid(work, "conditions",
			"cannot set SuccessCriteriaMet=True and Failed=true conditions");
	if (met && is_set(work->object, "FailureTarget"))
		invalid(work, "conditions",
			"cannot set SuccessCriteriaMet=True and FailureTarget=true conditions");
	if (!met && json_path(work->object, "spec", "successPolicy", NULL) &&
	    is_set(work->object, "Complete"))
		invalid(work, "conditions",
			"cannot set Complete=True for Job with SuccessPolicy unless "
			"SuccessCriteriaMet=True");
}

void job_validate_status(const struct kind_work *work)
{
	check_counts(work);
	check_conditions(work);
	check_finish(work);
	check_indexes(work);
	check_pods(work);
	check_success(work);
}

/* --- what cannot be taken back --- */

static void check_decrease(const struct kind_work *work, const char *field)
{
	const struct json *now = status_of(work->object, field);

	if (json_int(now) < json_int(status_of(work->old, field)))
		field_errors_add(work->errors, FIELD_INVALID, AT("status.%s", field),
				 now ? field_value(work->errors, now) : "0",
				 AT("cannot decrease the %s counter", field));
}

void job_validate_status_change(const struct kind_work *work)
{
	static const char *const ends[] = { "Failed", "Complete", "FailureTarget" };
	const struct json *spec = json_get(work->object, "spec");

	for (size_t i = 0; i < ARRAY_LENGTH(ends); i++)
		if (is_set(work->old, ends[i]) && !is_set(work->object, ends[i]))
			invalid(work, "conditions",
				AT("cannot disable the terminal %s=True condition", ends[i]));
	check_decrease(work, "failed");
	/* A job with as many pods as completions may have been made smaller. */
	if (!json_equal(json_get(spec, "completions"), json_get(spec, "parallelism")))
		check_decrease(work, "succeeded");
	if (status_of(work->object, "completionTime") && status_of(work->old, "completionTime") &&
	    changed(work, "completionTime"))
		invalid(work, "completionTime", "completionTime cannot be mutated");
	/* A job that is resumed starts again. */
	if (status_of(work->old, "startTime") && changed(work, "startTime") &&
	    !json_bool(json_get(spec, "suspend")) &&
	    !(is_set(work->old, "Suspended") && !is_set(work->object, "Suspended") &&
	      status_of(work->object, "startTime")))
		validate_required(work, "status.startTime",
				  "startTime cannot be removed for unsuspended job");
	if (is_set(work->old, "SuccessCriteriaMet") && !is_set(work->object, "SuccessCriteriaMet"))
		invalid(work, "conditions", "cannot disable the SuccessCriteriaMet=True condition");
	if (is_set(work->old, "Complete") && !is_set(work->old, "SuccessCriteriaMet") &&
	    is_set(work->object, "SuccessCriteriaMet"))
		invalid(work, "conditions",
			"cannot set SuccessCriteriaMet=True for Job already has Complete=true "
			"conditions");
}
