/*
 * patch_strategic.c - strategic merge: lists with merge keys are merged by key, as the field tables
 * say.
 *
 * Directives: $patch, $retainKeys, $setElementOrder/<list>,
 * $deleteFromPrimitiveList/<list>.
 */
#include "api/patch.h"

#include <assert.h>

#define ORDER       "$setElementOrder/"
#define DELETE_FROM "$deleteFromPrimitiveList/"

static bool merge_map(const struct type *type, struct json_doc *doc, struct json *target,
		      const struct json *patch, struct error *err);

static struct str after(struct str s, const char *prefix)
{
	return str_from(s.at + strlen(prefix), s.len - strlen(prefix));
}

static bool is_directive(struct str key)
{
	return key.len > 0 && key.at[0] == '$';
}

/* --- lists of objects with a merge key --- */

static struct json *find_element(const struct json *list, const char *merge_key,
				 const struct json *key, size_t *out_at)
{
	for (struct json_iter it = json_iter(list); json_next(&it);)
		if (key && json_equal(json_get(it.value, merge_key), key)) {
			if (out_at)
				*out_at = it.index;
			return it.value;
		}
	return NULL;
}

static struct str directive_of(const struct json *element)
{
	return json_str(json_get(element, "$patch"));
}

static struct json *without_directives(struct json_doc *doc, const struct json *value)
{
	struct json *clean;

	if (json_type(value) == JSON_ARRAY) {
		clean = json_new_array(doc);
		for (struct json_iter it = json_iter(value); json_next(&it);)
			if (!str_is(directive_of(it.value), "delete") &&
			    !str_is(directive_of(it.value), "replace"))
				json_append(clean, without_directives(doc, it.value));
		return clean;
	}
	if (json_type(value) != JSON_OBJECT)
		return json_clone(doc, value);
	clean = json_new_object(doc);
	for (struct json_iter it = json_iter(value); json_next(&it);)
		if (!is_directive(it.key) && json_type(it.value) != JSON_NULL)
			json_put_str(doc, clean, it.key, without_directives(doc, it.value));
	return clean;
}

static bool merge_element(const struct field *field, struct json_doc *doc, struct json *list,
			  const struct json *element, struct error *err)
{
	const struct json *key = json_get(element, field->merge_key);
	struct json *old;
	size_t at = 0;

	if (json_type(element) != JSON_OBJECT || !key)
		return error_set(err, ERROR_BAD_REQUEST,
				 "map: does not contain declared merge key: %s", field->merge_key);
	old = find_element(list, field->merge_key, key, &at);
	if (str_is(directive_of(element), "delete")) {
		while (old) {
			json_remove_at(list, at);
			old = find_element(list, field->merge_key, key, &at);
		}
		return true;
	}
	if (old)
		return merge_map(field->type, doc, old, element, err);
	json_append(list, without_directives(doc, element));
	return true;
}

static bool merge_objects(const struct field *field, struct json_doc *doc, struct json *list,
			  const struct json *patch, struct error *err)
{
	for (struct json_iter it = json_iter(patch); json_next(&it);)
		if (str_is(directive_of(it.value), "replace")) {
			struct json *clean = without_directives(doc, patch);

			json_clear(list);
			for (struct json_iter each = json_iter(clean); json_next(&each);)
				json_append(list, json_clone(doc, each.value));
			return true;
		}
	for (struct json_iter it = json_iter(patch); json_next(&it);)
		if (!merge_element(field, doc, list, it.value, err))
			return false;
	return true;
}

static bool holds(const struct json *list, const struct json *value)
{
	for (struct json_iter it = json_iter(list); json_next(&it);)
		if (json_equal(it.value, value))
			return true;
	return false;
}

static void merge_primitives(struct json_doc *doc, struct json *list, const struct json *patch)
{
	for (struct json_iter it = json_iter(patch); json_next(&it);)
		if (!holds(list, it.value))
			json_append(list, json_clone(doc, it.value));
}

/* --- order: the listed ones in their order, the others keep their places relative to what precedes
 * them --- */

static bool is_entry(const struct field *field, const struct json *value, const struct json *wanted)
{
	if (!field->merge_key)
		return json_equal(value, wanted);
	return json_equal(json_get(value, field->merge_key), json_get(wanted, field->merge_key));
}

static bool is_listed(const struct field *field, const struct json *order, const struct json *value)
{
	for (struct json_iter it = json_iter(order); json_next(&it);)
		if (is_entry(field, value, it.value))
			return true;
	return false;
}

static void apply_order(const struct field *field, struct json_doc *doc, struct json *list,
			const struct json *order)
{
	struct json *old = json_clone(doc, list), *sorted = json_new_array(doc);
	struct json_iter wanted = json_iter(order);

	for (struct json_iter it = json_iter(old); json_next(&it);) {
		if (!is_listed(field, order, it.value)) {
			json_append(sorted, json_clone(doc, it.value));
			continue;
		}
		/* a listed place: the next listed entry that the list holds comes here */
		for (bool placed = false; !placed && json_next(&wanted);)
			for (struct json_iter each = json_iter(old); !placed && json_next(&each);)
				if (is_entry(field, each.value, wanted.value)) {
					json_append(sorted, json_clone(doc, each.value));
					placed = true;
				}
	}
	json_clear(list);
	for (struct json_iter it = json_iter(sorted); json_next(&it);)
		json_append(list, json_clone(doc, it.value));
}

static bool merge_list(const struct field *field, struct json_doc *doc, struct json *target,
		       struct str name, const struct json *patch, struct error *err)
{
	struct json *list = json_get_str(target, name);
	bool merges =
		field && (field->merge == MERGE_MERGE || field->merge == MERGE_MERGE_RETAIN_KEYS);

	if (!merges) {
		json_put_str(doc, target, name, without_directives(doc, patch));
		return true;
	}
	if (json_type(list) != JSON_ARRAY) {
		list = json_new_array(doc);
		json_put_str(doc, target, name, list);
	}
	if (field->merge_key)
		return merge_objects(field, doc, list, patch, err);
	merge_primitives(doc, list, patch);
	return true;
}

/* --- maps --- */

static void retain_keys(struct json *target, const struct json *keys)
{
	for (bool again = true; again;) {
		again = false;
		for (struct json_iter it = json_iter(target); json_next(&it) && !again;) {
			bool kept = false;

			for (struct json_iter key = json_iter(keys); json_next(&key);)
				kept = kept || str_equal(json_str(key.value), it.key);
			if (!kept) {
				json_remove(target, it.key);
				again = true;
			}
		}
	}
}

static bool apply_directive(const struct type *type, struct json_doc *doc, struct json *target,
			    struct str key, const struct json *value, struct error *err)
{
	struct json *list;

	if (str_is(key, "$patch") || str_starts(key, STR(ORDER)))
		return true; /* done before and after the fields */
	if (json_type(value) != JSON_ARRAY)
		return error_set(err, ERROR_BAD_REQUEST,
				 "invalid patch format: " STR_FMT " must be a list", STR_ARG(key));
	if (str_is(key, "$retainKeys")) {
		retain_keys(target, value);
		return true;
	}
	if (!str_starts(key, STR(DELETE_FROM)))
		return error_set(err, ERROR_BAD_REQUEST, "unknown patch directive " STR_FMT,
				 STR_ARG(key));
	list = json_get_str(target, after(key, DELETE_FROM));
	for (size_t at = 0; at < json_count(list);)
		if (holds(value, json_at(list, at)))
			json_remove_at(list, at);
		else
			at++;
	(void)type;
	(void)doc;
	return true;
}

static bool merge_value(const struct type *type, struct json_doc *doc, struct json *target,
			const struct json_iter *entry, struct error *err)
{
	const struct field *field = type ? field_find(type, entry->key) : NULL;
	struct json *old = json_get_str(target, entry->key);
	const struct type *sub = field && field->shape == FIELD_ONE ? field->type : NULL;

	switch (json_type(entry->value)) {
	case JSON_NULL: json_remove(target, entry->key); return true;
	case JSON_ARRAY: return merge_list(field, doc, target, entry->key, entry->value, err);
	case JSON_OBJECT:
		if (json_type(old) != JSON_OBJECT) {
			json_put_str(doc, target, entry->key,
				     without_directives(doc, entry->value));
			return true;
		}
		return merge_map(sub, doc, old, entry->value, err);
	default: json_put_str(doc, target, entry->key, json_clone(doc, entry->value)); return true;
	}
}

static void order_lists(const struct type *type, struct json_doc *doc, struct json *target,
			const struct json *patch)
{
	for (struct json_iter it = json_iter(patch); json_next(&it);) {
		struct str name;
		const struct field *field;
		struct json *list;

		if (!str_starts(it.key, STR(ORDER)))
			continue;
		name = after(it.key, ORDER);
		field = type ? field_find(type, name) : NULL;
		list = json_get_str(target, name);
		if (field && json_type(list) == JSON_ARRAY)
			apply_order(field, doc, list, it.value);
	}
}

static bool merge_map(const struct type *type, struct json_doc *doc, struct json *target,
		      const struct json *patch, struct error *err)
{
	struct str mode = directive_of(patch);

	if (str_is(mode, "replace") || str_is(mode, "delete")) {
		struct json *clean = without_directives(doc, patch);

		json_clear(target);
		if (str_is(mode, "replace"))
			for (struct json_iter it = json_iter(clean); json_next(&it);)
				json_put_str(doc, target, it.key, json_clone(doc, it.value));
		return true;
	}
	if (mode.len > 0 && !str_is(mode, "merge"))
		return error_set(err, ERROR_BAD_REQUEST, "unrecognized patch directive: " STR_FMT,
				 STR_ARG(mode));
	for (struct json_iter it = json_iter(patch); json_next(&it);) {
		bool done = is_directive(it.key)
				    ? apply_directive(type, doc, target, it.key, it.value, err)
				    : merge_value(type, doc, target, &it, err);

		if (!done)
			return false;
	}
	order_lists(type, doc, target, patch);
	return true;
}

bool patch_strategic(const struct type *type, struct json_doc *doc, struct json *target,
		     const struct json *patch, struct error *err)
{
	if (json_type(patch) != JSON_OBJECT)
		return error_set(err, ERROR_BAD_REQUEST,
				 "error decoding patch: a strategic merge patch is an object");
	assert(json_type(target) == JSON_OBJECT);
	return merge_map(type, doc, target, patch, err);
}
