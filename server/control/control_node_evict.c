/*
 * control_node_evict.c - pods leave nodes that have a NoExecute taint they do not tolerate, or no
 * longer tolerate.
 *
 * A pod waits as long as its tolerations allow, counted from when we first saw it under the taints;
 * a restart of the server counts anew.  While not one node is ready, the two taints that tell of a
 * node's health move nobody: then it is more likely us that are cut off, and there is no place to
 * go to.  On such a node a workload's own words about lost pods come first (lost_policy.h), and
 * where the node is at the edge nothing else counts.
 */
#include "base/clock.h"
#include "base/log.h"
#include "base/map.h"
#include "server/control/controller.h"
#include "server/control/lost_policy.h"
#include "server/control/node_taints.h"
#include "server/control/pod_target.h"

#define COMPONENT "taint-eviction-controller"
#define PERIOD_MS 1000
#define FOREVER   INT64_MAX

struct self {
	struct control *control;
	struct queue *queue;
	struct map *waiting; /* pod key -> int64_t *: since when, monotonic */
	struct loop_timer timer;
	int64_t looked_ms;
	bool any_ready; /* at least one node is */
};

/* --- who tolerates what, for how long --- */

static bool is_tolerated_by(const struct json *taint, const struct json *toleration)
{
	struct str key = json_str(json_get(toleration, "key"));
	struct str effect = json_str(json_get(toleration, "effect"));
	bool exists = str_is(json_str(json_get(toleration, "operator")), "Exists");

	if (effect.len > 0 && !str_equal(effect, json_str(json_get(taint, "effect"))))
		return false;
	if (key.len == 0)
		return exists;
	return str_equal(key, json_str(json_get(taint, "key"))) &&
	       (exists || str_equal(json_str(json_get(toleration, "value")),
				    json_str(json_get(taint, "value"))));
}

/* Seconds; 0 when nothing tolerates it. */
static int64_t patience_for(const struct json *taint, const struct json *tolerations)
{
	int64_t shortest = FOREVER;
	bool any = false;

	for (struct json_iter it = json_iter(tolerations); json_next(&it);) {
		const struct json *seconds = json_get(it.value, "tolerationSeconds");

		if (!is_tolerated_by(taint, it.value))
			continue;
		any = true;
		if (json_is_int(seconds) && json_int(seconds) < shortest)
			shortest = json_int(seconds) > 0 ? json_int(seconds) : 0;
	}
	return any ? shortest : 0;
}

static bool tells_of_health(const struct json *taint)
{
	struct str key = json_str(json_get(taint, "key"));

	return str_is(key, "node.kubernetes.io/not-ready") || str_is(key, TAINT_UNREACHABLE);
}

/* Of a node's silence: what the workload says, else its tolerations, but not on the edge. */
static int64_t patience_in_silence(const struct self *self, const struct object *pod,
				   const struct object *node, const struct json *taint)
{
	int64_t after_s = lost_policy_of(self->control, pod).after_s;

	if (after_s >= 0)
		return after_s;
	return lost_node_is_edge(node) ? FOREVER
				       : patience_for(taint, json_path(object_json(pod), "spec",
								       "tolerations", NULL));
}

/* Seconds that the pod may stay; FOREVER also when no taint is about it. */
static int64_t patience_of(const struct self *self, const struct object *pod,
			   const struct object *node)
{
	const struct json *tolerations = json_path(object_json(pod), "spec", "tolerations", NULL);
	int64_t shortest = FOREVER;

	for (struct json_iter it = json_iter(json_path(object_json(node), "spec", "taints", NULL));
	     json_next(&it);) {
		int64_t seconds;

		if (!str_is(json_str(json_get(it.value, "effect")), "NoExecute") ||
		    (tells_of_health(it.value) && !self->any_ready))
			continue;
		seconds = tells_of_health(it.value) ? patience_in_silence(self, pod, node, it.value)
						    : patience_for(it.value, tolerations);
		shortest = seconds < shortest ? seconds : shortest;
	}
	return shortest;
}

/* --- passes --- */

static void on_end(struct batch *batch)
{
	struct self *self = batch->owner;

	batch_end_pass(batch, self->queue, NULL);
}

static void evict(struct batch *batch, const struct object *pod)
{
	static const struct pod_target target = {
		.reason = "DeletionByTaintManager",
		.message = "Taint manager: deleting due to NoExecute taint"
	};
	auto_buf body = BUF_INIT, text = BUF_INIT;
	struct client_ask ask = { .verb = CLIENT_DELETE,
				  .kind = batch->control->kinds[CONTROL_PODS],
				  .namespace = object_namespace(pod),
				  .name = object_name(pod) };

	log_info("server.control", "pod is evicted from a tainted node", "pod=%s", batch->key);
	pod_target_tell(batch, pod, &target);
	buf_add_print(&text, "Marking for deletion Pod %s", batch->key);
	control_event(batch->control, pod, COMPONENT, "Normal", "TaintManagerEviction",
		      buf_text(&text));
	buf_add_print(&body, "{\"preconditions\":{\"uid\":\"" STR_FMT "\"}}",
		      STR_ARG(object_uid(pod)));
	ask.body = buf_str(&body);
	batch_call(batch, &ask);
}

static void forget(struct self *self, struct str key)
{
	free(map_remove(self->waiting, key));
}

/* The clock ticks only while somebody waits: an idle server sleeps. */
static void look_again(struct self *self)
{
	if (map_count(self->waiting) > 1)
		return; /* it does */
	self->looked_ms = clock_now_ms();
	loop_timer_set(self->control->loop, &self->timer, PERIOD_MS);
}

static int64_t waits_since(struct self *self, struct str key)
{
	int64_t *since = map_find(self->waiting, key);

	if (!since) {
		since = memory_new(int64_t);
		*since = clock_now_ms();
		map_put(self->waiting, key, since);
		look_again(self);
	}
	return *since;
}

static bool is_ready(const struct object *node)
{
	return node && control_pod_is_ready(node); /* the conditions have the same shape */
}

static bool is_silent(const struct object *node)
{
	return node_taint_find(node, TAINT_UNREACHABLE, "NoExecute") != NULL;
}

/* Another pod for the time of the silence, if the workload wants that; one of the two after it. */
static void see_to_stand_in(struct self *self, struct batch *batch, const struct object *pod,
			    const struct object *node)
{
	bool silent = is_silent(node), marked = lost_is_marked(pod);
	int64_t again_ms;

	if (silent && self->any_ready && !marked && control_pod_is_active(pod) &&
	    lost_policy_of(self->control, pod).replace)
		lost_mark(batch, pod);
	if (silent || !marked || !is_ready(node))
		return;
	again_ms = lost_settle(batch, pod, node);
	if (again_ms > 0)
		queue_add_after(self->queue, str_of(batch->key), again_ms);
}

/* It may stay after all. */
static void cancel(struct self *self, struct str key, const struct object *pod)
{
	auto_buf text = BUF_INIT;

	if (pod && map_find(self->waiting, key) && !object_is_deleting(pod)) {
		buf_add_print(&text, "Cancelling deletion of Pod " STR_FMT, STR_ARG(key));
		control_event(self->control, pod, COMPONENT, "Normal", "TaintManagerEviction",
			      buf_text(&text));
	}
	forget(self, key);
}

static void on_pass(void *owner, struct str key)
{
	struct self *self = owner;
	struct cache *nodes = self->control->caches[CONTROL_NODES];
	const struct object *pod = control_find(self->control, CONTROL_PODS, key);
	const struct json *spec = pod ? json_get(object_json(pod), "spec") : NULL;
	const struct object *node =
		cache_find(nodes, STR_NONE, json_str(json_get(spec, "nodeName")));
	struct batch *batch = batch_new(self->control, key, self, on_end);
	int64_t seconds = FOREVER;

	if (node && !object_is_deleting(pod)) {
		seconds = patience_of(self, pod, node);
		see_to_stand_in(self, batch, pod, node);
	}
	if (seconds == FOREVER)
		cancel(self, key, pod);
	else if ((clock_now_ms() - waits_since(self, key)) / 1000 >= seconds)
		evict(batch, pod);
	batch_seal(batch);
}

/* --- the clock --- */

/* All that wait are asked again; what we did not live through does not count against them. */
static void on_timer(struct loop_timer *timer)
{
	struct self *self = CONTAINER_OF(timer, struct self, timer);
	int64_t now = clock_now_ms(), away = now - self->looked_ms - PERIOD_MS;
	struct str key;
	void *value;

	self->looked_ms = now;
	for (size_t i = 0; map_next(self->waiting, &i, &key, &value);) {
		int64_t *since = value;

		if (away > 10 * PERIOD_MS)
			*since = *since + away < now ? *since + away : now;
		queue_add(self->queue, key);
	}
	if (map_count(self->waiting) > 0)
		loop_timer_set(self->control->loop, timer, PERIOD_MS);
}

/* --- the row --- */

static void *start(struct control *control)
{
	struct self *self = memory_new(struct self);

	self->control = control;
	self->queue = queue_new(control->loop, on_pass, self);
	self->waiting = map_new();
	self->timer.on_timer = on_timer;
	return self;
}

static void stop(void *own)
{
	struct self *self = own;

	loop_timer_stop(&self->timer);
	map_free_all(self->waiting);
	queue_free(self->queue);
	free(self);
}

/* The NoExecute taints of a node as one text, to see whether they changed. */
static void print_taints(const struct object *node, struct buf *out)
{
	for (struct json_iter it =
		     json_iter(node ? json_path(object_json(node), "spec", "taints", NULL) : NULL);
	     json_next(&it);)
		if (str_is(json_str(json_get(it.value, "effect")), "NoExecute"))
			json_print(it.value, out);
}

static void add_pod(struct self *self, const struct object *pod)
{
	control_queue(self->queue, pod);
}

/* node STR_NONE: the pods of all nodes. */
static void add_pods(struct self *self, struct str node)
{
	const struct object *pod;

	for (size_t i = 0; (pod = cache_next(self->control->caches[CONTROL_PODS], &i));) {
		struct str name = json_str(json_path(object_json(pod), "spec", "nodeName", NULL));

		if (name.len > 0 && (!node.at || str_equal(name, node)))
			add_pod(self, pod);
		object_trim(pod);
	}
}

static void look_for_ready(struct self *self)
{
	const struct object *node;
	bool was = self->any_ready;

	self->any_ready = false;
	for (size_t i = 0;
	     !self->any_ready && (node = cache_next(self->control->caches[CONTROL_NODES], &i));)
		self->any_ready = is_ready(node);
	if (self->any_ready != was)
		add_pods(self, STR_NONE);
}

static void on_node(struct self *self, const struct object *before, const struct object *after)
{
	auto_buf old = BUF_INIT, now = BUF_INIT;

	if (!before || is_ready(before) != is_ready(after))
		look_for_ready(self);
	print_taints(before, &old);
	print_taints(after, &now);
	if (!str_equal(buf_str(&old), buf_str(&now)))
		add_pods(self, object_name(after ? after : before));
}

static void on_pod(struct self *self, const struct object *before, const struct object *after)
{
	auto_buf key = BUF_INIT;

	object_key(after ? after : before, &key);
	if (!after || (before && !str_equal(object_uid(before), object_uid(after))))
		forget(self, buf_str(&key));
	if (after && json_str(json_path(object_json(after), "spec", "nodeName", NULL)).len > 0)
		queue_add(self->queue, buf_str(&key));
}

static void on_change(void *own, enum control_kind kind, const struct object *before,
		      const struct object *after)
{
	if (kind == CONTROL_NODES)
		on_node(own, before, after);
	else if (kind == CONTROL_PODS)
		on_pod(own, before, after);
}

const struct control_row control_node_evict = { "node-evict", start, stop, on_change };
