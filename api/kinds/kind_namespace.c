/*
 * kind_namespace.c - Namespace: a room for names.  It goes when its content has gone.
 */
#include "api/object.h"
#include "api/validate.h"
#include "api/validate_values.h"
#include "api/validate_words.h"

static void fill(const struct kind_work *work)
{
	struct json *metadata = meta_of(work->object);

	json_put(work->doc, json_sub_object(work->doc, metadata, "labels"),
		 "kubernetes.io/metadata.name", json_clone(work->doc, json_get(metadata, "name")));
}

#define OWN_FINALIZER "kubernetes"

/* Ours is always among spec.finalizers; those of the caller stay. */
static void on_create(const struct kind_work *work)
{
	struct json *spec = json_sub_object(work->doc, work->object, "spec");
	struct json *status = json_new_object(work->doc);
	struct json *finalizers = json_sub_array(work->doc, spec, "finalizers");
	bool has = false;

	for (struct json_iter it = json_iter(finalizers); json_next(&it);)
		has = has || str_is(json_str(it.value), OWN_FINALIZER);
	if (!has)
		json_append(finalizers, json_new_text(work->doc, OWN_FINALIZER));
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

static void validate_status(const struct kind_work *work)
{
	const struct json *phase = json_path(work->object, "status", "phase", NULL);
	bool going = json_get(meta_of(work->object), "deletionTimestamp") != NULL;

	if (!str_is(json_str(phase), going ? "Terminating" : "Active"))
		validate_invalid(work, "status.Phase", words_text(work, phase),
				 going ? "may only be 'Terminating' if `deletionTimestamp` is not "
					 "empty"
				       : "may only be 'Active' if `deletionTimestamp` is empty");
}

static void validate(const struct kind_work *work)
{
	const struct json *finalizers = json_path(work->object, "spec", "finalizers", NULL);
	bool finalizes = strcmp(work->subresource, "finalize") == 0;

	if (strcmp(work->subresource, "status") == 0) {
		validate_status(work);
		return;
	}
	if (work->old && !finalizes)
		return;
	for (struct json_iter it = json_iter(finalizers); json_next(&it);) {
		const char *path =
			finalizes ? field_path(work->errors, "spec.finalizers[%zu]", it.index)
				  : "spec.finalizers";

		values_name(work, path, it.value, name_qualified);
		validate_finalizer(work, it.value, path);
	}
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
	.own_enums = true,
	.validate = validate,
	.subresources = subresources,
	.columns = columns,
	.field_labels = field_labels,
};
