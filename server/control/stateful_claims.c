/*
 * stateful_claims.c - claims of StatefulSets.
 *
 *   whenDeleted: Delete -> the set owns the claims of its pods
 *   whenScaled: Delete  -> a pod beyond the range owns its claims, instead of the set
 *
 * A claim that somebody else controls is not ours to give away.
 */
#include "server/control/stateful_claims.h"

static const struct json *templates_of(const struct stateful *view)
{
	return json_get(view->spec, "volumeClaimTemplates");
}

void stateful_claim_name(const struct stateful *view, const struct json *template, int64_t ordinal,
			 struct buf *out)
{
	buf_add_print(out, STR_FMT "-" STR_FMT "-%lld", STR_ARG(meta_str(template, "name")),
		      STR_ARG(object_name(view->set)), (long long)ordinal);
}

void stateful_claim_print(const struct stateful *view, const struct json *template, int64_t ordinal,
			  struct buf *out)
{
	auto_json_doc doc = json_doc_new();
	struct json *claim = json_clone(doc, template), *metadata, *labels;
	const struct json *matched = json_path(view->spec, "selector", "matchLabels", NULL);
	auto_buf name = BUF_INIT;

	stateful_claim_name(view, template, ordinal, &name);
	metadata = json_sub_object(doc, claim, "metadata");
	json_put(doc, metadata, "name", json_new_str(doc, buf_str(&name)));
	labels = json_sub_object(doc, metadata, "labels");
	for (struct json_iter it = json_iter(matched); json_next(&it);)
		json_put_str(doc, labels, it.key, json_clone(doc, it.value));
	if (view->delete_with_set)
		json_append(json_sub_array(doc, metadata, "ownerReferences"),
			    control_owner_reference(doc, view->set));
	json_remove(claim, STR("status"));
	json_print(claim, out);
}

static bool is_claimed(const struct json *templates, struct str volume)
{
	for (struct json_iter it = json_iter(templates); json_next(&it);)
		if (str_equal(meta_str(it.value, "name"), volume))
			return true;
	return false;
}

void stateful_claim_volumes(const struct stateful *view, int64_t ordinal, struct json_doc *doc,
			    struct json *pod_spec)
{
	const struct json *templates = templates_of(view);
	struct json *volumes = json_new_array(doc);

	if (json_count(templates) == 0)
		return;
	for (struct json_iter it = json_iter(templates); json_next(&it);) {
		struct json *volume = json_new_object(doc);
		auto_buf name = BUF_INIT;

		stateful_claim_name(view, it.value, ordinal, &name);
		json_put(doc, volume, "name", json_new_str(doc, meta_str(it.value, "name")));
		json_put(doc, json_sub_object(doc, volume, "persistentVolumeClaim"), "claimName",
			 json_new_str(doc, buf_str(&name)));
		json_append(volumes, volume);
	}
	for (struct json_iter it = json_iter(json_get(pod_spec, "volumes")); json_next(&it);)
		if (!is_claimed(templates, json_str(json_get(it.value, "name"))))
			json_append(volumes, json_clone(doc, it.value));
	json_put(doc, pod_spec, "volumes", volumes);
}

/* --- owners --- */

static const struct object *find_claim(const struct stateful *view, const struct control *control,
				       const struct json *template, int64_t ordinal)
{
	auto_buf name = BUF_INIT;

	stateful_claim_name(view, template, ordinal, &name);
	return cache_find(control->caches[CONTROL_CLAIMS], object_namespace(view->set),
			  buf_str(&name));
}

static bool is_reference(const struct json *reference, const char *kind, struct str name)
{
	return str_is(json_str(json_get(reference, "kind")), kind) &&
	       str_equal(json_str(json_get(reference, "name")), name);
}

static const struct json *owners_of(const struct object *claim)
{
	return json_get(meta_of(object_json(claim)), "ownerReferences");
}

/* A reference to something of this name: to this very object (uid), or to an earlier one? */
static bool has_owner(const struct object *claim, const char *kind, struct str name, struct str uid,
		      bool same)
{
	for (struct json_iter it = json_iter(owners_of(claim)); json_next(&it);)
		if (is_reference(it.value, kind, name) &&
		    str_equal(json_str(json_get(it.value, "uid")), uid) == same)
			return true;
	return false;
}

bool stateful_claim_is_stale(const struct stateful *view, const struct control *control,
			     int64_t ordinal)
{
	auto_buf pod = BUF_INIT;

	buf_add_print(&pod, STR_FMT "-%lld", STR_ARG(object_name(view->set)), (long long)ordinal);
	for (struct json_iter it = json_iter(templates_of(view)); json_next(&it);) {
		const struct object *claim = find_claim(view, control, it.value, ordinal);

		if (claim && (object_is_deleting(claim) ||
			      has_owner(claim, "Pod", buf_str(&pod), STR(""), false)))
			return true;
	}
	return false;
}

struct wish {
	bool set, pod;
};

static bool is_ours(const struct json *reference, const struct object *set,
		    const struct object *pod)
{
	return is_reference(reference, "StatefulSet", object_name(set)) ||
	       is_reference(reference, "Pod", object_name(pod));
}

/* An owner beside us that controls it: we only take our references away. */
static bool has_foreign_controller(const struct object *claim, const struct object *set,
				   const struct object *pod)
{
	const struct json *controller = meta_controller(object_json(claim));

	return controller && !is_ours(controller, set, pod);
}

static bool is_right(const struct object *claim, const struct stateful *view,
		     const struct object *pod, const struct wish *wish)
{
	struct str set = object_name(view->set), name = object_name(pod);

	if (has_owner(claim, "StatefulSet", set, object_uid(view->set), false) ||
	    has_owner(claim, "Pod", name, object_uid(pod), false))
		return false;
	return has_owner(claim, "StatefulSet", set, object_uid(view->set), true) == wish->set &&
	       has_owner(claim, "Pod", name, object_uid(pod), true) == wish->pod;
}

static void give(struct batch *batch, const struct object *claim, const struct stateful *view,
		 const struct object *pod, const struct wish *wish)
{
	auto_json_doc doc = json_doc_new();
	struct json *patch = json_new_object(doc), *metadata, *owners;
	auto_buf body = BUF_INIT;
	struct client_ask ask = { .verb = CLIENT_PATCH_MERGE,
				  .kind = batch->control->kinds[CONTROL_CLAIMS],
				  .namespace = object_namespace(claim),
				  .name = object_name(claim) };

	metadata = json_sub_object(doc, patch, "metadata");
	json_put(doc, metadata, "resourceVersion",
		 json_new_str(doc, meta_str(object_json(claim), "resourceVersion")));
	owners = json_sub_array(doc, metadata, "ownerReferences");
	for (struct json_iter it = json_iter(owners_of(claim)); json_next(&it);)
		if (!is_ours(it.value, view->set, pod))
			json_append(owners, json_clone(doc, it.value));
	if (wish->set)
		json_append(owners, control_owner_reference(doc, view->set));
	if (wish->pod)
		json_append(owners, control_owner_reference(doc, pod));
	json_print(patch, &body);
	ask.body = buf_str(&body);
	batch_call(batch, &ask);
}

bool stateful_claim_own(struct batch *batch, const struct stateful *view,
			const struct stateful_pod *pod)
{
	bool condemned = !stateful_is_in_range(view, pod->ordinal), called = false;
	struct wish wish = { .pod = condemned && view->delete_when_scaled };

	wish.set = view->delete_with_set && !wish.pod;
	for (struct json_iter it = json_iter(templates_of(view)); json_next(&it);) {
		const struct object *claim =
			find_claim(view, batch->control, it.value, pod->ordinal);
		struct wish own = wish;

		if (!claim)
			continue;
		if (has_foreign_controller(claim, view->set, pod->member->object))
			own = (struct wish){ false, false };
		if (is_right(claim, view, pod->member->object, &own))
			continue;
		give(batch, claim, view, pod->member->object, &own);
		called = true;
	}
	return called;
}
