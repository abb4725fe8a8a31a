/*
 * revisions.c - ControllerRevisions: found, made, moved to the front, removed.
 */
#include "server/control/revisions.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>

#include "server/control/content_hash.h"

#define HASH_LABEL "controller.kubernetes.io/hash"

/* --- looking --- */

static int by_number(const void *a, const void *b)
{
	const struct revision *left = a, *right = b;

	if (left->number != right->number)
		return left->number < right->number ? -1 : 1;
	if (left->created_s != right->created_s)
		return left->created_s < right->created_s ? -1 : 1;
	return str_compare(object_name(left->object), object_name(right->object));
}

void revisions_look(struct revisions *revisions, const struct control *control,
		    enum control_kind owner_kind, const struct object *owner)
{
	const struct family *family = control->families[CONTROL_REVISIONS];
	struct str uid = object_uid(owner);
	const struct member *member;

	*revisions = (struct revisions){ .owner = owner, .owner_kind = owner_kind };
	revisions->items = memory_get((family_count(family, uid) + 1) * sizeof(struct revision));
	for (size_t i = 0; (member = family_next(family, uid, &i));)
		revisions->items[revisions->count++] = (struct revision){
			member->object,
			json_int(json_get(object_json(member->object), "revision")),
			member->created_s,
		};
	qsort(revisions->items, revisions->count, sizeof(struct revision), by_number);
}

void revisions_clear(struct revisions *revisions)
{
	for (size_t i = 0; i < revisions->count; i++)
		object_trim(revisions->items[i].object);
	free(revisions->items);
	*revisions = (struct revisions){ 0 };
}

const struct revision *revisions_find(const struct revisions *revisions, struct str name)
{
	for (size_t i = 0; i < revisions->count; i++)
		if (str_equal(object_name(revisions->items[i].object), name))
			return &revisions->items[i];
	return NULL;
}

struct str revision_hash(const struct revision *revision)
{
	struct str hash = object_label(revision->object, STR(HASH_LABEL));

	return hash.len > 0 ? hash : object_label(revision->object, STR(REVISION_HASH_LABEL));
}

/* --- data --- */

static void sort_all_keys(struct json *value)
{
	if (json_type(value) == JSON_OBJECT)
		json_sort_keys(value);
	for (struct json_iter it = json_iter(value); json_next(&it);)
		sort_all_keys(it.value);
}

/* As Go writes a map of a template: keys in order, and a time of creation that is not known.
 * kubectl compares these bytes to tell whether an undo would change anything. */
struct json *revisions_data(struct json_doc *doc, const struct json *template)
{
	struct json *data = json_new_object(doc), *own = json_clone(doc, template);

	json_put(doc, own, "$patch", json_new_text(doc, "replace"));
	json_put(doc, json_sub_object(doc, own, "metadata"), "creationTimestamp",
		 json_new_null(doc));
	json_put(doc, json_sub_object(doc, data, "spec"), "template", own);
	sort_all_keys(data);
	return data;
}

/* --- making --- */

struct revising {
	struct batch *batch;
	const struct object *owner;
	enum control_kind owner_kind;
	char *name;
	char *data;
	int64_t collisions;
};

static void raise_collisions(const struct revising *revising)
{
	char body[96];
	struct client_ask ask = { .verb = CLIENT_PATCH_MERGE,
				  .kind = revising->batch->control->kinds[revising->owner_kind],
				  .namespace = object_namespace(revising->owner),
				  .name = object_name(revising->owner),
				  .subresource = "status" };

	snprintf(body, sizeof(body), "{\"status\":{\"collisionCount\":%" PRId64 "}}",
		 revising->collisions + 1);
	ask.body = str_of(body);
	batch_call(revising->batch, &ask);
}

/* The name is taken.  Our own revision that the cache is yet to tell of: the next pass will find
 * it.  Another template's: the next name. */
static const struct error *take_namesake(const struct revising *revising, const struct error *err)
{
	const struct object *namesake =
		cache_find(revising->batch->control->caches[CONTROL_REVISIONS],
			   object_namespace(revising->owner), str_of(revising->name));
	auto_buf data = BUF_INIT;

	if (!namesake)
		return err;
	json_print(json_get(object_json(namesake), "data"), &data);
	if (str_equal(control_owner_uid(namesake), object_uid(revising->owner)) &&
	    str_is(buf_str(&data), revising->data))
		return NULL;
	raise_collisions(revising);
	return NULL;
}

static void on_revision_made(void *of, const struct json *result, const struct error *err)
{
	struct revising *revising = of;
	struct batch *batch = revising->batch;

	(void)result;
	if (err && err->kind == ERROR_EXISTS)
		err = take_namesake(revising, err);
	object_unref(revising->owner);
	free(revising->name);
	free(revising->data);
	free(revising);
	batch_drop(batch, err);
}

static void print_revision(struct json_doc *doc, const struct object *owner, const char *hash,
			   struct json *data, int64_t number, struct buf *out)
{
	const struct json *json = object_json(owner);
	struct json *made = json_new_object(doc), *metadata, *labels;

	metadata = json_sub_object(doc, made, "metadata");
	json_put(doc, metadata, "name",
		 json_new_print(doc, STR_FMT "-%s", STR_ARG(object_name(owner)), hash));
	json_put(doc, metadata, "labels",
		 json_clone(doc, json_path(json, "spec", "template", "metadata", "labels", NULL)));
	labels = json_sub_object(doc, metadata, "labels");
	json_put(doc, labels, HASH_LABEL, json_new_text(doc, hash));
	if (str_is(object_kind(owner), "DaemonSet"))
		json_put(doc, labels, REVISION_HASH_LABEL, json_new_text(doc, hash));
	json_put(doc, metadata, "annotations",
		 json_clone(doc, json_get(meta_of(json), "annotations")));
	json_append(json_sub_array(doc, metadata, "ownerReferences"),
		    control_owner_reference(doc, owner));
	json_put(doc, made, "data", data);
	json_put(doc, made, "revision", json_new_int(doc, number));
	json_print(made, out);
}

static void make(struct batch *batch, const struct revisions *revisions, struct json_doc *doc,
		 struct json *data, int64_t number)
{
	const struct object *owner = revisions->owner;
	struct revising *revising;
	auto_buf body = BUF_INIT, text = BUF_INIT;
	struct client_ask ask = { .verb = CLIENT_CREATE,
				  .kind = batch->control->kinds[CONTROL_REVISIONS],
				  .namespace = object_namespace(owner),
				  .on_done = on_revision_made };
	char hash[16];

	if (batch->control->stopping)
		return;
	revising = memory_new(struct revising);
	revising->batch = batch;
	revising->owner = object_ref(owner);
	revising->owner_kind = revisions->owner_kind;
	revising->collisions =
		json_int(json_path(object_json(owner), "status", "collisionCount", NULL));
	json_print(data, &text);
	revising->data = buf_take(&text);
	content_hash_print(data, revising->collisions, hash);
	revising->name = memory_print(STR_FMT "-%s", STR_ARG(object_name(owner)), hash);
	print_revision(doc, owner, hash, data, number, &body);
	ask.body = buf_str(&body);
	ask.of = revising;
	batch_hold(batch);
	client_call(batch->control->client, &ask);
}

/* A template that is wished again becomes the newest: undo. */
static void move_to_front(struct batch *batch, const struct revision *revision, int64_t number)
{
	char body[64];
	struct client_ask ask = { .verb = CLIENT_PATCH_MERGE,
				  .kind = batch->control->kinds[CONTROL_REVISIONS],
				  .namespace = object_namespace(revision->object),
				  .name = object_name(revision->object) };

	snprintf(body, sizeof(body), "{\"revision\":%" PRId64 "}", number);
	ask.body = str_of(body);
	batch_call(batch, &ask);
}

const struct revision *revisions_update(struct batch *batch, const struct revisions *revisions)
{
	const struct json *template =
		json_path(object_json(revisions->owner), "spec", "template", NULL);
	auto_json_doc doc = json_doc_new();
	struct json *data = revisions_data(doc, template);
	const struct revision *newest = NULL, *equal = NULL;
	int64_t next;

	if (revisions->count > 0)
		newest = &revisions->items[revisions->count - 1];
	next = newest ? newest->number + 1 : 1;
	for (size_t i = 0; i < revisions->count; i++)
		if (json_equal(json_get(object_json(revisions->items[i].object), "data"), data))
			equal = &revisions->items[i];
	if (!equal)
		make(batch, revisions, doc, data, next);
	else if (equal != newest)
		move_to_front(batch, equal, next);
	else
		return equal;
	return NULL;
}

/* --- removing --- */

void revisions_truncate(struct batch *batch, const struct revisions *revisions,
			bool (*is_live)(void *of, const struct revision *revision), void *of)
{
	int64_t limit = json_int(
		json_path(object_json(revisions->owner), "spec", "revisionHistoryLimit", NULL));
	int64_t idle = 0;

	for (size_t i = 0; i < revisions->count; i++)
		idle += !is_live(of, &revisions->items[i]);
	for (size_t i = 0; i < revisions->count && idle > limit && limit >= 0; i++) {
		const struct object *old = revisions->items[i].object;
		struct client_ask ask = { .verb = CLIENT_DELETE,
					  .kind = batch->control->kinds[CONTROL_REVISIONS],
					  .namespace = object_namespace(old),
					  .name = object_name(old) };

		if (is_live(of, &revisions->items[i]))
			continue;
		batch_call(batch, &ask);
		idle--;
	}
}
