/*
 * admit_claim.c - new claims and volumes are protected from being removed while they are in use; a
 * claim becomes larger only where its class says that it can.
 */
#include "api/validate_amounts.h"
#include "api/validate_claim.h"
#include "server/control/claim_words.h"
#include "server/registry/admit.h"

static void protect(const struct admit_work *work, const char *word)
{
	struct json *list = json_sub_array(
		work->doc, json_sub_object(work->doc, work->object, "metadata"), "finalizers");

	for (struct json_iter it = json_iter(list); json_next(&it);)
		if (str_is(json_str(it.value), word))
			return;
	json_append(list, json_new_text(work->doc, word));
}

static struct str size_of(const struct json *claim)
{
	return json_str(json_path(claim, "spec", "resources", "requests", "storage", NULL));
}

static bool can_grow(const struct admit_work *work)
{
	const struct kind *kind = kind_find_name(STR("storage.k8s.io/v1"), STR("StorageClass"));
	const struct object *class =
		registry_find(work->registry, kind, STR_NONE, claim_class(work->old));

	return class && json_bool(json_get(object_json(class), "allowVolumeExpansion"));
}

static bool refuse(const struct admit_work *work, struct error *err, const char *why)
{
	return error_set(err, ERROR_FORBIDDEN,
			 "persistentvolumeclaims \"" STR_FMT "\" is forbidden: %s",
			 STR_ARG(meta_str(work->object, "name")), why);
}

static bool admit_size(const struct admit_work *work, struct error *err)
{
	struct str now = size_of(work->object), old = size_of(work->old);

	if (now.len == 0 || old.len == 0 || amounts_compare(now, old) <= 0)
		return true;
	if (!str_is(json_str(json_path(work->old, "status", "phase", NULL)), "Bound"))
		return refuse(work, err, "Only bound persistent volume claims can be expanded");
	return can_grow(work) ||
	       refuse(work, err,
		      "only dynamically provisioned pvc can be resized and the storageclass that "
		      "provisions the pvc must support resize");
}

static bool admit(const struct admit_work *work, struct error *err)
{
	bool is_claim = strcmp(work->kind->name, "PersistentVolumeClaim") == 0;

	if (work->subresource[0])
		return true;
	if (!work->old && is_claim)
		protect(work, CLAIM_PROTECTION);
	else if (!work->old && strcmp(work->kind->name, "PersistentVolume") == 0)
		protect(work, VOLUME_PROTECTION);
	else if (work->old && is_claim)
		return admit_size(work, err);
	return true;
}

const struct admit_row admit_claim = { .name = "StorageObjectInUse", .admit = admit };
