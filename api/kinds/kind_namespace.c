/*
 * kind_namespace.c - Namespace: a room for names.  It goes when its content has gone.
 */
#include "api/kind.h"
#include "api/object.h"

static void fill(const struct kind_work *work)
{
	struct json *metadata = meta_of(work->object);

	json_put(work->doc, json_sub_object(work->doc, metadata, "labels"),
		 "kubernetes.io/metadata.name", json_clone(work->doc, json_get(metadata, "name")));
}

static void on_create(const struct kind_work *work)
{
	struct json *spec = json_sub_object(work->doc, work->object, "spec");
	struct json *status = json_new_object(work->doc);
	struct json *finalizers = json_sub_array(work->doc, spec, "finalizers");

	json_clear(finalizers);
	json_append(finalizers, json_new_text(work->doc, "kubernetes"));
	json_put(work->doc, status, "phase", json_new_text(work->doc, "Active"));
	json_put(work->doc, work->object, "status", status);
}

/* Only /finalize changes spec.finalizers. */
static void on_update(const struct kind_work *work)
{
	if (strcmp(work->subresource, "finalize") != 0)
		json_put(work->doc, work->object, "spec",
			 json_clone(work->doc, json_get(work->old, "spec")));
}

static const struct column columns[] = {
	{ .name = "Name", .format = "name", .path = ".metadata.name" },
	{ .name = "Status", .path = ".status.phase" },
	{ .name = "Age", .path = ".metadata.creationTimestamp" },
	{ 0 },
};
static const char *const short_names[] = { "ns", NULL };
static const struct field_label field_labels[] = { { "status.phase", NULL }, { 0 } };
static const struct subresource subresources[] = {
	{ .name = "finalize", .verbs = VERB_UPDATE },
	{ .name = "status", .verbs = VERB_GET | VERB_UPDATE | VERB_PATCH },
	{ 0 },
};

const struct kind kind_namespace = {
	.group = "",
	.version = "v1",
	.name = "Namespace",
	.plural = "namespaces",
	.short_names = short_names,
	.type_name = "io.k8s.api.core.v1.Namespace",
	.returns_object = true,
	.name_rule = NAME_LABEL,
	.verbs = VERB_ALL & ~VERB_DELETE_COLLECTION,
	.fill = fill,
	.on_create = on_create,
	.on_update = on_update,
	.subresources = subresources,
	.columns = columns,
	.field_labels = field_labels,
};
