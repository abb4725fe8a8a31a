/*
 * decode.c - checks a JSON object against the tables, in place, and puts defaults.
 */
#include "api/decode.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>

#include "api/quantity.h"
#include "base/clock.h"

/* Where we are: a chain on the stack, printed only when there is something to say. */
struct place {
	const struct place *above;
	struct str name;
	size_t index; /* SIZE_MAX = a name */
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

static void note_unknown(struct checking *checking, const struct place *place)
{
	struct decode_notes *notes = checking->notes;
	auto_buf path = BUF_INIT;

	if (notes->count >= DECODE_NOTES_MAX)
		return;
	if (notes->count == 0)
		notes->notes = arena_get(notes->arena, DECODE_NOTES_MAX * sizeof(*notes->notes));
	print_place(place, &path);
	notes->notes[notes->count++] =
		arena_print(notes->arena, "unknown field \"%s\"", buf_text(&path));
}

static const char *go_type(const struct field *field)
{
	static const char *const names[] = {
		[FIELD_STRING] = "string",
		[FIELD_BOOL] = "bool",
		[FIELD_INT32] = "int32",
		[FIELD_INT64] = "int64",
		[FIELD_DOUBLE] = "float64",
		[FIELD_BYTES] = "[]uint8",
		[FIELD_QUANTITY] = "resource.Quantity",
		[FIELD_INT_OR_STRING] = "intstr.IntOrString",
		[FIELD_TIME] = "v1.Time",
		[FIELD_MICRO_TIME] = "v1.MicroTime",
		[FIELD_DURATION] = "v1.Duration",
		[FIELD_ANY] = "interface {}",
		[FIELD_STRINGS] = "v1.ExtraValue",
	};
	const char *dot;

	if (field->form != FIELD_MESSAGE)
		return names[field->form];
	dot = strrchr(field->type->name, '.');
	return dot ? dot + 1 : field->type->name;
}

static const char *json_word(const struct json *value)
{
	static const char *const words[] = { "nothing", "null",  "bool",  "number",
					     "string",  "array", "object" };

	return words[json_type(value)];
}

static bool wrong_type(const struct field *field, const struct json *value,
		       const struct place *place, struct error *err)
{
	static const char *const shapes[] = { "", "[]", "map[string]" };
	auto_buf path = BUF_INIT;

	print_place(place, &path);
	return error_set(err, ERROR_BAD_REQUEST,
			 "json: cannot unmarshal %s into Go struct field %s of type %s%s",
			 json_word(value), buf_text(&path), shapes[field->shape], go_type(field));
}

static bool is_type_meta(struct str key)
{
	return str_is(key, "apiVersion") || str_is(key, "kind");
}

static bool check_object(struct checking *checking, const struct type *type, struct json *object,
			 const struct place *place, struct error *err);

/* --- single values --- */

static bool check_int(const struct field *field, const struct json *value,
		      const struct place *place, struct error *err)
{
	if (json_type(value) != JSON_NUMBER || !json_is_int(value) ||
	    (field->form == FIELD_INT32 &&
	     (json_int(value) < INT32_MIN || json_int(value) > INT32_MAX)))
		return wrong_type(field, value, place, err);
	return true;
}

/* Quantities may be written as numbers; they are kept as canonical text. */
static bool check_quantity(struct checking *checking, const struct json *value,
			   const struct place *place, struct json **out, struct error *err)
{
	auto_buf text = BUF_INIT;
	auto_buf canonical = BUF_INIT;
	auto_buf path = BUF_INIT;

	if (json_type(value) == JSON_STRING)
		buf_add_str(&text, json_str(value));
	else if (json_type(value) == JSON_NUMBER)
		json_print(value, &text);
	if (!quantity_canonical(buf_str(&text), &canonical, err)) {
		print_place(place, &path);
		return error_context(err, "%s", buf_text(&path));
	}
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
	auto_buf path = BUF_INIT;

	if (json_type(value) != JSON_STRING)
		return wrong_type(field, value, place, err);
	if (!clock_parse(text, &seconds, &nanos)) {
		print_place(place, &path);
		return error_set(err, ERROR_BAD_REQUEST,
				 "%s: parsing time \"" STR_FMT "\" as RFC 3339 failed",
				 buf_text(&path), STR_ARG(text));
	}
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
	auto_buf path = BUF_INIT;

	if (json_type(value) != JSON_STRING)
		return wrong_type(field, value, place, err);
	if (buf_add_base64_decoded(&plain, json_str(value)))
		return true;
	print_place(place, &path);
	return error_set(err, ERROR_BAD_REQUEST, "%s: illegal base64 data", buf_text(&path));
}

static bool check_strings(const struct field *field, const struct json *list,
			  const struct place *place, struct error *err)
{
	if (json_type(list) != JSON_ARRAY)
		return wrong_type(field, list, place, err);
	for (struct json_iter it = json_iter(list); json_next(&it);)
		if (json_type(it.value) != JSON_STRING)
			return wrong_type(field, it.value, place, err);
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
	case FIELD_STRING: return type == JSON_STRING || wrong_type(field, value, place, err);
	case FIELD_BOOL: return type == JSON_BOOL || wrong_type(field, value, place, err);
	case FIELD_INT32:
	case FIELD_INT64: return check_int(field, value, place, err);
	case FIELD_DOUBLE: return type == JSON_NUMBER || wrong_type(field, value, place, err);
	case FIELD_BYTES: return check_bytes(field, value, place, err);
	case FIELD_QUANTITY: return check_quantity(checking, value, place, out, err);
	case FIELD_INT_OR_STRING:
		if (type == JSON_STRING)
			return true;
		return check_int(field, value, place, err);
	case FIELD_TIME:
	case FIELD_MICRO_TIME: return check_time(checking, field, value, place, out, err);
	case FIELD_DURATION: return type == JSON_STRING || wrong_type(field, value, place, err);
	case FIELD_STRINGS: return check_strings(field, value, place, err);
	case FIELD_MESSAGE:
		if (type != JSON_OBJECT)
			return wrong_type(field, value, place, err);
		return check_object(checking, field->type, value, place, err);
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
		return wrong_type(field, list, place, err);
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
	size_t count = json_count(map);
	auto_free struct entry *entries = memory_get((count + 1) * sizeof(*entries));
	bool dirty = false;

	if (json_type(map) != JSON_OBJECT)
		return wrong_type(field, map, place, err);
	for (struct json_iter it = json_iter(map); json_next(&it);) {
		struct place here = { .above = place, .name = it.key, .index = SIZE_MAX };
		struct json *changed = NULL;

		if (!check_one(checking, field, it.value, &here, &changed, err))
			return false;
		entries[it.index] = (struct entry){ it.key, changed ? changed : it.value };
		dirty = dirty || changed;
	}
	if (!dirty)
		return true;
	json_clear(map);
	for (size_t i = 0; i < count; i++)
		json_add_str(checking->doc, map, entries[i].key, entries[i].value);
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

/* Nulls and unknown fields go: first they are noted, then taken out, because a walk allows no
 * removal. */
static void drop(const struct checking *checking, const struct type *type, struct json *object,
		 bool is_root)
{
	auto_free struct entry *kept = memory_get((json_count(object) + 1) * sizeof(*kept));
	size_t count = 0;

	for (struct json_iter it = json_iter(object); json_next(&it);)
		if (json_type(it.value) != JSON_NULL &&
		    (field_find(type, it.key) || (is_root && is_type_meta(it.key))))
			kept[count++] = (struct entry){ it.key, it.value };
	json_clear(object);
	for (size_t i = 0; i < count; i++)
		json_add_str(checking->doc, object, kept[i].key, kept[i].value);
}

static bool check_object(struct checking *checking, const struct type *type, struct json *object,
			 const struct place *place, struct error *err)
{
	bool dirty = false;

	for (struct json_iter it = json_iter(object); json_next(&it);) {
		struct place here = { .above = place, .name = it.key, .index = SIZE_MAX };
		const struct field *field = field_find(type, it.key);

		if (!field && !place && is_type_meta(it.key))
			continue; /* every object says its kind; the tables do not */
		if (!field)
			note_unknown(checking, &here);
		dirty = dirty || !field || json_type(it.value) == JSON_NULL;
		if (!field || json_type(it.value) == JSON_NULL)
			continue;
		if (!check_field(checking, field, object, &it, &here, err))
			return false;
	}
	if (dirty)
		drop(checking, type, object, !place);
	return true;
}

bool decode_check(const struct type *type, struct json_doc *doc, struct json *object,
		  struct decode_notes *notes, struct error *err)
{
	struct checking checking = { .doc = doc, .notes = notes };

	assert(json_type(object) == JSON_OBJECT);
	return check_object(&checking, type, object, NULL, err);
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
	int64_t number;

	if (field->fallback[0] == '"')
		return json_new_str(doc,
				    str_from(field->fallback + 1, strlen(field->fallback) - 2));
	if (str_to_i64(str_of(field->fallback), INT64_MIN, INT64_MAX, &number))
		return json_new_int(doc, number);
	return parse_fallback(doc, field->fallback);
}

void decode_default(const struct type *type, struct json_doc *doc, struct json *object)
{
	for (size_t i = 0; i < type->field_count; i++) {
		const struct field *field = &type->fields[i];
		struct json *value;

		if (field->inlined) {
			decode_default(field->type, doc, object);
			continue;
		}
		value = json_get(object, field->name);
		if (!value && field->fallback)
			json_put(doc, object, field->name, fallback_value(doc, field));
		if (!value || field->form != FIELD_MESSAGE)
			continue;
		if (field->shape == FIELD_ONE)
			decode_default(field->type, doc, value);
		else
			for (struct json_iter it = json_iter(value); json_next(&it);)
				decode_default(field->type, doc, it.value);
	}
}
