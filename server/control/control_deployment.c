/*
 * control_deployment.c - one ReplicaSet a template: the new one grows, the old ones shrink, within
 * the strategy's bounds.
 *
 * A pass makes one step and waits for the cache to see it.  Undo works by itself: an old set whose
 * template is wished again becomes the new one, with the next revision.
 */
#include <inttypes.h>
#include <stdio.h>

#include "base/clock.h"
#include "server/control/controller.h"
#include "server/control/seen.h"
#include "server/control/rolling.h"

#define COMPONENT  "deployment-controller"
#define HASH_LABEL "pod-template-hash"
#define REVISION   "deployment.kubernetes.io/revision"

struct self {
	struct control *control;
	struct queue *queue;
	struct seen *seen; /* of sets */
};

struct view {
	const struct object *deployment;
	const struct json *spec;
	const struct object **sets;
	size_t count;
	const struct object *fresh; /* the set of the wished template, or NULL */
	int64_t newest_revision;
};

static int64_t number(const struct object *set, const char *part, const char *field)
{
	return json_int(json_path(object_json(set), part, field, NULL));
}

static int64_t revision_of(const struct object *set)
{
	int64_t revision;

	return str_to_i64(meta_annotation(object_json(set), REVISION), 0, INT64_MAX, &revision)
		       ? revision
		       : 0;
}

/* --- what is there --- */

/* The set's template without our own label equals the wished one. */
static bool is_same_template(const struct object *set, const struct json *template)
{
	auto_json_doc doc = json_doc_new();
	struct json *own = json_clone(doc, json_path(object_json(set), "spec", "template", NULL));
	struct json *labels = json_path(own, "metadata", "labels", NULL);

	json_remove(labels, STR(HASH_LABEL));
	return json_equal(own, template);
}

static void look(struct self *self, const struct object *deployment, struct view *out)
{
	struct cache *sets = self->control->caches[CONTROL_REPLICASETS];
	const struct object *set;

	*out = (struct view){ .deployment = deployment,
			      .spec = json_get(object_json(deployment), "spec") };
	out->sets = memory_get((cache_count(sets) + 1) * sizeof(set));
	for (size_t i = 0; (set = cache_next(sets, &i));) {
		if (!str_equal(control_owner_uid(set), object_uid(deployment)) ||
		    object_is_deleting(set))
			continue;
		out->sets[out->count++] = set;
		if (revision_of(set) > out->newest_revision)
			out->newest_revision = revision_of(set);
		if (!out->fresh && is_same_template(set, json_get(out->spec, "template")))
			out->fresh = set;
	}
}

/* --- the new set --- */

/* As Kubernetes names them: FNV-1a of the template in an alphabet without vowels. */
static void print_hash(const struct json *template, char out[16])
{
	static const char alphabet[] = "bcdfghjklmnpqrstvwxz2456789";
	auto_buf text = BUF_INIT;
	uint32_t hash = 2166136261u;
	char digits[16];

	json_print(template, &text);
	for (size_t i = 0; i < text.len; i++)
		hash = (hash ^ (unsigned char)text.at[i]) * 16777619u;
	snprintf(digits, sizeof(digits), "%" PRIu32, hash);
	for (size_t i = 0; i <= strlen(digits); i++)
		out[i] = digits[i] ? alphabet[(unsigned char)digits[i] % 27] : '\0';
}

static void put_hash(struct json_doc *doc, struct json *object, const char *hash)
{
	json_put(doc, json_sub_object(doc, json_sub_object(doc, object, "metadata"), "labels"),
		 HASH_LABEL, json_new_text(doc, hash));
}

static void create_set(struct batch *batch, const struct view *view, int64_t replicas)
{
	const struct json *template = json_get(view->spec, "template");
	auto_json_doc doc = json_doc_new();
	struct json *set = json_new_object(doc), *metadata, *spec, *own;
	auto_buf body = BUF_INIT;
	char hash[16];
	struct client_ask ask = { .verb = CLIENT_CREATE,
				  .kind = batch->control->kinds[CONTROL_REPLICASETS],
				  .namespace = object_namespace(view->deployment) };

	print_hash(template, hash);
	metadata = json_sub_object(doc, set, "metadata");
	json_put(doc, metadata, "name",
		 json_new_print(doc, STR_FMT "-%s", STR_ARG(object_name(view->deployment)), hash));
	json_put(doc, metadata, "labels",
		 json_clone(doc, json_path(template, "metadata", "labels", NULL)));
	put_hash(doc, set, hash);
	json_put(doc, json_sub_object(doc, metadata, "annotations"), REVISION,
		 json_new_print(doc, "%" PRId64, view->newest_revision + 1));
	json_append(json_sub_array(doc, metadata, "ownerReferences"),
		    control_owner_reference(doc, view->deployment));
	spec = json_sub_object(doc, set, "spec");
	json_put(doc, spec, "replicas", json_new_int(doc, replicas));
	json_put(doc, spec, "minReadySeconds",
		 json_new_int(doc, json_int(json_get(view->spec, "minReadySeconds"))));
	json_put(doc, spec, "selector", json_clone(doc, json_get(view->spec, "selector")));
	json_put(doc, json_sub_object(doc, json_get(spec, "selector"), "matchLabels"), HASH_LABEL,
		 json_new_text(doc, hash));
	own = json_clone(doc, template);
	json_put(doc, spec, "template", own);
	put_hash(doc, own, hash);
	json_print(set, &body);
	ask.body = buf_str(&body);
	batch_call(batch, &ask);
}

/* --- steps --- */

static void patch_set(struct batch *batch, const struct object *set, const char *body)
{
	struct client_ask ask = { .verb = CLIENT_PATCH_MERGE,
				  .kind = batch->control->kinds[CONTROL_REPLICASETS],
				  .namespace = object_namespace(set),
				  .name = object_name(set),
				  .body = str_of(body) };

	batch_call(batch, &ask);
}

static void scale(struct batch *batch, const struct view *view, const struct object *set,
		  int64_t replicas)
{
	int64_t old = number(set, "spec", "replicas");
	char body[96], text[256];

	if (old == replicas)
		return;
	snprintf(body, sizeof(body), "{\"spec\":{\"replicas\":%" PRId64 "}}", replicas);
	patch_set(batch, set, body);
	snprintf(text, sizeof(text),
		 "Scaled %s replica set " STR_FMT " from %" PRId64 " to %" PRId64,
		 replicas > old ? "up" : "down", STR_ARG(object_name(set)), old, replicas);
	control_event(batch->control, view->deployment, COMPONENT, "Normal", "ScalingReplicaSet",
		      text);
}

static void sum_up(const struct view *view, struct rolling *out)
{
	out->wanted = json_int(json_get(view->spec, "replicas"));
	rolling_bounds(json_path(view->spec, "strategy", "rollingUpdate", NULL), out->wanted,
		       &out->surge, &out->missing);
	out->all = out->available = 0;
	for (size_t i = 0; i < view->count; i++) {
		out->all += number(view->sets[i], "spec", "replicas");
		out->available += number(view->sets[i], "status", "availableReplicas");
	}
	out->fresh = view->fresh ? number(view->fresh, "spec", "replicas") : 0;
	out->fresh_available = view->fresh ? number(view->fresh, "status", "availableReplicas") : 0;
}

/* Old pods that are not available go first: they help nobody.  Then available ones, as far as the
 * bound allows. */
static void shrink_old(struct batch *batch, const struct view *view, const struct rolling *rolling)
{
	int64_t may_go = rolling_shrink(rolling);
	int64_t spare = rolling->available - (rolling->wanted - rolling->missing);

	for (size_t i = 0; i < view->count && may_go > 0; i++) {
		const struct object *set = view->sets[i];
		int64_t has = number(set, "spec", "replicas");
		int64_t sick = has - number(set, "status", "availableReplicas");
		int64_t healthy = has - (sick > 0 ? sick : 0), drop = sick > 0 ? sick : 0;

		if (set == view->fresh || has == 0)
			continue;
		if (drop > may_go)
			drop = may_go;
		if (spare > 0 && drop < may_go) {
			int64_t more = may_go - drop;

			more = more < spare ? more : spare;
			more = more < healthy ? more : healthy;
			drop += more;
			spare -= more;
		}
		may_go -= drop;
		scale(batch, view, set, has - drop);
	}
}

static bool old_are_gone(const struct view *view)
{
	for (size_t i = 0; i < view->count; i++)
		if (view->sets[i] != view->fresh &&
		    (number(view->sets[i], "spec", "replicas") > 0 ||
		     number(view->sets[i], "status", "replicas") > 0))
			return false;
	return true;
}

/* All old pods first, then the new ones. */
static void recreate(struct batch *batch, const struct view *view, const struct rolling *rolling)
{
	for (size_t i = 0; i < view->count; i++)
		if (view->sets[i] != view->fresh)
			scale(batch, view, view->sets[i], 0);
	if (!old_are_gone(view))
		return;
	if (view->fresh)
		scale(batch, view, view->fresh, rolling->wanted);
	else
		create_set(batch, view, rolling->wanted);
}

/* A set that is wished again gets the next revision. */
static void renew_revision(struct batch *batch, const struct view *view)
{
	char body[160];

	if (!view->fresh || revision_of(view->fresh) == view->newest_revision)
		return;
	snprintf(body, sizeof(body),
		 "{\"metadata\":{\"annotations\":{\"" REVISION "\":\"%" PRId64 "\"}}}",
		 view->newest_revision + 1);
	patch_set(batch, view->fresh, body);
}

/* Not a part of the template: the set that is there takes it over. */
static void renew_min_ready(struct batch *batch, const struct view *view)
{
	int64_t wanted = json_int(json_get(view->spec, "minReadySeconds"));
	char body[96];

	if (!view->fresh || number(view->fresh, "spec", "minReadySeconds") == wanted)
		return;
	snprintf(body, sizeof(body), "{\"spec\":{\"minReadySeconds\":%" PRId64 "}}", wanted);
	patch_set(batch, view->fresh, body);
}

static void roll(struct batch *batch, const struct view *view)
{
	struct rolling rolling;
	bool at_once =
		str_is(json_str(json_path(view->spec, "strategy", "type", NULL)), "Recreate");

	sum_up(view, &rolling);
	if (json_bool(json_get(view->spec, "paused"))) {
		if (view->fresh && view->count == 1)
			scale(batch, view, view->fresh, rolling.wanted);
		return;
	}
	renew_revision(batch, view);
	renew_min_ready(batch, view);
	if (at_once) {
		recreate(batch, view, &rolling);
		return;
	}
	if (!view->fresh)
		create_set(batch, view, rolling_fresh(&rolling));
	else if (rolling_fresh(&rolling) != rolling.fresh)
		scale(batch, view, view->fresh, rolling_fresh(&rolling));
	else
		shrink_old(batch, view, &rolling);
}

/* --- history --- */

static void clean_up(struct batch *batch, const struct view *view)
{
	int64_t keep = json_int(json_get(view->spec, "revisionHistoryLimit"));
	int64_t old = 0;
	const struct object *oldest = NULL;

	for (size_t i = 0; i < view->count; i++) {
		const struct object *set = view->sets[i];

		if (set == view->fresh || number(set, "spec", "replicas") > 0 ||
		    number(set, "status", "replicas") > 0)
			continue;
		old++;
		if (!oldest || revision_of(set) < revision_of(oldest))
			oldest = set;
	}
	if (old > keep && oldest) {
		struct client_ask ask = { .verb = CLIENT_DELETE,
					  .kind = batch->control->kinds[CONTROL_REPLICASETS],
					  .namespace = object_namespace(oldest),
					  .name = object_name(oldest) };

		batch_call(batch, &ask);
	}
}

/* --- status --- */

struct sums {
	int64_t replicas, ready, available, updated, wanted;
};

static struct json *condition(struct json_doc *doc, const struct json *before, const char *type,
			      bool is_true, const char *reason, const char *message)
{
	const struct json *old = meta_condition(before, str_of(type));
	struct json *made = json_new_object(doc);
	const char *status = is_true ? "True" : "False";
	bool same_status = str_is(json_str(json_get(old, "status")), status);
	bool same = same_status && str_is(json_str(json_get(old, "reason")), reason);
	char now[CLOCK_TEXT];

	clock_print(clock_wall_s(), now);
	json_put(doc, made, "type", json_new_text(doc, type));
	json_put(doc, made, "status", json_new_text(doc, status));
	json_put(doc, made, "lastUpdateTime",
		 same ? json_clone(doc, json_get(old, "lastUpdateTime")) : json_new_text(doc, now));
	json_put(doc, made, "lastTransitionTime",
		 same_status ? json_clone(doc, json_get(old, "lastTransitionTime"))
			     : json_new_text(doc, now));
	json_put(doc, made, "reason", json_new_text(doc, reason));
	json_put(doc, made, "message", json_new_text(doc, message));
	return made;
}

/* What others have said of it stays. */
static void keep_foreign_conditions(struct json_doc *doc, struct json *list, const struct json *old)
{
	const struct json *all = json_path(old, "status", "conditions", NULL);

	for (struct json_iter it = json_iter(all); json_next(&it);) {
		struct str type = json_str(json_get(it.value, "type"));

		if (!str_is(type, "Available") && !str_is(type, "Progressing"))
			json_append(list, json_clone(doc, it.value));
	}
}

static void put_conditions(struct json_doc *doc, struct json *status, const struct view *view,
			   const struct sums *sums)
{
	const struct json *old = object_json(view->deployment);
	struct json *list = json_sub_array(doc, status, "conditions");
	int64_t surge, missing;
	bool enough, complete = sums->updated == sums->wanted && sums->replicas == sums->wanted &&
				sums->available == sums->wanted && view->fresh;
	char text[320];

	keep_foreign_conditions(doc, list, old);
	rolling_bounds(json_path(view->spec, "strategy", "rollingUpdate", NULL), sums->wanted,
		       &surge, &missing);
	enough = sums->available >= sums->wanted - missing;
	json_append(list,
		    condition(doc, old, "Available", enough,
			      enough ? "MinimumReplicasAvailable" : "MinimumReplicasUnavailable",
			      enough ? "Deployment has minimum availability."
				     : "Deployment does not have minimum availability."));
	snprintf(text, sizeof(text), "ReplicaSet \"" STR_FMT "\" %s.",
		 STR_ARG(view->fresh ? object_name(view->fresh) : STR("")),
		 complete ? "has successfully progressed" : "is progressing");
	json_append(list,
		    condition(doc, old, "Progressing", true,
			      complete ? "NewReplicaSetAvailable" : "ReplicaSetUpdated", text));
}

static void count_up(const struct view *view, struct sums *out)
{
	*out = (struct sums){ .wanted = json_int(json_get(view->spec, "replicas")) };
	for (size_t i = 0; i < view->count; i++) {
		out->replicas += number(view->sets[i], "status", "replicas");
		out->ready += number(view->sets[i], "status", "readyReplicas");
		out->available += number(view->sets[i], "status", "availableReplicas");
	}
	out->updated = view->fresh ? number(view->fresh, "status", "replicas") : 0;
}

static void tell_status(struct batch *batch, const struct view *view)
{
	const struct json *root = object_json(view->deployment);
	auto_json_doc doc = json_doc_new();
	struct json *patch = json_new_object(doc), *status = json_new_object(doc);
	auto_buf body = BUF_INIT;
	struct sums sums;
	struct client_ask ask = { .verb = CLIENT_UPDATE,
				  .kind = batch->control->kinds[CONTROL_DEPLOYMENTS],
				  .namespace = object_namespace(view->deployment),
				  .name = object_name(view->deployment),
				  .subresource = "status" };

	count_up(view, &sums);
	json_put(doc, status, "observedGeneration",
		 json_clone(doc, json_get(meta_of(root), "generation")));
	if (sums.replicas > 0)
		json_put(doc, status, "replicas", json_new_int(doc, sums.replicas));
	if (sums.updated > 0)
		json_put(doc, status, "updatedReplicas", json_new_int(doc, sums.updated));
	if (sums.ready > 0)
		json_put(doc, status, "readyReplicas", json_new_int(doc, sums.ready));
	if (sums.available > 0)
		json_put(doc, status, "availableReplicas", json_new_int(doc, sums.available));
	if (sums.replicas > sums.available)
		json_put(doc, status, "unavailableReplicas",
			 json_new_int(doc, sums.replicas - sums.available));
	put_conditions(doc, status, view, &sums);
	if (json_equal(status, json_get(root, "status")))
		return;
	patch = json_clone(doc, root);
	json_put(doc, patch, "status", status);
	json_print(patch, &body);
	ask.body = buf_str(&body);
	batch_call(batch, &ask);
}

/* The deployment carries the revision of its new set. */
static void tell_revision(struct batch *batch, const struct view *view)
{
	char body[160];
	struct str now = meta_annotation(object_json(view->deployment), REVISION);
	struct client_ask ask = { .verb = CLIENT_PATCH_MERGE,
				  .kind = batch->control->kinds[CONTROL_DEPLOYMENTS],
				  .namespace = object_namespace(view->deployment),
				  .name = object_name(view->deployment),
				  .subresource = "status" };

	if (!view->fresh || str_equal(now, meta_annotation(object_json(view->fresh), REVISION)))
		return;
	snprintf(body, sizeof(body),
		 "{\"metadata\":{\"annotations\":{\"" REVISION "\":\"%" PRId64 "\"}}}",
		 revision_of(view->fresh));
	ask.body = str_of(body);
	batch_call(batch, &ask);
}

/* --- passes --- */

static void on_end(struct batch *batch)
{
	struct self *self = batch->owner;
	struct str key = str_of(batch->key);

	seen_note(self->seen, key, batch->revision);
	queue_done(self->queue, key, !batch->failed);
	batch_free(batch);
}

static void on_pass(void *owner, struct str key)
{
	struct self *self = owner;
	struct str rest = key, namespace = str_cut(&rest, '/');
	const struct object *deployment =
		cache_find(self->control->caches[CONTROL_DEPLOYMENTS], namespace, rest);
	struct batch *batch;
	struct view view;

	if (!deployment || object_is_deleting(deployment) ||
	    seen_is_behind(self->seen, key,
			   cache_revision(self->control->caches[CONTROL_REPLICASETS]))) {
		if (!deployment)
			seen_forget(self->seen, key);
		queue_done(self->queue, key, true);
		return;
	}
	batch = batch_new(self->control, key, self, on_end);
	batch->watched = "ReplicaSet";
	look(self, deployment, &view);
	roll(batch, &view);
	clean_up(batch, &view);
	tell_revision(batch, &view);
	tell_status(batch, &view);
	free(view.sets);
	batch_seal(batch);
}

static void *start(struct control *control)
{
	struct self *self = memory_new(struct self);

	self->control = control;
	self->queue = queue_new(control->loop, on_pass, self);
	self->seen = seen_new();
	return self;
}

static void stop(void *own)
{
	struct self *self = own;

	seen_free(self->seen);
	queue_free(self->queue);
	free(self);
}

static void on_change(void *own, enum control_kind kind, const struct object *before,
		      const struct object *after)
{
	struct self *self = own;
	const struct object *object = after ? after : before;
	const struct json *owner;
	auto_buf key = BUF_INIT;

	if (kind == CONTROL_DEPLOYMENTS) {
		object_key(object, &key);
		queue_add(self->queue, buf_str(&key));
	}
	if (kind != CONTROL_REPLICASETS)
		return;
	owner = meta_controller(object_json(object));
	if (!str_is(json_str(json_get(owner, "kind")), "Deployment"))
		return;
	buf_add_print(&key, STR_FMT "/" STR_FMT, STR_ARG(object_namespace(object)),
		      STR_ARG(json_str(json_get(owner, "name"))));
	queue_add(self->queue, buf_str(&key));
}

const struct control_row control_deployment = { "deployment", start, stop, on_change };
