/*
 * control_replicaset.c - keeps so many pods of each ReplicaSet's template, and tells how many are
 * ready.
 *
 * A pass makes or removes what is missing or too many.  The next pass of the same set waits until
 * the cache has seen what the last one did, so that nothing is made twice.
 */
#include <inttypes.h>
#include <stdio.h>

#include "base/clock.h"
#include "server/control/controller.h"
#include "server/control/seen.h"

#define BURST_MAX 500
#define YOUNG_MS  1000 /* between two looks at pods that are ready but too young */
#define COMPONENT "replicaset-controller"

struct self {
	struct control *control;
	struct queue *queue;
	struct seen *seen; /* of pods */
};

/* --- what is there --- */

struct family {
	const struct object **pods; /* active ones */
	size_t count, ready, available, labeled;
};

static bool is_available(const struct object *pod, int64_t min_ready_s)
{
	const struct json *ready = meta_condition(object_json(pod), STR("Ready"));
	int64_t since;

	if (!control_pod_is_ready(pod))
		return false;
	if (min_ready_s == 0)
		return true;
	return clock_parse(json_str(json_get(ready, "lastTransitionTime")), &since, NULL) &&
	       since + min_ready_s <= clock_wall_s();
}

static void gather(struct self *self, const struct object *set, struct family *out)
{
	struct cache *pods = self->control->caches[CONTROL_PODS];
	int64_t min_ready = json_int(json_path(object_json(set), "spec", "minReadySeconds", NULL));
	const struct object *pod;

	*out = (struct family){ .pods = memory_get((cache_count(pods) + 1) * sizeof(pod)) };
	for (size_t i = 0; (pod = cache_next(pods, &i));) {
		if (!str_equal(object_namespace(pod), object_namespace(set)) ||
		    !control_pod_is_active(pod) ||
		    !str_equal(control_owner_uid(pod), object_uid(set)))
			continue;
		out->pods[out->count++] = pod;
		out->ready += control_pod_is_ready(pod);
		out->available += is_available(pod, min_ready);
	}
	out->labeled = out->count;
}

/* --- more and fewer --- */

static void create_pod(struct batch *batch, const struct object *set)
{
	const struct json *template = json_path(object_json(set), "spec", "template", NULL);
	auto_json_doc doc = json_doc_new();
	struct json *pod = json_new_object(doc), *metadata;
	auto_buf body = BUF_INIT;
	struct client_ask ask = { .verb = CLIENT_CREATE,
				  .kind = batch->control->kinds[CONTROL_PODS],
				  .namespace = object_namespace(set) };

	metadata = json_get(template, "metadata") ? json_clone(doc, json_get(template, "metadata"))
						  : json_new_object(doc);
	json_put(doc, pod, "metadata", metadata);
	json_put(doc, metadata, "generateName",
		 json_new_print(doc, STR_FMT "-", STR_ARG(object_name(set))));
	json_append(json_sub_array(doc, metadata, "ownerReferences"),
		    control_owner_reference(doc, set));
	json_put(doc, pod, "spec", json_clone(doc, json_get(template, "spec")));
	json_print(pod, &body);
	ask.body = buf_str(&body);
	batch_call(batch, &ask);
}

/* Which go first: without a node, not ready, younger. */
static int worth(const struct object *pod)
{
	return (json_str(json_path(object_json(pod), "spec", "nodeName", NULL)).len > 0) +
	       2 * control_pod_is_ready(pod);
}

static int by_worth(const void *a, const void *b)
{
	const struct object *left = *(const struct object *const *)a;
	const struct object *right = *(const struct object *const *)b;
	int difference = worth(left) - worth(right);

	if (difference != 0)
		return difference;
	return -str_compare(meta_str(object_json(left), "creationTimestamp"),
			    meta_str(object_json(right), "creationTimestamp"));
}

static void delete_pod(struct batch *batch, const struct object *pod)
{
	struct client_ask ask = { .verb = CLIENT_DELETE,
				  .kind = batch->control->kinds[CONTROL_PODS],
				  .namespace = object_namespace(pod),
				  .name = object_name(pod) };

	batch_call(batch, &ask);
}

static void adjust(struct batch *batch, const struct object *set, struct family *family)
{
	int64_t wanted = json_int(json_path(object_json(set), "spec", "replicas", NULL));
	int64_t missing = wanted - (int64_t)family->count;
	int64_t more = missing < BURST_MAX ? missing : BURST_MAX;
	char text[128];

	for (int64_t i = 0; i < more; i++)
		create_pod(batch, set);
	if (missing > 0) {
		snprintf(text, sizeof(text), "Created %" PRId64 " pods", more);
		control_event(batch->control, set, COMPONENT, "Normal", "SuccessfulCreate", text);
	}
	if (missing >= 0)
		return;
	qsort(family->pods, family->count, sizeof(*family->pods), by_worth);
	for (int64_t i = 0; i < -missing; i++)
		delete_pod(batch, family->pods[i]);
	snprintf(text, sizeof(text), "Deleted %" PRId64 " pods", -missing);
	control_event(batch->control, set, COMPONENT, "Normal", "SuccessfulDelete", text);
}

/* --- status --- */

static bool put_number(struct json_doc *doc, struct json *status, const struct json *old,
		       const char *key, int64_t value)
{
	bool same = json_int(json_get(old, key)) == value;

	json_put(doc, status, key, json_new_int(doc, value));
	return same;
}

static void tell_status(struct batch *batch, const struct object *set, const struct family *family)
{
	const struct json *old = json_get(object_json(set), "status");
	int64_t generation = json_int(json_get(meta_of(object_json(set)), "generation"));
	auto_json_doc doc = json_doc_new();
	struct json *patch = json_new_object(doc), *status = json_sub_object(doc, patch, "status");
	auto_buf body = BUF_INIT;
	struct client_ask ask = { .verb = CLIENT_PATCH_MERGE,
				  .kind = batch->control->kinds[CONTROL_REPLICASETS],
				  .namespace = object_namespace(set),
				  .name = object_name(set),
				  .subresource = "status" };
	bool same = put_number(doc, status, old, "replicas", (int64_t)family->count);

	same = put_number(doc, status, old, "fullyLabeledReplicas", (int64_t)family->labeled) &&
	       same;
	same = put_number(doc, status, old, "readyReplicas", (int64_t)family->ready) && same;
	same = put_number(doc, status, old, "availableReplicas", (int64_t)family->available) &&
	       same;
	same = put_number(doc, status, old, "observedGeneration", generation) && same;
	if (same)
		return;
	json_print(patch, &body);
	ask.body = buf_str(&body);
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
	const struct object *set =
		cache_find(self->control->caches[CONTROL_REPLICASETS], namespace, rest);
	struct family family;
	struct batch *batch;

	if (!set || object_is_deleting(set) ||
	    seen_is_behind(self->seen, key, cache_revision(self->control->caches[CONTROL_PODS]))) {
		if (!set)
			seen_forget(self->seen, key);
		queue_done(self->queue, key, true);
		return;
	}
	batch = batch_new(self->control, key, self, on_end);
	batch->watched = "Pod";
	gather(self, set, &family);
	/* minReadySeconds: only the clock makes these available, no change tells of it. */
	if (family.ready > family.available)
		queue_add_after(self->queue, key, YOUNG_MS);
	adjust(batch, set, &family);
	tell_status(batch, set, &family);
	free(family.pods);
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

static void add_owner(struct self *self, const struct object *pod)
{
	const struct json *owner = pod ? meta_controller(object_json(pod)) : NULL;
	auto_buf key = BUF_INIT;

	if (!str_is(json_str(json_get(owner, "kind")), "ReplicaSet"))
		return;
	buf_add_print(&key, STR_FMT "/" STR_FMT, STR_ARG(object_namespace(pod)),
		      STR_ARG(json_str(json_get(owner, "name"))));
	queue_add(self->queue, buf_str(&key));
}

static void on_change(void *own, enum control_kind kind, const struct object *before,
		      const struct object *after)
{
	struct self *self = own;
	auto_buf key = BUF_INIT;

	if (kind == CONTROL_PODS)
		add_owner(self, after ? after : before);
	if (kind != CONTROL_REPLICASETS)
		return;
	object_key(after ? after : before, &key);
	queue_add(self->queue, buf_str(&key));
}

const struct control_row control_replicaset = { "replicaset", start, stop, on_change };
