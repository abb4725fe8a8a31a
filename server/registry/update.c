/*
 * update.c - PUT and PATCH of an object or its status: the wished object is made from the newest
 * one.
 */
#include <assert.h>

#include "api/face.h"
#include "api/apply.h"
#include "api/patch.h"
#include "server/registry/body.h"
#include "server/registry/change.h"
#include "server/registry/registry_inside.h"

struct updating {
	struct json_doc *body;     /* the whole new object, or the patch */
	struct decode_notes noted; /* what is wrong with the patch */
};

static void on_updated(struct changing *change, const struct object *result,
		       const struct error *err)
{
	struct request *req = change->of;
	struct updating *updating = req->work;

	json_doc_free(updating->body);
	change_reply(change, result, err);
}

bool update_check_names(const struct request *req, const struct json *root, struct error *err)
{
	struct str name = meta_str(root, "name"), namespace = meta_str(root, "namespace");

	if (name.len == 0)
		return error_set(err, ERROR_BAD_REQUEST,
				 "the name of the object (" STR_FMT
				 " based on URL) was undeterminable: name must be provided",
				 STR_ARG(req->name));
	if (!str_equal(name, req->name))
		return error_set(err, ERROR_BAD_REQUEST,
				 "the name of the object (" STR_FMT
				 ") does not match the name on the URL (" STR_FMT ")",
				 STR_ARG(name), STR_ARG(req->name));
	if (req->kind->namespaced && namespace.len > 0 && !str_equal(namespace, req->namespace))
		return error_set(err, ERROR_BAD_REQUEST,
				 "the namespace of the object (" STR_FMT
				 ") does not match the namespace on the request (" STR_FMT ")",
				 STR_ARG(namespace), STR_ARG(req->namespace));
	return true;
}

/* --- PUT --- */

static bool make_from_body(struct changing *change, const struct object *old,
			   struct json_doc **out_doc, struct error *err)
{
	struct request *req = change->of;
	struct updating *updating = req->work;
	struct json_doc *doc = json_doc_new();

	(void)old;
	(void)err;
	json_set_root(doc, json_clone(doc, json_root(updating->body)));
	face_to_kept(change->face, doc);
	*out_doc = doc;
	return true;
}

enum step update_pass(struct request *req, struct error *err)
{
	struct body_wish wish = body_wish_of(req->kind, req->arena);
	struct updating *updating = arena_zero(req->arena, sizeof(*updating));
	struct changing *change;

	if (!body_read(req, &wish, &updating->body, err))
		return STEP_FAIL;
	if (!update_check_names(req, json_root(updating->body), err)) {
		json_doc_free(updating->body);
		return STEP_FAIL;
	}
	req->work = updating;
	change = change_of_request(req, req->sub ? CHANGE_UPDATE : CHANGE_PUT);
	change->make = make_from_body;
	change->on_done = on_updated;
	change_run(change);
	return STEP_DONE;
}

/* --- PATCH --- */

static bool apply_patch(struct request *req, struct json_doc *doc, const struct json *patch,
			struct error *err)
{
	struct json *root = json_root(doc);
	const struct type *type = kind_type(req->kind);

	switch (req->body_form) {
	case BODY_PATCH_JSON:
		if (!patch_json(doc, &root, patch, err))
			return false;
		break;
	case BODY_PATCH_MERGE: patch_merge(doc, &root, patch); break;
	case BODY_PATCH_STRATEGIC:
		if (!patch_strategic(type, doc, root, patch, err))
			return false;
		break;
	case BODY_JSON:
	case BODY_YAML:
	case BODY_PROTOBUF:
	case BODY_PATCH_APPLY:
		return error_set(err, ERROR_MEDIA_TYPE,
				 "the body of the request was in an unknown format - accepted "
				 "media types include: "
				 "application/json-patch+json, application/merge-patch+json, "
				 "application/strategic-merge-patch+json");
	}
	json_set_root(doc, root);
	return true;
}

static bool make_from_patch(struct changing *change, const struct object *old,
			    struct json_doc **out_doc, struct error *err)
{
	struct request *req = change->of;
	struct updating *updating = req->work;
	struct body_wish wish = body_wish_of(req->kind, req->arena);
	auto_json_doc doc = face_thaw(change->face, old);
	struct json *root = json_root(doc);
	struct str before = str_of(str_copy_arena(meta_str(root, "resourceVersion"), req->arena));

	if (!apply_patch(req, doc, json_root(updating->body), err) ||
	    !body_check(req, &wish, &updating->noted, doc, err))
		return false;
	root = json_root(doc);
	if (!update_check_names(req, root, err))
		return false;
	/* Only a revision that the patch itself has set is a condition. */
	if (str_equal(meta_str(root, "resourceVersion"), before))
		json_remove(meta_of(root), STR("resourceVersion"));
	face_to_kept(change->face, doc);
	*out_doc = take_ptr(&doc);
	return true;
}

/* A configuration that is applied may also make the object. */
static bool make_from_config(struct changing *change, const struct object *old,
			     struct json_doc **out_doc, struct error *err)
{
	struct request *req = change->of;
	struct updating *updating = req->work;
	struct body_wish wish = body_wish_of(change->kind, req->arena);
	struct json *config = json_root(updating->body);
	auto_json_doc doc = NULL;

	if (!apply_check(change->face, config, err) ||
	    !ownership_apply(change, old, config, &doc, err) ||
	    !body_check(req, &wish, &updating->noted, doc, err) ||
	    !update_check_names(req, json_root(doc), err))
		return false;
	*out_doc = take_ptr(&doc);
	return true;
}

enum step patch_pass(struct request *req, struct error *err)
{
	struct updating *updating = arena_zero(req->arena, sizeof(*updating));
	struct changing *change;

	if (!body_parse(req, &updating->body, &updating->noted, err))
		return STEP_FAIL;
	req->work = updating;
	if (req->body_form == BODY_PATCH_APPLY) {
		change = change_of_request(req, req->sub ? CHANGE_UPDATE : CHANGE_APPLY);
		change->make = make_from_config;
	} else {
		change = change_of_request(req, CHANGE_UPDATE);
		change->make = make_from_patch;
	}
	change->on_done = on_updated;
	change_run(change);
	return STEP_DONE;
}
