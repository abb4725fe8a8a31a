/*
 * kind_job.c - Job: pods that run until enough have succeeded.
 */
#include <inttypes.h>

#include "api/kinds/cells.h"
#include "api/kinds/rows.h"
#include "api/names.h"
#include "api/object.h"
#include "api/table.h"
#include "api/validate.h"
#include "api/validate_job.h"
#include "api/validate_workload.h"
#include "base/clock.h"

#define UID_LABEL      "batch.kubernetes.io/controller-uid"
#define NAME_LABEL_KEY "batch.kubernetes.io/job-name"
/* Names of the same labels before they had a prefix. */
#define OLD_UID_LABEL  "controller-uid"
#define OLD_NAME_LABEL "job-name"

/* --- defaults --- */

static void put_absent(const struct kind_work *work, struct json *object, const char *key,
		       struct json *value)
{
	if (!json_get(object, key))
		json_put(work->doc, object, key, value);
}

/* A pattern without a status is for the condition being true. */
static void fill_patterns(const struct kind_work *work, struct json *spec)
{
	for (struct json_iter rule = json_iter(json_path(spec, "podFailurePolicy", "rules", NULL));
	     json_next(&rule);)
		for (struct json_iter it = json_iter(json_get(rule.value, "onPodConditions"));
		     json_next(&it);)
			if (json_str(json_get(it.value, "status")).len == 0)
				json_put(work->doc, it.value, "status",
					 json_new_text(work->doc, "True"));
}

/* Labels that are not said are those of the pods. */
static void fill_labels(const struct kind_work *work)
{
	const struct json *labels =
		json_path(work->object, "spec", "template", "metadata", "labels", NULL);

	if (json_count(labels) > 0 && json_count(json_get(meta_of(work->object), "labels")) == 0)
		json_put(work->doc, json_sub_object(work->doc, work->object, "metadata"), "labels",
			 json_clone(work->doc, labels));
}

static void fill(const struct kind_work *work)
{
	struct json_doc *doc = work->doc;
	struct json *spec = json_sub_object(doc, work->object, "spec");
	bool per_index = json_get(spec, "backoffLimitPerIndex") != NULL;

	fill_pod_spec(work, json_path(spec, "template", "spec", NULL), false);
	if (!json_get(spec, "parallelism"))
		put_absent(work, spec, "completions", json_new_int(doc, 1));
	put_absent(work, spec, "parallelism", json_new_int(doc, 1));
	put_absent(work, spec, "backoffLimit", json_new_int(doc, per_index ? INT32_MAX : 6));
	put_absent(work, spec, "completionMode", json_new_text(doc, "NonIndexed"));
	put_absent(work, spec, "suspend", json_new_bool(doc, false));
	put_absent(work, spec, "manualSelector", json_new_bool(doc, false));
	put_absent(work, spec, "podReplacementPolicy",
		   json_new_text(doc, json_get(spec, "podFailurePolicy") ? "Failed"
									 : "TerminatingOrFailed"));
	fill_patterns(work, spec);
	fill_labels(work);
}

/* --- the selector that nobody else has --- */

static void generate_selector(const struct kind_work *work, struct json *spec)
{
	struct json_doc *doc = work->doc;
	struct json *pod = json_sub_object(doc, spec, "template");
	struct json *labels = json_sub_object(doc, json_sub_object(doc, pod, "metadata"), "labels");
	const struct json *uid = json_get(meta_of(work->object), "uid"),
			  *name = json_get(meta_of(work->object), "name");
	struct json *selector;

	put_absent(work, labels, UID_LABEL, json_clone(doc, uid));
	put_absent(work, labels, NAME_LABEL_KEY, json_clone(doc, name));
	put_absent(work, labels, OLD_UID_LABEL, json_clone(doc, uid));
	put_absent(work, labels, OLD_NAME_LABEL, json_clone(doc, name));
	selector = json_sub_object(doc, spec, "selector");
	put_absent(work, json_sub_object(doc, selector, "matchLabels"), UID_LABEL,
		   json_clone(doc, uid));
}

/* Labels that were copied from the template grow with it. */
static void on_create(const struct kind_work *work)
{
	struct json *spec = json_sub_object(work->doc, work->object, "spec");
	struct json *metadata = json_sub_object(work->doc, work->object, "metadata");
	const struct json *labels = json_get(metadata, "labels"),
			  *theirs = json_path(spec, "template", "metadata", "labels", NULL);
	bool copied = json_count(labels) == 0 || json_equal(labels, theirs);

	json_put(work->doc, work->object, "status", json_new_object(work->doc));
	if (json_bool(json_get(spec, "manualSelector")))
		return;
	generate_selector(work, spec);
	if (copied)
		json_remove(metadata, STR("labels"));
	fill_labels(work);
}

/* --- validation --- */

static void check_label(const struct kind_work *work, const char *key, struct str wanted)
{
	const struct json *labels =
		json_path(work->object, "spec", "template", "metadata", "labels", NULL);
	const char *path = field_path(work->errors, "spec.template.metadata.labels[%s]", key),
		   *words = field_path(work->errors, "must be '" STR_FMT "'", STR_ARG(wanted));

	if (!json_get(labels, key))
		validate_required(work, path, words);
	else if (!str_equal(json_str(json_get(labels, key)), wanted))
		field_errors_add(work->errors, FIELD_INVALID, path, workload_go_map(work, labels),
				 words);
}

static void check_generated(const struct kind_work *work, const struct json *spec)
{
	struct str uid = meta_str(work->object, "uid"), name = meta_str(work->object, "name");
	auto_json_doc doc = NULL;
	struct json *labels;

	if (json_bool(json_get(spec, "manualSelector")) || !json_get(spec, "selector"))
		return;
	if (uid.len == 0)
		validate_required(work, "metadata.uid", "");
	check_label(work, OLD_UID_LABEL, uid);
	check_label(work, OLD_NAME_LABEL, name);
	check_label(work, UID_LABEL, uid);
	check_label(work, NAME_LABEL_KEY, name);
	doc = json_doc_new();
	labels = json_new_object(doc);
	json_put(doc, labels, UID_LABEL, json_new_str(doc, uid));
	json_put(doc, labels, NAME_LABEL_KEY, json_new_str(doc, name));
	json_put(doc, labels, OLD_UID_LABEL, json_new_str(doc, uid));
	json_put(doc, labels, OLD_NAME_LABEL, json_new_str(doc, name));
	if (!workload_matches(spec, labels))
		field_errors_add(work->errors, FIELD_INVALID, "spec.selector",
				 workload_go_selector(work, json_get(spec, "selector")),
				 "`selector` not auto-generated");
}

/* The pods of an indexed job are called NAME-INDEX. */
static void check_host_names(const struct kind_work *work, const struct json *spec)
{
	int64_t completions = json_int(json_get(spec, "completions"));
	const char *last = field_path(work->errors, STR_FMT "-%" PRId64,
				      STR_ARG(meta_str(work->object, "name")), completions - 1);

	if (job_is_indexed(spec) && completions > 0 && name_check(NAME_LABEL, str_of(last)))
		validate_invalid(work, "metadata.name", json_get(meta_of(work->object), "name"),
				 field_path(work->errors,
					    "will not able to create pod with invalid DNS label: "
					    "%s",
					    last));
}

static void check_spec(const struct kind_work *work, const struct json *spec)
{
	job_validate_spec(work, spec, "spec");
	if (json_get(spec, "selector"))
		validate_label_selector(work, json_get(spec, "selector"), "spec.selector");
	else
		validate_required(work, "spec.selector", "");
	workload_mismatch(work, spec);
}

/* --- updates --- */

/* The template as it was, with what may change for the pods of a job that has never begun. */
static struct json *loosened(struct json_doc *doc, const struct json *old, const struct json *now)
{
	static const char *const meta_fields[] = { "annotations", "labels" };
	static const char *const spec_fields[] = { "nodeSelector", "tolerations",
						   "schedulingGates" };
	struct json *pod = json_clone(doc, old), *spec = json_sub_object(doc, pod, "spec"),
		    *metadata = json_sub_object(doc, pod, "metadata"), *affinity;
	const struct json *wish = json_path(now, "spec", "affinity", NULL);

	for (size_t i = 0; i < ARRAY_LENGTH(meta_fields); i++)
		json_put(doc, metadata, meta_fields[i],
			 json_clone(doc, json_path(now, "metadata", meta_fields[i], NULL)));
	for (size_t i = 0; i < ARRAY_LENGTH(spec_fields); i++)
		json_put(doc, spec, spec_fields[i],
			 json_clone(doc, json_path(now, "spec", spec_fields[i], NULL)));
	affinity = json_sub_object(doc, spec, "affinity");
	json_put(doc, affinity, "nodeAffinity", json_clone(doc, json_get(wish, "nodeAffinity")));
	if (json_count(affinity) == 0 && !wish)
		json_remove(spec, STR("affinity"));
	return pod;
}

static void check_template_change(const struct kind_work *work, const struct json *now,
				  const struct json *old)
{
	bool waits = json_bool(json_path(work->old, "spec", "suspend", NULL)) &&
		     !json_path(work->old, "status", "startTime", NULL);
	auto_json_doc doc = json_doc_new();
	struct json *allowed = waits ? loosened(doc, old, now) : json_clone(doc, old);
	struct json *wish = now ? json_clone(doc, now) : json_new_object(doc);

	json_sub_object(doc, wish, "metadata");
	json_sub_object(doc, allowed, "metadata");
	workload_immutable(work, "spec.template", wish, allowed);
}

/* Those of an indexed job change together with the number of its pods. */
static void check_completions(const struct kind_work *work, const struct json *spec,
			      const struct json *old)
{
	const struct json *now = json_get(spec, "completions");

	if (!job_is_indexed(spec))
		workload_immutable(work, "spec.completions", now, json_get(old, "completions"));
	else if (now && !json_equal(now, json_get(old, "completions")) &&
		 !json_equal(now, json_get(spec, "parallelism")))
		validate_invalid(work, "spec.completions", now,
				 "can only be modified in tandem with spec.parallelism");
}

static void check_change(const struct kind_work *work, const struct json *spec,
			 const struct json *old)
{
	static const char *const fixed[] = { "completionMode", "podFailurePolicy",
					     "backoffLimitPerIndex", "managedBy", "successPolicy" };

	check_completions(work, spec, old);
	workload_immutable_selector(work, json_get(spec, "selector"), json_get(old, "selector"));
	check_template_change(work, json_get(spec, "template"), json_get(old, "template"));
	for (size_t i = 0; i < ARRAY_LENGTH(fixed); i++)
		workload_immutable(work, field_path(work->errors, "spec.%s", fixed[i]),
				   json_get(spec, fixed[i]), json_get(old, fixed[i]));
}

static void validate(const struct kind_work *work)
{
	const struct json *spec = json_get(work->object, "spec");

	if (strcmp(work->subresource, "status") == 0) {
		job_validate_status(work);
		job_validate_status_change(work);
		return;
	}
	if (!work->old)
		check_generated(work, spec);
	check_spec(work, spec);
	if (work->old)
		check_change(work, spec, json_get(work->old, "spec"));
	else
		check_host_names(work, spec);
}

static void warn(const struct kind_work *work)
{
	workload_warn(work);
	job_warn(work, json_get(work->object, "spec"), "spec");
}

/* --- columns --- */

static void print_status(const struct json *object, struct buf *out)
{
	static const char *const order[] = { "Complete",  "Failed",        NULL,
					     "Suspended", "FailureTarget", "SuccessCriteriaMet" };

	for (size_t i = 0; i < ARRAY_LENGTH(order); i++) {
		bool is = order[i] ? meta_condition_is_true(object, str_of(order[i]))
				   : json_get(meta_of(object), "deletionTimestamp") != NULL;

		if (!is)
			continue;
		buf_add_text(out, order[i] ? order[i] : "Terminating");
		return;
	}
	buf_add_text(out, "Running");
}

static void print_completions(const struct json *object, struct buf *out)
{
	const struct json *completions = json_path(object, "spec", "completions", NULL);
	int64_t parallelism = json_int(json_path(object, "spec", "parallelism", NULL));

	buf_add_print(out, "%" PRId64 "/",
		      json_int(json_path(object, "status", "succeeded", NULL)));
	if (completions)
		buf_add_print(out, "%" PRId64, json_int(completions));
	else if (parallelism > 1)
		buf_add_print(out, "1 of %" PRId64, parallelism);
	else
		buf_add_text(out, "1");
}

static void print_duration(const struct json *object, struct buf *out)
{
	struct str start = json_str(json_path(object, "status", "startTime", NULL)),
		   end = json_str(json_path(object, "status", "completionTime", NULL));
	int64_t from, to = clock_wall_s();

	if (!clock_parse(start, &from, NULL))
		return;
	if (end.len > 0 && !clock_parse(end, &to, NULL))
		return;
	table_print_age(to - from, out);
}

static const struct column columns[] = {
	{ .name = "Name", .format = "name", .path = ".metadata.name" },
	{ .name = "Status", .print = print_status },
	{ .name = "Completions", .print = print_completions },
	{ .name = "Duration", .print = print_duration },
	{ .name = "Age", .path = ".metadata.creationTimestamp" },
	{ .name = "Containers", .priority = 1, .print = cells_container_names },
	{ .name = "Images", .priority = 1, .print = cells_container_images },
	{ .name = "Selector", .priority = 1, .print = cells_selector },
	{ 0 },
};
static const struct field_label field_labels[] = {
	{ "status.successful", "status.succeeded" },
	{ 0 },
};

const struct kind kind_job = {
	.group = "batch",
	.version = "v1",
	.name = "Job",
	.plural = "jobs",
	.categories = categories_all,
	.type_name = "io.k8s.api.batch.v1.Job",
	.namespaced = true,
	.has_generation = true,
	.own_enums = true,
	.name_rule = NAME_SUBDOMAIN,
	.verbs = VERB_ALL,
	.fill = fill,
	.on_create = on_create,
	.validate = validate,
	.warn = warn,
	.subresources = subresources_status,
	.columns = columns,
	.field_labels = field_labels,
};
