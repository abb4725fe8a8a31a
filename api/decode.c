/*
 * decode.c - checks a JSON object against the tables, in place, and puts defaults.
 */
#include "api/decode.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>

#include "api/decode_words.h"
#include "api/kind.h"
#include "api/quantity.h"
#include "base/clock.h"
#include "base/map.h"

/* Where we are: a chain on the stack, printed only when there is something to say. */
struct place {
	const struct place *above;
	struct str name;
	size_t index;             /* SIZE_MAX = a name */
	const struct type *owner; /* of a field: the type it is in; NULL = an entry */
};

struct checking {
	struct json_doc *doc;
	struct decode_notes *notes;
};

static void print_place(const struct place *place, struct buf *out)
{
	if (!place)
		return;
	print_place(place->above, out);
	if (place->index != SIZE_MAX)
		buf_add_print(out, "[%zu]", place->index);
	else
		buf_add_print(out, "%s" STR_FMT, out->len ? "." : "", STR_ARG(place->name));
}

static void note(struct checking *checking, const struct place *place, const char *what)
{
	struct decode_notes *notes = checking->notes;
	auto_buf path = BUF_INIT;
	auto_buf text = BUF_INIT;

	if (notes->count >= DECODE_NOTES_MAX)
		return;
	if (notes->count == 0)
		notes->notes = arena_get(notes->arena, DECODE_NOTES_MAX * sizeof(*notes->notes));
	print_place(place, &path);
	buf_add_print(&text, "%s field \"%s\"", what, buf_text(&path));
	for (size_t i = 0; i < notes->count; i++)
		if (strcmp(notes->notes[i], buf_text(&text)) == 0)
			return;
	notes->notes[notes->count++] = arena_string(notes->arena, buf_text(&text), text.len);
}

/* True at the second time of a key, and not at the third: one note is enough. */
static bool came_again(struct map *seen, struct str key)
{
	static char once, twice;
	void *before = map_find(seen, key);

	if (before != &twice)
		map_put(seen, key, before ? &twice : &once);
	return before == &once;
}

static bool is_type_meta(struct str key)
{
	return str_is(key, "apiVersion") || str_is(key, "kind");
}

static bool check_object(struct checking *checking, const struct type *type, struct json *object,
			 const struct place *place, struct error *err);

/* --- single values --- */

static bool wrong(const struct field *field, const struct json *value, const struct place *place,
		  const char *type, struct error *err)
{
	const struct place *in = place;
	auto_buf path = BUF_INIT;

	while (in && !in->owner)
		in = in->above;
	for (const struct place *at = in; at; at = at->above) {
		auto_buf longer = BUF_INIT;

		if (!at->owner)
			continue;
		buf_add_print(&longer, STR_FMT "%s%s", STR_ARG(at->name), path.len ? "." : "",
			      buf_text(&path));
		buf_reset(&path);
		buf_add_str(&path, buf_str(&longer));
	}
	return decode_wrong_type(field, value, in ? in->owner : NULL, buf_text(&path), type, err);
}

/* The value is no list or map at all. */
static bool wrong_shape(const struct field *field, const struct json *value,
			const struct place *place, struct error *err)
{
	auto_buf type = BUF_INIT;

	decode_print_type(field, &type);
	return wrong(field, value, place, buf_text(&type), err);
}

static bool check_int(const struct field *field, const struct json *value,
		      const struct place *place, struct error *err)
{
	bool small = field->form != FIELD_INT64;

	if (json_type(value) != JSON_NUMBER || !json_is_int(value) ||
	    (small && (json_int(value) < INT32_MIN || json_int(value) > INT32_MAX)))
		return wrong(field, value, place, small ? "int32" : "int64", err);
	return true;
}

/* Quantities may be written as numbers; they are kept as canonical text. */
static bool check_quantity(struct checking *checking, const struct json *value, struct json **out,
			   struct error *err)
{
	auto_buf text = BUF_INIT;
	auto_buf canonical = BUF_INIT;

	if (json_type(value) == JSON_STRING)
		buf_add_str(&text, json_str(value));
	else
		json_print(value, &text);
	if (!quantity_canonical(buf_str(&text), &canonical, err))
		return false;
	if (!str_equal(json_str(value), buf_str(&canonical)))
		*out = json_new_str(checking->doc, buf_str(&canonical));
	return true;
}

static bool check_time(struct checking *checking, const struct field *field,
		       const struct json *value, const struct place *place, struct json **out,
		       struct error *err)
{
	struct str text = json_str(value);
	char printed[CLOCK_TEXT];
	int64_t seconds;
	int32_t nanos;

	if (json_type(value) != JSON_STRING)
		return wrong(field, value, place, "string", err);
	if (!clock_parse(text, &seconds, &nanos))
		return decode_wrong_time(text, field->form == FIELD_MICRO_TIME, err);
	if (field->form == FIELD_TIME)
		clock_print(seconds, printed);
	else
		clock_print_micro(seconds * 1000000 + nanos / 1000, printed);
	if (!str_is(text, printed))
		*out = json_new_text(checking->doc, printed);
	return true;
}

static bool check_bytes(const struct field *field, const struct json *value,
			const struct place *place, struct error *err)
{
	auto_buf plain = BUF_INIT;

	if (json_type(value) != JSON_STRING)
		return wrong(field, value, place, "[]uint8", err);
	return buf_add_base64_decoded(&plain, json_str(value)) ||
	       decode_wrong_base64(json_str(value), err);
}

static bool check_strings(const struct field *field, const struct json *list,
			  const struct place *place, struct error *err)
{
	if (json_type(list) != JSON_ARRAY)
		return wrong(field, list, place, "[]string", err);
	for (struct json_iter it = json_iter(list); json_next(&it);)
		if (json_type(it.value) != JSON_STRING)
			return wrong(field, it.value, place, "string", err);
	return true;
}

/* A null in a list or map is Go's zero value.  NULL where that is null, too: a zero time, nothing.
 */
static struct json *zero_value(struct json_doc *doc, const struct field *field)
{
	switch (field->form) {
	case FIELD_TIME:
	case FIELD_MICRO_TIME:
	case FIELD_ANY: return NULL;
	case FIELD_BOOL: return json_new_bool(doc, false);
	case FIELD_INT32:
	case FIELD_INT64:
	case FIELD_DOUBLE:
	case FIELD_INT_OR_STRING: return json_new_int(doc, 0);
	case FIELD_QUANTITY: return json_new_text(doc, "0");
	case FIELD_DURATION: return json_new_text(doc, "0s");
	case FIELD_STRINGS: return json_new_array(doc);
	case FIELD_MESSAGE: return json_new_object(doc);
	default: return json_new_text(doc, "");
	}
}

/* *out is set when the value is to be replaced. */
static bool check_one(struct checking *checking, const struct field *field, struct json *value,
		      const struct place *place, struct json **out, struct error *err)
{
	enum json_type type = json_type(value);

	if (type == JSON_NULL) {
		*out = zero_value(checking->doc, field);
		return true;
	}
	switch (field->form) {
	case FIELD_STRING: return type == JSON_STRING || wrong(field, value, place, "string", err);
	case FIELD_BOOL: return type == JSON_BOOL || wrong(field, value, place, "bool", err);
	case FIELD_INT32:
	case FIELD_INT64: return check_int(field, value, place, err);
	case FIELD_DOUBLE: return type == JSON_NUMBER || wrong(field, value, place, "float64", err);
	case FIELD_BYTES: return check_bytes(field, value, place, err);
	case FIELD_QUANTITY: return check_quantity(checking, value, out, err);
	case FIELD_INT_OR_STRING:
		if (type == JSON_STRING)
			return true;
		return check_int(field, value, place, err);
	case FIELD_TIME:
	case FIELD_MICRO_TIME: return check_time(checking, field, value, place, out, err);
	case FIELD_DURATION:
		return type == JSON_STRING || wrong(field, value, place, "string", err);
	case FIELD_STRINGS: return check_strings(field, value, place, err);
	case FIELD_MESSAGE:
		if (type != JSON_OBJECT)
			return wrong(field, value, place, decode_type_name(field_type(field)), err);
		return check_object(checking, field_type(field), value, place, err);
	default: return true;
	}
}

/* --- shapes: what has changed is built anew, so that long ones take linear time --- */

struct entry {
	struct str key;
	struct json *value;
};

static bool check_list(struct checking *checking, const struct field *field, struct json *list,
		       const struct place *place, struct error *err)
{
	size_t count = json_count(list);
	auto_free struct json **items = memory_get((count + 1) * sizeof(struct json *));
	bool dirty = false;

	if (json_type(list) != JSON_ARRAY)
		return wrong_shape(field, list, place, err);
	for (struct json_iter it = json_iter(list); json_next(&it);) {
		struct place here = { .above = place, .index = it.index };
		struct json *changed = NULL;

		if (!check_one(checking, field, it.value, &here, &changed, err))
			return false;
		items[it.index] = changed ? changed : it.value;
		dirty = dirty || changed;
	}
	if (!dirty)
		return true;
	json_clear(list);
	for (size_t i = 0; i < count; i++)
		json_append(list, items[i]);
	return true;
}

static bool check_map(struct checking *checking, const struct field *field, struct json *map,
		      const struct place *place, struct error *err)
{
	auto_free struct json **changes = NULL; /* made with the first one; NULL: it stays */
	auto_map seen = checking->notes->duplicates ? map_new() : NULL;

	if (json_type(map) != JSON_OBJECT)
		return wrong_shape(field, map, place, err);
	for (struct json_iter it = json_iter(map); json_next(&it);) {
		struct place here = { .above = place, .name = it.key, .index = SIZE_MAX };
		struct json *changed = NULL;

		if (seen && came_again(seen, it.key))
			note(checking, &here, "duplicate");
		if (!check_one(checking, field, it.value, &here, &changed, err))
			return false;
		if (changed && !changes)
			changes = memory_zero(json_count(map) * sizeof(struct json *));
		if (changed)
			changes[it.index] = changed;
	}
	if (changes)
		json_replace_values(map, changes);
	return true;
}

static bool check_field(struct checking *checking, const struct field *field, struct json *object,
			const struct json_iter *entry, const struct place *place, struct error *err)
{
	struct json *changed = NULL;

	if (field->shape == FIELD_LIST)
		return check_list(checking, field, entry->value, place, err);
	if (field->shape == FIELD_MAP)
		return check_map(checking, field, entry->value, place, err);
	if (!check_one(checking, field, entry->value, place, &changed, err))
		return false;
	if (changed)
		json_put_str(checking->doc, object, entry->key, changed);
	return true;
}

/* Objects within objects (templates of claims, items of lists) may say their kind, too. */
static bool may_say_kind(const struct type *type, const struct place *place)
{
	if (!place)
		return true;
	for (const struct kind *const *at = kind_list; *at; at++)
		if (strcmp((*at)->type_name, type_name(type)) == 0)
			return true;
	return false;
}

/* Nulls and unknown fields go: first they are noted, then taken out, because a walk allows no
 * removal. */
static void drop(const struct checking *checking, const struct type *type, struct json *object,
		 bool says_kind)
{
	auto_free struct entry *kept = memory_get((json_count(object) + 1) * sizeof(*kept));
	size_t count = 0;

	for (struct json_iter it = json_iter(object); json_next(&it);)
		if (json_type(it.value) != JSON_NULL &&
		    (field_find(type, it.key) || (says_kind && is_type_meta(it.key))))
			kept[count++] = (struct entry){ it.key, it.value };
	json_clear(object);
	for (size_t i = 0; i < count; i++)
		json_add_str(checking->doc, object, kept[i].key, kept[i].value);
}

static bool check_object(struct checking *checking, const struct type *type, struct json *object,
			 const struct place *place, struct error *err)
{
	bool dirty = false;
	auto_map seen = checking->notes->duplicates ? map_new() : NULL;

	for (struct json_iter it = json_iter(object); json_next(&it);) {
		struct place here = {
			.above = place, .name = it.key, .index = SIZE_MAX, .owner = type
		};
		const struct field *field = field_find(type, it.key);

		if (!field && is_type_meta(it.key) && may_say_kind(type, place)) {
			if (json_type(it.value) != JSON_STRING && json_type(it.value) != JSON_NULL)
				return wrong(NULL, it.value, &here, "string", err);
			continue; /* every object says its kind; the tables do not */
		}
		if (!field)
			note(checking, &here, "unknown");
		else if (seen && came_again(seen, it.key))
			note(checking, &here, "duplicate");
		dirty = dirty || !field || json_type(it.value) == JSON_NULL;
		if (!field || json_type(it.value) == JSON_NULL)
			continue;
		if (!check_field(checking, field, object, &it, &here, err))
			return false;
	}
	if (dirty)
		drop(checking, type, object, may_say_kind(type, place));
	return true;
}

bool decode_check(const struct type *type, struct json_doc *doc, struct json *object,
		  struct decode_notes *notes, struct error *err)
{
	struct checking checking = { .doc = doc, .notes = notes };

	assert(json_type(object) == JSON_OBJECT);
	return check_object(&checking, type, object, NULL, err);
}

/* --- patches --- */

static void note_twice(struct checking *checking, const struct json *value,
		       const struct place *place, const char *what)
{
	auto_map seen = json_type(value) == JSON_OBJECT ? map_new() : NULL;

	if (!seen && json_type(value) != JSON_ARRAY)
		return;
	for (struct json_iter it = json_iter(value); json_next(&it);) {
		struct place here = { .above = place,
				      .name = it.key,
				      .index = seen ? SIZE_MAX : it.index };

		if (seen && came_again(seen, it.key))
			note(checking, &here, what);
		note_twice(checking, it.value, &here, what);
	}
}

static bool is_of_operation(struct str key)
{
	return str_is(key, "op") || str_is(key, "path") || str_is(key, "from") ||
	       str_is(key, "value");
}

static void note_operation(struct checking *checking, const struct json *operation,
			   const struct place *place)
{
	auto_map seen = map_new();

	for (struct json_iter it = json_iter(operation); json_next(&it);) {
		struct place here = { .above = place, .name = it.key, .index = SIZE_MAX };

		if (!is_of_operation(it.key))
			note(checking, &here, "json patch unknown");
		else if (came_again(seen, it.key))
			note(checking, &here, "json patch duplicate");
		else
			note_twice(checking, it.value, &here, "json patch duplicate");
	}
}

void decode_check_patch(const struct json *patch, bool is_json_patch, struct decode_notes *notes)
{
	struct checking checking = { .notes = notes };

	if (!is_json_patch) {
		note_twice(&checking, patch, NULL, "duplicate");
		return;
	}
	if (json_type(patch) != JSON_ARRAY)
		return; /* patch_json says so */
	for (struct json_iter it = json_iter(patch); json_next(&it);) {
		struct place here = { .index = it.index };

		if (json_type(it.value) == JSON_OBJECT)
			note_operation(&checking, it.value, &here);
	}
}

/* --- defaults --- */

static struct json *parse_fallback(struct json_doc *doc, const char *text)
{
	auto_json_doc parsed = NULL;
	struct error err;

	if (!json_parse(str_of(text), &parsed, NULL, &err)) {
		assert(!"a default in the tables is no JSON");
		return json_new_null(doc);
	}
	return json_clone(doc, json_root(parsed));
}

static struct json *fallback_value(struct json_doc *doc, const struct field *field)
{
	const char *text = field_fallback(field);
	int64_t number;

	if (text[0] == '"')
		return json_new_str(doc, str_from(text + 1, strlen(text) - 2));
	if (str_to_i64(str_of(text), INT64_MIN, INT64_MAX, &number))
		return json_new_int(doc, number);
	return parse_fallback(doc, text);
}

void decode_default(const struct type *type, struct json_doc *doc, struct json *object)
{
	const struct field *field = type_fields(type), *end = field + type->field_count;

	for (; field < end; field++) {
		struct json *value;

		if (field->inlined) {
			decode_default(field_type(field), doc, object);
			continue;
		}
		value = json_get_str(object, field_name_str(field));
		if (!value && field_fallback(field))
			json_put(doc, object, field_name(field), fallback_value(doc, field));
		if (!value || field->form != FIELD_MESSAGE)
			continue;
		if (field->shape == FIELD_ONE)
			decode_default(field_type(field), doc, value);
		else
			for (struct json_iter it = json_iter(value); json_next(&it);)
				decode_default(field_type(field), doc, it.value);
	}
}
