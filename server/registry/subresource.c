/*
 * subresource.c - the subresources that are not a plain write of the object: scale, binding,
 * eviction, token.
 *
 * `status` is an ordinary update or patch of the object whose kind keeps everything else as it was.
 */
#include <inttypes.h>

#include "api/apply.h"
#include "api/patch.h"
#include "base/clock.h"
#include "server/gate/token.h"
#include "server/registry/body.h"
#include "server/registry/change.h"
#include "server/registry/registry_inside.h"

/* --- scale: a view of spec.replicas --- */

static const struct body_wish scale_wish = {
	.type_name = "io.k8s.api.autoscaling.v1.Scale",
	.api_version = "autoscaling/v1",
	.kind = "Scale",
};

static void copy_meta(struct json_doc *doc, struct json *to, const struct json *from)
{
	static const char *const fields[] = { "name", "namespace", "uid", "resourceVersion",
					      "creationTimestamp" };

	for (size_t i = 0; i < ARRAY_LENGTH(fields); i++)
		json_put(doc, to, fields[i], json_clone(doc, json_get(from, fields[i])));
}

static struct json *print_scale(struct json_doc *doc, const struct object *object)
{
	const struct json *from = object_json(object);
	struct json *scale = json_new_object(doc), *status;
	struct selector *selector = NULL;
	struct error unused;
	auto_buf text = BUF_INIT;

	json_put(doc, scale, "kind", json_new_text(doc, "Scale"));
	json_put(doc, scale, "apiVersion", json_new_text(doc, "autoscaling/v1"));
	copy_meta(doc, json_sub_object(doc, scale, "metadata"), meta_of(from));
	json_put(doc, json_sub_object(doc, scale, "spec"), "replicas",
		 json_new_int(doc, json_int(json_path(from, "spec", "replicas", NULL))));
	status = json_sub_object(doc, scale, "status");
	json_put(doc, status, "replicas",
		 json_new_int(doc, json_int(json_path(from, "status", "replicas", NULL))));
	if (selector_from_json(json_path(from, "spec", "selector", NULL), &selector, &unused)) {
		selector_print(selector, &text);
		selector_free(selector);
		json_put(doc, status, "selector", json_new_str(doc, buf_str(&text)));
	}
	return scale;
}

static void reply_scale(struct request *req, const struct object *object)
{
	auto_json_doc doc = json_doc_new();

	reply_json(req, 200, print_scale(doc, object), scale_wish.type_name);
}

struct scaling {
	struct json_doc *body; /* a Scale (PUT) or a patch of one */
};

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
	if (req->body_form == BODY_PATCH_JSON) {
		if (!patch_json(doc, &root, patch, err))
			return false;
	} else {
		patch_merge(doc, &root, patch);
	}
	json_set_root(doc, root);
	if (!body_check(req, &scale_wish, doc, err))
		return false;
	*out = take_ptr(&doc);
	return true;
}

/* Only its names and its type are used. */
static const struct kind kind_scale = {
	.group = "autoscaling",
	.version = "v1",
	.name = "Scale",
	.type_name = "io.k8s.api.autoscaling.v1.Scale",
};

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

static bool make_applied_scale(struct changing *change, const struct object *old,
			       struct json_doc **out_doc, struct error *err)
{
	struct request *req = change->of;
	struct scaling *scaling = req->work;
	auto_json_doc doc = json_doc_new();
	const struct json *scale = json_root(scaling->body);

	return apply_check(&kind_scale, scale, err) &&
	       ownership_apply(change, old, scale_config(doc, change->kind, scale), out_doc, err);
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

	if (!wished_scale(req, old, &scale, err))
		return false;
	doc = object_thaw(old);
	metadata = meta_of(json_root(doc));
	wanted = meta_str(json_root(scale), "resourceVersion");
	if (wanted.len > 0 && !str_equal(wanted, before))
		json_put(doc, metadata, "resourceVersion", json_new_str(doc, wanted));
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
	bool read = req->verb == REQUEST_UPDATE ? body_read(req, &scale_wish, &scaling->body, err)
						: body_parse(req, &scaling->body, err);

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

static enum step scale_pass(struct request *req, struct error *err)
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

/* --- binding: the scheduler's answer --- */

static const struct body_wish binding_wish = {
	.type_name = "io.k8s.api.core.v1.Binding",
	.api_version = "v1",
	.kind = "Binding",
};

static void put_scheduled(struct json_doc *doc, struct json *status)
{
	struct json *conditions = json_sub_array(doc, status, "conditions"), *condition = NULL;
	char now[CLOCK_TEXT];

	for (struct json_iter it = json_iter(conditions); json_next(&it);)
		if (str_is(json_str(json_get(it.value, "type")), "PodScheduled"))
			condition = it.value;
	if (!condition) {
		condition = json_new_object(doc);
		json_append(conditions, condition);
	}
	clock_print(clock_wall_s(), now);
	json_clear(condition);
	json_put(doc, condition, "type", json_new_text(doc, "PodScheduled"));
	json_put(doc, condition, "status", json_new_text(doc, "True"));
	json_put(doc, condition, "lastProbeTime", json_new_null(doc));
	json_put(doc, condition, "lastTransitionTime", json_new_text(doc, now));
}

static bool make_bound(struct changing *change, const struct object *old, struct json_doc **out_doc,
		       struct error *err)
{
	struct request *req = change->of;
	struct json_doc *body = req->work, *doc;
	struct str node = json_str(json_path(json_root(body), "target", "name", NULL));
	struct str now_on = json_str(json_path(object_json(old), "spec", "nodeName", NULL));

	if (node.len == 0)
		return error_set(err, ERROR_INVALID,
				 "Binding \"" STR_FMT "\" is invalid: target.name: Required value",
				 STR_ARG(req->name));
	if (object_is_deleting(old))
		return error_set(err, ERROR_CONFLICT,
				 "Operation cannot be fulfilled on pods/binding \"" STR_FMT
				 "\": pod " STR_FMT
				 " is being deleted, cannot be assigned to a host",
				 STR_ARG(req->name), STR_ARG(req->name));
	if (now_on.len > 0)
		return error_set(err, ERROR_CONFLICT,
				 "Operation cannot be fulfilled on pods/binding \"" STR_FMT
				 "\": pod " STR_FMT " is already assigned to node \"" STR_FMT "\"",
				 STR_ARG(req->name), STR_ARG(req->name), STR_ARG(now_on));
	doc = object_thaw(old);
	json_put(doc, json_sub_object(doc, json_root(doc), "spec"), "nodeName",
		 json_new_str(doc, node));
	put_scheduled(doc, json_sub_object(doc, json_root(doc), "status"));
	*out_doc = doc;
	return true;
}

static void on_bound(struct changing *change, const struct object *result, const struct error *err)
{
	struct request *req = change->of;
	struct status_about about = { .kind = NULL };
	auto_buf text = BUF_INIT;

	(void)result;
	json_doc_free(req->work);
	if (err) {
		change_reply(change, NULL, err);
		return;
	}
	status_print_success(&about, &text);
	reply_text(req, 201, "application/json", buf_str(&text));
}

static enum step binding_pass(struct request *req, struct error *err)
{
	struct json_doc *body = NULL;
	struct changing *change;

	if (!body_read(req, &binding_wish, &body, err))
		return STEP_FAIL;
	req->work = body;
	change = change_of_request(req, CHANGE_UPDATE);
	change->make = make_bound;
	change->on_done = on_bound;
	change_run(change);
	return STEP_DONE;
}

/* --- eviction: a deletion that disruption budgets may refuse --- */

static const struct body_wish eviction_wish = {
	.type_name = "io.k8s.api.policy.v1.Eviction",
	.api_version = "policy/v1",
	.kind = "Eviction",
};

static enum step eviction_pass(struct request *req, struct error *err)
{
	auto_json_doc body = NULL;
	auto_buf options = BUF_INIT;
	const struct json *given;

	if (!body_read(req, &eviction_wish, &body, err))
		return STEP_FAIL;
	given = json_get(json_root(body), "deleteOptions");
	if (given)
		json_print(given, &options);
	/* From here on it is the DELETE with these options. */
	req->http->body = str_of(str_copy_arena(buf_str(&options), req->arena));
	req->body_form = BODY_JSON;
	return removal_evict(req, err);
}

/* --- the table --- */

static const struct {
	const char *name;
	unsigned verbs; /* 1 << enum request_verb */
	enum step (*pass)(struct request *req, struct error *err);
} rows[] = {
	{ "scale", 1u << REQUEST_GET | 1u << REQUEST_UPDATE | 1u << REQUEST_PATCH, scale_pass },
	{ "binding", 1u << REQUEST_CREATE, binding_pass },
	{ "eviction", 1u << REQUEST_CREATE, eviction_pass },
	{ "token", 1u << REQUEST_CREATE, token_request_pass },
};

bool subresource_pass(struct request *req, enum step *out, struct error *err)
{
	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		if (!str_is(req->subresource, rows[i].name) || !(rows[i].verbs & 1u << req->verb))
			continue;
		*out = rows[i].pass(req, err);
		return true;
	}
	return false;
}
