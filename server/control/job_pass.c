/*
 * job_pass.c - counting, ending, tracking.
 */
#include "server/control/job_pass.h"

#include <assert.h>
#include <inttypes.h>

#include "api/validate_job.h"
#include "base/clock.h"

#define UNCOUNTED_MAX 500 /* a pass: keeps the status small, and other Jobs get their turn */

/* --- the look --- */

static int64_t completions_of(const struct job_pass *pass)
{
	return json_int(json_get(pass->spec, "completions"));
}

/* Ended pods that are neither counted nor on their way to it. */
static bool is_known(void *of, const struct job_pod *pod)
{
	const struct job_pass *pass = of;
	struct str uid = object_uid(pod->object);

	return job_status_has_uncounted(&pass->status, JOB_UNCOUNTED_SUCCEEDED, uid) ||
	       job_status_has_uncounted(&pass->status, JOB_UNCOUNTED_FAILED, uid) ||
	       (pass->indexed && pod->index < 0);
}

static void count(struct job_pass *pass)
{
	const struct job_status *status = &pass->status;

	pass->succeeded = job_status_number(status, "succeeded") +
			  (int64_t)job_status_count_uncounted(status, JOB_UNCOUNTED_SUCCEEDED);
	pass->failed = job_status_number(status, "failed") +
		       (int64_t)job_status_count_uncounted(status, JOB_UNCOUNTED_FAILED);
	for (size_t i = 0; i < pass->pods.count; i++) {
		const struct job_pod *pod = &pass->pods.items[i];
		bool is_new = !pod->active && pod->uncounted && !is_known(pass, pod);

		pass->active += pod->active;
		pass->ready += pod->active && pod->ready;
		pass->terminating += pod->terminating;
		pass->succeeded += is_new && pod->phase == MEMBER_SUCCEEDED;
		pass->failed += is_new && pod->failed && pod->counts;
	}
}

static struct job_end fail(const char *reason, const char *message)
{
	return (struct job_end){ JOB_FAILURE, reason, message };
}

static const char *text_of(struct job_pass *pass, const struct json *condition, const char *key)
{
	return str_copy_arena(json_str(json_get(condition, key)), pass->arena);
}

static bool is_past_restarts(const struct job_pass *pass, int64_t limit)
{
	int64_t restarts = 0;

	for (size_t i = 0; i < pass->pods.count; i++)
		restarts += pass->pods.items[i].restarts;
	return restarts > 0 && restarts >= limit;
}

/* Of spec.activeDeadlineSeconds; INT64_MAX when it does not run. */
static int64_t deadline_ms(const struct job_pass *pass)
{
	const struct json *limit = json_get(pass->spec, "activeDeadlineSeconds");
	struct str start = json_str(json_get(pass->status.status, "startTime"));
	int64_t since;

	if (!limit || pass->suspended || !clock_parse(start, &since, NULL))
		return INT64_MAX;
	return (since + json_int(limit)) * 1000 - clock_wall_us() / 1000;
}

/* What has been decided before stays so. */
static void find_end(struct job_pass *pass)
{
	const struct json *success = job_status_true(&pass->status, JOB_SUCCESS),
			  *failure = job_status_true(&pass->status, JOB_FAILURE);
	int64_t limit = json_int(json_get(pass->spec, "backoffLimit")), left = deadline_ms(pass);

	if (success)
		pass->end = (struct job_end){ JOB_SUCCESS, text_of(pass, success, "reason"),
					      text_of(pass, success, "message") };
	else if (failure)
		pass->end =
			fail(text_of(pass, failure, "reason"), text_of(pass, failure, "message"));
	else if (pass->pods.fail_job)
		pass->end = fail("PodFailurePolicy", pass->pods.fail_job);
	else if (pass->failed > limit || is_past_restarts(pass, limit))
		pass->end =
			fail("BackoffLimitExceeded", "Job has reached the specified backoff limit");
	else if (left <= 0)
		pass->end =
			fail("DeadlineExceeded", "Job was active longer than specified deadline");
	else if (left != INT64_MAX)
		pass->look_ms = left;
}

/* --- indexes --- */

static bool is_index_lost(const struct job_pass *pass, const struct job_pod *pod)
{
	if (!pod->failed)
		return false;
	if (pod->action == JOB_ACTION_FAIL_INDEX)
		return true;
	return pod->counts && job_pods_failures(pod->object) >=
				      json_int(json_get(pass->spec, "backoffLimitPerIndex"));
}

static void read_indexes(struct job_pass *pass)
{
	const struct json *status = pass->status.status;
	int64_t completions = completions_of(pass);

	job_indexes_read(&pass->counted, json_str(json_get(status, "completedIndexes")),
			 completions);
	job_indexes_merge(&pass->done, &pass->counted);
	job_indexes_read(&pass->lost, json_str(json_get(status, "failedIndexes")), completions);
	for (size_t i = 0; i < pass->pods.count; i++) {
		const struct job_pod *pod = &pass->pods.items[i];

		if (pod->active || pod->index < 0 || !pod->uncounted)
			continue;
		if (pod->phase == MEMBER_SUCCEEDED)
			job_indexes_add(&pass->done, pod->index, pod->index);
		else if (pass->per_index && is_index_lost(pass, pod))
			job_indexes_add(&pass->lost, pod->index, pod->index);
	}
	pass->succeeded = job_indexes_total(&pass->done);
}

static void find_end_of_indexes(struct job_pass *pass)
{
	const struct json *most = json_get(pass->spec, "maxFailedIndexes");
	int64_t lost = job_indexes_total(&pass->lost);
	size_t rule;

	if (!pass->end.type && pass->per_index) {
		if (most && lost > json_int(most))
			pass->end = fail("MaxFailedIndexesExceeded",
					 "Job has exceeded the specified maximal number of failed "
					 "indexes");
		else if (lost > 0 && lost + pass->succeeded >= completions_of(pass))
			pass->end = fail("FailedIndexes", "Job has failed indexes");
	}
	if (!pass->end.type && job_policy_is_met(json_get(pass->spec, "successPolicy"),
						 completions_of(pass), &pass->done, &rule))
		pass->end = (struct job_end){ JOB_SUCCESS, "SuccessPolicy",
					      arena_print(pass->arena, "Matched rules at index %zu",
							  rule) };
}

static bool is_later(const struct job_pod *pod, const struct job_pod *than)
{
	int64_t failures = job_pods_failures(pod->object) + job_pods_ignored(pod->object);

	return failures >= job_pods_failures(than->object) + job_pods_ignored(than->object) &&
	       pod->ended_s >= than->ended_s;
}

/* Of each index that is to be tried again, the pod that failed last; pods are in order of indexes.
 */
static void find_heirless(struct job_pass *pass)
{
	for (size_t from = 0, to; from < pass->pods.count; from = to) {
		int64_t index = pass->pods.items[from].index;
		struct job_pod *last = NULL;
		bool taken = index < 0 || job_indexes_have(&pass->done, index) ||
			     job_indexes_have(&pass->lost, index);

		for (to = from; to < pass->pods.count && pass->pods.items[to].index == index;
		     to++) {
			struct job_pod *pod = &pass->pods.items[to];

			taken = taken || pod->active;
			if (pod->failed && pod->uncounted && (!last || is_later(pod, last)))
				last = pod;
		}
		if (last && !taken)
			last->heirless = true;
	}
}

/* --- opening --- */

void job_pass_open(struct job_pass *pass, const struct object *job, const struct family *family,
		   const struct job_backoff *backoff)
{
	*pass = (struct job_pass){ .job = object_ref(job), .arena = arena_new() };
	job_status_open(&pass->status, job);
	/* Of a copy: the pass goes on in later rounds of the loop, the job's parsed form does not.
	 */
	pass->spec = json_get(pass->status.root, "spec");
	pass->indexed = job_is_indexed(pass->spec);
	pass->per_index = pass->indexed && json_get(pass->spec, "backoffLimitPerIndex");
	pass->suspended = json_bool(json_get(pass->spec, "suspend"));
	job_pods_take(family, job, &pass->pods);
	count(pass);
	if (!json_get(pass->status.status, "startTime") && !pass->suspended)
		job_status_put_now(&pass->status, "startTime");
	pass->backoff = job_backoff_after(*backoff, &pass->pods, is_known, pass);
	find_end(pass);
	if (pass->indexed) {
		read_indexes(pass);
		find_end_of_indexes(pass);
		if (pass->per_index)
			find_heirless(pass);
	}
}

void job_pass_close(struct job_pass *pass)
{
	job_status_close(&pass->status);
	job_pods_clear(&pass->pods);
	job_indexes_clear(&pass->counted);
	job_indexes_clear(&pass->done);
	job_indexes_clear(&pass->lost);
	arena_free(pass->arena);
	object_unref(pass->job);
}

/* --- concluding --- */

void job_pass_conclude(struct job_pass *pass)
{
	const struct json *completions = json_get(pass->spec, "completions");
	bool enough = completions ? pass->succeeded >= json_int(completions) : pass->succeeded > 0;

	if (enough && pass->active == 0) {
		pass->end = (struct job_end){ JOB_SUCCESS, "CompletionsReached",
					      "Reached expected number of succeeded pods" };
		return;
	}
	if (object_is_deleting(pass->job))
		return;
	if (pass->suspended) {
		if (job_status_put_condition(&pass->status, "Suspended", true, "JobSuspended",
					     "Job suspended"))
			pass->told = "Suspended";
	} else if (job_status_put_condition(&pass->status, "Suspended", false, "JobResumed",
					    "Job resumed")) {
		pass->told = "Resumed";
		/* A deadline is about the time that it is not suspended. */
		job_status_put_now(&pass->status, "startTime");
	}
}

/* --- tracking --- */

static bool is_success(const struct job_end *end)
{
	return end->type && strcmp(end->type, JOB_SUCCESS) == 0;
}

/* The failures of an index are handed over to the pod that replaces the last one. */
static bool waits_for_heir(const struct job_pass *pass, const struct job_pod *pod)
{
	return pass->per_index && pod->heirless;
}

static bool may_go(const struct job_pass *pass, const struct job_pod *pod)
{
	if (object_is_deleting(pass->job) || pass->end.type || pod->phase == MEMBER_SUCCEEDED)
		return true;
	return pod->failed && !waits_for_heir(pass, pod);
}

static void list_pod(struct job_pass *pass, const struct job_pod *pod)
{
	struct job_status *status = &pass->status;
	struct str uid = object_uid(pod->object);
	bool lost = job_status_has_uncounted(status, JOB_UNCOUNTED_FAILED, uid);

	if (pod->phase == MEMBER_SUCCEEDED && !lost) {
		if (!pass->indexed &&
		    !job_status_has_uncounted(status, JOB_UNCOUNTED_SUCCEEDED, uid))
			job_status_add_uncounted(status, JOB_UNCOUNTED_SUCCEEDED, uid);
		else if (pass->indexed && pod->index >= 0)
			job_indexes_add(&pass->counted, pod->index, pod->index);
		return;
	}
	/* When the Job ends without success, all that has not ended has failed. */
	if (!pod->failed && (!pass->end.type || is_success(&pass->end)))
		return;
	if (!lost && (!pass->indexed || pod->index >= 0) && (pod->counts || !pod->failed))
		job_status_add_uncounted(status, JOB_UNCOUNTED_FAILED, uid);
}

static size_t count_listed(const struct job_pass *pass)
{
	return job_status_count_uncounted(&pass->status, JOB_UNCOUNTED_SUCCEEDED) +
	       job_status_count_uncounted(&pass->status, JOB_UNCOUNTED_FAILED);
}

static void put_indexes(struct job_pass *pass)
{
	auto_buf text = BUF_INIT;

	job_indexes_print(&pass->counted, &text);
	job_status_put_number(&pass->status, "succeeded", job_indexes_total(&pass->counted), false);
	if (text.len > 0)
		job_status_put_text(&pass->status, "completedIndexes", buf_str(&text));
	else
		json_remove(pass->status.status, STR("completedIndexes"));
	if (!pass->per_index)
		return;
	buf_reset(&text);
	job_indexes_print(&pass->lost, &text);
	job_status_put_text(&pass->status, "failedIndexes", buf_str(&text));
}

bool *job_pass_track(struct job_pass *pass)
{
	struct job_status *status = &pass->status;
	bool *goes = memory_zero(pass->pods.count + 1);
	size_t indexes = 0;

	job_status_put_number(status, "active", pass->active, false);
	job_status_put_number(status, "ready", pass->ready, true);
	job_status_put_number(status, "terminating", pass->terminating, true);
	job_status_settle(status, &pass->pods);
	for (size_t i = 0; i < pass->pods.count; i++) {
		const struct job_pod *pod = &pass->pods.items[i];

		if (!pod->uncounted || pod->stripped || !may_go(pass, pod))
			continue;
		if (count_listed(pass) + indexes >= UNCOUNTED_MAX) {
			pass->full = true;
			break;
		}
		goes[i] = true;
		list_pod(pass, pod);
		indexes += pass->indexed && pod->phase == MEMBER_SUCCEEDED;
	}
	if (pass->indexed)
		put_indexes(pass);
	if (pass->end.type)
		job_status_put_condition(status, pass->end.type, true, pass->end.reason,
					 pass->end.message);
	return goes;
}

bool job_pass_finish(struct job_pass *pass)
{
	struct job_status *status = &pass->status;
	bool success = is_success(&pass->end);

	job_status_settle(status, &pass->pods);
	if (!pass->end.type || pass->full || count_listed(pass) > 0 || pass->terminating > 0)
		return false;
	job_status_put_condition(status, success ? "Complete" : "Failed", true, pass->end.reason,
				 pass->end.message);
	if (success)
		job_status_put_now(status, "completionTime");
	return true;
}
