/*
 * manifest_merge.c - kubectl apply's merge of three, with names of fields in place of the last
 * applied object.
 *
 * The names of an object: {"spec":{"replicas":1,"template":{...}}}, where 1 stands for a value.
 * Lists that strategic merge takes apart are lists of their elements' names, each with its merge
 * key; or the elements themselves where these are plain.
 */
#include "server/control/manifest_merge.h"

#include <assert.h>

#include "api/object.h"

static bool merges(const struct field *field)
{
	return field && field->shape == FIELD_LIST &&
	       (field->merge == MERGE_MERGE || field->merge == MERGE_MERGE_RETAIN_KEYS);
}

/* Fields of which only one may be there, as the source of a volume: what is not named goes. */
static bool retains(const struct field *field)
{
	return field &&
	       (field->merge == MERGE_RETAIN_KEYS || field->merge == MERGE_MERGE_RETAIN_KEYS);
}

static const struct field *field_of(const struct type *type, struct str key)
{
	return type ? field_find(type, key) : NULL;
}

static const struct type *type_of(const struct field *field)
{
	return field && field->shape != FIELD_MAP ? field_type(field) : NULL;
}

/* --- names --- */

static struct json *names_of(struct json_doc *doc, const struct type *type,
			     const struct json *value);

static struct json *names_of_list(struct json_doc *doc, const struct field *field,
				  const struct json *list)
{
	struct json *names;

	if (!merges(field))
		return json_new_int(doc, 1);
	if (!field_merge_key(field))
		return json_clone(doc, list);
	names = json_new_array(doc);
	for (struct json_iter it = json_iter(list); json_next(&it);) {
		struct json *element = names_of(doc, field_type(field), it.value);

		if (json_type(element) != JSON_OBJECT)
			continue; /* the API says what is wrong with it */
		json_put(doc, element, field_merge_key(field),
			 json_clone(doc, json_get(it.value, field_merge_key(field))));
		json_append(names, element);
	}
	return names;
}

static struct json *names_of(struct json_doc *doc, const struct type *type,
			     const struct json *value)
{
	struct json *names;

	if (json_type(value) != JSON_OBJECT)
		return json_new_int(doc, 1);
	names = json_new_object(doc);
	for (struct json_iter it = json_iter(value); json_next(&it);) {
		const struct field *field = field_of(type, it.key);

		if (json_type(it.value) == JSON_NULL)
			continue;
		json_add_str(doc, names, it.key,
			     json_type(it.value) == JSON_ARRAY
				     ? names_of_list(doc, field, it.value)
				     : names_of(doc, type_of(field), it.value));
	}
	return names;
}

static void print_names(const struct kind *kind, const struct json *object, struct buf *out)
{
	static const char *const given[] = { "apiVersion", "kind" };
	auto_json_doc doc = json_doc_new();
	struct json *names = names_of(doc, kind_type(kind), object);

	for (size_t i = 0; i < ARRAY_LENGTH(given); i++)
		json_remove(names, str_of(given[i]));
	json_remove(meta_of(names), STR("name"));
	json_remove(meta_of(names), STR("namespace"));
	json_print(names, out);
}

/* --- the object as it is created --- */

/* stringData is only written, never read back: as data it can be compared and taken away. */
static void fold_secret(struct json_doc *doc, struct json *secret)
{
	struct json *texts = json_get(secret, "stringData"), *data;

	if (json_type(texts) != JSON_OBJECT)
		return;
	data = json_sub_object(doc, secret, "data");
	if (json_type(data) != JSON_OBJECT)
		return;
	for (struct json_iter it = json_iter(texts); json_next(&it);) {
		auto_buf encoded = BUF_INIT;

		if (json_type(it.value) != JSON_STRING)
			return;
		buf_add_base64(&encoded, json_str(it.value));
		json_put_str(doc, data, it.key, json_new_str(doc, buf_str(&encoded)));
	}
	json_remove(secret, STR("stringData"));
}

/* What only a server sets, as it stands in objects that were printed from a cluster. */
static void drop_given(struct json *object)
{
	static const char *const given[] = { "uid",        "resourceVersion", "creationTimestamp",
					     "generation", "selfLink",        "managedFields" };

	for (size_t i = 0; i < ARRAY_LENGTH(given); i++)
		json_remove(meta_of(object), str_of(given[i]));
	json_remove(object, STR("status"));
}

struct json *manifest_merge_new(struct json_doc *doc, const struct kind *kind,
				const struct json *wished, const char *file)
{
	struct json *object = json_clone(doc, wished), *annotations;
	auto_buf names = BUF_INIT;

	assert(json_type(object) == JSON_OBJECT);
	drop_given(object);
	if (strcmp(kind->name, "Secret") == 0)
		fold_secret(doc, object);
	print_names(kind, object, &names);
	annotations = json_sub_object(doc, json_sub_object(doc, object, "metadata"), "annotations");
	if (json_type(annotations) != JSON_OBJECT)
		return object; /* the API says what is wrong with them */
	json_put(doc, annotations, MANIFEST_OWNER, json_new_text(doc, file));
	json_put(doc, annotations, MANIFEST_FIELDS, json_new_str(doc, buf_str(&names)));
	return object;
}

/* --- the patch --- */

static void take_away(struct json_doc *doc, const struct type *type, struct json *patch,
		      const struct json *before);

static struct json *find_element(const struct json *list, const char *key,
				 const struct json *wanted)
{
	for (struct json_iter it = json_iter(list); json_next(&it);)
		if (json_equal(json_get(it.value, key), wanted))
			return it.value;
	return NULL;
}

static void take_elements(struct json_doc *doc, const struct field *field, struct json *list,
			  const struct json *before)
{
	for (struct json_iter it = json_iter(before); json_next(&it);) {
		const struct json *key = json_get(it.value, field_merge_key(field));
		struct json *element = find_element(list, field_merge_key(field), key);

		if (element) {
			take_away(doc, field_type(field), element, it.value);
			continue;
		}
		element = json_new_object(doc);
		json_put(doc, element, "$patch", json_new_text(doc, "delete"));
		json_put(doc, element, field_merge_key(field), json_clone(doc, key));
		json_append(list, element);
	}
}

static bool has_value(const struct json *list, const struct json *wanted)
{
	for (struct json_iter it = json_iter(list); json_next(&it);)
		if (json_equal(it.value, wanted))
			return true;
	return false;
}

static void take_values(struct json_doc *doc, struct str key, struct json *patch,
			const struct json *list, const struct json *before)
{
	struct json *gone = json_new_array(doc);

	for (struct json_iter it = json_iter(before); json_next(&it);)
		if (!has_value(list, it.value))
			json_append(gone, json_clone(doc, it.value));
	if (json_count(gone) > 0) {
		auto_free char *name =
			memory_print("$deleteFromPrimitiveList/" STR_FMT, STR_ARG(key));

		json_put(doc, patch, name, gone);
	}
}

/* Of a map and of a list with keys only our own entries go: others may have put theirs there. */
static struct json *empty_like(struct json_doc *doc, const struct field *field,
			       const struct json *before)
{
	if (field && field->shape == FIELD_MAP && json_type(before) == JSON_OBJECT)
		return json_new_object(doc);
	if (merges(field) && json_type(before) == JSON_ARRAY)
		return json_new_array(doc);
	return json_new_null(doc);
}

static void take_field(struct json_doc *doc, const struct field *field, struct json *patch,
		       const struct json_iter *before)
{
	struct json *now = json_get_str(patch, before->key);

	if (json_type(now) == JSON_ABSENT) {
		now = empty_like(doc, field, before->value);
		json_put_str(doc, patch, before->key, now);
	}
	if (json_type(now) == JSON_OBJECT) {
		if (json_type(before->value) == JSON_OBJECT)
			take_away(doc, type_of(field), now, before->value);
	} else if (json_type(now) == JSON_ARRAY && json_type(before->value) == JSON_ARRAY &&
		   merges(field)) {
		if (field_merge_key(field))
			take_elements(doc, field, now, before->value);
		else
			take_values(doc, before->key, patch, now, before->value);
	}
}

/* What stood in the names before and is not in the patch is told to go. */
static void take_away(struct json_doc *doc, const struct type *type, struct json *patch,
		      const struct json *before)
{
	for (struct json_iter it = json_iter(before); json_next(&it);)
		take_field(doc, field_of(type, it.key), patch, &it);
}

static void retain_keys(struct json_doc *doc, struct json *value)
{
	struct json *keys = json_new_array(doc);

	for (struct json_iter it = json_iter(value); json_next(&it);)
		if (it.key.at[0] != '$')
			json_append(keys, json_new_str(doc, it.key));
	json_put(doc, value, "$retainKeys", keys);
}

static void add_retained(struct json_doc *doc, const struct type *type, struct json *patch)
{
	auto_free struct json **found = memory_get((json_count(patch) + 1) * sizeof(*found));
	size_t count = 0;

	for (struct json_iter it = json_iter(patch); json_next(&it);) {
		const struct field *field = field_of(type, it.key);

		if (json_type(it.value) == JSON_OBJECT) {
			add_retained(doc, type_of(field), it.value);
			if (retains(field))
				found[count++] = it.value;
		} else if (merges(field) && field_merge_key(field)) {
			for (struct json_iter each = json_iter(it.value); json_next(&each);) {
				if (json_type(each.value) != JSON_OBJECT ||
				    json_get(each.value, "$patch"))
					continue;
				add_retained(doc, field_type(field), each.value);
				if (retains(field))
					retain_keys(doc, each.value);
			}
		}
	}
	for (size_t i = 0; i < count; i++)
		retain_keys(doc, found[i]);
}

struct json *manifest_merge_patch(struct json_doc *doc, const struct kind *kind, struct json *made,
				  const struct json *current)
{
	struct str names = meta_annotation(current, MANIFEST_FIELDS);
	auto_json_doc before = NULL;
	struct error ignored; /* not ours any more: then nothing is taken away */

	assert(json_type(made) == JSON_OBJECT);
	add_retained(doc, kind_type(kind), made);
	if (names.len > 0 && json_parse(names, &before, NULL, &ignored))
		take_away(doc, kind_type(kind), made, json_root(before));
	return made;
}
