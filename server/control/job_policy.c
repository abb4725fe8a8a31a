/*
 * job_policy.c - rules in their order; the first that fits decides.
 */
#include "server/control/job_policy.h"

#include <inttypes.h>

static bool has_number(const struct json *list, int64_t number)
{
	for (struct json_iter it = json_iter(list); json_next(&it);)
		if (json_int(it.value) == number)
			return true;
	return false;
}

/* Exit code 0 never fits. */
static bool fits_code(const struct json *wish, int64_t code)
{
	struct str operator= json_str(json_get(wish, "operator"));

	if (code == 0)
		return false;
	if (str_is(operator, "In"))
		return has_number(json_get(wish, "values"), code);
	return str_is(operator, "NotIn") && !has_number(json_get(wish, "values"), code);
}

/* The status of the first ended container that fits, or NULL. */
static const struct json *find_code(const struct json *statuses, const struct json *wish)
{
	const struct json *name = json_get(wish, "containerName");

	for (struct json_iter it = json_iter(statuses); json_next(&it);) {
		const struct json *end = json_path(it.value, "state", "terminated", NULL);

		if (end && (!name || json_equal(name, json_get(it.value, "name"))) &&
		    fits_code(wish, json_int(json_get(end, "exitCode"))))
			return it.value;
	}
	return NULL;
}

static const struct json *find_condition(const struct json *status, const struct json *patterns)
{
	for (struct json_iter it = json_iter(json_get(status, "conditions")); json_next(&it);)
		for (struct json_iter wish = json_iter(patterns); json_next(&wish);)
			if (json_equal(json_get(it.value, "type"), json_get(wish.value, "type")) &&
			    json_equal(json_get(it.value, "status"),
				       json_get(wish.value, "status")))
				return it.value;
	return NULL;
}

static enum job_action action_of(const struct json *rule)
{
	static const char *const words[] = { [JOB_ACTION_COUNT] = "Count",
					     [JOB_ACTION_IGNORE] = "Ignore",
					     [JOB_ACTION_FAIL_INDEX] = "FailIndex",
					     [JOB_ACTION_FAIL_JOB] = "FailJob" };
	struct str word = json_str(json_get(rule, "action"));

	for (int i = JOB_ACTION_COUNT; i <= JOB_ACTION_FAIL_JOB; i++)
		if (str_is(word, words[i]))
			return (enum job_action)i;
	return JOB_ACTION_NONE;
}

static void tell_code(const struct object *pod, const struct json *found, size_t rule,
		      struct buf *out)
{
	const struct json *end = json_path(found, "state", "terminated", NULL);

	buf_add_print(out,
		      "Container " STR_FMT " for pod " STR_FMT "/" STR_FMT
		      " failed with exit code %" PRId64 " matching FailJob rule at index %zu",
		      STR_ARG(json_str(json_get(found, "name"))), STR_ARG(object_namespace(pod)),
		      STR_ARG(object_name(pod)), json_int(json_get(end, "exitCode")), rule);
}

static void tell_condition(const struct object *pod, const struct json *found, size_t rule,
			   struct buf *out)
{
	buf_add_print(out,
		      "Pod " STR_FMT "/" STR_FMT " has condition " STR_FMT
		      " matching FailJob rule at index %zu",
		      STR_ARG(object_namespace(pod)), STR_ARG(object_name(pod)),
		      STR_ARG(json_str(json_get(found, "type"))), rule);
}

enum job_action job_policy_judge(const struct json *policy, const struct object *pod,
				 struct buf *message)
{
	const struct json *status = json_get(object_json(pod), "status");

	for (struct json_iter it = json_iter(json_get(policy, "rules")); json_next(&it);) {
		const struct json *codes = json_get(it.value, "onExitCodes"), *found = NULL;
		enum job_action action = action_of(it.value);

		if (codes) {
			found = find_code(json_get(status, "containerStatuses"), codes);
			if (!found)
				found = find_code(json_get(status, "initContainerStatuses"), codes);
		} else {
			found = find_condition(status, json_get(it.value, "onPodConditions"));
		}
		if (!found || action == JOB_ACTION_NONE)
			continue;
		if (action == JOB_ACTION_FAIL_JOB && message)
			(codes ? tell_code : tell_condition)(pod, found, it.index, message);
		return action;
	}
	return JOB_ACTION_NONE;
}

static bool is_met(const struct json *rule, int64_t completions,
		   const struct job_indexes *succeeded)
{
	const struct json *wished = json_get(rule, "succeededIndexes"),
			  *count = json_get(rule, "succeededCount");
	auto_job_indexes indexes = { 0 };
	int64_t common;

	if (!wished)
		return count && job_indexes_total(succeeded) >= json_int(count);
	job_indexes_read(&indexes, json_str(wished), completions);
	if (indexes.count == 0)
		return false;
	common = job_indexes_common(&indexes, succeeded);
	return common == job_indexes_total(&indexes) || (count && common >= json_int(count));
}

bool job_policy_is_met(const struct json *policy, int64_t completions,
		       const struct job_indexes *succeeded, size_t *out_rule)
{
	if (succeeded->count == 0)
		return false;
	for (struct json_iter it = json_iter(json_get(policy, "rules")); json_next(&it);)
		if (is_met(it.value, completions, succeeded)) {
			*out_rule = it.index;
			return true;
		}
	return false;
}
