/*
 * job_wish.c - counts what is missing, chooses indexes, and writes the pods.
 */
#include "server/control/job_wish.h"

#include <inttypes.h>

#define A_PASS_MAX    500 /* pods made or removed */
#define NAME_BASE_MAX 58  /* what a generated name may have before its five letters */
#define INDEX_VALUE   "JOB_COMPLETION_INDEX"

/* --- bodies --- */

static void add_index_value(struct json_doc *doc, const struct json *containers)
{
	for (struct json_iter it = json_iter(containers); json_next(&it);) {
		struct json *env = json_sub_array(doc, it.value, "env"), *entry;
		bool has = false;

		for (struct json_iter one = json_iter(env); json_next(&one);)
			has = has || str_is(json_str(json_get(one.value, "name")), INDEX_VALUE);
		if (has)
			continue;
		entry = json_new_object(doc);
		json_put(doc, entry, "name", json_new_text(doc, INDEX_VALUE));
		json_put(doc,
			 json_sub_object(doc, json_sub_object(doc, entry, "valueFrom"), "fieldRef"),
			 "fieldPath", json_new_text(doc, "metadata.labels['" JOB_INDEX "']"));
		json_append(env, entry);
	}
}

static struct json *new_pod(struct json_doc *doc, const struct job_pass *pass)
{
	struct json *pod = pod_maker_new(doc, pass->job, json_get(pass->spec, "template"));
	struct json *finalizers = json_sub_array(doc, meta_of(pod), "finalizers");
	bool has = false;

	for (struct json_iter it = json_iter(finalizers); json_next(&it);)
		has = has || str_is(json_str(it.value), JOB_FINALIZER);
	if (!has)
		json_append(finalizers, json_new_text(doc, JOB_FINALIZER));
	if (pass->indexed) {
		add_index_value(doc, json_path(pod, "spec", "initContainers", NULL));
		add_index_value(doc, json_path(pod, "spec", "containers", NULL));
	}
	return pod;
}

/* The pod of this index whose failures the next one inherits, or NULL. */
static const struct job_pod *find_heirless(const struct job_pass *pass, int64_t index)
{
	size_t low = 0, high = pass->pods.count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (pass->pods.items[middle].index < index)
			low = middle + 1;
		else
			high = middle;
	}
	for (; low < pass->pods.count && pass->pods.items[low].index == index; low++)
		if (pass->pods.items[low].heirless)
			return &pass->pods.items[low];
	return NULL;
}

static void note_failures(struct json_doc *doc, struct json *annotations,
			  const struct job_pod *before)
{
	int64_t failures = 0, ignored = 0;

	if (before) {
		failures = job_pods_failures(before->object) + before->counts;
		ignored = job_pods_ignored(before->object) + !before->counts;
	}
	json_put(doc, annotations, JOB_FAILURES, json_new_print(doc, "%" PRId64, failures));
	if (ignored > 0)
		json_put(doc, annotations, JOB_IGNORED_FAILURES,
			 json_new_print(doc, "%" PRId64, ignored));
}

/* "NAME-INDEX-", as much of NAME as fits. */
static struct json *name_of(struct json_doc *doc, struct str job, int64_t index)
{
	auto_buf end = BUF_INIT;

	buf_add_print(&end, "-%" PRId64 "-", index);
	if (job.len + end.len > NAME_BASE_MAX)
		job.len = NAME_BASE_MAX - end.len;
	return json_new_print(doc, STR_FMT "%s", STR_ARG(job), buf_text(&end));
}

/* Of all indexes one body is made: what differs is put anew each time. */
static void put_index(struct json_doc *doc, struct json *pod, const struct job_pass *pass,
		      int64_t index)
{
	struct json *metadata = meta_of(pod), *value = json_new_print(doc, "%" PRId64, index);
	struct json *annotations = json_sub_object(doc, metadata, "annotations");

	json_put(doc, annotations, JOB_INDEX, value);
	json_put(doc, json_sub_object(doc, metadata, "labels"), JOB_INDEX, json_clone(doc, value));
	json_put(doc, metadata, "generateName", name_of(doc, object_name(pass->job), index));
	json_put(doc, json_get(pod, "spec"), "hostname",
		 json_new_print(doc, STR_FMT "-%" PRId64, STR_ARG(object_name(pass->job)), index));
	json_remove(annotations, STR(JOB_IGNORED_FAILURES));
	if (pass->per_index)
		note_failures(doc, annotations, find_heirless(pass, index));
}

/* --- how many, and which --- */

static void look_after(struct job_pass *pass, int64_t ms)
{
	if (pass->look_ms == 0 || ms < pass->look_ms)
		pass->look_ms = ms;
}

static int64_t wanted_of(const struct job_pass *pass)
{
	const struct json *completions = json_get(pass->spec, "completions");
	int64_t parallelism = json_int(json_get(pass->spec, "parallelism")), left;

	if (pass->suspended)
		return 0;
	/* Without a number the first success decides: what runs goes on, nothing is added. */
	if (!completions)
		return pass->succeeded > 0 ? pass->active : parallelism;
	left = json_int(completions) - pass->succeeded;
	return left < 0 ? 0 : left < parallelism ? left : parallelism;
}

/* Those that no pod has, that have not succeeded and are not lost. */
static void make_indexed(struct job_pass *pass, int64_t count, struct pod_list *out)
{
	int64_t completions = json_int(json_get(pass->spec, "completions")), wait_ms = 0;
	bool waits = job_pods_wait_for_end(pass->spec);
	auto_json_doc doc = json_doc_new();
	struct json *pod = new_pod(doc, pass);
	auto_job_indexes taken = { 0 };

	job_indexes_merge(&taken, &pass->done);
	job_indexes_merge(&taken, &pass->lost);
	for (size_t i = 0; i < pass->pods.count; i++) {
		const struct job_pod *one = &pass->pods.items[i];

		if (one->index >= 0 && (one->active || (waits && one->terminating)))
			job_indexes_add(&taken, one->index, one->index);
	}
	for (int64_t at = job_indexes_free_from(&taken, 0); at < completions && count > 0;
	     at = job_indexes_free_from(&taken, at + 1), count--) {
		const struct job_pod *failed = pass->per_index ? find_heirless(pass, at) : NULL;
		int64_t left = failed ? job_backoff_index_left_ms(failed) : 0;

		if (left > 0) {
			wait_ms = wait_ms == 0 || left < wait_ms ? left : wait_ms;
			continue;
		}
		put_index(doc, pod, pass, at);
		pod_list_add(out, pod);
	}
	if (wait_ms > 0)
		look_after(pass, wait_ms);
}

static void make(struct job_pass *pass, int64_t count, struct pod_list *out)
{
	int64_t left = pass->per_index ? 0 : job_backoff_left_ms(&pass->backoff);
	auto_json_doc doc = NULL;
	struct json *pod;

	if (left > 0) {
		look_after(pass, left);
		return;
	}
	if (count > A_PASS_MAX)
		count = A_PASS_MAX;
	if (pass->indexed) {
		make_indexed(pass, count, out);
		return;
	}
	doc = json_doc_new();
	pod = new_pod(doc, pass);
	for (int64_t i = 0; i < count; i++)
		pod_list_add(out, pod);
}

void job_wish_find(struct job_pass *pass, struct job_wish *out)
{
	int64_t wanted = wanted_of(pass);
	int64_t least = pass->active > wanted ? pass->active - wanted : 0;
	int64_t ending = job_pods_wait_for_end(pass->spec) ? pass->terminating : 0;

	*out = (struct job_wish){ 0 };
	out->surplus_count =
		job_pods_surplus(&pass->pods, pass->indexed, (size_t)least, &out->surplus);
	if (!pass->suspended && out->surplus_count > A_PASS_MAX)
		out->surplus_count = A_PASS_MAX;
	if (out->surplus_count == 0 && wanted - ending - pass->active > 0)
		make(pass, wanted - ending - pass->active, &out->made);
}
