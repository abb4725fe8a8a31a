/*
 * binder.c - each write is the whole object, and so of the revision that it was thought out from.
 */
#include "server/control/binder.h"

#include "server/control/claim_words.h"
#include "server/control/controller.h"
#include "server/control/volume_index.h"

static void put(struct batch *batch, enum control_kind kind, struct json *root,
		const char *subresource)
{
	auto_buf body = BUF_INIT;
	struct client_ask ask = { .verb = CLIENT_UPDATE,
				  .kind = batch->control->kinds[kind],
				  .namespace = meta_str(root, "namespace"),
				  .name = meta_str(root, "name"),
				  .subresource = subresource };

	json_print(root, &body);
	ask.body = buf_str(&body);
	batch_call(batch, &ask);
}

static struct json *annotations_of(struct json_doc *doc)
{
	return json_sub_object(doc, json_sub_object(doc, json_root(doc), "metadata"),
			       "annotations");
}

static void annotate(struct json_doc *doc, const char *key, const char *value)
{
	json_put(doc, annotations_of(doc), key, json_new_text(doc, value));
}

bool binder_is_phase(const struct object *object, const char *phase)
{
	return str_is(json_str(json_path(object_json(object), "status", "phase", NULL)), phase);
}

/* volume NULL: none is bound. */
static bool status_is(const struct object *claim, const char *phase, const struct object *volume)
{
	const struct json *status = json_get(object_json(claim), "status");
	const struct json *spec = volume ? json_get(object_json(volume), "spec") : NULL;

	if (!binder_is_phase(claim, phase))
		return false;
	if (!volume)
		return !json_get(status, "capacity") && !json_get(status, "accessModes");
	return json_equal(json_get(status, "accessModes"), json_get(spec, "accessModes")) &&
	       json_equal(json_get(status, "capacity"), json_get(spec, "capacity"));
}

bool binder_tell_claim(struct batch *batch, const struct object *claim, const char *phase,
		       const struct object *volume)
{
	auto_json_doc doc = NULL;
	struct json *status;
	const struct json *spec = volume ? json_get(object_json(volume), "spec") : NULL;

	if (status_is(claim, phase, volume))
		return false;
	doc = object_thaw(claim);
	status = json_sub_object(doc, json_root(doc), "status");
	json_put(doc, status, "phase", json_new_text(doc, phase));
	json_put(doc, status, "accessModes", json_clone(doc, json_get(spec, "accessModes")));
	json_put(doc, status, "capacity", json_clone(doc, json_get(spec, "capacity")));
	put(batch, CONTROL_CLAIMS, json_root(doc), "status");
	return true;
}

bool binder_tell_volume(struct batch *batch, const struct object *volume, const char *phase,
			const char *message)
{
	auto_json_doc doc = NULL;
	struct json *status;

	if (binder_is_phase(volume, phase))
		return false;
	doc = object_thaw(volume);
	status = json_sub_object(doc, json_root(doc), "status");
	json_put(doc, status, "phase", json_new_text(doc, phase));
	json_put(doc, status, "message", message ? json_new_text(doc, message) : NULL);
	put(batch, CONTROL_VOLUMES, json_root(doc), "status");
	return true;
}

struct json *binder_reference(struct json_doc *doc, const struct object *claim)
{
	struct json *reference = json_new_object(doc);

	json_put(doc, reference, "kind", json_new_text(doc, "PersistentVolumeClaim"));
	json_put(doc, reference, "namespace", json_new_str(doc, object_namespace(claim)));
	json_put(doc, reference, "name", json_new_str(doc, object_name(claim)));
	json_put(doc, reference, "uid", json_new_str(doc, object_uid(claim)));
	json_put(doc, reference, "apiVersion", json_new_text(doc, "v1"));
	json_put(doc, reference, "resourceVersion",
		 json_new_str(doc, meta_str(object_json(claim), "resourceVersion")));
	return reference;
}

void binder_claim_volume(struct batch *batch, const struct object *volume,
			 const struct object *claim)
{
	auto_json_doc doc = object_thaw(volume);

	json_put(doc, json_sub_object(doc, json_root(doc), "spec"), "claimRef",
		 binder_reference(doc, claim));
	if (!volume_index_is_for(volume, claim))
		annotate(doc, CLAIM_BOUND_BY, "yes");
	put(batch, CONTROL_VOLUMES, json_root(doc), NULL);
}

void binder_name_volume(struct batch *batch, const struct object *claim,
			const struct object *volume)
{
	auto_json_doc doc = object_thaw(claim);
	struct json *spec = json_sub_object(doc, json_root(doc), "spec");

	if (!str_equal(json_str(json_get(spec, "volumeName")), object_name(volume))) {
		json_put(doc, spec, "volumeName", json_new_str(doc, object_name(volume)));
		annotate(doc, CLAIM_BOUND_BY, "yes");
	}
	annotate(doc, CLAIM_BIND_COMPLETED, "yes");
	put(batch, CONTROL_CLAIMS, json_root(doc), NULL);
}

void binder_undo(struct batch *batch, const struct object *volume)
{
	auto_json_doc doc = object_thaw(volume);
	struct json *spec = json_get(json_root(doc), "spec");

	if (meta_annotation(object_json(volume), CLAIM_BOUND_BY).at) {
		json_remove(spec, STR("claimRef"));
		json_remove(annotations_of(doc), STR(CLAIM_BOUND_BY));
	} else {
		json_remove(json_get(spec, "claimRef"), STR("uid"));
	}
	put(batch, CONTROL_VOLUMES, json_root(doc), NULL);
}

void binder_give_class(struct batch *batch, const struct object *claim, const struct object *class)
{
	auto_json_doc doc = object_thaw(claim);

	json_put(doc, json_sub_object(doc, json_root(doc), "spec"), "storageClassName",
		 json_new_str(doc, object_name(class)));
	put(batch, CONTROL_CLAIMS, json_root(doc), NULL);
}

void binder_name_provisioner(struct batch *batch, const struct object *claim, struct str name)
{
	auto_json_doc doc = object_thaw(claim);

	json_put(doc, annotations_of(doc), CLAIM_PROVISIONER, json_new_str(doc, name));
	json_put(doc, annotations_of(doc), CLAIM_PROVISIONER_BETA, json_new_str(doc, name));
	put(batch, CONTROL_CLAIMS, json_root(doc), NULL);
}
