/*
 * job_pods.c - facts of pods, and who is one too many.
 */
#include "server/control/job_pods.h"

#include "api/validate_job.h"
#include "base/clock.h"

/* --- facts --- */

/* The text between quotes is nowhere else in most pods; where it is, the list is looked at. */
bool job_pods_is_uncounted(const struct object *pod)
{
	const struct json *list;

	if (str_search(object_bytes(pod), STR("\"" JOB_FINALIZER "\"")) < 0)
		return false;
	list = json_get(meta_of(object_json(pod)), "finalizers");
	for (struct json_iter it = json_iter(list); json_next(&it);)
		if (str_is(json_str(it.value), JOB_FINALIZER))
			return true;
	return false;
}

static int64_t annotated(const struct object *pod, const char *key, int64_t fallback)
{
	int64_t value;

	return str_to_i64(meta_annotation(object_json(pod), key), 0, INT32_MAX, &value) ? value
											: fallback;
}

int64_t job_pods_failures(const struct object *pod)
{
	return annotated(pod, JOB_FAILURES, 0);
}

int64_t job_pods_ignored(const struct object *pod)
{
	return annotated(pod, JOB_IGNORED_FAILURES, 0);
}

bool job_pods_wait_for_end(const struct json *job_spec)
{
	return str_is(json_str(json_get(job_spec, "podReplacementPolicy")), "Failed") ||
	       json_get(job_spec, "podFailurePolicy");
}

/* The last end of its containers; false when one has not ended. */
static bool find_end(const struct json *status, int64_t *out_s)
{
	const struct json *statuses = json_get(status, "containerStatuses");
	int64_t end;

	*out_s = INT64_MIN;
	for (struct json_iter it = json_iter(statuses); json_next(&it);) {
		const struct json *terminated = json_path(it.value, "state", "terminated", NULL);

		if (!clock_parse(json_str(json_get(terminated, "finishedAt")), &end, NULL))
			return false;
		if (end > *out_s)
			*out_s = end;
	}
	return *out_s != INT64_MIN;
}

/* When a pod has ended: by its containers, by not being ready, by its deletion, or since it is. */
static int64_t end_of(const struct member *member)
{
	const struct json *root = object_json(member->object), *metadata = meta_of(root);
	const struct json *ready = meta_condition(root, STR("Ready"));
	int64_t end;

	if (find_end(json_get(root, "status"), &end))
		return end;
	if (str_is(json_str(json_get(ready, "status")), "False") &&
	    clock_parse(json_str(json_get(ready, "lastTransitionTime")), &end, NULL))
		return end;
	if (clock_parse(json_str(json_get(metadata, "deletionTimestamp")), &end, NULL))
		return end - json_int(json_get(metadata, "deletionGracePeriodSeconds"));
	return member->created_s;
}

static int64_t count_restarts(const struct object *pod)
{
	static const char *const lists[] = { "initContainerStatuses", "containerStatuses" };
	const struct json *status = json_get(object_json(pod), "status");
	int64_t restarts = 0;

	for (size_t i = 0; i < ARRAY_LENGTH(lists); i++)
		for (struct json_iter it = json_iter(json_get(status, lists[i])); json_next(&it);)
			restarts += json_int(json_get(it.value, "restartCount"));
	return restarts;
}

/* Of a pod that is over, what the Job makes of it. */
static void judge(struct job_pod *pod, const struct member *member, const struct json *spec,
		  struct buf *fail_job)
{
	const struct json *policy = json_get(spec, "podFailurePolicy");
	auto_buf message = BUF_INIT;

	pod->uncounted = member->uncounted;
	if (pod->uncounted)
		pod->ended_s = end_of(member);
	pod->failed = pod->phase == MEMBER_FAILED ||
		      (!job_pods_wait_for_end(spec) && object_is_deleting(pod->object) &&
		       pod->phase != MEMBER_SUCCEEDED);
	if (!pod->failed)
		return;
	pod->action = policy ? job_policy_judge(policy, pod->object, &message) : JOB_ACTION_NONE;
	pod->counts = pod->action != JOB_ACTION_IGNORE;
	if (fail_job->len == 0)
		buf_add_str(fail_job, buf_str(&message));
}

static void take(struct job_pod *pod, const struct member *member, const struct json *spec,
		 struct buf *fail_job)
{
	bool finished = member->phase == MEMBER_SUCCEEDED || member->phase == MEMBER_FAILED;
	bool restarts = member->restarts > 0 &&
			str_is(json_str(json_path(spec, "template", "spec", "restartPolicy", NULL)),
			       "OnFailure");

	*pod = (struct job_pod){
		.object = object_ref(member->object),
		.index = -1,
		.phase = member->phase,
		.active = member_is_active(member),
		.terminating = !finished && object_is_deleting(member->object),
		.ready = member->ready,
		.scheduled = member->node != NULL,
		.uncounted = true,
		.created_s = member->created_s,
		.ready_since_s = member->ready_since_s,
	};
	if (job_is_indexed(spec)) {
		pod->index = member->job_index;
		if (pod->index >= json_int(json_get(spec, "completions")))
			pod->index = -1;
	}
	if (restarts && (member->phase == MEMBER_RUNNING || member->phase == MEMBER_PENDING))
		pod->restarts = count_restarts(pod->object);
	if (!pod->active)
		judge(pod, member, spec, fail_job);
	object_trim(pod->object); /* thousands of pods are usual */
}

static int by_index(const void *a, const void *b)
{
	const struct job_pod *left = a, *right = b;

	if (left->index != right->index)
		return left->index < right->index ? -1 : 1;
	return str_compare(object_name(left->object), object_name(right->object));
}

void job_pods_take(const struct family *family, const struct object *job, struct job_pods *out)
{
	const struct json *spec = json_get(object_json(job), "spec");
	size_t count = family_count(family, object_uid(job));
	const struct member *member;
	auto_buf fail_job = BUF_INIT;

	*out = (struct job_pods){ .items = memory_get((count + 1) * sizeof(*out->items)) };
	for (size_t i = 0; (member = family_next(family, object_uid(job), &i));)
		take(&out->items[out->count++], member, spec, &fail_job);
	qsort(out->items, out->count, sizeof(*out->items), by_index);
	out->fail_job = fail_job.len > 0 ? buf_take(&fail_job) : NULL;
}

void job_pods_clear(struct job_pods *pods)
{
	for (size_t i = 0; i < pods->count; i++) {
		object_trim(pods->items[i].object);
		object_unref(pods->items[i].object);
	}
	free(pods->items);
	free(pods->fail_job);
	*pods = (struct job_pods){ 0 };
}

/* --- who goes --- */

/* Of less worth first: without a node, pending, not ready, ready for a shorter time, younger. */
static int by_worth(const void *a, const void *b)
{
	const struct job_pod *left = *(struct job_pod *const *)a,
			     *right = *(struct job_pod *const *)b;
	const int64_t order[][2] = {
		{ left->scheduled, right->scheduled },
		{ left->phase != MEMBER_PENDING, right->phase != MEMBER_PENDING },
		{ left->ready, right->ready },
		{ -left->ready_since_s, -right->ready_since_s },
		{ -left->created_s, -right->created_s },
	};

	for (size_t i = 0; i < ARRAY_LENGTH(order); i++)
		if (order[i][0] != order[i][1])
			return order[i][0] < order[i][1] ? -1 : 1;
	return str_compare(object_name(left->object), object_name(right->object));
}

/* Those at `from` to before `to` have one index: the worthiest stays. */
static size_t drop_doubles(struct job_pod **active, size_t from, size_t to, struct job_pod **gone,
			   size_t gone_count)
{
	bool keeps_one = active[from]->index >= 0;

	qsort(&active[from], to - from, sizeof(*active), by_worth);
	for (size_t i = from; i < to - keeps_one; i++) {
		gone[gone_count++] = active[i];
		active[i] = NULL;
	}
	return gone_count;
}

size_t job_pods_surplus(const struct job_pods *pods, bool indexed, size_t least,
			struct job_pod ***out)
{
	struct job_pod **gone = memory_get((pods->count + 1) * sizeof(*gone));
	auto_free struct job_pod **active = memory_get((pods->count + 1) * sizeof(*active));
	size_t count = 0, left = 0, gone_count = 0;

	for (size_t i = 0; i < pods->count; i++)
		if (pods->items[i].active)
			active[count++] = &pods->items[i];
	for (size_t from = 0, to; indexed && from < count; from = to) {
		for (to = from + 1; to < count && active[to]->index == active[from]->index;)
			to++;
		gone_count = drop_doubles(active, from, to, gone, gone_count);
	}
	for (size_t i = 0; i < count; i++)
		if (active[i])
			active[left++] = active[i];
	qsort(active, left, sizeof(*active), by_worth);
	for (size_t i = 0; i < left && gone_count < least; i++)
		gone[gone_count++] = active[i];
	*out = gone;
	return gone_count;
}
