/*
 * control_pod_collect.c - removes pods that nobody else will: those of nodes that are gone or out
 * of service, and the oldest of too many finished ones.
 *
 * A node may come back under its name (it was deleted by mistake, or it joins again), so its pods
 * wait a while.  Of a node that is out of service somebody knows that nothing runs there any more:
 * its pods that are being deleted go at once (Kubernetes: non-graceful node shutdown).  Pods that
 * were never bound need nobody: the registry removes them with their DELETE.
 */
#include "base/clock.h"
#include "base/log.h"
#include "base/map.h"
#include "server/control/controller.h"
#include "server/control/finished_pods.h"
#include "server/control/node_taints.h"
#include "server/control/pod_target.h"

#define PERIOD_MS    5000
#define WAIT_MS      40000 /* Kubernetes' quarantine of a node that is gone */
#define FINISHED_MAX 12500 /* Kubernetes' terminated-pod-gc-threshold */
#define BURST_MAX    500

struct self {
	struct control *control;
	struct queue *queue;
	struct map *lost; /* pod key -> int64_t *: since when its node is not there, monotonic */
	struct finished_pods *finished;
	struct loop_timer timer;
	bool removing; /* a burst of finished ones is under way */
};

static struct str node_of(const struct object *pod)
{
	return json_str(json_path(object_json(pod), "spec", "nodeName", NULL));
}

static bool is_finished(const struct object *pod)
{
	struct str phase = json_str(json_path(object_json(pod), "status", "phase", NULL));

	return str_is(phase, "Succeeded") || str_is(phase, "Failed");
}

static bool is_out_of_service(const struct object *node)
{
	return node && !control_pod_is_ready(node) && /* the conditions have the same shape */
	       node_taint_find(node, TAINT_OUT_OF_SERVICE, NULL);
}

/* Its node is there and will not end it. */
static bool is_stranded(const struct self *self, const struct object *pod)
{
	return object_is_deleting(pod) &&
	       is_out_of_service(
		       cache_find(self->control->caches[CONTROL_NODES], STR_NONE, node_of(pod)));
}

static bool has_lost_node(const struct self *self, const struct object *pod)
{
	struct str node = node_of(pod);

	return node.len > 0 && !cache_find(self->control->caches[CONTROL_NODES], STR_NONE, node);
}

static void remove_pod(struct batch *batch, const struct object *pod)
{
	auto_buf body = BUF_INIT;
	struct client_ask ask = { .verb = CLIENT_DELETE,
				  .kind = batch->control->kinds[CONTROL_PODS],
				  .namespace = object_namespace(pod),
				  .name = object_name(pod) };

	buf_add_print(&body,
		      "{\"gracePeriodSeconds\":0,\"preconditions\":{\"uid\":\"" STR_FMT "\"}}",
		      STR_ARG(object_uid(pod)));
	ask.body = buf_str(&body);
	batch_call(batch, &ask);
}

/* --- pods of nodes that are gone, or out of service --- */

static void remove_lost(struct batch *batch, const struct object *pod, const char *what,
			const struct pod_target *target)
{
	log_info("server.control", "pod is removed without its node's word",
		 "pod=%s node=" STR_FMT " which=\"%s\"", batch->key, STR_ARG(node_of(pod)), what);
	if (!is_finished(pod))
		pod_target_tell(batch, pod, target);
	remove_pod(batch, pod);
}

static void on_end(struct batch *batch)
{
	struct self *self = batch->owner;

	batch_end_pass(batch, self->queue, NULL);
}

static void on_pass(void *owner, struct str key)
{
	struct self *self = owner;
	const struct object *pod = control_find(self->control, CONTROL_PODS, key);
	const int64_t *since = map_find(self->lost, key);
	static const struct pod_target orphan = { .reason = "DeletionByPodGC",
						  .message = "PodGC: node no longer exists",
						  .failed = true };
	static const struct pod_target stranded = { .failed = true };
	struct batch *batch = batch_new(self->control, key, self, on_end);

	if (!pod || !has_lost_node(self, pod))
		free(map_remove(self->lost, key));
	else if (since && clock_now_ms() - *since >= WAIT_MS)
		remove_lost(batch, pod, "gone", &orphan);
	if (pod && is_stranded(self, pod))
		remove_lost(batch, pod, "out of service", &stranded);
	batch_seal(batch);
}

static void add_lost(struct self *self, const struct object *pod)
{
	auto_buf key = BUF_INIT;
	int64_t *since;

	object_key(pod, &key);
	if (map_find(self->lost, buf_str(&key)))
		return;
	since = memory_new(int64_t);
	*since = clock_now_ms();
	map_put(self->lost, buf_str(&key), since);
}

/* --- finished pods --- */

static void on_burst_end(struct batch *batch)
{
	struct self *self = batch->owner;

	self->removing = false;
	batch_free(batch);
}

static void remove_surplus(struct self *self)
{
	struct str *keys;
	size_t count = finished_pods_surplus(self->finished, FINISHED_MAX, BURST_MAX, &keys);
	struct batch *batch;

	if (count == 0)
		return;
	log_info("server.control", "finished pods are removed, the oldest first",
		 "count=%zu of=%zu keep=%d", count, finished_pods_count(self->finished),
		 FINISHED_MAX);
	self->removing = true;
	batch = batch_new(self->control, STR("finished pods"), self, on_burst_end);
	for (size_t i = 0; i < count; i++) {
		struct str rest = keys[i], namespace = str_cut(&rest, '/');
		const struct object *pod =
			cache_find(self->control->caches[CONTROL_PODS], namespace, rest);

		if (pod)
			remove_pod(batch, pod);
	}
	free(keys);
	batch_seal(batch);
}

/* --- the row --- */

static void on_timer(struct loop_timer *timer)
{
	struct self *self = CONTAINER_OF(timer, struct self, timer);
	struct str key;
	void *since;

	for (size_t i = 0; map_next(self->lost, &i, &key, &since);)
		queue_add(self->queue, key);
	if (!self->removing)
		remove_surplus(self);
	loop_timer_set(self->control->loop, timer, PERIOD_MS);
}

static void *start(struct control *control)
{
	struct self *self = memory_new(struct self);

	self->control = control;
	self->queue = queue_new(control->loop, on_pass, self);
	self->lost = map_new();
	self->finished = finished_pods_new();
	self->timer.on_timer = on_timer;
	loop_timer_set(control->loop, &self->timer, PERIOD_MS);
	return self;
}

static void stop(void *own)
{
	struct self *self = own;

	loop_timer_stop(&self->timer);
	map_free_all(self->lost);
	finished_pods_free(self->finished);
	queue_free(self->queue);
	free(self);
}

static void count_finished(struct self *self, const struct object *pod)
{
	auto_buf key = BUF_INIT;
	int64_t created_s;

	object_key(pod, &key);
	if (!object_is_deleting(pod) && is_finished(pod) &&
	    clock_parse(meta_str(object_json(pod), "creationTimestamp"), &created_s, NULL))
		finished_pods_put(self->finished, buf_str(&key), created_s);
	else
		finished_pods_remove(self->finished, buf_str(&key));
}

static void on_pod(struct self *self, const struct object *before, const struct object *after)
{
	auto_buf key = BUF_INIT;

	if (!after || (before && !str_equal(object_uid(before), object_uid(after)))) {
		object_key(before, &key);
		free(map_remove(self->lost, buf_str(&key)));
		finished_pods_remove(self->finished, buf_str(&key));
	}
	if (!after)
		return;
	count_finished(self, after);
	if (has_lost_node(self, after))
		add_lost(self, after);
	else if (is_stranded(self, after))
		control_queue(self->queue, after);
}

static void on_node_gone(struct self *self, struct str node)
{
	const struct object *pod;

	for (size_t i = 0; (pod = cache_next(self->control->caches[CONTROL_PODS], &i));) {
		if (str_equal(node_of(pod), node))
			add_lost(self, pod);
		object_trim(pod);
	}
}

static void on_node(struct self *self, const struct object *before, const struct object *after)
{
	const struct object *pod;

	if (!after)
		on_node_gone(self, object_name(before));
	if (is_out_of_service(before) || !is_out_of_service(after))
		return;
	for (size_t i = 0; (pod = cache_next(self->control->caches[CONTROL_PODS], &i));) {
		if (str_equal(node_of(pod), object_name(after)) && object_is_deleting(pod))
			control_queue(self->queue, pod);
		object_trim(pod);
	}
}

static void on_change(void *own, enum control_kind kind, const struct object *before,
		      const struct object *after)
{
	if (kind == CONTROL_PODS)
		on_pod(own, before, after);
	else if (kind == CONTROL_NODES)
		on_node(own, before, after);
}

const struct control_row control_pod_collect = { "pod-collect", start, stop, on_change };
