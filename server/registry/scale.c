/*
 * scale.c - the scale of a workload: a view of its spec.replicas, the same for every kind that has
 * them.
 */
#include <inttypes.h>

#include "api/apply.h"
#include "api/patch.h"
#include "server/registry/body.h"
#include "server/registry/change.h"
#include "server/registry/subresource.h"

#define SCALE_TYPE "io.k8s.api.autoscaling.v1.Scale"

static const struct body_wish scale_wish = {
	.type_name = SCALE_TYPE,
	.api_version = "autoscaling/v1",
	.kind = "Scale",
};

/* Only its names and its type are used. */
static const struct kind scale_kind = {
	.group = "autoscaling",
	.version = "v1",
	.name = "Scale",
	.plural = "scales",
	.type_name = SCALE_TYPE,
};

static void copy_meta(struct json_doc *doc, struct json *to, const struct json *from)
{
	static const char *const fields[] = { "name", "namespace", "uid", "resourceVersion",
					      "creationTimestamp" };

	for (size_t i = 0; i < ARRAY_LENGTH(fields); i++)
		json_put(doc, to, fields[i], json_clone(doc, json_get(from, fields[i])));
}

/* As text: what a client passes on as labelSelector.  A ReplicationController's is a plain map. */
static void put_selector(struct json_doc *doc, struct json *status, const struct json *from)
{
	AUTO(selector_free) struct selector *selector = NULL;
	struct error unused;
	auto_buf text = BUF_INIT;
	bool plain = !json_get(from, "matchLabels") && !json_get(from, "matchExpressions");

	if (json_count(from) == 0)
		return;
	if (plain)
		selector = selector_from_map(from);
	else if (!selector_from_json(from, &selector, &unused))
		return;
	selector_print(selector, &text);
	json_put(doc, status, "selector", json_new_str(doc, buf_str(&text)));
}

static struct json *print_scale(struct json_doc *doc, const struct object *object)
{
	const struct json *from = object_json(object);
	struct json *scale = json_new_object(doc), *status;

	json_put(doc, scale, "kind", json_new_text(doc, "Scale"));
	json_put(doc, scale, "apiVersion", json_new_text(doc, "autoscaling/v1"));
	copy_meta(doc, json_sub_object(doc, scale, "metadata"), meta_of(from));
	json_put(doc, json_sub_object(doc, scale, "spec"), "replicas",
		 json_new_int(doc, json_int(json_path(from, "spec", "replicas", NULL))));
	status = json_sub_object(doc, scale, "status");
	json_put(doc, status, "replicas",
		 json_new_int(doc, json_int(json_path(from, "status", "replicas", NULL))));
	put_selector(doc, status, json_path(from, "spec", "selector", NULL));
	return scale;
}

static void reply_scale(struct request *req, const struct object *object)
{
	auto_json_doc doc = json_doc_new();

	reply_json(req, 200, print_scale(doc, object), scale_wish.type_name);
}

struct scaling {
	struct json_doc *body;     /* a Scale (PUT) or a patch of one */
	struct decode_notes noted; /* what is wrong with the patch */
};

static bool patch_scale(struct request *req, struct json_doc *doc, struct json **root,
			const struct json *patch, struct error *err)
{
	switch (req->body_form) {
	case BODY_PATCH_JSON: return patch_json(doc, root, patch, err);
	case BODY_PATCH_STRATEGIC:
		return patch_strategic(type_find(str_of(scale_wish.type_name)), doc, *root, patch,
				       err);
	case BODY_PATCH_MERGE: patch_merge(doc, root, patch); return true;
	case BODY_JSON:
	case BODY_YAML:
	case BODY_PROTOBUF:
	case BODY_PATCH_APPLY: break;
	}
	return error_set(err, ERROR_MEDIA_TYPE,
			 "the body of the request was in an unknown format - accepted media types "
			 "include: application/json-patch+json, application/merge-patch+json, "
			 "application/strategic-merge-patch+json");
}

/* The wished Scale: the body itself, or the present one patched. */
static bool wished_scale(struct request *req, const struct object *old, struct json_doc **out,
			 struct error *err)
{
	struct scaling *scaling = req->work;
	auto_json_doc doc = json_doc_new();
	struct json *root, *patch = json_root(scaling->body);

	if (req->verb == REQUEST_UPDATE) {
		json_set_root(doc, json_clone(doc, patch));
		*out = take_ptr(&doc);
		return true;
	}
	root = print_scale(doc, old);
	json_set_root(doc, root);
	if (!patch_scale(req, doc, &root, patch, err))
		return false;
	json_set_root(doc, root);
	if (!body_check(req, &scale_wish, &scaling->noted, doc, err))
		return false;
	*out = take_ptr(&doc);
	return true;
}

/* What a Scale that is applied says of the object itself. */
static struct json *scale_config(struct json_doc *doc, const struct kind *kind,
				 const struct json *scale)
{
	struct json *config = json_new_object(doc);
	struct json *replicas = json_path(scale, "spec", "replicas", NULL);
	auto_buf version = BUF_INIT;

	kind_api_version(kind, &version);
	json_put(doc, config, "apiVersion", json_new_str(doc, buf_str(&version)));
	json_put(doc, config, "kind", json_new_text(doc, kind->name));
	copy_meta(doc, json_sub_object(doc, config, "metadata"), meta_of(scale));
	if (replicas)
		json_put(doc, json_sub_object(doc, config, "spec"), "replicas",
			 json_clone(doc, replicas));
	return config;
}

/* What is wrong is told of the Scale, whatever it scales. */
static bool check_scale(struct changing *change, const struct json *scale, struct error *err)
{
	const struct json *replicas = json_path(scale, "spec", "replicas", NULL);
	struct request *req = change->of;

	if (!update_check_names(req, scale, err))
		return false;
	if (json_int(replicas) >= 0)
		return true;
	field_errors_add(&change->errors, FIELD_INVALID, "spec.replicas",
			 field_value(&change->errors, replicas),
			 "must be greater than or equal to 0");
	change->face = &scale_kind;
	return status_invalid(err, &scale_kind, req->name, &change->errors);
}

static bool make_applied_scale(struct changing *change, const struct object *old,
			       struct json_doc **out_doc, struct error *err)
{
	struct request *req = change->of;
	struct scaling *scaling = req->work;
	auto_json_doc doc = json_doc_new();
	auto_json_doc scale = json_doc_new();

	json_set_root(scale, json_clone(scale, json_root(scaling->body)));
	return apply_check(&scale_kind, json_root(scale), err) &&
	       body_check(req, &scale_wish, &scaling->noted, scale, err) &&
	       check_scale(change, json_root(scale), err) &&
	       ownership_apply(change, old, scale_config(doc, change->kind, json_root(scale)),
			       out_doc, err);
}

static bool make_scaled(struct changing *change, const struct object *old,
			struct json_doc **out_doc, struct error *err)
{
	struct request *req = change->of;
	auto_json_doc scale = NULL;
	struct json_doc *doc;
	struct json *metadata;
	struct str before =
		object_revision(old) ? meta_str(object_json(old), "resourceVersion") : STR_NONE;
	struct str wanted;

	if (!wished_scale(req, old, &scale, err) || !check_scale(change, json_root(scale), err))
		return false;
	doc = object_thaw(old);
	metadata = meta_of(json_root(doc));
	wanted = meta_str(json_root(scale), "resourceVersion");
	if (wanted.len > 0 && !str_equal(wanted, before))
		json_put(doc, metadata, "resourceVersion", json_new_str(doc, wanted));
	wanted = meta_str(json_root(scale), "uid");
	if (wanted.len > 0)
		json_put(doc, metadata, "uid", json_new_str(doc, wanted));
	json_put(
		doc, json_sub_object(doc, json_root(doc), "spec"), "replicas",
		json_new_int(doc, json_int(json_path(json_root(scale), "spec", "replicas", NULL))));
	*out_doc = doc;
	return true;
}

static void on_scaled(struct changing *change, const struct object *result, const struct error *err)
{
	struct request *req = change->of;
	struct scaling *scaling = req->work;

	json_doc_free(scaling->body);
	if (err)
		change_reply(change, NULL, err);
	else
		reply_scale(req, result);
}

static enum step scale_write(struct request *req, struct error *err)
{
	struct scaling *scaling = arena_zero(req->arena, sizeof(*scaling));
	struct changing *change;
	bool read = req->verb == REQUEST_UPDATE
			    ? body_read(req, &scale_wish, &scaling->body, err)
			    : body_parse(req, &scaling->body, &scaling->noted, err);

	if (!read)
		return STEP_FAIL;
	req->work = scaling;
	change = change_of_request(req, CHANGE_UPDATE);
	change->subresource = ""; /* for its rules this is a write of the object */
	change->make = req->verb == REQUEST_PATCH && req->body_form == BODY_PATCH_APPLY
			       ? make_applied_scale
			       : make_scaled;
	change->on_done = on_scaled;
	change_run(change);
	return STEP_DONE;
}

enum step scale_pass(struct request *req, struct error *err)
{
	const struct object *object;

	if (req->verb != REQUEST_GET)
		return scale_write(req, err);
	object = registry_find(registry_of(req), req->kind, req->namespace, req->name);
	if (!object) {
		status_not_found(err, req->kind, req->name);
		return STEP_FAIL;
	}
	reply_scale(req, object);
	return STEP_DONE;
}
