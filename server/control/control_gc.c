/*
 * control_gc.c - objects go with their owners.
 *
 *   an owner has gone           -> who has no other owner goes too; the others forget it
 *   it waits (foregroundDeletion) -> its dependents go first; those that block it hold it
 *   it lets go (orphan)         -> its dependents forget it
 *
 * All kinds take part: the feed of changes tells who is whose (dependents.h), and the registry who
 * is there.  What is done goes through the API, with the uid as its condition.
 * (Kubernetes, "Garbage Collection".)
 */
#include "api/face.h"
#include "server/control/controller.h"
#include "server/control/dependents.h"
#include "server/registry/registry.h"

#define FOREGROUND "foregroundDeletion"
#define ORPHAN     "orphan"

struct self {
	struct control *control;
	struct queue *queue; /* keys of objects, as the datastore has them */
	struct dependents *dependents;
	struct datastore_listener listener;
};

static struct registry *registry_of_self(const struct self *self)
{
	return server_registry(self->control->server);
}

/* --- finding --- */

/* The kind that is kept under "/<group or core>/<plural>/...". */
static const struct kind *kind_of_key(struct str key)
{
	struct str group, plural;

	str_cut(&key, '/');
	group = str_cut(&key, '/');
	plural = str_cut(&key, '/');
	if (str_is(group, "core"))
		group = STR("");
	for (const struct kind *const *at = kind_list; *at; at++)
		if (!(*at)->stored_as && str_is(plural, (*at)->plural) &&
		    str_is(group, (*at)->group))
			return *at;
	return NULL;
}

static const struct object *find(const struct self *self, struct str key)
{
	const struct record *record = datastore_find(registry_store(registry_of_self(self)), key);

	return record ? record->item : NULL;
}

/* The key of the owner that a reference names; false: we know no such kind, or it cannot be the
 * owner of an object there. */
static bool owner_key(const struct object *object, const struct json *reference, struct buf *out)
{
	const struct kind *kind = kind_find_name(json_str(json_get(reference, "apiVersion")),
						 json_str(json_get(reference, "kind")));

	if (!kind || (kind->namespaced && object_namespace(object).len == 0))
		return false;
	registry_key(face_kept(kind), kind->namespaced ? object_namespace(object) : STR_NONE,
		     json_str(json_get(reference, "name")), out);
	return true;
}

static bool has_finalizer(const struct object *object, const char *name)
{
	for (struct json_iter it = json_iter(json_get(meta_of(object_json(object)), "finalizers"));
	     json_next(&it);)
		if (str_is(json_str(it.value), name))
			return true;
	return false;
}

static bool waits_for_dependents(const struct object *owner)
{
	return object_is_deleting(owner) && has_finalizer(owner, FOREGROUND);
}

enum owner_state { OWNER_THERE, OWNER_WAITS, OWNER_GONE };

static enum owner_state owner_state(const struct self *self, const struct object *object,
				    const struct json *reference)
{
	auto_buf key = BUF_INIT;
	const struct object *owner;

	if (!owner_key(object, reference, &key))
		return OWNER_THERE; /* not ours to judge */
	owner = find(self, buf_str(&key));
	if (!owner || !str_equal(object_uid(owner), json_str(json_get(reference, "uid"))))
		return OWNER_GONE;
	return waits_for_dependents(owner) ? OWNER_WAITS : OWNER_THERE;
}

static bool blocks(const struct object *object, struct str owner_uid)
{
	for (struct json_iter it =
		     json_iter(json_get(meta_of(object_json(object)), "ownerReferences"));
	     json_next(&it);)
		if (str_equal(json_str(json_get(it.value, "uid")), owner_uid))
			return json_bool(json_get(it.value, "blockOwnerDeletion"));
	return false;
}

/* --- calls --- */

static struct client_ask ask_about(const struct object *object, const struct kind *kind,
				   enum client_verb verb)
{
	return (struct client_ask){ .verb = verb,
				    .kind = kind,
				    .namespace = object_namespace(object),
				    .name = object_name(object) };
}

static void delete_object(struct batch *batch, const struct kind *kind, const struct object *object,
			  const char *policy)
{
	auto_buf body = BUF_INIT;
	struct client_ask ask = ask_about(object, kind, CLIENT_DELETE);

	buf_add_print(&body,
		      "{\"propagationPolicy\":\"%s\",\"preconditions\":{\"uid\":\"" STR_FMT "\"}}",
		      policy, STR_ARG(object_uid(object)));
	ask.body = buf_str(&body);
	batch_call(batch, &ask);
}

/* Take a finalizer away, or the references that `keeps` does not want. */
static void patch_list(struct batch *batch, const struct kind *kind, const struct object *object,
		       const char *list, struct json_doc *doc, struct json *kept)
{
	struct json *patch = json_new_object(doc),
		    *metadata = json_sub_object(doc, patch, "metadata");
	auto_buf body = BUF_INIT;
	struct client_ask ask = ask_about(object, kind, CLIENT_PATCH_MERGE);

	json_put(doc, metadata, "resourceVersion",
		 json_clone(doc, json_get(meta_of(object_json(object)), "resourceVersion")));
	json_put(doc, metadata, list, json_count(kept) > 0 ? kept : json_new_null(doc));
	json_print(patch, &body);
	ask.body = buf_str(&body);
	batch_call(batch, &ask);
}

static void drop_finalizer(struct batch *batch, const struct kind *kind,
			   const struct object *object, const char *name)
{
	auto_json_doc doc = json_doc_new();
	struct json *kept = json_new_array(doc);

	for (struct json_iter it = json_iter(json_get(meta_of(object_json(object)), "finalizers"));
	     json_next(&it);)
		if (!str_is(json_str(it.value), name))
			json_append(kept, json_clone(doc, it.value));
	patch_list(batch, kind, object, "finalizers", doc, kept);
}

/* uid: the owner to be forgotten; STR_NONE: those that are gone or waiting. */
static void drop_references(struct batch *batch, const struct kind *kind,
			    const struct object *object, struct str uid)
{
	const struct self *self = batch->owner;
	auto_json_doc doc = json_doc_new();
	struct json *kept = json_new_array(doc);

	for (struct json_iter it =
		     json_iter(json_get(meta_of(object_json(object)), "ownerReferences"));
	     json_next(&it);) {
		bool drop = uid.len > 0 ? str_equal(json_str(json_get(it.value, "uid")), uid)
					: owner_state(self, object, it.value) != OWNER_THERE;

		if (!drop)
			json_append(kept, json_clone(doc, it.value));
	}
	patch_list(batch, kind, object, "ownerReferences", doc, kept);
}

/* Two that wait for each other would wait for ever: this one blocks nobody any more. */
static void unblock(struct batch *batch, const struct kind *kind, const struct object *object)
{
	auto_json_doc doc = json_doc_new();
	struct json *kept =
		json_clone(doc, json_get(meta_of(object_json(object)), "ownerReferences"));

	for (struct json_iter it = json_iter(kept); json_next(&it);)
		json_put(doc, it.value, "blockOwnerDeletion", json_new_bool(doc, false));
	patch_list(batch, kind, object, "ownerReferences", doc, kept);
}

/* --- passes --- */

static bool has_waiting_dependent(const struct self *self, const struct object *object)
{
	struct str key;

	for (size_t i = 0; dependents_next(self->dependents, object_uid(object), &i, &key);) {
		const struct object *dependent = find(self, key);

		if (dependent && waits_for_dependents(dependent))
			return true;
	}
	return false;
}

/* Each owner is there, waits for its dependents, or has gone. */
static void judge(struct batch *batch, const struct kind *kind, const struct object *object)
{
	const struct self *self = batch->owner;
	size_t counts[OWNER_GONE + 1] = { 0 };
	bool owns = dependents_count(self->dependents, object_uid(object)) > 0;

	for (struct json_iter it =
		     json_iter(json_get(meta_of(object_json(object)), "ownerReferences"));
	     json_next(&it);)
		counts[owner_state(self, object, it.value)]++;
	if (counts[OWNER_GONE] + counts[OWNER_WAITS] == 0)
		return;
	if (counts[OWNER_THERE] > 0) {
		drop_references(batch, kind, object, STR_NONE);
		return;
	}
	if (counts[OWNER_WAITS] > 0 && owns && has_waiting_dependent(self, object))
		unblock(batch, kind, object);
	if (object_is_deleting(object))
		return;
	delete_object(batch, kind, object,
		      has_finalizer(object, ORPHAN)       ? "Orphan"
		      : has_finalizer(object, FOREGROUND) ? "Foreground"
		      : counts[OWNER_WAITS] > 0 && owns   ? "Foreground"
							  : "Background");
}

static void let_go(struct batch *batch, const struct kind *kind, const struct object *owner)
{
	const struct self *self = batch->owner;
	struct str key;
	size_t left = 0;

	for (size_t i = 0; dependents_next(self->dependents, object_uid(owner), &i, &key);) {
		const struct object *dependent = find(self, key);

		if (!dependent)
			continue;
		left++;
		drop_references(batch, kind_of_key(key), dependent, object_uid(owner));
	}
	if (left == 0)
		drop_finalizer(batch, kind, owner, ORPHAN);
}

/* Dependents are told to go when the owner begins to wait; it goes when none blocks it. */
static void wait_for_dependents(struct batch *batch, const struct kind *kind,
				const struct object *owner)
{
	const struct self *self = batch->owner;
	struct str key;
	size_t blocking = 0;

	for (size_t i = 0; dependents_next(self->dependents, object_uid(owner), &i, &key);) {
		const struct object *dependent = find(self, key);

		if (!dependent)
			continue;
		blocking += blocks(dependent, object_uid(owner));
		if (!object_is_deleting(dependent))
			queue_add(self->queue, key);
	}
	if (blocking == 0)
		drop_finalizer(batch, kind, owner, FOREGROUND);
}

static void on_end(struct batch *batch)
{
	struct self *self = batch->owner;

	batch_end_pass(batch, self->queue, NULL);
}

static void on_pass(void *owner, struct str key)
{
	struct self *self = owner;
	const struct kind *kind = kind_of_key(key);
	const struct object *object = find(self, key);
	struct batch *batch;

	if (!kind || !object) {
		queue_done(self->queue, key, true);
		return;
	}
	batch = batch_new(self->control, key, self, on_end);
	if (object_is_deleting(object) && has_finalizer(object, ORPHAN))
		let_go(batch, kind, object);
	else if (waits_for_dependents(object))
		wait_for_dependents(batch, kind, object);
	if (dependents_has_owners(object))
		judge(batch, kind, object);
	batch_seal(batch);
}

/* --- what the feed says --- */

/* Owners that wait hear of each of their dependents that has changed or gone. */
static void tell_owners(struct self *self, const struct object *object)
{
	for (struct json_iter it =
		     json_iter(json_get(meta_of(object_json(object)), "ownerReferences"));
	     json_next(&it);) {
		auto_buf key = BUF_INIT;
		const struct object *owner =
			owner_key(object, it.value, &key) ? find(self, buf_str(&key)) : NULL;

		if (owner && object_is_deleting(owner))
			queue_add(self->queue, buf_str(&key));
	}
}

static void tell_dependents(struct self *self, const struct object *owner)
{
	struct str key;

	for (size_t i = 0; dependents_next(self->dependents, object_uid(owner), &i, &key);)
		queue_add(self->queue, key);
}

static bool same_owners(const struct object *before, const struct object *after)
{
	return json_equal(json_get(meta_of(object_json(before)), "ownerReferences"),
			  json_get(meta_of(object_json(after)), "ownerReferences"));
}

static void note(struct self *self, struct str key, const struct object *before,
		 const struct object *after)
{
	bool owned = after && dependents_has_owners(after);
	bool was_owned = before && dependents_has_owners(before);

	dependents_note(self->dependents, key, before, after);
	if (!after)
		tell_dependents(self, before);
	else if (object_is_deleting(after) ||
		 (owned && (!was_owned || !same_owners(before, after))))
		queue_add(self->queue, key);
	if (was_owned && (!after || object_is_deleting(after) || !same_owners(before, after)))
		tell_owners(self, before);
}

static void on_feed(struct datastore_listener *listener, const struct change *change)
{
	struct self *self = CONTAINER_OF(listener, struct self, listener);
	const struct object *before = change->before, *after = change->after;

	if ((after && (object_is_deleting(after) || dependents_has_owners(after))) ||
	    (before && (!after || dependents_has_owners(before))))
		note(self, change->key, before, after);
}

/* --- life --- */

static void *start(struct control *control)
{
	struct self *self = memory_new(struct self);
	struct datastore *store;

	self->control = control;
	self->queue = queue_new(control->loop, on_pass, self);
	self->dependents = dependents_new();
	self->listener.on_change = on_feed;
	store = registry_store(registry_of_self(self));
	for (const struct record *record = datastore_first(store, STR("/"), STR_NONE); record;
	     record = datastore_next(record, STR("/"))) {
		const struct object *object = record->item;

		if (!object_is_deleting(object) && !dependents_has_owners(object))
			continue;
		note(self, record->key, NULL, object);
		object_trim(object);
	}
	datastore_listen(store, &self->listener);
	return self;
}

static void stop(void *own)
{
	struct self *self = own;

	datastore_unlisten(&self->listener);
	queue_free(self->queue);
	dependents_free(self->dependents);
	free(self);
}

/* The feed tells more than the shared caches do. */
static void on_change(void *own, enum control_kind kind, const struct object *before,
		      const struct object *after)
{
	(void)own;
	(void)kind;
	(void)before;
	(void)after;
}

const struct control_row control_gc = { "gc", start, stop, on_change };
