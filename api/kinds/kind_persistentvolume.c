/*
 * kind_persistentvolume.c - PersistentVolume: storage that outlives pods.
 */
#include "api/kinds/cells.h"
#include "api/kinds/rows.h"
#include "api/object.h"
#include "api/validate.h"
#include "api/validate_amounts.h"
#include "api/validate_claim.h"
#include "api/validate_selection.h"
#include "api/validate_values.h"
#include "api/validate_volume.h"
#include "api/validate_words.h"
#include "base/clock.h"

#define ATTRIBUTES "volumeAttributesClassName"
#define AT(...)    field_path(work->errors, __VA_ARGS__)

/* --- fields that the server keeps --- */

static void put_time(const struct kind_work *work, struct json *status)
{
	char now[CLOCK_TEXT];

	clock_print(clock_wall_s(), now);
	json_put(work->doc, status, "lastPhaseTransitionTime", json_new_text(work->doc, now));
}

/* The class of attributes is not switched on: only one that is there stays. */
static void fill(const struct kind_work *work)
{
	struct json *spec = json_get(work->object, "spec");

	if (spec && !json_path(work->old, "spec", ATTRIBUTES, NULL))
		json_remove(spec, STR(ATTRIBUTES));
}

static void on_create(const struct kind_work *work)
{
	struct json *status = json_new_object(work->doc);

	json_put(work->doc, status, "phase", json_new_text(work->doc, "Pending"));
	put_time(work, status);
	json_put(work->doc, work->object, "status", status);
}

/* When the phase changes the time of it is noted, unless somebody says another. */
static void on_update(const struct kind_work *work)
{
	struct json *status = json_get(work->object, "status");
	const struct json *old = json_get(work->old, "status"),
			  *now = json_get(status, "lastPhaseTransitionTime"),
			  *before = json_get(old, "lastPhaseTransitionTime");

	if (strcmp(work->subresource, "status") != 0 || !status)
		return;
	if (json_equal(json_get(status, "phase"), json_get(old, "phase"))) {
		if (!now && before)
			json_put(work->doc, status, "lastPhaseTransitionTime",
				 json_clone(work->doc, before));
		return;
	}
	if (!now || json_equal(now, before))
		put_time(work, status);
}

/* --- checks --- */

static void check_capacity(const struct kind_work *work, const struct json *capacity)
{
	static const char path[] = "spec.capacity";

	if (json_count(capacity) == 0)
		validate_required(work, path, "");
	if (!json_get(capacity, "storage") || json_count(capacity) > 1)
		field_errors_add(work->errors, FIELD_NOT_SUPPORTED, path,
				 amounts_go_list(work, capacity), "supported values: \"storage\"");
	for (struct json_iter it = json_iter(capacity); json_next(&it);) {
		const char *here = AT("%s[" STR_FMT "]", path, STR_ARG(it.key));

		claim_amount(work, it.value, here);
		amounts_positive(work, here, it.value);
	}
}

/* "/", "//", "/./" */
static bool is_root(struct str path)
{
	if (!str_starts(path, STR("/")))
		return false;
	while (path.len > 0) {
		struct str part = str_cut(&path, '/');

		if (part.len > 0 && !str_is(part, "."))
			return false;
	}
	return true;
}

static void check_spec(const struct kind_work *work, const struct json *spec)
{
	static const char *const policies[] = { "Delete", "Recycle", "Retain", NULL };
	const struct json *policy = json_get(spec, "persistentVolumeReclaimPolicy"),
			  *affinity = json_get(spec, "nodeAffinity"),
			  *class = json_get(spec, "storageClassName");

	claim_modes_needed(work, json_get(spec, "accessModes"), "", "spec.accessModes");
	claim_modes(work, json_get(spec, "accessModes"), "spec.accessModes");
	check_capacity(work, json_get(spec, "capacity"));
	if (json_str(policy).len > 0)
		words_check(work, "spec.persistentVolumeReclaimPolicy", policy, policies);
	if (affinity && json_get(affinity, "required"))
		selection_nodes(work, json_get(affinity, "required"), "spec.nodeAffinity.required");
	else if (affinity)
		validate_required(work, "spec.nodeAffinity.required",
				  "must specify required node constraints");
	volume_kept_source(work, spec, "spec");
	if (json_get(spec, "local") && !affinity)
		validate_required(work, "spec.nodeAffinity", "Local volume requires node affinity");
	if (is_root(json_str(json_path(spec, "hostPath", "path", NULL))) &&
	    str_is(json_str(policy), "Recycle"))
		words_forbidden(work, "spec.persistentVolumeReclaimPolicy",
				"may not be 'recycle' for a hostPath mount of '/'");
	if (json_str(class).len > 0)
		values_name(work, "spec.storageClassName", class, name_subdomain);
	claim_volume_mode(work, json_get(spec, "volumeMode"), "spec.volumeMode");
}

/* The spec's source, but for a secret that may be said later. */
static struct json *source_of(struct json_doc *doc, const struct json *spec, bool without_secret)
{
	struct json *source = json_new_object(doc), *csi;

	for (struct json_iter it = json_iter(spec); json_next(&it);)
		if (volume_is_kept_source(it.key))
			json_add_str(doc, source, it.key, json_clone(doc, it.value));
	csi = json_get(source, "csi");
	if (csi && without_secret)
		json_remove(csi, STR("controllerExpandSecretRef"));
	return source;
}

static void check_update(const struct kind_work *work, const struct json *now,
			 const struct json *old)
{
	const struct json *affinity = json_get(old, "nodeAffinity");
	bool had_secret = json_path(old, "csi", "controllerExpandSecretRef", NULL) != NULL;
	auto_json_doc doc = json_doc_new();

	if (!json_equal(source_of(doc, now, !had_secret), source_of(doc, old, !had_secret)))
		words_forbidden(work, "spec.persistentvolumesource",
				"spec.persistentvolumesource is immutable after creation");
	validate_immutable(work, "volumeMode", json_get(now, "volumeMode"),
			   json_get(old, "volumeMode"));
	if (affinity && !json_equal(json_get(now, "nodeAffinity"), affinity))
		validate_invalid(work, "nodeAffinity", json_get(now, "nodeAffinity"),
				 "field is immutable, except for updating from beta label to GA");
	if (!json_equal(json_get(now, ATTRIBUTES), json_get(old, ATTRIBUTES)))
		words_forbidden(work, "spec." ATTRIBUTES,
				"update is forbidden when the VolumeAttributesClass feature gate "
				"is disabled");
}

static void validate(const struct kind_work *work)
{
	const struct json *spec = json_get(work->object, "spec");

	if (strcmp(work->subresource, "status") == 0)
		return;
	check_spec(work, spec);
	if (work->old)
		check_update(work, spec, json_get(work->old, "spec"));
}

static void warn(const struct kind_work *work)
{
	if (meta_annotation(work->object, "volume.beta.kubernetes.io/storage-class").at)
		kind_warn(work,
			  "metadata.annotations[volume.beta.kubernetes.io/storage-class]: "
			  "deprecated since v1.8; use \"storageClassName\" attribute instead");
	if (str_is(json_str(json_path(work->object, "spec", "persistentVolumeReclaimPolicy", NULL)),
		   "Recycle"))
		kind_warn(work, "spec.persistentVolumeReclaimPolicy: The Recycle reclaim policy is "
				"deprecated. Instead, the recommended approach is to use dynamic "
				"provisioning.");
}

/* --- columns --- */

static void print_modes(const struct json *object, struct buf *out)
{
	claim_print_modes(json_path(object, "spec", "accessModes", NULL), out);
}

static void print_status(const struct json *object, struct buf *out)
{
	if (json_get(meta_of(object), "deletionTimestamp"))
		buf_add_text(out, "Terminating");
	else
		buf_add_str(out, json_str(json_path(object, "status", "phase", NULL)));
}

static void print_claim(const struct json *object, struct buf *out)
{
	const struct json *claim = json_path(object, "spec", "claimRef", NULL);

	if (claim)
		buf_add_print(out, STR_FMT "/" STR_FMT,
			      STR_ARG(json_str(json_get(claim, "namespace"))),
			      STR_ARG(json_str(json_get(claim, "name"))));
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
	{ .name = "Capacity", .path = ".spec.capacity.storage" },
	{ .name = "Access Modes", .print = print_modes },
	{ .name = "Reclaim Policy", .path = ".spec.persistentVolumeReclaimPolicy" },
	{ .name = "Status", .print = print_status },
	{ .name = "Claim", .print = print_claim },
	{ .name = "StorageClass", .print = print_class },
	{ .name = "VolumeAttributesClass", .print = print_attributes },
	{ .name = "Reason", .path = ".status.reason" },
	{ .name = "Age", .path = ".metadata.creationTimestamp" },
	{ .name = "VolumeMode", .priority = 1, .print = print_volume_mode },
	{ 0 },
};
static const char *const short_names[] = { "pv", NULL };

const struct kind kind_persistentvolume = {
	.group = "",
	.version = "v1",
	.name = "PersistentVolume",
	.plural = "persistentvolumes",
	.short_names = short_names,
	.type_name = "io.k8s.api.core.v1.PersistentVolume",
	.returns_object = true,
	.own_enums = true,
	.name_rule = NAME_SUBDOMAIN,
	.verbs = VERB_ALL,
	.fill = fill,
	.on_create = on_create,
	.on_update = on_update,
	.validate = validate,
	.warn = warn,
	.subresources = subresources_status,
	.columns = columns,
};
