/*
 * control_daemonset.c - one pod of the set on each node where it may run.
 *
 *   on_pass: claim pods and revisions | revision of the template | plan: manage, else roll
 *            -> on_done: status
 *
 * Pods are made for a node by a required affinity to its name, and the scheduler binds them.  The
 * next plan waits until the cache has seen what this one did.
 */
#include <inttypes.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/map.h"
#include "server/control/daemon_plan.h"
#include "server/control/family_claim.h"
#include "server/control/owner_selectors.h"
#include "server/control/pod_maker.h"
#include "server/control/revisions.h"
#include "server/control/seen.h"

#define COMPONENT       "daemonset-controller"
#define BURST_MAX       250
#define FAILED_FIRST_MS 1000
#define FAILED_MAX_MS   (15 * 60 * 1000)

struct self {
	struct control *control;
	struct queue *queue;
	struct seen *seen; /* of pods */
	struct owner_selectors *selectors;
	struct daemon_nodes *nodes;
	struct map *failed; /* "namespace/name/node" -> struct failed */
};

/* A pod failed on a node: the next is not taken away at once. */
struct failed {
	int64_t generation, wait_ms, since_ms;
};

static const struct object *find_set(const struct self *self, struct str key)
{
	return control_find(self->control, CONTROL_DAEMONSETS, key);
}

/* --- pods that failed --- */

struct round {
	struct self *self;
	struct str key;
	const struct object *set;
};

static bool may_retry(void *of, struct str node)
{
	const struct round *round = of;
	struct self *self = round->self;
	int64_t now = clock_now_ms(), left;
	int64_t generation =
		json_int(json_path(object_json(round->set), "status", "observedGeneration", NULL));
	auto_buf key = BUF_INIT;
	struct failed *failed;

	buf_add_print(&key, STR_FMT "/" STR_FMT, STR_ARG(round->key), STR_ARG(node));
	failed = map_find(self->failed, buf_str(&key));
	if (!failed) {
		failed = memory_new(struct failed);
		map_put(self->failed, buf_str(&key), failed);
	}
	left = failed->since_ms + failed->wait_ms - now;
	if (failed->generation == generation && failed->wait_ms > 0 && left > 0) {
		queue_add_after(self->queue, round->key, left);
		return false;
	}
	if (failed->generation != generation || -left > (int64_t)2 * FAILED_MAX_MS)
		failed->wait_ms = 0;
	failed->wait_ms = failed->wait_ms ? 2 * failed->wait_ms : FAILED_FIRST_MS;
	if (failed->wait_ms > FAILED_MAX_MS)
		failed->wait_ms = FAILED_MAX_MS;
	failed->since_ms = now;
	failed->generation = generation;
	return true;
}

static void on_finished(void *of, const struct member *pod, struct str node)
{
	const struct round *round = of;
	bool failed = pod->phase == MEMBER_FAILED;
	char text[768];

	snprintf(text, sizeof(text),
		 "Found %s daemon pod " STR_FMT "/" STR_FMT " on node " STR_FMT
		 ", will try to %s it",
		 failed ? "failed" : "succeeded", STR_ARG(object_namespace(pod->object)),
		 STR_ARG(object_name(pod->object)), STR_ARG(node), failed ? "kill" : "delete");
	control_event(round->self->control, round->set, COMPONENT, failed ? "Warning" : "Normal",
		      failed ? "FailedDaemonPod" : "SucceededDaemonPod", text);
}

static void forget_failed(struct self *self, struct str set)
{
	auto_buf prefix = BUF_INIT;
	struct str key;
	void *failed;

	buf_add_print(&prefix, STR_FMT "/", STR_ARG(set));
	for (size_t i = 0; map_next(self->failed, &i, &key, &failed);)
		if (str_starts(key, buf_str(&prefix))) {
			map_remove(self->failed, key);
			free(failed);
		}
}

/* --- doing what is planned --- */

static void add_pod(struct pod_list *list, const struct daemon_plan *plan, struct str node)
{
	auto_json_doc doc = json_doc_new();
	struct json *pod = pod_maker_new(doc, plan->set, json_get(plan->spec, "template"));
	struct json *spec = json_get(pod, "spec"), *labels;

	labels = json_sub_object(doc, json_get(pod, "metadata"), "labels");
	json_put(doc, labels, REVISION_HASH_LABEL, json_new_str(doc, plan->hash));
	if (plan->generation[0])
		json_put(doc, labels, "pod-template-generation",
			 json_new_text(doc, plan->generation));
	daemon_tolerations_add(doc, spec);
	daemon_affinity_set(doc, spec, node);
	pod_list_add(list, pod);
}

/* True when there was anything to do. */
static bool carry_out(struct batch *batch, const struct daemon_plan *plan)
{
	struct pod_list list = { 0 };

	for (size_t i = 0; i < plan->node_count && i < BURST_MAX; i++)
		add_pod(&list, plan, plan->nodes[i]);
	if (list.count > 0)
		pod_maker_create(batch, plan->set, COMPONENT, &list);
	for (size_t i = 0; i < plan->doomed_count && i < BURST_MAX; i++)
		pod_maker_delete(batch, plan->set, COMPONENT, plan->doomed[i]->object);
	return plan->node_count + plan->doomed_count > 0;
}

static bool is_rolling(const struct daemon_plan *plan)
{
	return !str_is(json_str(json_path(plan->spec, "updateStrategy", "type", NULL)), "OnDelete");
}

/* --- history --- */

static bool is_live(void *of, const struct revision *revision)
{
	const struct daemon_plan *plan = of;
	struct str hash = revision_hash(revision);

	if (str_equal(hash, plan->hash))
		return true;
	for (size_t i = 0; i < plan->spot_count; i++)
		for (size_t j = 0; j < plan->spots[i].count; j++)
			if (str_equal(object_label(plan->spots[i].pods[j]->object,
						   STR(REVISION_HASH_LABEL)),
				      hash))
				return true;
	return false;
}

/* --- telling --- */

static void on_told(struct batch *batch)
{
	struct self *self = batch->owner;

	batch_end_pass(batch, self->queue, NULL);
}

static void tell(struct batch *batch, const struct daemon_plan *plan, bool observed)
{
	struct self *self = batch->owner;
	auto_json_doc doc = json_doc_new();
	struct json *patch = json_new_object(doc);
	auto_buf body = BUF_INIT;
	int64_t due_ms = daemon_plan_due_ms(plan);
	struct client_ask ask = { .verb = CLIENT_PATCH_MERGE,
				  .kind = batch->control->kinds[CONTROL_DAEMONSETS],
				  .namespace = object_namespace(plan->set),
				  .name = object_name(plan->set),
				  .subresource = "status" };

	/* minReadySeconds: no change tells of that moment. */
	if (due_ms > 0)
		queue_add_after(self->queue, str_of(batch->key), due_ms);
	if (daemon_plan_put_status(doc, json_sub_object(doc, patch, "status"), plan, observed))
		return;
	json_print(patch, &body);
	ask.body = buf_str(&body);
	batch_call(batch, &ask);
}

static void start_telling(struct self *self, struct str key, const struct object *set, bool failed,
			  bool observed)
{
	struct batch *batch = batch_new(self->control, key, self, on_told);
	struct revisions revisions;
	struct daemon_plan plan;

	batch->failed = failed;
	revisions_look(&revisions, self->control, CONTROL_DAEMONSETS, set);
	if (revisions.count > 0) {
		daemon_plan_look(&plan, self->control, self->nodes, set,
				 revision_hash(&revisions.items[revisions.count - 1]));
		tell(batch, &plan, observed);
		daemon_plan_clear(&plan);
	}
	revisions_clear(&revisions);
	batch_seal(batch);
}

/* --- passes --- */

static void on_done(struct batch *batch)
{
	struct self *self = batch->owner;
	struct str key = str_of(batch->key);
	const struct object *set = find_set(self, key);

	seen_note(self->seen, key, batch->revision);
	if (set && !self->control->stopping)
		start_telling(self, key, set, batch->failed, true);
	else
		queue_done(self->queue, key, !batch->failed);
	batch_free(batch);
}

/* Claimed, or a revision made: nothing to tell yet. */
static void on_prepared(struct batch *batch)
{
	struct self *self = batch->owner;

	batch_end_pass(batch, self->queue, self->seen);
}

static bool claim(struct batch *batch, const struct self *self, const struct object *set)
{
	struct family_claim claim = { .kind = CONTROL_PODS,
				      .owner_kind = CONTROL_DAEMONSETS,
				      .owner = set };
	bool pods;

	claim.selector =
		owner_selectors_find(self->selectors, object_namespace(set), object_name(set));
	pods = family_claim(batch, &claim);
	claim.kind = CONTROL_REVISIONS;
	return family_claim(batch, &claim) || pods;
}

static void follow_plan(struct batch *batch, struct self *self, const struct object *set,
			const struct revisions *revisions, const struct revision *newest)
{
	struct round round = { self, str_of(batch->key), set };
	struct daemon_manners manners = { may_retry, on_finished, &round };
	struct daemon_plan plan;

	daemon_plan_look(&plan, self->control, self->nodes, set, revision_hash(newest));
	daemon_plan_manage(&plan, &manners);
	if (!carry_out(batch, &plan) && is_rolling(&plan)) {
		daemon_plan_roll(&plan);
		carry_out(batch, &plan);
	}
	revisions_truncate(batch, revisions, is_live, &plan);
	daemon_plan_clear(&plan);
}

static void start_plan(struct self *self, struct str key, const struct object *set)
{
	struct batch *batch = batch_new_watching(self->control, key, self, on_done, "Pod");
	const struct revision *newest;
	struct revisions revisions;

	if (claim(batch, self, set)) {
		batch->on_end = on_prepared;
		batch_seal(batch);
		return;
	}
	revisions_look(&revisions, self->control, CONTROL_DAEMONSETS, set);
	newest = revisions_update(batch, &revisions);
	if (newest)
		follow_plan(batch, self, set, &revisions, newest);
	else
		batch->on_end = on_prepared;
	revisions_clear(&revisions);
	batch_seal(batch);
}

static void on_pass(void *owner, struct str key)
{
	struct self *self = owner;
	const struct object *set = find_set(self, key);

	if (!set) {
		seen_forget(self->seen, key);
		forget_failed(self, key);
		queue_done(self->queue, key, true);
	} else if (object_is_deleting(set)) {
		queue_done(self->queue, key, true);
	} else if (seen_is_behind(self->seen, key,
				  cache_revision(self->control->caches[CONTROL_PODS]))) {
		start_telling(self, key, set, false, false);
	} else {
		start_plan(self, key, set);
	}
}

static void *start(struct control *control)
{
	struct self *self = memory_new(struct self);

	self->control = control;
	self->queue = queue_new(control->loop, on_pass, self);
	self->seen = seen_new();
	self->selectors = owner_selectors_new();
	self->nodes = daemon_nodes_new();
	self->failed = map_new();
	return self;
}

static void stop(void *own)
{
	struct self *self = own;

	map_free_all(self->failed);
	daemon_nodes_free(self->nodes);
	owner_selectors_free(self->selectors);
	seen_free(self->seen);
	queue_free(self->queue);
	free(self);
}

static void add_set(struct self *self, const struct object *set)
{
	control_queue(self->queue, set);
}

static void add_all(struct self *self)
{
	const struct object *set;

	for (size_t i = 0; (set = cache_next(self->control->caches[CONTROL_DAEMONSETS], &i));)
		add_set(self, set);
}

static void on_change(void *own, enum control_kind kind, const struct object *before,
		      const struct object *after)
{
	struct self *self = own;

	if (kind == CONTROL_PODS || kind == CONTROL_REVISIONS)
		owner_selectors_wake(self->selectors, self->queue, "DaemonSet", before, after);
	if (kind == CONTROL_NODES && daemon_nodes_note(self->nodes, before, after))
		add_all(self);
	if (kind != CONTROL_DAEMONSETS)
		return;
	owner_selectors_note(self->selectors, before, after);
	add_set(self, after ? after : before);
}

const struct control_row control_daemonset = { "daemonset", start, stop, on_change };
