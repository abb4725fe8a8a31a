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

/* `out_old`: how many of the live list's elements are left; they stand first. */
static bool merge_objects(const struct field *field, struct json_doc *doc, struct json *list,
			  const struct json *patch, size_t *out_old, struct error *err)
{
	auto_map marks = NULL;
	auto_buf text = BUF_INIT;

	if (has_replace(patch)) {
		json_clear(list);
		*out_old = 0;
		for (struct json_iter it = json_iter(without_directives(doc, patch));
		     json_next(&it);)
			json_append(list, it.value);
		return true;
	}
	if (!delete_elements(field, list, patch, err))
		return false;
	*out_old = json_count(list);
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

/* --- order: what the order lists stands as there; each of the others before the first of those
 * that it stood before in the live list --- */

#define NEW SIZE_MAX

struct placed {
	struct json *element;
	size_t rank;  /* in the order; of the others: NEW */
	size_t index; /* in the merged list */
};

static int by_rank(const void *left, const void *right)
{
	const struct placed *l = left, *r = right;

	if (l->rank != r->rank)
		return l->rank < r->rank ? -1 : 1;
	return l->index < r->index ? -1 : l->index > r->index;
}

/* mark -> its rank + 1 */
static struct map *ranks_of(const struct field *field, const struct json *order)
{
	struct map *ranks = map_new();
	auto_buf text = BUF_INIT;

	for (struct json_iter it = json_iter(order); json_next(&it);) {
		struct str mark = mark_of(field, it.value, &text);

		if (mark.len > 0 && !map_find(ranks, mark))
			map_put(ranks, mark, (void *)(uintptr_t)(map_count(ranks) + 1));
	}
	return ranks;
}

/*
 * The listed ones of the sorted `items` begin the array, the others follow in the list's order.
 * `live`: rank -> where the live list has it first.
 */
static void append_in_order(struct json *list, const struct placed *items, size_t count,
			    const size_t *live)
{
	size_t listed = 0, next = 0, other;

	while (listed < count && items[listed].rank != NEW)
		listed++;
	other = listed;
	while (next < listed || other < count) {
		bool others_turn = next == listed;

		if (!others_turn && other < count) {
			size_t place = live[items[next].rank];

			others_turn = place != NEW && items[other].index < place;
		}
		json_append(list, items[others_turn ? other++ : next++].element);
	}
}

/* `old`: so many elements at the list's head are those of the live list. */
static void apply_order(const struct field *field, struct json *list, size_t old,
			const struct json *order)
{
	size_t count = json_count(list);
	auto_free struct placed *items = memory_get((count + 1) * sizeof(*items));
	auto_map ranks = ranks_of(field, order);
	auto_free size_t *live = memory_get((map_count(ranks) + 1) * sizeof(*live));
	auto_buf text = BUF_INIT;

	for (size_t i = 0; i < map_count(ranks); i++)
		live[i] = NEW;
	for (struct json_iter it = json_iter(list); json_next(&it);) {
		void *rank = map_find(ranks, mark_of(field, it.value, &text));
		struct placed *item = &items[it.index];

		*item = (struct placed){ .element = it.value, .index = it.index };
		item->rank = rank ? (uintptr_t)rank - 1 : NEW;
		if (rank && it.index < old && live[item->rank] == NEW)
			live[item->rank] = it.index;
	}
	qsort(items, count, sizeof(*items), by_rank);
	json_clear(list);
	append_in_order(list, items, count, live);
}

/* --- maps: the target's entries stand in a map while it is changed --- */

struct merging {
	const struct type *type; /* NULL = unknown */
	struct json_doc *doc;
	struct map *entries; /* name -> value */
	struct map *orders;  /* name of a list -> the order that the patch has for it, until it is
				applied */
};

static bool merge_list(const struct merging *merging, const struct field *field, struct str name,
		       const struct json *patch, struct error *err)
{
	struct json *list = map_find(merging->entries, name);
	const struct json *order = map_find(merging->orders, name);
	size_t old;
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
	old = json_count(list);
	if (!field_merge_key(field))
		merge_primitives(field, merging->doc, list, patch);
	else if (!merge_objects(field, merging->doc, list, patch, &old, err))
		return false;
	apply_order(field, list, old, order ? order : patch);
	map_remove(merging->orders, name);
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

static struct map *orders_of(const struct json *patch)
{
	struct map *orders = map_new();

	for (struct json_iter it = json_iter(patch); json_next(&it);)
		if (str_starts(it.key, STR(ORDER)))
			map_put(orders, after(it.key, ORDER), it.value);
	return orders;
}

/* Lists that have an order in the patch and nothing else. */
static void order_lists(const struct merging *merging)
{
	struct str name;
	void *order;

	for (size_t at = 0; map_next(merging->orders, &at, &name, &order);) {
		const struct field *field = merging->type ? field_find(merging->type, name) : NULL;
		struct json *list = map_find(merging->entries, name);

		if (field && json_type(list) == JSON_ARRAY)
			apply_order(field, list, json_count(list), order);
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
	order_lists(merging);
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
	auto_map orders = NULL;
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
	merging.orders = orders = orders_of(patch);
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
