/*
 * object.c - immutable API objects: bytes, facts taken out once, the parsed form on demand.
 *
 * The facts (names, uid, labels) point into the bytes where the JSON text is plain, so an object
 * costs little more than its encoding.  The parsed form is made when somebody looks inside, and
 * given up by object_trim, or all together at the end of a round.
 */
#include "api/object.h"

#include <assert.h>
#include <stdatomic.h>

#include "base/map.h"

#define MADE_KEPT 1024 /* places of the list of a round */

struct label {
	struct str key, value;
};

struct object {
	_Atomic unsigned refs;
	struct json_doc *doc; /* NULL while trimmed */
	char *bytes;
	size_t len;
	struct str namespace, name, uid, kind, api_version; /* in `facts` */
	struct label *labels;                               /* by key */
	size_t label_count;
	uint64_t revision;
	bool deleting;
	char *facts;
};

/* Objects whose forms were made in this round, a reference each. */
static _Thread_local struct {
	const struct object **items;
	size_t count, room;
	bool runs;
} made;

/* --- facts: one block of memory for all texts --- */

static struct str keep(char **at, struct str text)
{
	char *to = *at;

	if (text.len > 0)
		memcpy(to, text.at, text.len);
	*at += text.len;
	return str_from(to, text.len);
}

static int compare_labels(const void *a, const void *b)
{
	const struct label *left = a, *right = b;

	return str_compare(left->key, right->key);
}

static size_t facts_size(const struct json *root)
{
	const struct json *metadata = meta_of(root);
	size_t size =
		json_str(json_get(metadata, "namespace")).len +
		json_str(json_get(metadata, "name")).len + json_str(json_get(metadata, "uid")).len +
		json_str(json_get(root, "kind")).len + json_str(json_get(root, "apiVersion")).len;

	for (struct json_iter it = json_iter(json_get(metadata, "labels")); json_next(&it);)
		size += it.key.len + json_str(it.value).len;
	return size;
}

static void take_facts(struct object *object, const struct json *root)
{
	const struct json *metadata = meta_of(root), *labels = json_get(metadata, "labels");
	char *at;

	object->facts = memory_get(facts_size(root) + 1);
	at = object->facts;
	object->namespace = keep(&at, json_str(json_get(metadata, "namespace")));
	object->name = keep(&at, json_str(json_get(metadata, "name")));
	object->uid = keep(&at, json_str(json_get(metadata, "uid")));
	object->kind = keep(&at, json_str(json_get(root, "kind")));
	object->api_version = keep(&at, json_str(json_get(root, "apiVersion")));
	object->deleting = json_type(json_get(metadata, "deletionTimestamp")) == JSON_STRING;
	if (!str_to_u64(json_str(json_get(metadata, "resourceVersion")), UINT64_MAX,
			&object->revision))
		object->revision = 0;
	object->labels = memory_get((json_count(labels) + 1) * sizeof(*object->labels));
	for (struct json_iter it = json_iter(labels); json_next(&it);) {
		struct label *label = &object->labels[object->label_count++];

		label->key = keep(&at, it.key);
		label->value = keep(&at, json_str(it.value));
	}
	qsort(object->labels, object->label_count, sizeof(*object->labels), compare_labels);
}

struct object *object_new(struct json_doc *doc)
{
	struct object *object = memory_new(struct object);
	auto_buf bytes = BUF_INIT;

	assert(json_type(json_root(doc)) == JSON_OBJECT);
	object->refs = 1;
	object->doc = doc;
	json_print(json_root(doc), &bytes);
	object->len = bytes.len;
	object->bytes = buf_take(&bytes); /* just as large as it needs: it came in one piece */
	take_facts(object, json_root(doc));
	return object;
}

bool object_from_bytes(struct str bytes, struct object **out, struct error *err)
{
	struct object *object;
	struct json_doc *doc = NULL;
	const char *duplicate = NULL;

	if (!json_parse(bytes, &doc, &duplicate, err))
		return error_set(err, ERROR_BROKEN, "a stored object is damaged: %s", err->text);
	if (json_type(json_root(doc)) != JSON_OBJECT) {
		json_doc_free(doc);
		return error_set(err, ERROR_BROKEN,
				 "a stored object is damaged: it is no JSON object");
	}
	if (duplicate) { /* bytes are kept that say everything once */
		*out = object_new(doc);
		object_trim(*out);
		return true;
	}
	object = memory_new(struct object);
	object->refs = 1;
	object->len = bytes.len;
	object->bytes = str_copy(bytes);
	take_facts(object, json_root(doc));
	json_doc_free(doc);
	*out = object;
	return true;
}

struct object *object_ref(const struct object *object)
{
	struct object *own = (struct object *)(uintptr_t)object;

	atomic_fetch_add(&own->refs, 1);
	return own;
}

void object_unref(const struct object *object)
{
	struct object *own = (struct object *)(uintptr_t)object;

	if (!own || atomic_fetch_sub(&own->refs, 1) > 1)
		return;
	json_doc_free(own->doc);
	free(own->bytes);
	free(own->facts);
	free(own->labels);
	free(own);
}

struct str object_bytes(const struct object *object)
{
	return str_from(object->bytes, object->len);
}

static void remember(const struct object *object)
{
	if (made.count == made.room) {
		made.room = made.room ? made.room * 2 : 64;
		made.items = memory_grow(made.items, made.room * sizeof(*made.items));
	}
	made.items[made.count++] = object_ref(object);
}

const struct json *object_json(const struct object *object)
{
	struct object *own = (struct object *)(uintptr_t)object;

	if (own->doc)
		return json_root(own->doc);
	own->doc = json_parse_printed(object_bytes(object));
	if (made.runs)
		remember(object);
	return json_root(own->doc);
}

void object_trim(const struct object *object)
{
	struct object *own = (struct object *)(uintptr_t)object;

	json_doc_free(own->doc);
	own->doc = NULL;
}

void object_trim_round(void)
{
	made.runs = true;
	for (size_t i = 0; i < made.count; i++) {
		object_trim(made.items[i]);
		object_unref(made.items[i]);
	}
	made.count = 0;
	/* A round that looked at many keeps no room for as many. */
	if (made.room > MADE_KEPT) {
		free(made.items);
		made.items = NULL;
		made.room = 0;
	}
}

void object_round_end(void)
{
	object_trim_round();
	free(made.items);
	memset(&made, 0, sizeof(made));
}

struct json_doc *object_thaw(const struct object *object)
{
	return json_parse_printed(object_bytes(object));
}

/* --- facts --- */

struct str object_namespace(const struct object *object)
{
	return object->namespace;
}

struct str object_name(const struct object *object)
{
	return object->name;
}

struct str object_uid(const struct object *object)
{
	return object->uid;
}

struct str object_kind(const struct object *object)
{
	return object->kind;
}

struct str object_api_version(const struct object *object)
{
	return object->api_version;
}

uint64_t object_revision(const struct object *object)
{
	return object->revision;
}

struct str object_label(const struct object *object, struct str key)
{
	struct label wanted = { .key = key };
	const struct label *found = bsearch(&wanted, object->labels, object->label_count,
					    sizeof(wanted), compare_labels);

	return found ? found->value : STR_NONE;
}

bool object_is_deleting(const struct object *object)
{
	return object->deleting;
}

void object_key(const struct object *object, struct buf *out)
{
	if (object->namespace.len > 0) {
		buf_add_str(out, object->namespace);
		buf_add_byte(out, '/');
	}
	buf_add_str(out, object->name);
}

/* --- shorthands --- */

struct json *meta_of(const struct json *object)
{
	return json_get(object, "metadata");
}

struct str meta_str(const struct json *object, const char *field)
{
	return json_str(json_get(meta_of(object), field));
}

struct str meta_annotation(const struct json *object, const char *key)
{
	return json_str(json_get(json_get(meta_of(object), "annotations"), key));
}

struct json *meta_condition(const struct json *object, struct str type)
{
	for (struct json_iter it = json_iter(json_path(object, "status", "conditions", NULL));
	     json_next(&it);)
		if (str_equal(json_str(json_get(it.value, "type")), type))
			return it.value;
	return NULL;
}

bool meta_condition_is_true(const struct json *object, struct str type)
{
	return str_is(json_str(json_get(meta_condition(object, type), "status")), "True");
}

const struct json *meta_controller(const struct json *object)
{
	for (struct json_iter it = json_iter(json_get(meta_of(object), "ownerReferences"));
	     json_next(&it);)
		if (json_bool(json_get(it.value, "controller")))
			return it.value;
	return NULL;
}
