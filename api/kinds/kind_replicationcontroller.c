/*
 * kind_replicationcontroller.c - ReplicationController: so many pods like this one, the older kind.
 */
#include "api/kinds/cells.h"
#include "api/kinds/rows.h"
#include "api/object.h"
#include "api/validate.h"
#include "api/validate_values.h"
#include "api/validate_words.h"
#include "api/validate_workload.h"
#include "base/map.h"

#define TEMPLATE "spec.template"

/* Without a selector the template's labels are one; without labels it has those, too. */
static void fill(const struct kind_work *work)
{
	struct json *spec = json_sub_object(work->doc, work->object, "spec"),
		    *metadata = meta_of(work->object);
	const struct json *labels = json_path(spec, "template", "metadata", "labels", NULL);

	fill_pod_spec(work, json_path(spec, "template", "spec", NULL), false);
	if (!labels)
		return;
	if (json_count(json_get(spec, "selector")) == 0)
		json_put(work->doc, spec, "selector", json_clone(work->doc, labels));
	if (json_count(json_get(metadata, "labels")) == 0)
		json_put(work->doc, metadata, "labels", json_clone(work->doc, labels));
}

static void on_create(const struct kind_work *work)
{
	struct json *status = json_new_object(work->doc);

	json_put(work->doc, status, "replicas", json_new_int(work->doc, 0));
	json_put(work->doc, work->object, "status", status);
}

static void check_at_most(const struct kind_work *work, const char *field, const char *most,
			  const char *why)
{
	const struct json *status = json_get(work->object, "status"),
			  *value = json_get(status, field);

	if (json_int(value) > json_int(json_get(status, most)))
		validate_invalid(work, field_path(work->errors, "status.%s", field),
				 value ? value : json_new_int(work->doc, 0), why);
}

static void validate_status(const struct kind_work *work)
{
	static const char *const counts[] = { "replicas", "fullyLabeledReplicas", "readyReplicas",
					      "availableReplicas", "observedGeneration" };
	static const char why[] = "cannot be greater than status.replicas";
	const struct json *status = json_get(work->object, "status");

	for (size_t i = 0; i < ARRAY_LENGTH(counts); i++)
		validate_not_negative(work, json_get(status, counts[i]),
				      field_path(work->errors, "status.%s", counts[i]));
	check_at_most(work, "fullyLabeledReplicas", "replicas", why);
	check_at_most(work, "readyReplicas", "replicas", why);
	check_at_most(work, "availableReplicas", "replicas", why);
	check_at_most(work, "availableReplicas", "readyReplicas",
		      "cannot be greater than readyReplicas");
}

static bool matches(const struct json *selector, const struct json *labels)
{
	auto_map entries = values_entries(labels);

	for (struct json_iter it = json_iter(selector); json_next(&it);) {
		const struct json *value = map_find(entries, it.key);

		if (!value || !str_equal(json_str(value), json_str(it.value)))
			return false;
	}
	return true;
}

static void check_template(const struct kind_work *work, const struct json *spec)
{
	static const char *const always[] = { "Always", NULL };
	const struct json *pod = json_get(spec, "template"),
			  *labels = json_path(pod, "metadata", "labels", NULL);

	if (!pod) {
		validate_required(work, TEMPLATE, "");
		return;
	}
	if (!matches(json_get(spec, "selector"), labels))
		field_errors_add(work->errors, FIELD_INVALID, TEMPLATE ".metadata.labels",
				 workload_go_map(work, labels),
				 "`selector` does not match template `labels`");
	workload_pod_template(work, pod, TEMPLATE);
	words_check(work, TEMPLATE ".spec.restartPolicy",
		    json_path(pod, "spec", "restartPolicy", NULL), always);
	if (json_path(pod, "spec", "activeDeadlineSeconds", NULL))
		words_forbidden(work, TEMPLATE ".spec.activeDeadlineSeconds",
				"activeDeadlineSeconds in ReplicationController is not Supported");
}

static void validate(const struct kind_work *work)
{
	const struct json *spec = json_get(work->object, "spec");

	if (strcmp(work->subresource, "status") == 0) {
		validate_status(work);
		return;
	}
	validate_not_negative(work, json_get(spec, "minReadySeconds"), "spec.minReadySeconds");
	if (json_count(json_get(spec, "selector")) == 0)
		validate_required(work, "spec.selector", "");
	validate_not_negative(work, json_get(spec, "replicas"), "spec.replicas");
	check_template(work, spec);
}

static void print_selector(const struct json *object, struct buf *out)
{
	cells_map(json_path(object, "spec", "selector", NULL), out);
}

static const struct column columns[] = {
	{ .name = "Name", .format = "name", .path = ".metadata.name" },
	{ .name = "Desired", .type = "integer", .path = ".spec.replicas" },
	{ .name = "Current", .type = "integer", .path = ".status.replicas" },
	{ .name = "Ready", .type = "integer", .path = ".status.readyReplicas" },
	{ .name = "Age", .path = ".metadata.creationTimestamp" },
	{ .name = "Containers", .priority = 1, .print = cells_container_names },
	{ .name = "Images", .priority = 1, .print = cells_container_images },
	{ .name = "Selector", .priority = 1, .print = print_selector },
	{ 0 },
};
static const char *const short_names[] = { "rc", NULL };
static const struct field_label field_labels[] = { { "status.replicas", NULL }, { 0 } };

const struct kind kind_replicationcontroller = {
	.group = "",
	.version = "v1",
	.name = "ReplicationController",
	.plural = "replicationcontrollers",
	.short_names = short_names,
	.categories = categories_all,
	.type_name = "io.k8s.api.core.v1.ReplicationController",
	.namespaced = true,
	.has_generation = true,
	.own_enums = true,
	.name_rule = NAME_SUBDOMAIN,
	.verbs = VERB_ALL,
	.fill = fill,
	.on_create = on_create,
	.validate = validate,
	.warn = workload_warn,
	.subresources = subresources_scale_status,
	.columns = columns,
	.field_labels = field_labels,
};
