/*
 * control_node_range.c - gives each new node a range of pod addresses: spec.podCIDR.
 *
 * The nodes are the only record: what they say is held, and what is on its way to a node is held
 * from the moment it is sent, so that two nodes never get the same.  The network of a node starts
 * when it has its range, so this waits for nothing.
 */
#include "base/log.h"
#include "base/map.h"
#include "server/control/controller.h"
#include "server/control/node_range.h"

#define COMPONENT "cidrAllocator"

struct self {
	struct control *control;
	struct queue *queue;
	struct node_range *range; /* NULL: the option was no range */
	struct map *held;         /* node -> char *: range it has or is being given */
	bool full;                /* was told once */
};

static struct str range_of(const struct object *node)
{
	const struct json *spec = json_get(object_json(node), "spec");
	struct str first = json_str(json_get(spec, "podCIDR"));

	return first.len > 0 ? first : json_str(json_at(json_get(spec, "podCIDRs"), 0));
}

static void hold(struct self *self, struct str node, struct str range)
{
	free(map_put(self->held, node, str_copy(range)));
}

static void let_go(struct self *self, struct str node)
{
	free(map_remove(self->held, node));
}

static void on_end(struct batch *batch)
{
	struct self *self = batch->owner;
	struct str name = str_of(batch->key);
	const struct object *node =
		cache_find(self->control->caches[CONTROL_NODES], STR_NONE, name);

	/* Refused: perhaps somebody else has given it one, which the cache will tell. */
	if (batch->failed && (!node || range_of(node).len == 0))
		let_go(self, name);
	batch_end_pass(batch, self->queue, NULL);
}

static bool take_free(struct self *self, char out[NODE_RANGE_TEXT])
{
	struct str node;
	void *range;

	node_range_clear(self->range);
	for (size_t i = 0; map_next(self->held, &i, &node, &range);)
		node_range_use(self->range, str_of(range));
	return node_range_take(self->range, out);
}

/* The uid is a condition: a node of the same name that came since is looked at by itself. */
static void give(struct batch *batch, const struct object *node, const char *range)
{
	auto_json_doc doc = json_doc_new();
	struct json *patch = json_new_object(doc), *spec;
	auto_buf body = BUF_INIT;
	struct client_ask ask = { .verb = CLIENT_PATCH_MERGE,
				  .kind = batch->control->kinds[CONTROL_NODES],
				  .name = object_name(node) };

	json_put(doc, json_sub_object(doc, patch, "metadata"), "uid",
		 json_new_str(doc, object_uid(node)));
	spec = json_sub_object(doc, patch, "spec");
	json_put(doc, spec, "podCIDR", json_new_text(doc, range));
	json_append(json_sub_array(doc, spec, "podCIDRs"), json_new_text(doc, range));
	json_print(patch, &body);
	ask.body = buf_str(&body);
	batch_call(batch, &ask);
}

static void tell_full(struct self *self, const struct object *node)
{
	if (self->full)
		return;
	self->full = true;
	log_warn("server.control", "no pod addresses are left for further nodes",
		 "node=" STR_FMT " cluster_cidr=%s", STR_ARG(object_name(node)),
		 server_plan_of(self->control->server)->cluster_cidr);
	control_event(self->control, node, COMPONENT, "Warning", "CIDRNotAvailable",
		      "No range of the cluster's pod addresses is free for this node");
}

static void on_pass(void *owner, struct str name)
{
	struct self *self = owner;
	const struct object *node =
		cache_find(self->control->caches[CONTROL_NODES], STR_NONE, name);
	struct batch *batch;
	char range[NODE_RANGE_TEXT];

	if (!self->range || !node || map_find(self->held, name)) {
		queue_done(self->queue, name, true);
		return;
	}
	batch = batch_new(self->control, name, self, on_end);
	if (take_free(self, range)) {
		hold(self, name, str_of(range));
		give(batch, node, range);
	} else {
		tell_full(self, node);
	}
	batch_seal(batch);
}

static void *start(struct control *control)
{
	struct self *self = memory_new(struct self);
	struct error err;

	self->control = control;
	self->queue = queue_new(control->loop, on_pass, self);
	self->held = map_new();
	if (!node_range_open(server_plan_of(control->server)->cluster_cidr, &self->range, &err))
		log_error("server.control", "nodes get no pod addresses", "why=\"%s\"", err.text);
	return self;
}

static void stop(void *own)
{
	struct self *self = own;

	map_free_all(self->held);
	node_range_close(self->range);
	queue_free(self->queue);
	free(self);
}

/* A range came free: nodes that have none are looked at again. */
static void add_waiting(struct self *self)
{
	const struct object *node;

	self->full = false;
	for (size_t i = 0; (node = cache_next(self->control->caches[CONTROL_NODES], &i));)
		if (!map_find(self->held, object_name(node)))
			queue_add(self->queue, object_name(node));
}

static void on_change(void *own, enum control_kind kind, const struct object *before,
		      const struct object *after)
{
	struct self *self = own;

	if (kind != CONTROL_NODES)
		return;
	if (!after) {
		let_go(self, object_name(before));
		add_waiting(self);
	} else if (range_of(after).len > 0) {
		hold(self, object_name(after), range_of(after));
	} else if (!map_find(self->held, object_name(after))) {
		queue_add(self->queue, object_name(after));
	}
}

const struct control_row control_node_range = { "node-range", start, stop, on_change };
