/*
 * kind_replicaset.c - ReplicaSet: so many pods of one template.
 */
#include "api/kinds/cells.h"
#include "api/validate.h"

static void fill(const struct kind_work *work)
{
	fill_pod_spec(work, json_path(work->object, "spec", "template", "spec", NULL), false);
}

static void on_create(const struct kind_work *work)
{
	struct json *status = json_new_object(work->doc);

	json_put(work->doc, status, "replicas", json_new_int(work->doc, 0));
	json_put(work->doc, work->object, "status", status);
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
static const char *const categories[] = { "all", NULL };
static const struct field_label field_labels[] = { { "status.replicas", NULL }, { 0 } };
static const struct subresource subresources[] = {
	{ "scale", "Scale", "autoscaling", "v1", VERB_GET | VERB_UPDATE | VERB_PATCH },
	{ .name = "status", .verbs = VERB_GET | VERB_UPDATE | VERB_PATCH },
	{ 0 },
};

const struct kind kind_replicaset = {
	.group = "apps",
	.version = "v1",
	.name = "ReplicaSet",
	.plural = "replicasets",
	.short_names = short_names,
	.categories = categories,
	.type_name = "io.k8s.api.apps.v1.ReplicaSet",
	.namespaced = true,
	.has_generation = true,
	.name_rule = NAME_SUBDOMAIN,
	.verbs = VERB_ALL,
	.fill = fill,
	.on_create = on_create,
	.validate = validate_template,
	.subresources = subresources,
	.columns = columns,
	.field_labels = field_labels,
};
