/*
 * kind_replicaset.c - ReplicaSet: so many pods of one template.
 */
#include "api/kinds/cells.h"
#include "api/kinds/rows.h"
#include "api/object.h"
#include "api/validate.h"
#include "api/validate_workload.h"

/* Labels that are not said are those of the pods. */
static void fill(const struct kind_work *work)
{
	struct json *spec = json_sub_object(work->doc, work->object, "spec");
	const struct json *labels = json_path(spec, "template", "metadata", "labels", NULL);

	fill_pod_spec(work, json_path(spec, "template", "spec", NULL), false);
	if (json_count(labels) > 0 && json_count(json_get(meta_of(work->object), "labels")) == 0)
		json_put(work->doc, json_sub_object(work->doc, work->object, "metadata"), "labels",
			 json_clone(work->doc, labels));
}

static void on_create(const struct kind_work *work)
{
	struct json *status = json_new_object(work->doc);

	json_put(work->doc, status, "replicas", json_new_int(work->doc, 0));
	json_put(work->doc, work->object, "status", status);
}

static void validate_status(const struct kind_work *work)
{
	static const char *const counts[] = { "replicas",           "fullyLabeledReplicas",
					      "readyReplicas",      "availableReplicas",
					      "observedGeneration", NULL };
	const char *words = "cannot be greater than status.replicas";

	workload_counts(work, json_get(work->object, "status"), "status", counts);
	workload_at_most(work, "fullyLabeledReplicas", "replicas", words);
	workload_at_most(work, "readyReplicas", "replicas", words);
	workload_at_most(work, "availableReplicas", "replicas", words);
	workload_at_most(work, "availableReplicas", "readyReplicas",
			 "cannot be greater than readyReplicas");
}

static void validate(const struct kind_work *work)
{
	const struct json *spec = json_get(work->object, "spec");

	if (strcmp(work->subresource, "status") == 0) {
		validate_status(work);
		return;
	}
	validate_not_negative(work, json_get(spec, "replicas"), "spec.replicas");
	validate_not_negative(work, json_get(spec, "minReadySeconds"), "spec.minReadySeconds");
	workload_replica_template(work, spec);
	if (work->old)
		workload_immutable_selector(work, json_get(spec, "selector"),
					    json_path(work->old, "spec", "selector", NULL));
}

static const struct column columns[] = {
	{ .name = "Name", .format = "name", .path = ".metadata.name" },
	{ .name = "Desired", .type = "integer", .path = ".spec.replicas" },
	{ .name = "Current", .type = "integer", .path = ".status.replicas" },
	{ .name = "Ready", .type = "integer", .path = ".status.readyReplicas" },
	{ .name = "Age", .path = ".metadata.creationTimestamp" },
	{ .name = "Containers", .priority = 1, .print = cells_container_names },
	{ .name = "Images", .priority = 1, .print = cells_container_images },
	{ .name = "Selector", .priority = 1, .print = cells_selector },
	{ 0 },
};
static const char *const short_names[] = { "rs", NULL };
static const struct field_label field_labels[] = { { "status.replicas", NULL }, { 0 } };

const struct kind kind_replicaset = {
	.group = "apps",
	.version = "v1",
	.name = "ReplicaSet",
	.plural = "replicasets",
	.short_names = short_names,
	.categories = categories_all,
	.type_name = "io.k8s.api.apps.v1.ReplicaSet",
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
