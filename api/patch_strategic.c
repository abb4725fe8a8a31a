/*
 * patch_strategic.c - strategic merge: lists with merge keys are merged by key, as the field tables
 * say.
 *
 * Directives: $patch, $retainKeys, $setElementOrder/<list>,
 * $deleteFromPrimitiveList/<list>.
 */
#include "api/patch.h"

#include <assert.h>

#include "base/map.h"

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
			json_add_str(doc, clean, it.key, without_directives(doc, it.value));
	return clean;
}

/* --- elements by their text: lists may be long, so they are looked up and never searched --- */

/* What tells an element of a list from the others, printed; `field` may have no merge key. */
static struct str mark_of(const struct field *field, const struct json *element, struct buf *out)
{
	buf_reset(out);
	if (field_merge_key(field))
		element = json_get(element, field_merge_key(field));
	if (element)
		json_print(element, out);
	return buf_str(out);
}

/* mark -> element, the first one of each mark; elements without a mark are left out. */
static struct map *marks_of(const struct field *field, const struct json *list)
{
	struct map *marks = map_new();
	auto_buf text = BUF_INIT;

	for (struct json_iter it = json_iter(list); json_next(&it);) {
		struct str mark = mark_of(field, it.value, &text);

		if (mark.len > 0 && !map_find(marks, mark))
			map_put(marks, mark, it.value);
	}
	return marks;
}

/* Take the elements with these marks out. */
static void drop_marked(const struct field *field, struct json *list, const struct map *marks)
{
	size_t count = json_count(list), kept = 0;
	auto_free struct json **items = memory_get((count + 1) * sizeof(struct json *));
	auto_buf text = BUF_INIT;

	for (struct json_iter it = json_iter(list); json_next(&it);)
		if (!map_find(marks, mark_of(field, it.value, &text)))
			items[kept++] = it.value;
	if (kept == count)
		return;
	json_clear(list);
	for (size_t i = 0; i < kept; i++)
		json_append(list, items[i]);
}

/* --- lists of objects with a merge key --- */

static bool has_replace(const struct json *patch)
{
	for (struct json_iter it = json_iter(patch); json_next(&it);)
		if (str_is(directive_of(it.value), "replace"))
			return true;
	return false;
}

/* Deletions come first, wherever they stand in the patch. */
static bool delete_elements(const struct field *field, struct json *list, const struct json *patch,
			    struct error *err)
{
	auto_map gone = map_new();
	auto_buf text = BUF_INIT;

	for (struct json_iter it = json_iter(patch); json_next(&it);) {
		struct str mark = mark_of(field, it.value, &text);

		if (json_type(it.value) != JSON_OBJECT || mark.len == 0)
			return error_set(err, ERROR_BAD_REQUEST,
					 "map: does not contain declared merge key: %s",
					 field_merge_key(field));
		if (str_is(directive_of(it.value), "delete"))
			map_put(gone, mark, it.value);
	}
	if (map_count(gone) > 0)
		drop_marked(field, list, gone);
	return true;
}

static bool merge_objects(const struct field *field, struct json_doc *doc, struct json *list,
			  const struct json *patch, struct error *err)
{
	auto_map marks = NULL;
	auto_buf text = BUF_INIT;

	if (has_replace(patch)) {
		json_clear(list);
		for (struct json_iter it = json_iter(without_directives(doc, patch));
		     json_next(&it);)
			json_append(list, it.value);
		return true;
	}
	if (!delete_elements(field, list, patch, err))
		return false;
	marks = marks_of(field, list);
	for (struct json_iter it = json_iter(patch); json_next(&it);) {
		struct str mark = mark_of(field, it.value, &text);
		struct json *old = map_find(marks, mark);

		if (str_is(directive_of(it.value), "delete"))
			continue;
		if (old && !merge_map(field_type(field), doc, old, it.value, err))
			return false;
		if (old)
			continue;
		old = without_directives(doc, it.value);
		json_append(list, old);
		map_put(marks, mark, old);
	}
	return true;
}

static void merge_primitives(const struct field *field, struct json_doc *doc, struct json *list,
			     const struct json *patch)
{
	auto_map marks = marks_of(field, list);
	auto_buf text = BUF_INIT;

	for (struct json_iter it = json_iter(patch); json_next(&it);)
		if (!map_put(marks, mark_of(field, it.value, &text), it.value))
			json_append(list, json_clone(doc, it.value));
}

/* --- order: the listed ones in their order, the others keep their places relative to what precedes
 * them --- */

static void append_all(struct json *list, struct json *from)
{
	for (struct json_iter it = json_iter(from); json_next(&it);)
		json_append(list, it.value);
}

/* At a listed place stand the next listed elements that the list holds. */
static void place_next(struct json *list, const struct map *groups, size_t *at)
{
	struct str mark;
	void *group;

	while (map_next(groups, at, &mark, &group))
		if (json_count(group) > 0) {
			append_all(list, group);
			return;
		}
}

static void apply_order(const struct field *field, struct json_doc *doc, struct json *list,
			const struct json *order)
{
	size_t count = json_count(list), at = 0;
	auto_free struct json **others = memory_get((count + 1) * sizeof(struct json *));
	auto_map groups = map_new(); /* mark -> array of the elements that have it */
	auto_buf text = BUF_INIT;

	for (struct json_iter it = json_iter(order); json_next(&it);) {
		struct str mark = mark_of(field, it.value, &text);

		if (mark.len > 0 && !map_find(groups, mark))
			map_put(groups, mark, json_new_array(doc));
	}
	for (struct json_iter it = json_iter(list); json_next(&it);) {
		struct json *group = map_find(groups, mark_of(field, it.value, &text));

		others[it.index] = group ? NULL : it.value;
		if (group)
			json_append(group, it.value);
	}
	json_clear(list);
	for (size_t i = 0; i < count; i++)
		if (others[i])
			json_append(list, others[i]);
		else
			place_next(list, groups, &at);
}

/* --- maps: the target's entries stand in a map while it is changed --- */

struct merging {
	const struct type *type; /* NULL = unknown */
	struct json_doc *doc;
	struct map *entries; /* name -> value */
};

static bool merge_list(const struct merging *merging, const struct field *field, struct str name,
		       const struct json *patch, struct error *err)
{
	struct json *list = map_find(merging->entries, name);
	bool merges =
		field && (field->merge == MERGE_MERGE || field->merge == MERGE_MERGE_RETAIN_KEYS);

	if (!merges) {
		map_put(merging->entries, name, without_directives(merging->doc, patch));
		return true;
	}
	if (json_type(list) != JSON_ARRAY) {
		list = json_new_array(merging->doc);
		map_put(merging->entries, name, list);
	}
	if (field_merge_key(field))
		return merge_objects(field, merging->doc, list, patch, err);
	merge_primitives(field, merging->doc, list, patch);
	return true;
}

static void retain_keys(const struct merging *merging, const struct json *keys)
{
	auto_map kept = map_new();
	struct str name;
	void *value;

	for (struct json_iter it = json_iter(keys); json_next(&it);)
		map_put(kept, json_str(it.value), it.value);
	for (size_t at = 0; map_next(merging->entries, &at, &name, &value);)
		if (!map_find(kept, name))
			map_remove(merging->entries, name);
}

static bool apply_directive(const struct merging *merging, struct str key, const struct json *value,
			    struct error *err)
{
	static const struct field primitive; /* of no type, without a merge key */
	auto_map gone = NULL;

	if (str_is(key, "$patch") || str_starts(key, STR(ORDER)))
		return true; /* done before and after the fields */
	if (json_type(value) != JSON_ARRAY)
		return error_set(err, ERROR_BAD_REQUEST,
				 "invalid patch format: " STR_FMT " must be a list", STR_ARG(key));
	if (str_is(key, "$retainKeys")) {
		retain_keys(merging, value);
		return true;
	}
	if (!str_starts(key, STR(DELETE_FROM)))
		return error_set(err, ERROR_BAD_REQUEST, "unknown patch directive " STR_FMT,
				 STR_ARG(key));
	gone = marks_of(&primitive, value);
	key = after(key, DELETE_FROM);
	if (json_type(map_find(merging->entries, key)) == JSON_ARRAY)
		drop_marked(&primitive, map_find(merging->entries, key), gone);
	return true;
}

static bool merge_value(const struct merging *merging, const struct json_iter *entry,
			struct error *err)
{
	const struct field *field = merging->type ? field_find(merging->type, entry->key) : NULL;
	const struct type *sub = field && field->shape == FIELD_ONE ? field_type(field) : NULL;
	struct json *old = map_find(merging->entries, entry->key), *value;

	switch (json_type(entry->value)) {
	case JSON_NULL: map_remove(merging->entries, entry->key); return true;
	case JSON_ARRAY: return merge_list(merging, field, entry->key, entry->value, err);
	case JSON_OBJECT:
		if (json_type(old) == JSON_OBJECT)
			return merge_map(sub, merging->doc, old, entry->value, err);
		value = without_directives(merging->doc, entry->value);
		break;
	default: value = json_clone(merging->doc, entry->value);
	}
	map_put(merging->entries, entry->key, value);
	return true;
}

static void order_lists(const struct merging *merging, const struct json *patch)
{
	for (struct json_iter it = json_iter(patch); json_next(&it);) {
		struct str name;
		const struct field *field;
		struct json *list;

		if (!str_starts(it.key, STR(ORDER)))
			continue;
		name = after(it.key, ORDER);
		field = merging->type ? field_find(merging->type, name) : NULL;
		list = map_find(merging->entries, name);
		if (field && json_type(list) == JSON_ARRAY)
			apply_order(field, merging->doc, list, it.value);
	}
}

static bool merge_entries(const struct merging *merging, const struct json *patch,
			  struct error *err)
{
	for (struct json_iter it = json_iter(patch); json_next(&it);) {
		bool done = is_directive(it.key) ? apply_directive(merging, it.key, it.value, err)
						 : merge_value(merging, &it, err);

		if (!done)
			return false;
	}
	order_lists(merging, patch);
	return true;
}

/* The same object with other entries: lists and parents keep pointing at it. */
static void set_entries(struct json_doc *doc, struct json *object, const struct map *entries)
{
	struct str key;
	void *value;

	json_clear(object);
	for (size_t at = 0; map_next(entries, &at, &key, &value);)
		json_add_str(doc, object, key, value);
}

static void set_whole(struct json_doc *doc, struct json *target, const struct json *clean)
{
	json_clear(target);
	for (struct json_iter it = json_iter(clean); json_next(&it);)
		json_add_str(doc, target, it.key, it.value);
}

static bool merge_map(const struct type *type, struct json_doc *doc, struct json *target,
		      const struct json *patch, struct error *err)
{
	struct str mode = directive_of(patch);
	auto_map entries = NULL;
	struct merging merging = { .type = type, .doc = doc };

	if (str_is(mode, "delete")) {
		json_clear(target);
		return true;
	}
	if (str_is(mode, "replace")) {
		set_whole(doc, target, without_directives(doc, patch));
		return true;
	}
	if (mode.len > 0 && !str_is(mode, "merge"))
		return error_set(err, ERROR_BAD_REQUEST, "unrecognized patch directive: " STR_FMT,
				 STR_ARG(mode));
	merging.entries = entries = map_new();
	for (struct json_iter it = json_iter(target); json_next(&it);)
		map_put(entries, it.key, it.value);
	if (!merge_entries(&merging, patch, err))
		return false;
	set_entries(doc, target, entries);
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
