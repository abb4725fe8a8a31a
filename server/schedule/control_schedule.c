/*
 * control_schedule.c - gives each new pod a node: filter, score, bind.
 *
 * Bindings on their way are remembered as assumed, so that many pods in a row spread before the
 * watch tells of the first.
 */
#include <inttypes.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/map.h"
#include "server/control/controller.h"
#include "server/schedule/fit.h"

#define COMPONENT     "default-scheduler"
#define SPREAD_WEIGHT 50 /* a node without a sibling beats one that is half empty */

struct self {
	struct control *control;
	struct queue *queue;
	struct map *assumed; /* pod key -> char *: node */
};

struct choice {
	const struct object *node;
	int64_t score;
	struct map *refusals; /* words -> count */
	size_t nodes;
};

static struct str node_of(struct self *self, const struct object *pod)
{
	struct str node = json_str(json_path(object_json(pod), "spec", "nodeName", NULL));
	auto_buf key = BUF_INIT;

	if (node.len > 0)
		return node;
	object_key(pod, &key);
	return str_of(map_find(self->assumed, buf_str(&key)));
}

/* What runs on a node already, and how many of them have the same owner. */
static void usage_of(struct self *self, const struct object *node, struct str owner,
		     struct fit_amount *out, int64_t *out_siblings)
{
	const struct object *pod;

	*out = (struct fit_amount){ 0 };
	*out_siblings = 0;
	for (size_t i = 0; (pod = cache_next(self->control->caches[CONTROL_PODS], &i));) {
		struct fit_amount wants;
		struct str phase;

		if (!str_equal(node_of(self, pod), object_name(node)))
			continue;
		phase = json_str(json_path(object_json(pod), "status", "phase", NULL));
		if (str_is(phase, "Succeeded") || str_is(phase, "Failed"))
			continue;
		fit_request(object_json(pod), &wants);
		out->cpu_milli += wants.cpu_milli;
		out->memory += wants.memory;
		out->pods++;
		*out_siblings += owner.len > 0 && str_equal(control_owner_uid(pod), owner);
	}
}

static void choose(struct self *self, const struct object *pod, struct choice *out)
{
	struct str owner = control_owner_uid(pod);
	const struct object *node;
	char text[FIT_TEXT];

	for (size_t i = 0; (node = cache_next(self->control->caches[CONTROL_NODES], &i));) {
		struct fit_amount used;
		int64_t siblings, score;
		const char *why;

		usage_of(self, node, owner, &used, &siblings);
		why = fit_check(object_json(pod), object_json(node), &used, text);
		out->nodes++;
		if (why) {
			uintptr_t count = (uintptr_t)map_find(out->refusals, str_of(why));

			map_put(out->refusals, str_of(why), (void *)(count + 1));
			continue;
		}
		score = fit_score(object_json(pod), object_json(node), &used) -
			siblings * SPREAD_WEIGHT;
		if (!out->node || score > out->score) {
			out->node = node;
			out->score = score;
		}
	}
}

/* --- the outcome --- */

static void on_end(struct batch *batch)
{
	struct self *self = batch->owner;

	if (batch->failed)
		free(map_remove(self->assumed, str_of(batch->key)));
	queue_done(self->queue, str_of(batch->key), !batch->failed);
	batch_free(batch);
}

static void bind(struct self *self, struct batch *batch, const struct object *pod,
		 const struct object *node)
{
	auto_buf body = BUF_INIT;
	char text[600];
	struct client_ask ask = { .verb = CLIENT_CREATE,
				  .kind = self->control->kinds[CONTROL_PODS],
				  .namespace = object_namespace(pod),
				  .name = object_name(pod),
				  .subresource = "binding" };

	free(map_put(self->assumed, str_of(batch->key), str_copy(object_name(node))));
	buf_add_print(&body,
		      "{\"metadata\":{\"name\":\"" STR_FMT
		      "\"},\"target\":{\"kind\":\"Node\",\"name\":\"" STR_FMT "\"}}",
		      STR_ARG(object_name(pod)), STR_ARG(object_name(node)));
	ask.body = buf_str(&body);
	batch_call(batch, &ask);
	snprintf(text, sizeof(text), "Successfully assigned " STR_FMT "/" STR_FMT " to " STR_FMT,
		 STR_ARG(object_namespace(pod)), STR_ARG(object_name(pod)),
		 STR_ARG(object_name(node)));
	control_event(self->control, pod, COMPONENT, "Normal", "Scheduled", text);
}

static void print_refusals(const struct choice *choice, struct buf *out)
{
	struct str why;
	void *count;
	bool any = false;

	buf_add_print(out, "0/%zu nodes are available: ", choice->nodes);
	for (size_t i = 0; map_next(choice->refusals, &i, &why, &count); any = true)
		buf_add_print(out, "%s%" PRIuPTR " " STR_FMT, any ? ", " : "", (uintptr_t)count,
			      STR_ARG(why));
	buf_add_text(out, any ? "." : "no nodes available to schedule pods.");
}

static bool says_already(const struct object *pod, struct str message)
{
	const struct json *condition = meta_condition(object_json(pod), STR("PodScheduled"));

	return condition && str_equal(json_str(json_get(condition, "message")), message);
}

static void tell_unschedulable(struct self *self, struct batch *batch, const struct object *pod,
			       const struct choice *choice)
{
	auto_buf message = BUF_INIT;
	auto_json_doc doc = json_doc_new();
	struct json *patch = json_new_object(doc), *condition = json_new_object(doc);
	auto_buf body = BUF_INIT;
	char now[CLOCK_TEXT];
	struct client_ask ask = { .verb = CLIENT_PATCH_STRATEGIC,
				  .kind = self->control->kinds[CONTROL_PODS],
				  .namespace = object_namespace(pod),
				  .name = object_name(pod),
				  .subresource = "status" };

	print_refusals(choice, &message);
	if (says_already(pod, buf_str(&message)))
		return;
	clock_print(clock_wall_s(), now);
	json_append(json_sub_array(doc, json_sub_object(doc, patch, "status"), "conditions"),
		    condition);
	json_put(doc, condition, "type", json_new_text(doc, "PodScheduled"));
	json_put(doc, condition, "status", json_new_text(doc, "False"));
	json_put(doc, condition, "lastTransitionTime", json_new_text(doc, now));
	json_put(doc, condition, "reason", json_new_text(doc, "Unschedulable"));
	json_put(doc, condition, "message", json_new_str(doc, buf_str(&message)));
	json_print(patch, &body);
	ask.body = buf_str(&body);
	batch_call(batch, &ask);
	control_event(self->control, pod, COMPONENT, "Warning", "FailedScheduling",
		      buf_text(&message));
}

/* --- passes --- */

static bool is_ours(const struct object *pod)
{
	const struct json *spec = json_get(object_json(pod), "spec");

	return json_str(json_get(spec, "nodeName")).len == 0 && control_pod_is_active(pod) &&
	       json_count(json_get(spec, "schedulingGates")) == 0 &&
	       str_is(json_str(json_get(spec, "schedulerName")), COMPONENT);
}

static void on_pass(void *owner, struct str key)
{
	struct self *self = owner;
	struct str rest = key, namespace = str_cut(&rest, '/');
	const struct object *pod = cache_find(self->control->caches[CONTROL_PODS], namespace, rest);
	struct batch *batch;
	struct choice choice = { .refusals = map_new() };

	if (!pod || !is_ours(pod) || map_find(self->assumed, key)) {
		map_free(choice.refusals);
		queue_done(self->queue, key, true);
		return;
	}
	batch = batch_new(self->control, key, self, on_end);
	choose(self, pod, &choice);
	if (choice.node)
		bind(self, batch, pod, choice.node);
	else
		tell_unschedulable(self, batch, pod, &choice);
	map_free(choice.refusals);
	batch_seal(batch);
}

static void *start(struct control *control)
{
	struct self *self = memory_new(struct self);

	self->control = control;
	self->queue = queue_new(control->loop, on_pass, self);
	self->assumed = map_new();
	return self;
}

static void stop(void *own)
{
	struct self *self = own;
	struct str key;
	void *value;

	for (size_t i = 0; map_next(self->assumed, &i, &key, &value);)
		free(value);
	map_free(self->assumed);
	queue_free(self->queue);
	free(self);
}

static void add(struct self *self, const struct object *pod)
{
	auto_buf key = BUF_INIT;

	object_key(pod, &key);
	queue_add(self->queue, buf_str(&key));
}

static void forget_assumed(struct self *self, const struct object *pod)
{
	auto_buf key = BUF_INIT;

	object_key(pod, &key);
	free(map_remove(self->assumed, buf_str(&key)));
}

/* Room may have come: everything that waits is looked at again. */
static void add_waiting(struct self *self)
{
	const struct object *pod;

	for (size_t i = 0; (pod = cache_next(self->control->caches[CONTROL_PODS], &i));)
		if (is_ours(pod))
			add(self, pod);
}

static void on_change(void *own, enum control_kind kind, const struct object *before,
		      const struct object *after)
{
	struct self *self = own;

	if (kind == CONTROL_NODES) {
		add_waiting(self);
	} else if (kind == CONTROL_PODS && !after) {
		forget_assumed(self, before);
		add_waiting(self);
	} else if (kind == CONTROL_PODS) {
		if (json_str(json_path(object_json(after), "spec", "nodeName", NULL)).len > 0)
			forget_assumed(self, after);
		else if (is_ours(after))
			add(self, after);
	}
}

const struct control_row control_schedule = { "schedule", start, stop, on_change };
