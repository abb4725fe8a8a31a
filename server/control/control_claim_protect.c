/*
 * control_claim_protect.c - claims stay as long as a pod uses them, volumes as long as they are
 * bound: their finalizers are taken off when that is over.
 *
 * Admission puts the finalizers on (server/registry/admit_claim.c); who lacks one gets it here.
 */
#include "base/map.h"
#include "server/control/claim_words.h"
#include "server/control/controller.h"

struct self {
	struct control *control;
	struct queue *queue; /* "c/namespace/name" and "v/name" */
	struct map *users;   /* "namespace/name" of claims -> how many placed pods name it */
};

static void on_end(struct batch *batch)
{
	struct self *self = batch->owner;

	batch_end_pass(batch, self->queue, NULL);
}

static const struct json *finalizers_of(const struct object *object)
{
	return json_get(meta_of(object_json(object)), "finalizers");
}

static bool has_finalizer(const struct object *object, const char *word)
{
	for (struct json_iter it = json_iter(finalizers_of(object)); json_next(&it);)
		if (str_is(json_str(it.value), word))
			return true;
	return false;
}

/* The list with the word at its end, or without it; of this very revision. */
static void write_finalizers(struct batch *batch, enum control_kind kind,
			     const struct object *object, const char *word, bool with)
{
	auto_json_doc doc = json_doc_new();
	struct json *patch = json_new_object(doc),
		    *metadata = json_sub_object(doc, patch, "metadata"), *list;
	auto_buf body = BUF_INIT;
	struct client_ask ask = { .verb = CLIENT_PATCH_MERGE,
				  .kind = batch->control->kinds[kind],
				  .namespace = object_namespace(object),
				  .name = object_name(object) };

	json_put(doc, metadata, "uid", json_new_str(doc, object_uid(object)));
	json_put(doc, metadata, "resourceVersion",
		 json_new_str(doc, meta_str(object_json(object), "resourceVersion")));
	list = json_sub_array(doc, metadata, "finalizers");
	for (struct json_iter it = json_iter(finalizers_of(object)); json_next(&it);)
		if (!str_is(json_str(it.value), word))
			json_append(list, json_clone(doc, it.value));
	if (with)
		json_append(list, json_new_text(doc, word));
	json_print(patch, &body);
	ask.body = buf_str(&body);
	batch_call(batch, &ask);
}

static void pass(struct batch *batch, enum control_kind kind, const struct object *object,
		 const char *word, bool is_used)
{
	bool has = has_finalizer(object, word), leaves = object_is_deleting(object);

	if (has && leaves && !is_used)
		write_finalizers(batch, kind, object, word, false);
	else if (!has && !leaves)
		write_finalizers(batch, kind, object, word, true);
}

static void on_pass(void *owner, struct str key)
{
	struct self *self = owner;
	struct cache **caches = self->control->caches;
	struct batch *batch = batch_new(self->control, key, self, on_end);
	struct str rest = key, what = str_cut(&rest, '/'), name = rest;
	struct str namespace = str_is(what, "c") ? str_cut(&name, '/') : STR_NONE;
	const struct object *object = cache_find(
		caches[str_is(what, "c") ? CONTROL_CLAIMS : CONTROL_VOLUMES], namespace, name);

	if (object && str_is(what, "c"))
		pass(batch, CONTROL_CLAIMS, object, CLAIM_PROTECTION,
		     map_find(self->users, rest) != NULL);
	else if (object)
		pass(batch, CONTROL_VOLUMES, object, VOLUME_PROTECTION,
		     str_is(json_str(json_path(object_json(object), "status", "phase", NULL)),
			    "Bound"));
	batch_seal(batch);
}

/* --- who uses a claim --- */

static void add_claim(struct self *self, struct str key)
{
	auto_buf text = BUF_INIT;

	buf_add_print(&text, "c/" STR_FMT, STR_ARG(key));
	queue_add(self->queue, buf_str(&text));
}

static void count(struct self *self, struct str key, int by)
{
	size_t *users = map_find(self->users, key);

	if (!users) {
		if (by < 0)
			return;
		users = memory_new(size_t);
		map_put(self->users, key, users);
	}
	*users = by < 0 ? *users - 1 : *users + 1;
	if (*users > 0)
		return;
	free(map_remove(self->users, key));
	add_claim(self, key);
}

/* A pod without a node uses nothing: no node would start it with a claim that goes. */
static void count_pod(struct self *self, const struct object *pod, int by)
{
	const struct json *spec = json_get(object_json(pod), "spec");

	if (json_str(json_get(spec, "nodeName")).len == 0)
		return;
	for (struct json_iter it = json_iter(json_get(spec, "volumes")); json_next(&it);) {
		struct str claim =
			json_str(json_path(it.value, "persistentVolumeClaim", "claimName", NULL));
		auto_buf key = BUF_INIT;

		if (claim.len > 0)
			buf_add_print(&key, STR_FMT "/" STR_FMT, STR_ARG(object_namespace(pod)),
				      STR_ARG(claim));
		else if (json_get(it.value, "ephemeral"))
			buf_add_print(&key, STR_FMT "/" STR_FMT "-" STR_FMT,
				      STR_ARG(object_namespace(pod)), STR_ARG(object_name(pod)),
				      STR_ARG(json_str(json_get(it.value, "name"))));
		if (key.len > 0)
			count(self, buf_str(&key), by);
	}
}

static bool is_placed(const struct object *pod)
{
	return pod && json_str(json_path(object_json(pod), "spec", "nodeName", NULL)).len > 0;
}

/* What a pod mounts never changes; only its coming, its place and its going count. */
static void on_pod(struct self *self, const struct object *before, const struct object *after)
{
	bool same = before && after && str_equal(object_uid(before), object_uid(after));

	if (same && is_placed(before) == is_placed(after))
		return;
	if (after)
		count_pod(self, after, 1);
	if (before)
		count_pod(self, before, -1);
}

/* --- the row --- */

static void *start(struct control *control)
{
	struct self *self = memory_new(struct self);

	self->control = control;
	self->queue = queue_new(control->loop, on_pass, self);
	self->users = map_new();
	return self;
}

static void stop(void *own)
{
	struct self *self = own;

	map_free_all(self->users);
	queue_free(self->queue);
	free(self);
}

static void on_change(void *own, enum control_kind kind, const struct object *before,
		      const struct object *after)
{
	struct self *self = own;
	auto_buf key = BUF_INIT;

	if (kind == CONTROL_PODS)
		on_pod(self, before, after);
	if ((kind != CONTROL_CLAIMS && kind != CONTROL_VOLUMES) || !after)
		return;
	buf_add_text(&key, kind == CONTROL_CLAIMS ? "c/" : "v/");
	object_key(after, &key);
	queue_add(self->queue, buf_str(&key));
}

const struct control_row control_claim_protect = { "claim-protect", start, stop, on_change };
