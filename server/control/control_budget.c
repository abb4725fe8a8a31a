/*
 * control_budget.c - counts the healthy pods of each PodDisruptionBudget, and so says how many may
 * be evicted now.
 *
 * The one who evicts (registry/eviction.c) takes from what is written here and notes the pod in
 * disruptedPods; here the note goes when the pod has gone, or has not for two minutes.  A status is
 * written only over the one that was looked at, so that nobody's note is lost.
 *
 * Also takes back the condition DisruptionTarget of pods that were to go and did not.
 */
#include <inttypes.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/map.h"
#include "server/control/budget_pods.h"
#include "server/control/controller.h"
#include "server/control/family.h"
#include "server/control/rolling.h"
#include "server/control/seen.h"

#define COMPONENT "controllermanager"
#define GOING_S   120 /* how long an eviction may take */
#define CONDITION "DisruptionTarget"

struct self {
	struct control *control;
	struct queue *queue, *stale; /* keys of budgets; of pods with the condition */
	struct seen *seen;           /* of budgets */
	struct budget_pods *pods;
};

/* What a pass finds. */
struct count {
	const struct object *budget;
	struct str key;
	int64_t healthy, desired, expected;
	size_t unmanaged;
	int64_t recheck_s; /* the first note to grow old, INT64_MAX: none */
	char why[512];     /* the count failed, or "" */
};

/* --- how many pods there should be --- */

static const struct object *find_owner(const struct self *self, enum control_kind kind,
				       struct str namespace, const struct json *reference)
{
	const struct object *owner = cache_find(self->control->caches[kind], namespace,
						json_str(json_get(reference, "name")));

	return owner && str_equal(object_uid(owner), json_str(json_get(reference, "uid"))) ? owner
											   : NULL;
}

static int64_t replicas_of(const struct object *owner)
{
	return json_int(json_path(object_json(owner), "spec", "replicas", NULL));
}

/* "jobs.batch" of a reference; of kinds that this server does not know the Kind. */
static void print_resource(const struct json *reference, struct buf *out)
{
	struct str version = json_str(json_get(reference, "apiVersion")),
		   name = json_str(json_get(reference, "kind"));
	const struct kind *kind = kind_find_name(version, name);

	if (kind)
		kind_resource(kind, out);
	else
		buf_add_str(out, name);
}

/* The controller of a pod, as far up as it is scaled; NULL: there is none, count->why says it. */
static const struct object *find_scaled(const struct self *self, const struct object *pod,
					const struct json *reference, struct count *count)
{
	static const struct {
		const char *kind;
		enum control_kind cache;
	} rows[] = {
		{ "ReplicationController", CONTROL_REPLICATIONCONTROLLERS },
		{ "ReplicaSet", CONTROL_REPLICASETS },
		{ "StatefulSet", CONTROL_STATEFULSETS },
	};
	struct str namespace = object_namespace(pod);
	const struct object *owner = NULL, *above = NULL;
	auto_buf resource = BUF_INIT;
	size_t row = 0;

	while (row < ARRAY_LENGTH(rows) &&
	       !str_is(json_str(json_get(reference, "kind")), rows[row].kind))
		row++;
	if (row == ARRAY_LENGTH(rows)) {
		print_resource(reference, &resource);
		snprintf(count->why, sizeof(count->why),
			 "%s does not implement the scale subresource", buf_text(&resource));
		return NULL;
	}
	owner = find_owner(self, rows[row].cache, namespace, reference);
	if (owner && rows[row].cache == CONTROL_REPLICASETS)
		above = find_owner(self, CONTROL_DEPLOYMENTS, namespace,
				   meta_controller(object_json(owner)));
	if (!owner)
		snprintf(count->why, sizeof(count->why),
			 "found no controllers for pod \"" STR_FMT "\"", STR_ARG(object_name(pod)));
	return above ? above : owner;
}

/* The sum of the scales of all controllers of its pods. */
static int64_t expect(const struct self *self, struct count *count)
{
	const struct family *pods = self->control->families[CONTROL_PODS];
	auto_map known = map_new();
	auto_map owners = map_new();
	int64_t sum = 0;
	struct str name;

	for (size_t i = 0; budget_pods_next(self->pods, count->key, &i, &name);) {
		const struct member *pod = family_find(pods, object_namespace(count->budget), name);
		const struct json *reference =
			pod ? meta_controller(object_json(pod->object)) : NULL;
		const struct object *owner;

		count->unmanaged += pod && !reference;
		if (!reference || map_put(known, json_str(json_get(reference, "uid")), &sum))
			continue;
		owner = find_scaled(self, pod->object, reference, count);
		if (!owner)
			return 0;
		if (!map_put(owners, object_uid(owner), &sum))
			sum += replicas_of(owner);
	}
	return sum;
}

static void find_expected(const struct self *self, struct count *count)
{
	const struct json *spec = json_get(object_json(count->budget), "spec");
	const struct json *most = json_get(spec, "maxUnavailable"),
			  *least = json_get(spec, "minAvailable");

	if (most) {
		count->expected = expect(self, count);
		count->desired = count->expected - rolling_resolve(most, count->expected, true);
	} else if (json_type(least) == JSON_STRING) {
		count->expected = expect(self, count);
		count->desired = rolling_resolve(least, count->expected, true);
	} else if (least) {
		count->expected = (int64_t)budget_pods_count(self->pods, count->key);
		count->desired = json_int(least);
	}
	if (count->desired < 0)
		count->desired = 0;
}

/* --- how many are well --- */

/* Is the pod's note still good?  Tells of a pod that was to go and did not. */
static bool is_going(const struct self *self, const struct member *pod, struct count *count)
{
	const struct json *notes =
		json_path(object_json(count->budget), "status", "disruptedPods", NULL);
	const struct json *note = json_get_str(notes, object_name(pod->object));
	char text[256];
	int64_t since;

	if (!note || !clock_parse(json_str(note), &since, NULL))
		return false;
	if (since + GOING_S >= clock_wall_s()) {
		if (since + GOING_S < count->recheck_s)
			count->recheck_s = since + GOING_S;
		return true;
	}
	snprintf(text, sizeof(text),
		 "Pod was expected by PDB " STR_FMT "/" STR_FMT " to be deleted but it wasn't",
		 STR_ARG(object_namespace(count->budget)), STR_ARG(object_name(count->budget)));
	control_event(self->control, pod->object, COMPONENT, "Warning", "NotDeleted", text);
	return false;
}

/* `notes`: disruptedPods as they should be. */
static void count_healthy(const struct self *self, struct count *count, struct json_doc *doc,
			  struct json *notes)
{
	const struct json *old =
		json_path(object_json(count->budget), "status", "disruptedPods", NULL);
	struct str name;

	for (size_t i = 0; budget_pods_next(self->pods, count->key, &i, &name);) {
		const struct member *pod = family_find(self->control->families[CONTROL_PODS],
						       object_namespace(count->budget), name);

		if (!pod || object_is_deleting(pod->object))
			continue;
		if (is_going(self, pod, count))
			json_put_str(doc, notes, name, json_clone(doc, json_get_str(old, name)));
		else
			count->healthy += pod->ready;
	}
}

/* --- the status --- */

static void put_condition(struct json_doc *doc, struct json *root, bool is, const char *reason,
			  const char *message)
{
	struct json *status = json_sub_object(doc, root, "status");
	struct json *condition = meta_condition(root, STR("DisruptionAllowed"));
	const char *word = is ? "True" : "False";
	char now[CLOCK_TEXT];

	if (!condition) {
		condition = json_new_object(doc);
		json_append(json_sub_array(doc, status, "conditions"), condition);
		json_put(doc, condition, "type", json_new_text(doc, "DisruptionAllowed"));
	}
	clock_print(clock_wall_s(), now);
	if (!str_is(json_str(json_get(condition, "status")), word))
		json_put(doc, condition, "lastTransitionTime", json_new_text(doc, now));
	json_put(doc, condition, "status", json_new_text(doc, word));
	json_put(doc, condition, "reason", json_new_text(doc, reason));
	json_put(doc, condition, "message", json_new_text(doc, message));
	json_put(doc, condition, "observedGeneration",
		 json_clone(doc, json_get(status, "observedGeneration")));
}

static void put_count(const struct count *count, struct json_doc *doc, struct json *notes)
{
	struct json *root = json_root(doc), *status = json_sub_object(doc, root, "status");
	int64_t allowed = count->healthy - count->desired;

	if (count->expected <= 0 || allowed < 0)
		allowed = 0;
	json_put(doc, status, "observedGeneration",
		 json_clone(doc, json_get(meta_of(root), "generation")));
	json_put(doc, status, "disruptedPods", json_count(notes) > 0 ? notes : NULL);
	json_put(doc, status, "disruptionsAllowed", json_new_int(doc, allowed));
	json_put(doc, status, "currentHealthy", json_new_int(doc, count->healthy));
	json_put(doc, status, "desiredHealthy", json_new_int(doc, count->desired));
	json_put(doc, status, "expectedPods", json_new_int(doc, count->expected));
	put_condition(doc, root, allowed > 0, allowed > 0 ? "SufficientPods" : "InsufficientPods",
		      "");
}

static void tell(const struct self *self, const struct count *count, const char *type,
		 const char *reason, const char *message)
{
	control_event(self->control, count->budget, COMPONENT, type, reason, message);
}

/* Only when a status is written: the same count again is no news. */
static void tell_count(const struct self *self, const struct count *count)
{
	const struct json *wish = json_path(object_json(count->budget), "spec", "selector", NULL);
	auto_buf text = BUF_INIT, selector = BUF_INIT;

	if (budget_pods_count(self->pods, count->key) == 0)
		tell(self, count, "Normal", "NoPods", "No matching pods found");
	if (count->why[0]) {
		buf_add_print(&text, "Failed to calculate the number of expected pods: %s",
			      count->why);
		tell(self, count, "Warning", "CalculateExpectedPodCountFailed", buf_text(&text));
	} else if (count->unmanaged > 0) {
		json_print(wish, &selector);
		buf_add_print(&text,
			      "Pods selected by this PodDisruptionBudget (selector: %s) were found "
			      "to be unmanaged. As a result, the status of the PDB cannot be "
			      "calculated correctly, which may result in undefined behavior. To "
			      "account for these pods please set \".spec.minAvailable\" field of "
			      "the PDB to an integer value.",
			      buf_text(&selector));
		tell(self, count, "Warning", "UnmanagedPods", buf_text(&text));
	}
}

static void on_told(struct batch *batch)
{
	struct self *self = batch->owner;

	batch_end_pass(batch, self->queue, self->seen);
}

static void write_status(struct self *self, const struct count *count, const struct json *root)
{
	struct batch *batch =
		batch_new_watching(self->control, count->key, self, on_told, "PodDisruptionBudget");
	auto_buf body = BUF_INIT;
	struct client_ask ask = { .verb = CLIENT_UPDATE,
				  .kind = self->control->kinds[CONTROL_BUDGETS],
				  .namespace = object_namespace(count->budget),
				  .name = object_name(count->budget),
				  .subresource = "status" };

	if (!json_equal(json_get(root, "status"), json_get(object_json(count->budget), "status"))) {
		tell_count(self, count);
		json_print(root, &body);
		ask.body = buf_str(&body);
		batch_call(batch, &ask);
	}
	batch_seal(batch);
}

/* --- passes --- */

static void on_pass(void *owner, struct str key)
{
	struct self *self = owner;
	struct count count = { .key = key, .recheck_s = INT64_MAX };
	auto_json_doc doc = NULL;
	struct json *notes;

	count.budget = control_find(self->control, CONTROL_BUDGETS, key);
	if (!count.budget)
		seen_forget(self->seen, key);
	if (!count.budget ||
	    seen_is_behind(self->seen, key,
			   cache_revision(self->control->caches[CONTROL_BUDGETS]))) {
		queue_done(self->queue, key, true);
		return;
	}
	doc = object_thaw(count.budget);
	notes = json_new_object(doc);
	find_expected(self, &count);
	if (count.why[0]) {
		/* At least nobody is evicted by a count that is old. */
		json_put(doc, json_sub_object(doc, json_root(doc), "status"), "disruptionsAllowed",
			 json_new_int(doc, 0));
		put_condition(doc, json_root(doc), false, "SyncFailed", count.why);
	} else {
		count_healthy(self, &count, doc, notes);
		put_count(&count, doc, notes);
	}
	if (count.recheck_s != INT64_MAX)
		queue_add_after(self->queue, key, (count.recheck_s + 1 - clock_wall_s()) * 1000);
	write_status(self, &count, json_root(doc));
}

/* --- pods that were to go and did not --- */

/* Milliseconds until the condition is taken back; -1: it is not. */
static int64_t stale_ms(const struct object *pod)
{
	const struct json *root, *condition;
	struct str phase;
	int64_t since;

	if (object_is_deleting(pod) || str_search(object_bytes(pod), STR("\"" CONDITION "\"")) < 0)
		return -1;
	root = object_json(pod);
	condition = meta_condition(root, STR(CONDITION));
	phase = json_str(json_path(root, "status", "phase", NULL));
	if (!str_is(json_str(json_get(condition, "status")), "True") ||
	    str_is(json_str(json_get(condition, "reason")), "TerminationByKubelet") ||
	    str_is(phase, "Succeeded") || str_is(phase, "Failed") ||
	    !clock_parse(json_str(json_get(condition, "lastTransitionTime")), &since, NULL))
		return -1;
	since = (since + GOING_S - clock_wall_s()) * 1000;
	return since > 0 ? since : 0;
}

static void on_mended(struct batch *batch)
{
	struct self *self = batch->owner;

	batch_end_pass(batch, self->stale, NULL);
}

static void on_stale(void *owner, struct str key)
{
	struct self *self = owner;
	struct str rest = key, namespace = str_cut(&rest, '/');
	const struct object *pod = cache_find(self->control->caches[CONTROL_PODS], namespace, rest);
	int64_t left = pod ? stale_ms(pod) : -1;
	auto_buf body = BUF_INIT;
	char now[CLOCK_TEXT];
	struct client_ask ask = { .verb = CLIENT_PATCH_STRATEGIC,
				  .kind = self->control->kinds[CONTROL_PODS],
				  .namespace = namespace,
				  .name = rest,
				  .subresource = "status" };
	struct batch *batch;

	if (left != 0) {
		if (left > 0)
			queue_add_after(self->stale, key, left);
		queue_done(self->stale, key, true);
		return;
	}
	clock_print(clock_wall_s(), now);
	buf_add_print(&body,
		      "{\"metadata\":{\"uid\":\"" STR_FMT
		      "\"},\"status\":{\"conditions\":[{\"type\":\"" CONDITION
		      "\",\"status\":\"False\",\"reason\":null,\"message\":null,"
		      "\"lastTransitionTime\":\"%s\"}]}}",
		      STR_ARG(object_uid(pod)), now);
	ask.body = buf_str(&body);
	batch = batch_new(self->control, key, self, on_mended);
	batch_call(batch, &ask);
	batch_seal(batch);
}

/* --- the row --- */

static void *start(struct control *control)
{
	struct self *self = memory_new(struct self);

	self->control = control;
	self->queue = queue_new(control->loop, on_pass, self);
	self->stale = queue_new(control->loop, on_stale, self);
	self->seen = seen_new();
	self->pods = budget_pods_new(control->caches[CONTROL_PODS]);
	return self;
}

static void stop(void *own)
{
	struct self *self = own;

	budget_pods_free(self->pods);
	seen_free(self->seen);
	queue_free(self->stale);
	queue_free(self->queue);
	free(self);
}

static void on_change(void *own, enum control_kind kind, const struct object *before,
		      const struct object *after)
{
	struct self *self = own;

	if (kind == CONTROL_PODS) {
		budget_pods_note_pod(self->pods, before, after, self->queue);
		if (!after || stale_ms(after) < 0)
			return;
		control_queue(self->stale, after);
	}
	if (kind != CONTROL_BUDGETS)
		return;
	budget_pods_note_budget(self->pods, before, after);
	control_queue(self->queue, after ? after : before);
}

const struct control_row control_budget = { "budget", start, stop, on_change };
