/*
 * control_gc.c - objects go with their owners.
 *
 * Known owners are the kinds in the shared caches.  When one goes, or a dependent is found whose
 * owners are all gone, the dependent is deleted with its uid as a condition.  An owner that waits
 * (foregroundDeletion) or lets go (orphan) is finished here too.
 */
#include "server/control/controller.h"

struct self {
	struct control *control;
	struct queue *queue; /* "<kind>/<namespace>/<name>" of objects to look at */
};

static void add(struct self *self, enum control_kind kind, const struct object *object)
{
	auto_buf key = BUF_INIT;

	buf_add_print(&key, "%d/", (int)kind);
	object_key(object, &key);
	queue_add(self->queue, buf_str(&key));
}

static void on_end(struct batch *batch)
{
	struct self *self = batch->owner;

	queue_done(self->queue, str_of(batch->key), !batch->failed);
	batch_free(batch);
}

/* The cache that holds owners of this kind, or CONTROL_KINDS. */
static enum control_kind kind_of(const struct control *control, const struct json *reference)
{
	for (int kind = 0; kind < CONTROL_KINDS; kind++)
		if (str_is(json_str(json_get(reference, "kind")), control->kinds[kind]->name))
			return (enum control_kind)kind;
	return CONTROL_KINDS;
}

/* True when at least one owner may still be there. */
static bool has_owner(const struct control *control, const struct object *object)
{
	const struct json *list = json_get(meta_of(object_json(object)), "ownerReferences");

	if (json_count(list) == 0)
		return true;
	for (struct json_iter it = json_iter(list); json_next(&it);) {
		enum control_kind kind = kind_of(control, it.value);
		const struct object *owner;

		if (kind == CONTROL_KINDS || kind == CONTROL_CONFIGMAPS)
			return true; /* not ours to judge */
		owner = cache_find(control->caches[kind],
				   control->kinds[kind]->namespaced ? object_namespace(object)
								    : STR_NONE,
				   json_str(json_get(it.value, "name")));
		if (owner && str_equal(object_uid(owner), json_str(json_get(it.value, "uid"))))
			return true;
	}
	return false;
}

static bool has_finalizer(const struct object *object, const char *name)
{
	for (struct json_iter it = json_iter(json_get(meta_of(object_json(object)), "finalizers"));
	     json_next(&it);)
		if (str_is(json_str(it.value), name))
			return true;
	return false;
}

static bool depends_on(const struct object *object, struct str uid)
{
	for (struct json_iter it =
		     json_iter(json_get(meta_of(object_json(object)), "ownerReferences"));
	     json_next(&it);)
		if (str_equal(json_str(json_get(it.value, "uid")), uid))
			return true;
	return false;
}

static void delete_object(struct batch *batch, enum control_kind kind, const struct object *object)
{
	auto_buf body = BUF_INIT;
	struct client_ask ask = { .verb = CLIENT_DELETE,
				  .kind = batch->control->kinds[kind],
				  .namespace = object_namespace(object),
				  .name = object_name(object) };

	if (object_is_deleting(object))
		return;
	buf_add_print(&body,
		      "{\"propagationPolicy\":\"Background\",\"preconditions\":{\"uid\":\"" STR_FMT
		      "\"}}",
		      STR_ARG(object_uid(object)));
	ask.body = buf_str(&body);
	batch_call(batch, &ask);
}

static void patch_meta(struct batch *batch, enum control_kind kind, const struct object *object,
		       const char *list, const char *field, struct str drop)
{
	auto_json_doc doc = json_doc_new();
	struct json *patch = json_new_object(doc), *metadata, *kept;
	auto_buf body = BUF_INIT;
	struct client_ask ask = { .verb = CLIENT_PATCH_MERGE,
				  .kind = batch->control->kinds[kind],
				  .namespace = object_namespace(object),
				  .name = object_name(object) };

	metadata = json_sub_object(doc, patch, "metadata");
	json_put(doc, metadata, "resourceVersion",
		 json_clone(doc, json_get(meta_of(object_json(object)), "resourceVersion")));
	kept = json_sub_array(doc, metadata, list);
	for (struct json_iter it = json_iter(json_get(meta_of(object_json(object)), list));
	     json_next(&it);)
		if (!str_equal(json_str(field ? json_get(it.value, field) : it.value), drop))
			json_append(kept, json_clone(doc, it.value));
	json_print(patch, &body);
	ask.body = buf_str(&body);
	batch_call(batch, &ask);
}

/* Dependents of an owner that is being deleted: delete them (foreground) or free them (orphan). */
static size_t handle_dependents(struct batch *batch, const struct object *owner, bool orphan)
{
	struct control *control = batch->control;
	const struct object *object;
	size_t left = 0;

	for (int kind = 0; kind < CONTROL_KINDS; kind++)
		for (size_t i = 0; (object = cache_next(control->caches[kind], &i));) {
			if (!str_equal(object_namespace(object), object_namespace(owner)) ||
			    !depends_on(object, object_uid(owner)))
				continue;
			left++;
			if (orphan)
				patch_meta(batch, (enum control_kind)kind, object,
					   "ownerReferences", "uid", object_uid(owner));
			else
				delete_object(batch, (enum control_kind)kind, object);
		}
	return left;
}

static void on_pass(void *owner, struct str key)
{
	struct self *self = owner;
	struct control *control = self->control;
	struct str rest = key, number = str_cut(&rest, '/'), namespace;
	struct batch *batch = batch_new(control, key, self, on_end);
	const struct object *object;
	int64_t kind = 0;

	if (!str_to_i64(number, 0, CONTROL_KINDS - 1, &kind))
		kind = 0;
	namespace = control->kinds[kind]->namespaced ? str_cut(&rest, '/') : STR_NONE;
	object = cache_find(control->caches[kind], namespace, rest);
	if (object && object_is_deleting(object)) {
		if (has_finalizer(object, "orphan") && handle_dependents(batch, object, true) == 0)
			patch_meta(batch, (enum control_kind)kind, object, "finalizers", NULL,
				   STR("orphan"));
		if (has_finalizer(object, "foregroundDeletion") &&
		    handle_dependents(batch, object, false) == 0)
			patch_meta(batch, (enum control_kind)kind, object, "finalizers", NULL,
				   STR("foregroundDeletion"));
	} else if (object && !has_owner(control, object)) {
		delete_object(batch, (enum control_kind)kind, object);
	}
	batch_seal(batch);
}

static void *start(struct control *control)
{
	struct self *self = memory_new(struct self);

	self->control = control;
	self->queue = queue_new(control->loop, on_pass, self);
	return self;
}

static void stop(void *own)
{
	struct self *self = own;

	queue_free(self->queue);
	free(self);
}

/* Look at those that named the one that went; and at owners that wait for one that went. */
static void look_around(struct self *self, const struct object *gone)
{
	struct control *control = self->control;
	const struct object *object;

	for (int kind = 0; kind < CONTROL_KINDS; kind++)
		for (size_t i = 0; (object = cache_next(control->caches[kind], &i));)
			if (depends_on(object, object_uid(gone)) ||
			    (object_is_deleting(object) && depends_on(gone, object_uid(object))))
				add(self, (enum control_kind)kind, object);
}

static void on_change(void *own, enum control_kind kind, const struct object *before,
		      const struct object *after)
{
	struct self *self = own;

	if (!after) {
		look_around(self, before);
		return;
	}
	if ((object_is_deleting(after) &&
	     json_count(json_get(meta_of(object_json(after)), "finalizers")) > 0) ||
	    (!before && json_count(json_get(meta_of(object_json(after)), "ownerReferences")) > 0))
		add(self, kind, after);
	else if (before &&
		 json_count(json_get(meta_of(object_json(before)), "ownerReferences")) >
			 json_count(json_get(meta_of(object_json(after)), "ownerReferences")))
		look_around(self, before);
}

const struct control_row control_gc = { "gc", start, stop, on_change };
