/*
 * binding.c - a pod gets its node.
 *
 * The node's name is written once; labels and annotations of the binding are merged into the pod's.
 */
#include "base/clock.h"
#include "server/registry/body.h"
#include "server/registry/change.h"
#include "server/registry/subresource.h"

static const struct body_wish wish = {
	.type_name = "io.k8s.api.core.v1.Binding",
	.api_version = "v1",
	.kind = "Binding",
};
/* Only its names are used: in the Status of a refusal. */
static const struct kind binding_kind = {
	.group = "", .version = "v1", .name = "Binding", .plural = "bindings"
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

static void merge_texts(struct json_doc *doc, struct json *metadata, const struct json *from,
			const char *field)
{
	const struct json *added = json_get(from, field);

	if (json_count(added) == 0)
		return;
	for (struct json_iter it = json_iter(added); json_next(&it);)
		json_put_str(doc, json_sub_object(doc, metadata, field), it.key,
			     json_clone(doc, it.value));
}

static bool check_target(struct changing *change, const struct json *target, struct error *err)
{
	struct str kind = json_str(json_get(target, "kind"));

	if (kind.len > 0 && !str_is(kind, "Node"))
		field_errors_add(&change->errors, FIELD_NOT_SUPPORTED, "target.kind",
				 field_value(&change->errors, json_get(target, "kind")),
				 "supported values: \"Node\", \"<empty>\"");
	if (json_str(json_get(target, "name")).len == 0)
		field_errors_add(&change->errors, FIELD_REQUIRED, "target.name", NULL, "");
	if (change->errors.count == 0)
		return true;
	change->face = &binding_kind;
	return status_invalid(err, &binding_kind, change->name, &change->errors);
}

static bool conflict(struct changing *change, struct error *err, const char *why)
{
	change->shown_kind = "pods/binding";
	return error_set(err, ERROR_CONFLICT,
			 "Operation cannot be fulfilled on pods/binding \"" STR_FMT
			 "\": pod " STR_FMT " %s",
			 STR_ARG(change->name), STR_ARG(change->name), why);
}

static bool check_pod(struct changing *change, const struct object *pod, struct error *err)
{
	const struct json *spec = json_get(object_json(pod), "spec");
	struct str now_on = json_str(json_get(spec, "nodeName"));

	if (object_is_deleting(pod))
		return conflict(change, err, "is being deleted, cannot be assigned to a host");
	if (now_on.len > 0)
		return conflict(change, err,
				arena_print(change->arena,
					    "is already assigned to node \"" STR_FMT "\"",
					    STR_ARG(now_on)));
	if (json_count(json_get(spec, "schedulingGates")) > 0)
		return conflict(change, err, "has non-empty .spec.schedulingGates");
	return true;
}

static bool make_bound(struct changing *change, const struct object *old, struct json_doc **out_doc,
		       struct error *err)
{
	struct request *req = change->of;
	struct json *body = json_root((struct json_doc *)req->work), *metadata;
	struct str uid = meta_str(body, "uid"), revision = meta_str(body, "resourceVersion");
	const struct json *target = json_get(body, "target");
	struct json_doc *doc;

	if (!check_target(change, target, err) || !check_pod(change, old, err))
		return false;
	doc = object_thaw(old);
	metadata = meta_of(json_root(doc));
	if (uid.len > 0)
		json_put(doc, metadata, "uid", json_new_str(doc, uid));
	if (revision.len > 0)
		json_put(doc, metadata, "resourceVersion", json_new_str(doc, revision));
	merge_texts(doc, metadata, meta_of(body), "labels");
	merge_texts(doc, metadata, meta_of(body), "annotations");
	json_put(doc, json_sub_object(doc, json_root(doc), "spec"), "nodeName",
		 json_clone(doc, json_get(target, "name")));
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

/* At /bindings the body names the pod. */
static bool take_name(struct request *req, const struct json *body, struct error *err)
{
	struct str name = meta_str(body, "name");

	if (req->name.len == 0 && name.len > 0)
		req->name = str_of(str_copy_arena(name, req->arena));
	if (req->name.len > 0 && (name.len == 0 || str_equal(name, req->name)))
		return true;
	return error_set(err, ERROR_BAD_REQUEST,
			 "name in URL does not match name in Binding object");
}

enum step binding_pass(struct request *req, struct error *err)
{
	struct json_doc *body = NULL;
	struct changing *change;

	if (!body_read(req, &wish, &body, err))
		return STEP_FAIL;
	if (!take_name(req, json_root(body), err)) {
		json_doc_free(body);
		return STEP_FAIL;
	}
	req->work = body;
	change = change_of_request(req, CHANGE_UPDATE);
	change->subresource = "binding";
	change->make = make_bound;
	change->on_done = on_bound;
	change_run(change);
	return STEP_DONE;
}
