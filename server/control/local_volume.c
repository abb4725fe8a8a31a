/*
 * local_volume.c - the words of the provisioner rancher.io/local-path, and its volumes.
 */
#include "server/control/local_volume.h"

#include <string.h>

#include "server/control/binder.h"
#include "server/control/claim_words.h"
#include "server/control/storage_folder.h"

#define HOSTNAME "kubernetes.io/hostname"

static bool fits_modes(const struct json *modes)
{
	for (struct json_iter it = json_iter(modes); json_next(&it);)
		if (!str_is(json_str(it.value), "ReadWriteOnce") &&
		    !str_is(json_str(it.value), "ReadWriteOncePod"))
			return false;
	return true;
}

static bool read_type(struct local_volume *volume, struct error *err)
{
	struct str own = meta_annotation(object_json(volume->claim), "volumeType");
	struct str usual = meta_annotation(object_json(volume->class), "defaultVolumeType");
	struct str type = own.len > 0 ? own : usual;

	volume->type = str_is(type, "local") ? "local" : "hostPath";
	if (type.len == 0 || str_is(type, "local") || str_equal_case(type, STR("hostPath")))
		return true;
	return error_set(err, ERROR_INVALID, "\"" STR_FMT "\" is not a recognised volume type",
			 STR_ARG(type));
}

bool local_volume_plan(struct local_volume *volume, struct control *control, struct error *err)
{
	const struct json *root = object_json(volume->claim), *spec = json_get(root, "spec");
	struct str node = meta_annotation(root, CLAIM_SELECTED_NODE);

	if (json_get(spec, "selector"))
		return error_set(err, ERROR_INVALID, "claim.Spec.Selector is not supported");
	if (str_is(json_str(json_get(spec, "volumeMode")), "Block"))
		return error_set(err, ERROR_INVALID,
				 LOCAL_PATH " does not support block volume provisioning");
	if (json_get(spec, "dataSource") || json_get(spec, "dataSourceRef"))
		return error_set(err, ERROR_INVALID, "claim.Spec.DataSource is not supported");
	if (!fits_modes(json_get(spec, "accessModes")))
		return error_set(
			err, ERROR_INVALID,
			"NodePath only supports ReadWriteOnce and ReadWriteOncePod (1.22+) "
			"access modes");
	if (json_count(json_get(object_json(volume->class), "parameters")) > 0)
		return error_set(err, ERROR_INVALID,
				 "the class has parameters, and there are none for local storage");
	if (node.len == 0)
		return error_set(err, ERROR_INVALID, "configuration error, no node was specified");
	volume->node = cache_find(control->caches[CONTROL_NODES], STR_NONE, node);
	if (!volume->node)
		return error_set(err, ERROR_NOT_FOUND,
				 "failed to get target node: node \"" STR_FMT "\" not found",
				 STR_ARG(node));
	return read_type(volume, err);
}

static void put_affinity(struct json_doc *doc, struct json *spec, const struct object *node)
{
	struct str host = object_label(node, STR(HOSTNAME));
	struct json *required, *term = json_new_object(doc), *rule = json_new_object(doc);

	required = json_sub_object(doc, json_sub_object(doc, spec, "nodeAffinity"), "required");
	json_append(json_sub_array(doc, required, "nodeSelectorTerms"), term);
	json_append(json_sub_array(doc, term, "matchExpressions"), rule);
	json_put(doc, rule, "key", json_new_text(doc, HOSTNAME));
	json_put(doc, rule, "operator", json_new_text(doc, "In"));
	json_append(json_sub_array(doc, rule, "values"),
		    json_new_str(doc, host.len > 0 ? host : object_name(node)));
}

static void put_source(struct json_doc *doc, const char *root, struct json *spec, const char *type,
		       const struct json *reference)
{
	struct json *source = json_sub_object(doc, spec, type);
	auto_buf path = BUF_INIT;

	storage_folder_path(root, reference, &path);
	json_put(doc, source, "path", json_new_str(doc, buf_str(&path)));
	if (strcmp(type, "hostPath") == 0)
		json_put(doc, source, "type", json_new_text(doc, "DirectoryOrCreate"));
}

void local_volume_print(const struct local_volume *volume, const char *root, struct buf *out)
{
	const struct json *wish = json_get(object_json(volume->claim), "spec");
	const struct json *class = object_json(volume->class);
	auto_json_doc doc = json_doc_new();
	struct json *object = json_new_object(doc),
		    *metadata = json_sub_object(doc, object, "metadata"), *notes, *spec, *reference;

	json_put(doc, metadata, "name",
		 json_new_print(doc, "pvc-" STR_FMT, STR_ARG(object_uid(volume->claim))));
	notes = json_sub_object(doc, metadata, "annotations");
	json_put(doc, notes, CLAIM_PROVISIONED_BY, json_new_text(doc, LOCAL_PATH));
	json_put(doc, notes, LOCAL_VOLUME_NODE, json_new_str(doc, object_name(volume->node)));
	if (str_is(json_str(json_get(class, "reclaimPolicy")), "Delete"))
		json_append(json_sub_array(doc, metadata, "finalizers"),
			    json_new_text(doc, VOLUME_PROVISIONED));
	spec = json_sub_object(doc, object, "spec");
	json_put(doc, json_sub_object(doc, spec, "capacity"), "storage",
		 json_clone(doc, json_path(wish, "resources", "requests", "storage", NULL)));
	json_put(doc, spec, "accessModes", json_clone(doc, json_get(wish, "accessModes")));
	json_put(doc, spec, "volumeMode", json_clone(doc, json_get(wish, "volumeMode")));
	json_put(doc, spec, "persistentVolumeReclaimPolicy",
		 json_clone(doc, json_get(class, "reclaimPolicy")));
	json_put(doc, spec, "storageClassName", json_new_str(doc, object_name(volume->class)));
	put_affinity(doc, spec, volume->node);
	reference = binder_reference(doc, volume->claim);
	json_put(doc, spec, "claimRef", reference);
	put_source(doc, root, spec, volume->type, reference);
	json_print(object, out);
}
