/*
 * control_node_health.c - nodes that fall silent become Unknown; taints say what is wrong with a
 * node; its pods are no longer ready.
 *
 *   lease renewed, or Ready posted --> heard --(40 s of nothing)--> silent: conditions Unknown
 *        ^                                                             |
 *        +-------------------------------------------------------------+
 *
 * Only our own monotonic clock counts: when did we last see the lease change.  What we did not
 * watch is nobody's fault: every node begins as heard when the server starts, and time for which
 * this process stood still is given back.  A silent node becomes Ready again by its own word only.
 * Who has to leave because of a taint is control_node_evict's.
 */
#include <inttypes.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/map.h"
#include "server/control/node_taints.h"

#define COMPONENT     "node-controller"
#define LEASE_QUERY   "fieldSelector=metadata.namespace%3Dkube-node-lease"
#define PERIOD_MS     5000  /* between two looks at the clock */
#define SILENT_MS     40000 /* Kubernetes' node-monitor-grace-period */
#define SILENT_NEW_MS 60000 /* of a node that has never said whether it is ready */

struct heard {
	int64_t at_ms;
	bool has_posted; /* there is a Ready condition */
	bool silent;
	bool told; /* its pods were marked for this time of not being ready */
};

struct self {
	struct control *control;
	struct queue *queue;
	struct map *nodes;    /* name -> struct heard */
	struct cache *leases; /* nobody else needs them, and they change all the time */
	struct loop_timer timer;
	int64_t looked_ms;
};

static const struct json *condition_of(const struct object *object, const char *type)
{
	return meta_condition(object_json(object), str_of(type));
}

static bool condition_is(const struct object *object, const char *type, const char *status)
{
	return str_is(json_str(json_get(condition_of(object, type), "status")), status);
}

static void on_end(struct batch *batch)
{
	struct self *self = batch->owner;
	struct heard *heard = map_find(self->nodes, str_of(batch->key));

	if (batch->failed && heard)
		heard->told = false; /* perhaps not all of them */
	batch_end_pass(batch, self->queue, NULL);
}

/* --- conditions of silent nodes --- */

static void add_unknown(struct json_doc *doc, struct json *list, const struct object *node,
			const char *type)
{
	const struct json *old = condition_of(node, type);
	struct json *made;
	char now[CLOCK_TEXT];

	if (condition_is(node, type, "Unknown"))
		return;
	clock_print(clock_wall_s(), now);
	made = json_new_object(doc);
	json_append(list, made);
	json_put(doc, made, "type", json_new_text(doc, type));
	json_put(doc, made, "status", json_new_text(doc, "Unknown"));
	json_put(doc, made, "reason",
		 json_new_text(doc, old ? "NodeStatusUnknown" : "NodeStatusNeverUpdated"));
	json_put(doc, made, "message",
		 json_new_text(doc, old ? "Kubelet stopped posting node status."
					: "Kubelet never posted node status."));
	json_put(doc, made, "lastTransitionTime", json_new_text(doc, now));
	if (!old)
		json_put(
			doc, made, "lastHeartbeatTime",
			json_clone(doc, json_get(meta_of(object_json(node)), "creationTimestamp")));
}

/* False: all of it is said already. */
static bool tell_unknown(struct batch *batch, const struct object *node)
{
	static const char *const types[] = { "Ready", "MemoryPressure", "DiskPressure",
					     "PIDPressure" };
	auto_json_doc doc = json_doc_new();
	/* If the node's own word has just come, it counts more than ours. */
	struct json *patch = node_patch_new(doc, node), *list;
	auto_buf body = BUF_INIT;
	struct client_ask ask = { .verb = CLIENT_PATCH_STRATEGIC,
				  .kind = batch->control->kinds[CONTROL_NODES],
				  .name = object_name(node),
				  .subresource = "status" };

	list = json_sub_array(doc, json_sub_object(doc, patch, "status"), "conditions");
	for (size_t i = 0; i < ARRAY_LENGTH(types); i++)
		add_unknown(doc, list, node, types[i]);
	if (json_count(list) == 0)
		return false;
	log_warn("server.control", "node has fallen silent", "node=" STR_FMT,
		 STR_ARG(object_name(node)));
	json_print(patch, &body);
	ask.body = buf_str(&body);
	batch_call(batch, &ask);
	return true;
}

/* --- taints: what the conditions say, for the scheduler and for evictions --- */

static const struct taint_row {
	const char *type, *status, *key;
	bool evicts;
} taint_rows[] = {
	{ "Ready", "False", "node.kubernetes.io/not-ready", true },
	{ "Ready", "Unknown", TAINT_UNREACHABLE, true },
	{ "MemoryPressure", "True", "node.kubernetes.io/memory-pressure", false },
	{ "DiskPressure", "True", "node.kubernetes.io/disk-pressure", false },
	{ "PIDPressure", "True", "node.kubernetes.io/pid-pressure", false },
	{ "NetworkUnavailable", "True", "node.kubernetes.io/network-unavailable", false },
	{ NULL, NULL, "node.kubernetes.io/unschedulable", false }, /* spec.unschedulable */
};

static bool is_wished(const struct taint_row *row, const struct object *node)
{
	if (!row->type)
		return json_bool(json_path(object_json(node), "spec", "unschedulable", NULL));
	return condition_is(node, row->type, row->status);
}

/* The row that decides about a taint; NULL: the taint is somebody else's. */
static const struct taint_row *row_of(const struct json *taint)
{
	struct str key = json_str(json_get(taint, "key"));
	struct str effect = json_str(json_get(taint, "effect"));

	for (size_t i = 0; i < ARRAY_LENGTH(taint_rows); i++)
		if (str_is(key, taint_rows[i].key) &&
		    (str_is(effect, "NoSchedule") ||
		     (taint_rows[i].evicts && str_is(effect, "NoExecute"))))
			return &taint_rows[i];
	return NULL;
}

static void tell_taints(struct batch *batch, const struct object *node)
{
	const struct json *old = json_path(object_json(node), "spec", "taints", NULL);
	auto_json_doc doc = json_doc_new();
	struct json *list = json_new_array(doc);

	for (struct json_iter it = json_iter(old); json_next(&it);) {
		const struct taint_row *row = row_of(it.value);

		if (!row || is_wished(row, node))
			json_append(list, json_clone(doc, it.value));
	}
	for (size_t i = 0; i < ARRAY_LENGTH(taint_rows); i++) {
		if (!is_wished(&taint_rows[i], node))
			continue;
		node_taint_add(doc, list, taint_rows[i].key, NULL, "NoSchedule");
		if (taint_rows[i].evicts)
			node_taint_add(doc, list, taint_rows[i].key, NULL, "NoExecute");
	}
	node_taints_write(batch, node, doc, list);
}

/* --- pods of nodes that are not ready --- */

static void tell_pod(struct batch *batch, const struct object *pod)
{
	auto_buf body = BUF_INIT;
	char now[CLOCK_TEXT];
	struct client_ask ask = { .verb = CLIENT_PATCH_STRATEGIC,
				  .kind = batch->control->kinds[CONTROL_PODS],
				  .namespace = object_namespace(pod),
				  .name = object_name(pod),
				  .subresource = "status" };

	clock_print(clock_wall_s(), now);
	buf_add_print(&body,
		      "{\"metadata\":{\"uid\":\"" STR_FMT
		      "\"},\"status\":{\"conditions\":[{\"type\":\"Ready\",\"status\":\"False\","
		      "\"lastTransitionTime\":\"%s\"}]}}",
		      STR_ARG(object_uid(pod)), now);
	ask.body = buf_str(&body);
	batch_call(batch, &ask);
	control_event(batch->control, pod, COMPONENT, "Warning", "NodeNotReady",
		      "Node is not ready");
}

static void tell_pods(struct batch *batch, const struct object *node)
{
	const struct object *pod;

	for (size_t i = 0; (pod = cache_next(batch->control->caches[CONTROL_PODS], &i));) {
		struct str name = json_str(json_path(object_json(pod), "spec", "nodeName", NULL));

		if (str_equal(name, object_name(node)) && control_pod_is_ready(pod))
			tell_pod(batch, pod);
		object_trim(pod);
	}
}

/* A node that speaks may go on calling its pods ready, so it is contradicted only once; a silent
 * one is not heard, whatever still arrives. */
static void tell_not_ready(struct batch *batch, const struct object *node, struct heard *heard)
{
	auto_buf text = BUF_INIT;

	if (heard->told && !condition_is(node, "Ready", "Unknown"))
		return;
	if (!heard->told) {
		buf_add_print(&text, "Node " STR_FMT " status is now: NodeNotReady",
			      STR_ARG(object_name(node)));
		control_event(batch->control, node, COMPONENT, "Normal", "NodeNotReady",
			      buf_text(&text));
	}
	heard->told = true;
	tell_pods(batch, node);
}

/* --- passes --- */

static void on_pass(void *owner, struct str name)
{
	struct self *self = owner;
	const struct object *node =
		cache_find(self->control->caches[CONTROL_NODES], STR_NONE, name);
	struct heard *heard = map_find(self->nodes, name);
	struct batch *batch;

	if (!node || !heard) {
		queue_done(self->queue, name, true);
		return;
	}
	batch = batch_new(self->control, name, self, on_end);
	/* New conditions come back through the cache; the next pass draws the conclusions. */
	if (!heard->silent || !tell_unknown(batch, node)) {
		tell_taints(batch, node);
		if (condition_is(node, "Ready", "True"))
			heard->told = false;
		else if (condition_of(node, "Ready"))
			tell_not_ready(batch, node, heard);
	}
	batch_seal(batch);
}

/* --- the clock --- */

/* Between two looks lies a period; what is more was time in which we did not run. */
static void give_back(struct self *self, int64_t now, int64_t away_ms)
{
	struct str name;
	void *value;

	log_warn("server.control", "the server stood still, nodes get that time back",
		 "for_ms=%" PRId64, away_ms);
	for (size_t i = 0; map_next(self->nodes, &i, &name, &value);) {
		struct heard *heard = value;

		heard->at_ms = heard->at_ms + away_ms < now ? heard->at_ms + away_ms : now;
	}
}

static void on_timer(struct loop_timer *timer)
{
	struct self *self = CONTAINER_OF(timer, struct self, timer);
	int64_t now = clock_now_ms();
	struct str name;
	void *value;

	if (now - self->looked_ms > 2 * PERIOD_MS)
		give_back(self, now, now - self->looked_ms - PERIOD_MS);
	self->looked_ms = now;
	for (size_t i = 0; map_next(self->nodes, &i, &name, &value);) {
		struct heard *heard = value;
		int64_t limit = heard->has_posted ? SILENT_MS : SILENT_NEW_MS;

		if (heard->silent || now - heard->at_ms < limit)
			continue;
		heard->silent = true;
		queue_add(self->queue, name);
	}
	loop_timer_set(self->control->loop, timer, PERIOD_MS);
}

static void hear(struct self *self, struct str node)
{
	struct heard *heard = map_find(self->nodes, node);

	if (!heard)
		return; /* a lease without a node */
	heard->at_ms = clock_now_ms();
	heard->silent = false;
}

static void on_lease(void *owner, const struct object *before, const struct object *after)
{
	if (!after)
		return;
	if (!before || !json_equal(json_path(object_json(before), "spec", "renewTime", NULL),
				   json_path(object_json(after), "spec", "renewTime", NULL)))
		hear(owner, object_name(after));
}

static const struct cache_events lease_events = { .on_change = on_lease };

/* --- the row --- */

static void *start(struct control *control)
{
	struct self *self = memory_new(struct self);

	self->control = control;
	self->queue = queue_new(control->loop, on_pass, self);
	self->nodes = map_new();
	self->looked_ms = clock_now_ms();
	self->leases = cache_start(control->client,
				   kind_find_name(STR("coordination.k8s.io/v1"), STR("Lease")),
				   LEASE_QUERY, &lease_events, self);
	self->timer.on_timer = on_timer;
	loop_timer_set(control->loop, &self->timer, PERIOD_MS);
	return self;
}

static void stop(void *own)
{
	struct self *self = own;

	loop_timer_stop(&self->timer);
	cache_stop(self->leases);
	map_free_all(self->nodes);
	queue_free(self->queue);
	free(self);
}

/* Did the node itself say something about being ready?  "Unknown" is our own word. */
static bool has_spoken(const struct object *before, const struct object *after)
{
	const struct json *old = condition_of(before, "Ready"), *now = condition_of(after, "Ready");

	if (!now || condition_is(after, "Ready", "Unknown"))
		return false;
	return !json_equal(json_get(old, "lastHeartbeatTime"),
			   json_get(now, "lastHeartbeatTime")) ||
	       !json_equal(json_get(old, "status"), json_get(now, "status"));
}

static void on_node(struct self *self, const struct object *before, const struct object *after)
{
	struct heard *heard;

	if (!after) {
		free(map_remove(self->nodes, object_name(before)));
		return;
	}
	heard = map_find(self->nodes, object_name(after));
	if (!heard) {
		heard = memory_new(struct heard);
		map_put(self->nodes, object_name(after), heard);
	}
	if (!before || has_spoken(before, after))
		hear(self, object_name(after));
	heard->has_posted = condition_of(after, "Ready") != NULL;
	queue_add(self->queue, object_name(after));
}

/* Word of a ready pod on a node that is Unknown: perhaps it was under way when the node fell
 * silent. */
static void on_pod(struct self *self, const struct object *pod)
{
	struct str name = json_str(json_path(object_json(pod), "spec", "nodeName", NULL));
	const struct heard *heard = map_find(self->nodes, name);

	if (heard && heard->told && control_pod_is_ready(pod))
		queue_add(self->queue, name);
}

static void on_change(void *own, enum control_kind kind, const struct object *before,
		      const struct object *after)
{
	struct self *self = own;

	if (kind == CONTROL_NODES)
		on_node(self, before, after);
	else if (kind == CONTROL_PODS && after)
		on_pod(self, after);
}

const struct control_row control_node_health = { "node-health", start, stop, on_change };
