/*
 * kind_persistentvolumeclaim.c - PersistentVolumeClaim: a wish for storage.
 */
#include "api/kinds/cells.h"
#include "api/kinds/rows.h"
#include "api/object.h"
#include "api/quantity.h"
#include "api/validate.h"
#include "api/validate_amounts.h"
#include "api/validate_claim.h"
#include "api/validate_values.h"
#include "api/validate_words.h"

#define ATTRIBUTES       "volumeAttributesClassName"
#define AT(...)          field_path(work->errors, __VA_ARGS__)
#define CLASS_ANNOTATION "volume.beta.kubernetes.io/storage-class"

/* --- fields that the server keeps --- */

/* The class of attributes is not switched on: only one that is there stays. */
static void fill(const struct kind_work *work)
{
	struct json *spec = json_get(work->object, "spec");

	if (spec && !json_path(work->old, "spec", ATTRIBUTES, NULL))
		json_remove(spec, STR(ATTRIBUTES));
}

/* The two fields for the source of the content say the same, unless it is in another namespace. */
static void on_create(const struct kind_work *work)
{
	struct json *status = json_new_object(work->doc), *spec = json_get(work->object, "spec");
	const struct json *source = json_get(spec, "dataSource"),
			  *ref = json_get(spec, "dataSourceRef");

	json_put(work->doc, status, "phase", json_new_text(work->doc, "Pending"));
	json_put(work->doc, work->object, "status", status);
	if (source && !ref)
		json_put(work->doc, spec, "dataSourceRef", json_clone(work->doc, source));
	else if (ref && !source && json_str(json_get(ref, "namespace")).len == 0)
		json_put(work->doc, spec, "dataSource", json_clone(work->doc, ref));
}

/* --- checks --- */

static bool is_bound(const struct json *claim)
{
	return str_is(json_str(json_path(claim, "status", "phase", NULL)), "Bound");
}

/* May the class be set now?  Once, when there was none; an old annotation must say the same. */
static bool takes_class(const struct kind_work *work, const struct json *now,
			const struct json *old)
{
	struct str annotation = meta_annotation(work->old, CLASS_ANNOTATION);
	const struct json *class = json_get(now, "storageClassName");

	return class && !json_get(old, "storageClassName") &&
	       (!annotation.at || str_equal(json_str(class), annotation));
}

/* The new spec with all that may change set back to the old one. */
static struct json *frozen(const struct kind_work *work, struct json_doc *doc,
			   const struct json *now, const struct json *old)
{
	struct json *spec = json_clone(doc, now),
		    *requests = json_path(spec, "resources", "requests", NULL);

	if (json_str(json_get(old, "volumeName")).len == 0)
		json_remove(spec, STR("volumeName"));
	if (takes_class(work, now, old))
		json_remove(spec, STR("storageClassName"));
	if (is_bound(work->object) && requests)
		json_put(doc, requests, "storage",
			 json_clone(doc, json_path(old, "resources", "requests", "storage", NULL)));
	if (is_bound(work->object) && json_get(now, ATTRIBUTES))
		json_put(doc, spec, ATTRIBUTES, json_clone(doc, json_get(old, ATTRIBUTES)));
	return spec;
}

static void check_size(const struct kind_work *work, const struct json *now, const struct json *old)
{
	static const char path[] = "spec.resources.requests.storage";
	struct str size = json_str(json_path(now, "resources", "requests", "storage", NULL)),
		   before = json_str(json_path(old, "resources", "requests", "storage", NULL)),
		   have = json_str(json_path(work->old, "status", "capacity", "storage", NULL));

	if (size.len == 0 || before.len == 0 || amounts_compare(size, before) >= 0)
		return;
	if (amounts_compare(size, have.len ? have : STR("0")) <= 0)
		words_forbidden(work, path, "field can not be less than status.capacity");
}

static void check_class_annotation(const struct kind_work *work)
{
	struct str now = meta_annotation(work->object, CLASS_ANNOTATION),
		   old = meta_annotation(work->old, CLASS_ANNOTATION);

	if (!str_equal(now, old))
		values_invalid_text(work, "metadata.annotations." CLASS_ANNOTATION, now,
				    "field is immutable");
}

static void check_update(const struct kind_work *work, const struct json *now,
			 const struct json *old)
{
	auto_json_doc doc = json_doc_new();
	struct json *before = json_clone(doc, old);

	if (json_str(json_get(old, "volumeName")).len == 0)
		json_remove(before, STR("volumeName"));
	check_class_annotation(work);
	if (!json_equal(frozen(work, doc, now, old), before))
		words_forbidden(work, "spec",
				"spec is immutable after creation except resources.requests and "
				"volumeAttributesClassName for bound claims");
	check_size(work, now, old);
	validate_immutable(work, "volumeMode", json_get(now, "volumeMode"),
			   json_get(old, "volumeMode"));
	if (!json_equal(json_get(now, ATTRIBUTES), json_get(old, ATTRIBUTES)))
		words_forbidden(work, "spec." ATTRIBUTES,
				"update is forbidden when the VolumeAttributesClass feature gate "
				"is disabled");
}

/* Resources of storage systems beside "storage" itself. */
static void check_resource(const struct kind_work *work, struct str name, const char *path)
{
	static const char *const known[] = { "storage", NULL };

	values_key(work, path, name, name_qualified);
	if (!name_check_qualified(name) && amounts_is_native(name) && !words_have(known, name))
		words_not_supported(work, path, json_new_str(work->doc, name), known);
}

static void validate_status(const struct kind_work *work)
{
	static const char *const steps[] = {
		"ControllerResizeInProgress", "ControllerResizeInfeasible", "NodeResizeInProgress",
		"NodeResizeInfeasible",       "NodeResizePending",          NULL
	};
	const struct json *status = json_get(work->object, "status");

	for (struct json_iter it = json_iter(json_get(status, "capacity")); json_next(&it);)
		claim_amount(work, it.value, AT("status.capacity[" STR_FMT "]", STR_ARG(it.key)));
	for (struct json_iter it = json_iter(json_get(status, "allocatedResourceStatuses"));
	     json_next(&it);) {
		check_resource(work, it.key, "status.allocatedResourceStatus");
		if (!words_have(steps, json_str(it.value)))
			words_not_supported(work, "status.allocatedResourceStatus",
					    json_new_str(work->doc, it.key), steps);
	}
	for (struct json_iter it = json_iter(json_get(status, "allocatedResources"));
	     json_next(&it);) {
		check_resource(work, it.key, "status.allocatedResources");
		claim_amount(work, it.value,
			     AT("status.allocatedResources[" STR_FMT "]", STR_ARG(it.key)));
	}
}

static void validate(const struct kind_work *work)
{
	const struct json *spec = json_get(work->object, "spec");

	if (strcmp(work->subresource, "status") == 0) {
		validate_status(work);
		return;
	}
	claim_spec(work, spec, "spec");
	if (work->old)
		check_update(work, spec, json_get(work->old, "spec"));
}

static void warn(const struct kind_work *work)
{
	if (meta_annotation(work->object, "volume.beta.kubernetes.io/storage-class").at)
		kind_warn(work,
			  "metadata.annotations[volume.beta.kubernetes.io/storage-class]: "
			  "deprecated since v1.8; use \"storageClassName\" attribute instead");
}

/* --- columns --- */

static void print_status(const struct json *object, struct buf *out)
{
	if (json_get(meta_of(object), "deletionTimestamp"))
		buf_add_text(out, "Terminating");
	else
		buf_add_str(out, json_str(json_path(object, "status", "phase", NULL)));
}

static bool has_volume(const struct json *object)
{
	return json_str(json_path(object, "spec", "volumeName", NULL)).len > 0;
}

static void print_capacity(const struct json *object, struct buf *out)
{
	struct str amount = json_str(json_path(object, "status", "capacity", "storage", NULL));

	if (has_volume(object))
		buf_add_str(out, amount.len ? amount : STR("0"));
}

static void print_modes(const struct json *object, struct buf *out)
{
	if (has_volume(object))
		claim_print_modes(json_path(object, "status", "accessModes", NULL), out);
}

static void print_class(const struct json *object, struct buf *out)
{
	buf_add_str(out, claim_class(object));
}

static void print_attributes(const struct json *object, struct buf *out)
{
	cells_or_unset(json_path(object, "spec", ATTRIBUTES, NULL), out);
}

static void print_volume_mode(const struct json *object, struct buf *out)
{
	cells_or_unset(json_path(object, "spec", "volumeMode", NULL), out);
}

static const struct column columns[] = {
	{ .name = "Name", .format = "name", .path = ".metadata.name" },
	{ .name = "Status", .print = print_status },
	{ .name = "Volume", .path = ".spec.volumeName" },
	{ .name = "Capacity", .print = print_capacity },
	{ .name = "Access Modes", .print = print_modes },
	{ .name = "StorageClass", .print = print_class },
	{ .name = "VolumeAttributesClass", .print = print_attributes },
	{ .name = "Age", .path = ".metadata.creationTimestamp" },
	{ .name = "VolumeMode", .priority = 1, .print = print_volume_mode },
	{ 0 },
};
static const char *const short_names[] = { "pvc", NULL };

const struct kind kind_persistentvolumeclaim = {
	.group = "",
	.version = "v1",
	.name = "PersistentVolumeClaim",
	.plural = "persistentvolumeclaims",
	.short_names = short_names,
	.type_name = "io.k8s.api.core.v1.PersistentVolumeClaim",
	.namespaced = true,
	.returns_object = true,
	.own_enums = true,
	.name_rule = NAME_SUBDOMAIN,
	.verbs = VERB_ALL,
	.fill = fill,
	.on_create = on_create,
	.validate = validate,
	.warn = warn,
	.subresources = subresources_status,
	.columns = columns,
};
