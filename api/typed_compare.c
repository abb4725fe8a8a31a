/*
 * typed_compare.c - what differs between two objects of a type.
 *
 * A node that is absent on one side counts itself and everything below it; one that is there on
 * both sides counts only the leaves that differ.
 */
#include <string.h>

#include "api/typed_inside.h"

/* Equal entries of lists are found by comparing them whole; deeper down that would be done again
 * and again for the same bytes. */
#define WHOLE_DEPTH 8

struct walk {
	struct arena *arena;
	enum typed_view old_view, new_view;
	const struct json *empty; /* null: a part that is there though nobody wrote it */
	size_t most;
	unsigned depth;
	bool in_metadata; /* of the object itself */
	bool many;
};
struct delta {
	bool changed, removed;
	struct fields_set changed_below, removed_below;
};
struct sides {
	const struct json *old, *new; /* NULL: absent */
};

static void compare(struct walk *walk, struct typed_node node, struct sides sides,
		    struct delta *out);

static void add_part(struct walk *walk, struct fields_element element, bool member,
		     const struct fields_set *below, struct fields_set *out)
{
	fields_append(out, walk->arena, element, member, fields_keep(below, walk->arena));
}

static void compare_child(struct walk *walk, struct typed_node node, struct fields_element element,
			  struct sides sides, struct delta *out)
{
	struct delta delta = { 0 };

	walk->depth++;
	compare(walk, node, sides, &delta);
	walk->depth--;
	add_part(walk, element, delta.changed, &delta.changed_below, &out->changed_below);
	add_part(walk, element, delta.removed, &delta.removed_below, &out->removed_below);
}

/* --- messages --- */

/* Does the type always have this field, written or not? */
static bool is_implied(const struct field *field)
{
	if (field->shape != FIELD_ONE)
		return field->required;
	switch ((enum field_form)field->form) {
	case FIELD_MESSAGE:
	case FIELD_TIME:
	case FIELD_MICRO_TIME: return field->required || field->omit_empty;
	case FIELD_STRING:
	case FIELD_BOOL:
	case FIELD_INT32:
	case FIELD_INT64:
	case FIELD_DOUBLE: return field->required;
	case FIELD_BYTES:
	case FIELD_QUANTITY:
	case FIELD_INT_OR_STRING:
	case FIELD_DURATION:
	case FIELD_ANY:
	case FIELD_STRINGS: return false;
	}
	return false;
}

static bool is_zero(const struct json *value)
{
	switch (json_type(value)) {
	case JSON_ABSENT:
	case JSON_NULL: return true;
	case JSON_BOOL: return !json_bool(value);
	case JSON_NUMBER: return json_double(value) == 0;
	case JSON_STRING: return json_str(value).len == 0;
	case JSON_ARRAY:
	case JSON_OBJECT: return json_count(value) == 0;
	}
	return false;
}

static void compare_leaf(const struct walk *walk, struct sides sides, struct delta *out)
{
	if (!sides.old)
		out->changed = true;
	else if (!sides.new)
		out->removed = true;
	else if (sides.old == walk->empty || sides.new == walk->empty)
		out->changed = !is_zero(sides.old) || !is_zero(sides.new);
	else if (!json_equal(sides.old, sides.new))
		out->changed = true;
}

/* A field as a whole object shows it. */
static const struct json *whole_value(struct walk *walk, const struct field *field,
				      const struct json *value)
{
	bool is_pointer = field->shape == FIELD_ONE && !field->omit_empty && !field->required;

	if (json_type(value) != JSON_NULL && json_type(value) != JSON_ABSENT &&
	    (is_pointer || !is_zero(value)))
		return value;
	if (is_implied(field))
		return walk->empty;
	return field->required && json_type(value) != JSON_ABSENT ? value : NULL;
}

static const struct json *side(struct walk *walk, enum typed_view view, const struct field *field,
			       const struct json *parent)
{
	const struct json *value = json_get(parent, field_name(field));

	if (!parent)
		return NULL;
	if (view == TYPED_MERGED && !value && is_implied(field))
		return walk->empty;
	return view == TYPED_WHOLE ? whole_value(walk, field, value) : value;
}

static bool is_servers(const char *name)
{
	static const char *const names[] = { "name",       "namespace",     "creationTimestamp",
					     "selfLink",   "uid",           "clusterName",
					     "generation", "managedFields", "resourceVersion" };

	for (size_t i = 0; i < ARRAY_LENGTH(names); i++)
		if (strcmp(names[i], name) == 0)
			return true;
	return false;
}

static void compare_fields(struct walk *walk, const struct type *type, struct sides sides,
			   struct delta *out)
{
	for (size_t i = 0; i < type->field_count; i++) {
		const struct field *field = &type_fields(type)[i];
		bool in_metadata = walk->in_metadata;
		struct sides child;

		if (field->inlined) {
			compare_fields(walk, field_type(field), sides, out);
			continue;
		}
		if (walk->depth == 1 && in_metadata && is_servers(field_name(field)))
			continue;
		child.old = side(walk, walk->old_view, field, sides.old);
		child.new = side(walk, walk->new_view, field, sides.new);
		if (!child.old && !child.new)
			continue;
		if (walk->depth == 0)
			walk->in_metadata = strcmp(field_name(field), "metadata") == 0;
		compare_child(walk, typed_field_node(field), fields_name(str_of(field_name(field))),
			      child, out);
		walk->in_metadata = in_metadata;
	}
}

/* --- lists and maps --- */

static size_t run_of(const struct typed_items *items, size_t at)
{
	size_t end = at + 1;

	while (end < items->count &&
	       fields_compare(items->items[at].element, items->items[end].element) == 0)
		end++;
	return end - at;
}

static bool runs_equal(const struct typed_item *a, const struct typed_item *b, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (!json_equal(a[i].value, b[i].value))
			return false;
	return true;
}

/* The same element on both sides, `left` and `right` times (0: not there).  What comes twice is
 * one thing that is owned as a whole. */
static void compare_runs(struct walk *walk, struct typed_node node, const struct typed_item *old,
			 size_t left, const struct typed_item *new, size_t right, struct delta *out)
{
	struct fields_element element = left ? old->element : new->element;

	if (left <= 1 && right <= 1) {
		struct sides child = { left ? old->value : NULL, right ? new->value : NULL };

		if (left && right && walk->depth < WHOLE_DEPTH && json_equal(child.old, child.new))
			return;
		compare_child(walk, node, element, child, out);
	} else if (left >= 2 && right >= 2) {
		if (left != right || !runs_equal(old, new, left))
			fields_append(&out->changed_below, walk->arena, element, true, NULL);
	} else if (left >= 2) {
		if (right)
			compare_child(walk, node, element, (struct sides){ NULL, new->value }, out);
		fields_append(&out->removed_below, walk->arena, element, true, NULL);
	} else {
		if (left)
			compare_child(walk, node, element, (struct sides){ old->value, NULL }, out);
		fields_append(&out->changed_below, walk->arena, element, true, NULL);
	}
}

/* Each entry that was not there before is a member: so many need no look at them. */
static bool is_too_many(const struct walk *walk, struct sides sides)
{
	return walk->most > 0 && json_type(sides.new) == JSON_OBJECT &&
	       json_count(sides.new) > json_count(sides.old) + walk->most;
}

static void compare_entries(struct walk *walk, struct typed_node node, struct sides sides,
			    struct delta *out)
{
	struct typed_items old = typed_gather(node, sides.old, walk->arena),
			   new = typed_gather(node, sides.new, walk->arena);
	struct typed_node entry = typed_entry_node(node);
	size_t i = 0, j = 0;

	if (old.count == 0)
		fields_reserve(&out->changed_below, walk->arena, new.count);
	while (i < old.count || j < new.count) {
		int order = i == old.count ? 1
			    : j == new.count
				    ? -1
				    : fields_compare(old.items[i].element, new.items[j].element);
		size_t left = order <= 0 ? run_of(&old, i) : 0;
		size_t right = order >= 0 ? run_of(&new, j) : 0;

		compare_runs(walk, entry, left ? &old.items[i] : NULL, left,
			     right ? &new.items[j] : NULL, right, out);
		i += left;
		j += right;
	}
}

/* --- a node --- */

static bool is_container(const struct json *value, enum json_type type)
{
	return json_type(value) == type || json_type(value) == JSON_NULL ||
	       json_type(value) == JSON_ABSENT;
}

static bool is_leaf(struct typed_node node, enum typed_form form, struct sides sides)
{
	enum json_type type = form == TYPED_LIST ? JSON_ARRAY : JSON_OBJECT;

	if (form == TYPED_LEAF || typed_is_atomic(node) || !is_container(sides.old, type) ||
	    !is_container(sides.new, type))
		return true;
	/* Two empty ones may still differ: null and {}. */
	return json_count(sides.old) == 0 && json_count(sides.new) == 0;
}

/* A message whose parts are always there is told by them even when it was empty. */
static void compare(struct walk *walk, struct typed_node node, struct sides sides,
		    struct delta *out)
{
	enum typed_form form = typed_form_of(node);

	if (is_leaf(node, form, sides)) {
		compare_leaf(walk, sides, out);
		return;
	}
	walk->many = walk->many || (form != TYPED_STRUCT && is_too_many(walk, sides));
	if (walk->many)
		return;
	if (form == TYPED_STRUCT)
		compare_fields(walk, node.type, sides, out);
	else
		compare_entries(walk, node, sides, out);
	fields_finish(&out->changed_below, walk->arena);
	fields_finish(&out->removed_below, walk->arena);
	out->changed = out->changed || !sides.old;
	out->removed = out->removed || !sides.new;
}

struct typed_changes typed_compare(const struct type *type, struct typed_pair pair,
				   struct arena *arena)
{
	auto_json_doc doc = json_doc_new();
	struct walk walk = {
		.arena = arena,
		.old_view = pair.old_view,
		.new_view = pair.new_view,
		.most = pair.most,
		.empty = json_new_null(doc),
	};
	struct delta delta = { 0 };

	compare(&walk, typed_root(type), (struct sides){ pair.old, pair.new }, &delta);
	return (struct typed_changes){ delta.changed_below, delta.removed_below, walk.many };
}
