/*
 * typed.c - walking an object along its field tables; which fields are set, and taking some out.
 */
#include "api/typed_inside.h"

#include <assert.h>

#include "base/limits.h"

struct typed_node typed_root(const struct type *type)
{
	return (struct typed_node){ .type = type };
}

struct typed_node typed_field_node(const struct field *field)
{
	return (struct typed_node){ .type = field_type(field), .field = field };
}

struct typed_node typed_entry_node(struct typed_node node)
{
	struct typed_node entry = node;

	entry.inner = true;
	entry.any = typed_form_of(node) == TYPED_ANY;
	return entry;
}

bool typed_member_node(struct typed_node node, struct str name, struct typed_node *out)
{
	const struct field *field = field_find(node.type, name);

	if (field)
		*out = typed_field_node(field);
	return field != NULL;
}

enum typed_form typed_form_of(struct typed_node node)
{
	const struct field *field = node.field;

	if (node.any)
		return TYPED_ANY;
	if (field && !node.inner && field->shape == FIELD_LIST)
		return TYPED_LIST;
	if (field && !node.inner && field->shape == FIELD_MAP)
		return TYPED_MAP;
	if (!field || field->form == FIELD_MESSAGE)
		return TYPED_STRUCT;
	if (field->form == FIELD_ANY)
		return TYPED_ANY;
	return field->form == FIELD_STRINGS ? TYPED_LIST : TYPED_LEAF;
}

/* The claim of a volume is written by several, field by field, though its type goes as a whole
 * elsewhere. */
static bool is_granular(const struct field *field)
{
	return strcmp(field_name(field), "claimRef") == 0 && field->shape == FIELD_ONE;
}

bool typed_is_atomic(struct typed_node node)
{
	const struct field *field = node.field;

	switch (typed_form_of(node)) {
	case TYPED_LIST:
		return field->form == FIELD_STRINGS || field->list_type == LIST_ATOMIC ||
		       (field->list_type == LIST_MAP && !field_type(field));
	case TYPED_MAP: return field->map_atomic;
	case TYPED_STRUCT:
		if (field && is_granular(field))
			return false;
		return (node.type && node.type->atomic) ||
		       (field && field->shape == FIELD_ONE && field->map_atomic);
	case TYPED_LEAF:
	case TYPED_ANY: return false;
	}
	return false;
}

/* --- entries --- */

static struct str json_text(const struct json *value, struct arena *arena)
{
	auto_buf text = BUF_INIT;

	json_print(value, &text);
	return str_from(arena_string(arena, text.at, text.len), text.len);
}

#define KEYS_MAX 4

/* The names of a list's keys in order of the alphabet. */
static size_t key_names(const struct field *field, struct str names[KEYS_MAX])
{
	struct str rest = str_of(field_list_keys(field) ? field_list_keys(field) : "");
	size_t count = 0;

	while (rest.len > 0 && count < KEYS_MAX) {
		struct str name = str_cut(&rest, ',');
		size_t at = count++;

		for (; at > 0 && str_compare(names[at - 1], name) > 0; at--)
			names[at] = names[at - 1];
		names[at] = name;
	}
	return count;
}

/* What a key is that an entry leaves out: its default, or the zero of what must be there;
 * validation tells of that.  NULL: it has none. */
static const char *left_out(const struct field *key)
{
	if (!key || field_fallback(key) || !key->required)
		return key ? field_fallback(key) : NULL;
	return key->form == FIELD_STRING ? "\"\"" : key->form == FIELD_INT32 ? "0" : NULL;
}

static bool add_key(const struct field *list, struct str name, const struct json *entry,
		    struct buf *text, const char **out_why, struct arena *arena)
{
	const struct json *value = json_get_str(entry, name);
	const char *fallback = left_out(field_find(field_type(list), name));

	buf_add_print(text, "%s\"" STR_FMT "\":", text->len > 1 ? "," : "", STR_ARG(name));
	if (value && json_type(value) != JSON_OBJECT && json_type(value) != JSON_ARRAY) {
		json_print(value, text);
		return true;
	}
	if (!value && fallback) {
		buf_add_text(text, fallback);
		return true;
	}
	*out_why = arena_print(arena,
			       "associative list with keys has an element that omits key field "
			       "\"" STR_FMT "\" (and doesn't have default value)",
			       STR_ARG(name));
	return false;
}

static bool keyed_element(const struct field *list, const struct json *entry, struct arena *arena,
			  struct fields_element *out, const char **out_why)
{
	struct str names[KEYS_MAX];
	size_t count = key_names(list, names);
	auto_buf text = BUF_INIT;

	if (json_type(entry) != JSON_OBJECT) {
		*out_why = json_type(entry) == JSON_NULL
				   ? "associative list with keys may not have a null element"
				   : "associative list with keys may not have non-map elements";
		return false;
	}
	buf_add_byte(&text, '{');
	for (size_t i = 0; i < count; i++)
		if (!add_key(list, names[i], entry, &text, out_why, arena))
			return false;
	buf_add_byte(&text, '}');
	*out = (struct fields_element){ 'k', str_from(arena_string(arena, text.at, text.len),
						      text.len) };
	return true;
}

bool typed_element(struct typed_node list, const struct json *entry, struct arena *arena,
		   struct fields_element *out, const char **out_why)
{
	if (list.field->list_type == LIST_MAP)
		return keyed_element(list.field, entry, arena, out, out_why);
	switch (json_type(entry)) {
	case JSON_OBJECT:
		*out_why = "associative list without keys has an element that's a map type";
		return false;
	case JSON_ARRAY:
		*out_why = "not supported: associative list with lists as elements";
		return false;
	case JSON_NULL:
	case JSON_ABSENT:
		*out_why = "associative list without keys has an element that's an explicit null";
		return false;
	case JSON_BOOL:
	case JSON_NUMBER:
	case JSON_STRING: break;
	}
	*out = (struct fields_element){ 'v', json_text(entry, arena) };
	return true;
}

static int compare_items(const void *left, const void *right)
{
	const struct typed_item *a = left, *b = right;
	int order = fields_compare(a->element, b->element);

	return order ? order : (a->place > b->place) - (a->place < b->place);
}

struct typed_items typed_gather(struct typed_node node, const struct json *container,
				struct arena *arena)
{
	struct typed_items made = { NULL, 0 };
	bool sorted = true;
	const char *unused;

	if (json_count(container) == 0)
		return made;
	made.items = arena_get(arena, json_count(container) * sizeof(*made.items));
	for (struct json_iter it = json_iter(container); json_next(&it);) {
		struct typed_item *item = &made.items[made.count];

		*item = (struct typed_item){ fields_name(it.key), it.value, it.index };
		if (json_type(container) == JSON_ARRAY &&
		    !typed_element(node, it.value, arena, &item->element, &unused))
			continue;
		sorted = sorted && (made.count == 0 || compare_items(item - 1, item) < 0);
		made.count++;
	}
	if (!sorted)
		qsort(made.items, made.count, sizeof(*made.items), compare_items);
	return made;
}

const struct typed_item *typed_find(const struct typed_items *items, struct fields_element element)
{
	size_t low = 0, high = items->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (fields_compare(items->items[middle].element, element) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	if (low < items->count && fields_compare(items->items[low].element, element) == 0)
		return &items->items[low];
	return NULL;
}

/* --- what is set --- */

static void collect(struct typed_node node, const struct json *value, struct arena *arena,
		    struct fields_set *below, bool *self);

static void collect_child(struct typed_node node, struct fields_element element,
			  const struct json *value, bool member, struct arena *arena,
			  struct fields_set *out)
{
	struct fields_set below = FIELDS_EMPTY;

	collect(node, value, arena, &below, &member);
	fields_append(out, arena, element, member, fields_keep(&below, arena));
}

static bool is_empty(const struct json *value)
{
	return json_type(value) == JSON_NULL ||
	       (json_type(value) == JSON_OBJECT && json_count(value) == 0);
}

/* Entries that come twice are one that is owned as a whole. */
static void collect_list(struct typed_node node, const struct json *value, struct arena *arena,
			 struct fields_set *out)
{
	struct typed_items items = typed_gather(node, value, arena);

	for (size_t i = 0; i < items.count;) {
		size_t end = i + 1;

		while (end < items.count &&
		       fields_compare(items.items[i].element, items.items[end].element) == 0)
			end++;
		if (end - i > 1)
			fields_append(out, arena, items.items[i].element, true, NULL);
		else
			collect_child(typed_entry_node(node), items.items[i].element,
				      items.items[i].value, true, arena, out);
		i = end;
	}
}

static void collect_map(struct typed_node node, const struct json *value, struct arena *arena,
			struct fields_set *out)
{
	bool is_struct = typed_form_of(node) == TYPED_STRUCT;

	fields_reserve(out, arena, json_count(value));
	for (struct json_iter it = json_iter(value); json_next(&it);) {
		struct typed_node child = typed_entry_node(node);
		bool named = is_struct && typed_member_node(node, it.key, &child);

		if (is_struct && !named)
			child = (struct typed_node){ .any = true };
		collect_child(child, fields_name(it.key), it.value, !named || is_empty(it.value),
			      arena, out);
	}
}

static void collect(struct typed_node node, const struct json *value, struct arena *arena,
		    struct fields_set *below, bool *self)
{
	enum typed_form form = typed_form_of(node);

	if (form == TYPED_LEAF || typed_is_atomic(node) ||
	    (form == TYPED_ANY && json_type(value) != JSON_OBJECT)) {
		*self = true;
		return;
	}
	if (form == TYPED_LIST)
		collect_list(node, value, arena, below);
	else
		collect_map(node, value, arena, below);
	fields_finish(below, arena);
}

struct fields_set typed_fields(const struct type *type, const struct json *object,
			       struct arena *arena)
{
	struct fields_set made = FIELDS_EMPTY;
	bool unused;

	collect(typed_root(type), object, arena, &made, &unused);
	return made;
}

/* --- taking out --- */

static struct json *take_out(struct typed_node node, struct json_doc *doc, const struct json *value,
			     const struct fields_set *set, struct arena *arena);

/* What is left of one entry: NULL when it is a member itself. */
static struct json *left_of(struct typed_node node, struct fields_element element,
			    struct json_doc *doc, const struct json *value,
			    const struct fields_set *set, struct arena *arena)
{
	const struct fields_entry *entry = fields_find(set, element);

	if (!entry)
		return json_clone(doc, value);
	if (entry->member)
		return NULL;
	return take_out(node, doc, value, entry->below, arena);
}

static struct json *take_out_list(struct typed_node node, struct json_doc *doc,
				  const struct json *value, const struct fields_set *set,
				  struct arena *arena)
{
	struct json *made = json_new_array(doc);

	for (struct json_iter it = json_iter(value); json_next(&it);) {
		struct fields_element element;
		const char *unused;
		struct json *left = NULL;

		bool known = typed_element(node, it.value, arena, &element, &unused);

		if (known)
			left = left_of(typed_entry_node(node), element, doc, it.value, set, arena);
		/* An entry that stays is not emptied: without its keys it would be none. */
		if (!known || (left && json_type(left) == JSON_NULL))
			left = json_clone(doc, it.value);
		if (left)
			json_append(made, left);
	}
	return made;
}

static struct json *take_out_map(struct typed_node node, struct json_doc *doc,
				 const struct json *value, const struct fields_set *set,
				 struct arena *arena)
{
	struct json *made = json_new_object(doc);

	for (struct json_iter it = json_iter(value); json_next(&it);) {
		struct typed_node child = typed_entry_node(node);
		struct json *left;

		if (typed_form_of(node) == TYPED_STRUCT && !typed_member_node(node, it.key, &child))
			child = (struct typed_node){ .any = true };
		left = left_of(child, fields_name(it.key), doc, it.value, set, arena);
		if (left)
			json_add_str(doc, made, it.key, left);
	}
	return made;
}

static struct json *take_out(struct typed_node node, struct json_doc *doc, const struct json *value,
			     const struct fields_set *set, struct arena *arena)
{
	enum typed_form form = typed_form_of(node);
	struct json *made = NULL;

	if (form == TYPED_LEAF)
		return json_clone(doc, value);
	if (!typed_is_atomic(node) && json_count(value) > 0) {
		if (form == TYPED_LIST && json_type(value) == JSON_ARRAY)
			made = take_out_list(node, doc, value, set, arena);
		else if (form != TYPED_LIST && json_type(value) == JSON_OBJECT)
			made = take_out_map(node, doc, value, set, arena);
	}
	return json_count(made) > 0 ? made : json_new_null(doc);
}

struct json *typed_remove(const struct type *type, struct json_doc *doc, const struct json *object,
			  const struct fields_set *set, struct arena *arena)
{
	if (set->count == 0)
		return json_clone(doc, object);
	return take_out(typed_root(type), doc, object, set, arena);
}

/* --- named fields on the way --- */

static const struct fields_set *name_below(struct typed_node node, const struct fields_set *set,
					   struct arena *arena)
{
	struct fields_set *made = arena_zero(arena, sizeof(*made));

	for (size_t i = 0; i < set->count; i++) {
		const struct fields_entry *entry = &set->items[i];
		struct typed_node child = typed_entry_node(node);
		bool named = false;

		if (entry->element.form == 'f' && typed_form_of(node) == TYPED_STRUCT) {
			named = typed_member_node(node, entry->element.text, &child);
			if (!named)
				child = (struct typed_node){ .any = true };
		}
		fields_append(made, arena, entry->element, entry->member || named,
			      entry->below ? name_below(child, entry->below, arena) : NULL);
	}
	return made;
}

struct fields_set typed_named(const struct type *type, const struct fields_set *set,
			      struct arena *arena)
{
	return *name_below(typed_root(type), set, arena);
}
