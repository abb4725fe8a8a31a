/*
 * typed_merge.c - a configuration laid over an object, and whether it is one at all.
 */
#include <inttypes.h>

#include "api/typed_inside.h"

/* --- merging --- */

struct merging {
	struct json_doc *doc;
	struct arena *arena;
};

static struct json *merge(struct merging *merging, struct typed_node node, const struct json *live,
			  const struct json *config);

static struct json *merge_map(struct merging *merging, struct typed_node node,
			      const struct json *live, const struct json *config)
{
	struct typed_items old = typed_gather(node, live, merging->arena),
			   new = typed_gather(node, config, merging->arena);
	struct json *made = json_new_object(merging->doc);

	for (struct json_iter it = json_iter(live); json_next(&it);) {
		const struct typed_item *other = typed_find(&new, fields_name(it.key));
		struct typed_node child = typed_entry_node(node);

		if (typed_form_of(node) == TYPED_STRUCT && !typed_member_node(node, it.key, &child))
			child = (struct typed_node){ .any = true };
		json_add_str(merging->doc, made, it.key,
			     merge(merging, child, it.value, other ? other->value : NULL));
	}
	for (struct json_iter it = json_iter(config); json_next(&it);)
		if (!typed_find(&old, fields_name(it.key)))
			json_add_str(merging->doc, made, it.key,
				     json_clone(merging->doc, it.value));
	return made;
}

/* One list on its way into the merged one. */
struct row {
	struct fields_element element;
	const struct json *value;
	struct row *other; /* in the other list, or NULL                        */
	bool taken;        /* it is in the merged list                          */
	bool many;         /* not the only one of its list: nothing to merge to */
};
struct rows {
	struct row *items; /* in the list's order; equal ones are all there */
	size_t count;
};

static struct rows rows_of(struct merging *merging, const struct typed_items *items,
			   const struct json *list)
{
	struct rows rows = { .count = 0 };
	struct row *by_place =
		arena_zero(merging->arena, (json_count(list) + 1) * sizeof(*by_place));

	for (size_t i = 0; i < items->count; i++)
		by_place[items->items[i].place] = (struct row){ .element = items->items[i].element,
								.value = items->items[i].value };
	rows.items = by_place;
	for (size_t i = 0; i < json_count(list); i++)
		if (by_place[i].value)
			by_place[rows.count++] = by_place[i];
	return rows;
}

static int compare_rows(const void *a, const void *b)
{
	return fields_compare((*(struct row *const *)a)->element,
			      (*(struct row *const *)b)->element);
}

static struct row **sorted_rows(struct merging *merging, struct rows *rows)
{
	struct row **sorted = arena_get(merging->arena, (rows->count + 1) * sizeof(struct row *));

	for (size_t i = 0; i < rows->count; i++)
		sorted[i] = &rows->items[i];
	qsort(sorted, rows->count, sizeof(struct row *), compare_rows);
	return sorted;
}

/* Tell each row of its other half; of equal ones in live the first. */
static void pair_rows(struct merging *merging, struct rows *live, struct rows *config)
{
	struct row **a = sorted_rows(merging, live), **b = sorted_rows(merging, config);
	size_t i = 0, j = 0;

	while (i < live->count && j < config->count) {
		int order = fields_compare(a[i]->element, b[j]->element);

		if (order == 0) {
			a[i]->other = b[j];
			if (b[j]->other)
				b[j]->other->many = a[i]->many = true;
			else
				b[j]->other = a[i];
		}
		i += order <= 0;
		j += order > 0;
	}
}

static void append_merged(struct merging *merging, struct typed_node entry, struct json *into,
			  struct row *live, struct row *config)
{
	bool goes_in = live && !(config && live->many);

	json_append(into, merge(merging, entry, goes_in ? live->value : NULL,
				config ? config->value : NULL));
	if (config)
		config->taken = true;
}

/*
 * Entries of config keep their order among themselves; what only live has stays behind the entry
 * that it stood behind, as far as the two orders agree.
 */
static void weave(struct merging *merging, struct typed_node entry, struct rows *live,
		  struct rows *config, struct json *made)
{
	size_t i = 0, j = 0, want = 0; /* the next of config that live has too */

	while (i < live->count || j < config->count) {
		struct row *l = i < live->count ? &live->items[i] : NULL;
		struct row *c = j < config->count ? &config->items[j] : NULL;

		while (want < config->count && (want < j || !config->items[want].other))
			want++;
		if (l && !l->other) {
			append_merged(merging, entry, made, l, NULL);
			i++;
		} else if (l && c && l->other == c) {
			append_merged(merging, entry, made, l, c);
			i++;
			j++;
		} else if (l && (l->other->taken || l->other != &config->items[want])) {
			i++; /* it comes, or came, where config has it */
		} else if (c) {
			append_merged(merging, entry, made, c->other, c);
			j++;
		}
	}
}

static struct json *merge_list(struct merging *merging, struct typed_node node,
			       const struct json *live, const struct json *config)
{
	struct typed_items old = typed_gather(node, live, merging->arena),
			   new = typed_gather(node, config, merging->arena);
	struct rows left = rows_of(merging, &old, live), right = rows_of(merging, &new, config);
	struct json *made = json_new_array(merging->doc);

	pair_rows(merging, &left, &right);
	weave(merging, typed_entry_node(node), &left, &right, made);
	return made;
}

/* Both of the container's type, or one of them null. */
static bool both_are(const struct json *a, const struct json *b, enum json_type type)
{
	return (json_type(a) == type || json_type(a) == JSON_NULL) &&
	       (json_type(b) == type || json_type(b) == JSON_NULL);
}

static struct json *merge(struct merging *merging, struct typed_node node, const struct json *live,
			  const struct json *config)
{
	enum typed_form form = typed_form_of(node);

	if (!live || !config)
		return json_clone(merging->doc, config ? config : live);
	if (form == TYPED_LEAF || typed_is_atomic(node) ||
	    (json_count(live) == 0 && json_count(config) == 0))
		return json_clone(merging->doc, config);
	if (form == TYPED_LIST && both_are(live, config, JSON_ARRAY))
		return merge_list(merging, node, live, config);
	if (form != TYPED_LIST && both_are(live, config, JSON_OBJECT))
		return merge_map(merging, node, live, config);
	return json_clone(merging->doc, config);
}

struct json *typed_merge(const struct type *type, struct json_doc *doc, const struct json *live,
			 const struct json *config, struct arena *arena)
{
	struct merging merging = { .doc = doc, .arena = arena };

	return merge(&merging, typed_root(type), live, config);
}
