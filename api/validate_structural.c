/*
 * validate_structural.c - two walks over a schema, as the real server has them: the first looks for
 * structure, the second at each part by itself.  A text is compared as it stands; a schema is no
 * deeper than a body may be.
 */
#include "api/validate_structural.h"

#include <stdlib.h>

#include "api/validate.h"
#include "api/validate_values.h"
#include "api/validate_webhook.h"
#include "api/validate_words.h"
#include "base/map.h"

enum level { ROOT, ITEM, FIELD };

/* Where a schema stands: printed only when there is something to tell, for a definition may have
 * ten thousands of them. */
struct place {
	const struct place *up; /* NULL: `field` is the whole path */
	const char *field;
	struct str key;  /* of a map, or STR_NONE */
	ptrdiff_t index; /* of a list, or -1 */
};

static void print_place(const struct place *at, struct buf *out)
{
	if (at->up) {
		print_place(at->up, out);
		buf_add_byte(out, '.');
	}
	buf_add_text(out, at->field);
	if (at->key.at)
		buf_add_print(out, "[" STR_FMT "]", STR_ARG(at->key));
	if (at->index >= 0)
		buf_add_print(out, "[%td]", at->index);
}

static struct place inside(const struct place *up, const char *field)
{
	return (struct place){ up, field, STR_NONE, -1 };
}

static struct place inside_key(const struct place *up, const char *field, struct str key)
{
	return (struct place){ up, field, key, -1 };
}

static struct place inside_index(const struct place *up, const char *field, size_t index)
{
	return (struct place){ up, field, STR_NONE, (ptrdiff_t)index };
}

/* The path of a field there, for an error. */
static const char *under(const struct kind_work *work, const struct place *at, const char *field)
{
	struct place place = inside(at, field);
	auto_buf text = BUF_INIT;

	print_place(&place, &text);
	return arena_string(work->errors->arena, text.at, text.len);
}

static struct str type_of(const struct json *schema)
{
	return json_str(json_get(schema, "type"));
}

static bool is_set(const struct json *schema, const char *field)
{
	return json_bool(json_get(schema, field));
}

static const struct json *schema_in(const struct json *schema, const char *field)
{
	const struct json *inner = json_get(schema, field);

	return json_type(inner) == JSON_OBJECT ? inner : NULL;
}

static bool has(const struct json *value)
{
	switch (json_type(value)) {
	case JSON_ABSENT:
	case JSON_NULL: return false;
	case JSON_BOOL: return json_bool(value);
	case JSON_STRING: return json_str(value).len > 0;
	case JSON_ARRAY:
	case JSON_OBJECT: return json_count(value) > 0;
	case JSON_NUMBER: break;
	}
	return true;
}

/* --- structure --- */

/* Fields that only the structure itself may have, not the logic over it. */
static const struct {
	const char *field, *words;
} structure_only[] = {
	{ "type", "must be empty to be structural" },
	{ "additionalProperties", "must be undefined to be structural" },
	{ "default", "must be undefined to be structural" },
	{ "title", "must be empty to be structural" },
	{ "description", "must be empty to be structural" },
	{ "nullable", "must be false to be structural" },
	{ "externalDocs", "must be undefined to be structural" },
	{ "x-kubernetes-preserve-unknown-fields", "must be false to be structural" },
	{ "x-kubernetes-embedded-resource", "must be false to be structural" },
	{ "x-kubernetes-int-or-string", "must be false to be structural" },
	{ "x-kubernetes-list-map-keys", "must be empty to be structural" },
	{ "x-kubernetes-list-type", "must be undefined to be structural" },
	{ "x-kubernetes-map-type", "must be undefined to be structural" },
	{ "x-kubernetes-validations", "must be empty to be structural" },
};

static const char *const junctors[] = { "anyOf", "allOf", "oneOf" };

static void check_nested(const struct kind_work *work, const struct json *logic, bool skip_any,
			 const struct place *at);

/* anyOf: [{type: integer}, {type: string}] and nothing else */
static bool is_int_or_string(const struct json *any)
{
	static const char *const types[] = { "integer", "string" };

	if (json_count(any) != 2)
		return false;
	for (struct json_iter it = json_iter(any); json_next(&it);)
		if (json_count(it.value) != 1 || !str_is(type_of(it.value), types[it.index]))
			return false;
	return true;
}

static void check_logic(const struct kind_work *work, const struct json *schema, bool skip_any,
			const struct place *at)
{
	const struct json *first = json_at(json_get(schema, "allOf"), 0);
	bool skip_first = is_int_or_string(json_get(first, "anyOf"));
	struct place place;

	for (size_t i = skip_any ? 1 : 0; i < ARRAY_LENGTH(junctors); i++)
		for (struct json_iter it = json_iter(json_get(schema, junctors[i]));
		     json_next(&it);) {
			place = inside_index(at, junctors[i], it.index);
			check_nested(work, it.value, i == 1 && it.index == 0 && skip_first, &place);
		}
	place = inside(at, "not");
	if (schema_in(schema, "not"))
		check_nested(work, schema_in(schema, "not"), false, &place);
}

static void check_nested(const struct kind_work *work, const struct json *logic, bool skip_any,
			 const struct place *at)
{
	const struct json *properties = json_get(logic, "properties");
	struct place place = inside(at, "items");

	check_logic(work, logic, skip_any, at);
	if (schema_in(logic, "items"))
		check_nested(work, schema_in(logic, "items"), false, &place);
	for (struct json_iter it = json_iter(properties); json_next(&it);) {
		place = inside_key(at, "properties", it.key);
		check_nested(work, it.value, false, &place);
	}
	for (size_t i = 0; i < ARRAY_LENGTH(structure_only); i++)
		if (has(json_get(logic, structure_only[i].field)))
			words_forbidden(work, under(work, at, structure_only[i].field),
					structure_only[i].words);
	if (json_get(properties, "metadata"))
		words_forbidden(work, under(work, at, "properties[metadata]"),
				"must not be specified in a nested context");
}

static void check_type(const struct kind_work *work, const struct json *schema, enum level level,
		       const struct place *at)
{
	static const char *const missing[] = {
		[ROOT] = "must not be empty at the root",
		[ITEM] = "must not be empty for specified array items",
		[FIELD] = "must not be empty for specified object fields",
	};
	static const char embedded[] = "must be object if x-kubernetes-embedded-resource is true";
	struct str type = type_of(schema);

	if (is_set(schema, "x-kubernetes-embedded-resource") && !str_is(type, "object")) {
		if (type.len == 0)
			validate_required(work, under(work, at, "type"), embedded);
		else
			values_invalid_text(work, under(work, at, "type"), type, embedded);
	} else if (type.len == 0 && !is_set(schema, "x-kubernetes-int-or-string") &&
		   !is_set(schema, "x-kubernetes-preserve-unknown-fields")) {
		validate_required(work, under(work, at, "type"), missing[level]);
	}
	if (level == ROOT && type.len > 0 && !str_is(type, "object"))
		values_invalid_text(work, under(work, at, "type"), type,
				    "must be object at the root");
}

/* Nothing but name and generateName may be said of metadata at the root. */
static bool says_more(const struct json *metadata)
{
	for (struct json_iter it = json_iter(metadata); json_next(&it);) {
		if (str_is(it.key, "type") || str_is(it.key, "default"))
			continue;
		if (!str_is(it.key, "properties"))
			return has(it.value);
		for (struct json_iter each = json_iter(it.value); json_next(&each);)
			if (!str_is(each.key, "name") && !str_is(each.key, "generateName"))
				return true;
	}
	return false;
}

static void check_meta(const struct kind_work *work, const struct json *schema, enum level level,
		       const struct place *at)
{
	static const char *const texts[] = { "kind", "apiVersion" };
	const struct json *properties = json_get(schema, "properties"),
			  *metadata = json_get(properties, "metadata");
	bool checks = level == ROOT || is_set(schema, "x-kubernetes-embedded-resource");

	for (size_t i = 0; checks && i < ARRAY_LENGTH(texts); i++) {
		const struct json *text = json_get(properties, texts[i]);

		if (text && !str_is(type_of(text), "string"))
			values_invalid_text(
				work,
				under(work, at,
				      field_path(work->errors, "properties[%s].type", texts[i])),
				type_of(text), "must be string");
	}
	if (!metadata)
		return;
	if (checks && !str_is(type_of(metadata), "object"))
		values_invalid_text(work, under(work, at, "properties[metadata].type"),
				    type_of(metadata), "must be object");
	if (level == ROOT && says_more(metadata))
		words_forbidden(work, under(work, at, "properties[metadata]"),
				"must not specify anything other than name and generateName, but "
				"metadata is implicitly specified");
}

static void check_extensions(const struct kind_work *work, const struct json *schema,
			     const struct place *at)
{
	static const char *const others[] = { "x-kubernetes-preserve-unknown-fields",
					      "x-kubernetes-embedded-resource" };

	for (size_t i = 0; i < ARRAY_LENGTH(others); i++)
		if (is_set(schema, "x-kubernetes-int-or-string") && is_set(schema, others[i]))
			validate_invalid(work, under(work, at, others[i]),
					 json_get(schema, others[i]),
					 "must be false if x-kubernetes-int-or-string is true");
	if (!is_set(schema, "x-kubernetes-embedded-resource"))
		return;
	if (json_get(schema, "additionalProperties"))
		words_forbidden(work, under(work, at, "additionalProperties"),
				"must not be used if x-kubernetes-embedded-resource is set");
	if (!is_set(schema, "x-kubernetes-preserve-unknown-fields") &&
	    json_count(json_get(schema, "properties")) == 0)
		validate_required(work, under(work, at, "properties"),
				  "must not be empty if x-kubernetes-embedded-resource is true "
				  "without x-kubernetes-preserve-unknown-fields");
}

static void check_structure(const struct kind_work *work, const struct json *schema,
			    enum level level, const struct place *at)
{
	const struct json *more = json_get(schema, "additionalProperties");
	struct place place = inside(at, "items");

	if (str_is(type_of(schema), "array") && !json_get(schema, "items"))
		validate_required(work, under(work, at, "items"), "must be specified");
	if (schema_in(schema, "items"))
		check_structure(work, schema_in(schema, "items"), ITEM, &place);
	for (struct json_iter it = json_iter(json_get(schema, "properties")); json_next(&it);) {
		place = inside_key(at, "properties", it.key);
		check_structure(work, it.value, FIELD, &place);
	}
	if (more && level == ROOT)
		words_forbidden(work, under(work, at, "additionalProperties"),
				"must not be used at the root");
	place = inside(at, "additionalProperties");
	if (schema_in(schema, "additionalProperties"))
		check_structure(work, more, FIELD, &place);
	check_extensions(work, schema, at);
	check_logic(work, schema, is_int_or_string(json_get(schema, "anyOf")), at);
	check_type(work, schema, level, at);
	check_meta(work, schema, level, at);
}

/* --- each part --- */

static void check_part(const struct kind_work *work, const struct json *schema,
		       const struct place *at);

static const struct {
	const char *field, *words;
} unsupported[] = {
	{ "id", "id is not supported" },
	{ "additionalItems", "additionalItems is not supported" },
	{ "patternProperties", "patternProperties is not supported" },
	{ "definitions", "definitions is not supported" },
	{ "dependencies", "dependencies is not supported" },
	{ "$ref", "$ref is not supported" },
};

static void check_standard(const struct kind_work *work, const struct json *schema,
			   const struct place *at)
{
	static const char *const types[] = { "array",  "boolean", "integer", "number",
					     "object", "string",  NULL };
	const struct json *type = json_get(schema, "type");

	if (json_str(type).len > 0 && !words_have(types, json_str(type)))
		words_not_supported(work, under(work, at, "type"), type, types);
	for (size_t i = 0; i < ARRAY_LENGTH(unsupported); i++)
		if (has(json_get(schema, unsupported[i].field)))
			words_forbidden(work, under(work, at, unsupported[i].field),
					unsupported[i].words);
	if (str_is(json_str(type), "null"))
		words_forbidden(work, under(work, at, "type"),
				"type cannot be set to null, use nullable as an alternative");
	if (json_type(json_get(schema, "items")) == JSON_ARRAY)
		words_forbidden(work, under(work, at, "items"),
				"items must be a schema object and not an array");
	if (is_set(schema, "uniqueItems"))
		words_forbidden(work, under(work, at, "uniqueItems"),
				"uniqueItems cannot be set to true since the runtime complexity "
				"becomes quadratic");
	if (has(json_get(schema, "properties")) && schema_in(schema, "additionalProperties"))
		words_forbidden(work, under(work, at, "additionalProperties"),
				"additionalProperties and properties are mutual exclusive");
}

/* "must be array if x-kubernetes-list-type is specified" */
static void check_wanted_type(const struct kind_work *work, const struct json *schema,
			      const char *type, const char *extension, const struct place *at)
{
	const char *words =
		field_path(work->errors, "must be %s if %s is specified", type, extension);

	if (str_is(type_of(schema), type))
		return;
	if (type_of(schema).len == 0)
		validate_required(work, under(work, at, "type"), words);
	else
		values_invalid_text(work, under(work, at, "type"), type_of(schema), words);
}

static void check_map_key(const struct kind_work *work, const struct json *items, struct str key,
			  const struct json *keys, const struct place *at)
{
	const struct json *property = json_get_str(json_get(items, "properties"), key);
	struct place inner = inside(at, "items"), place = inside_key(&inner, "properties", key);
	struct str type = type_of(property);
	auto_free char *name = str_copy(key);

	if (!property) {
		words_invalid_list(work, under(work, at, "x-kubernetes-list-map-keys"), keys,
				   "entries must all be names of item properties");
		return;
	}
	if (str_is(type, "array") || str_is(type, "object"))
		values_invalid_text(
			work, under(work, &place, "type"), type_of(items),
			"must be a scalar type if parent array's x-kubernetes-list-type "
			"is map");
	if (!words_list_has(json_get(items, "required"), name) && !json_get(property, "default"))
		validate_required(work, under(work, &place, "default"),
				  "this property is in x-kubernetes-list-map-keys, so it must have "
				  "a default or be a required property");
}

static void check_map_list(const struct kind_work *work, const struct json *schema,
			   const struct place *at)
{
	const struct json *keys = json_get(schema, "x-kubernetes-list-map-keys"),
			  *items = json_get(schema, "items");
	auto_map seen = map_new();

	if (json_count(keys) == 0)
		validate_required(work, under(work, at, "x-kubernetes-list-map-keys"),
				  "must not be empty if x-kubernetes-list-type is map");
	if (!items)
		validate_required(work, under(work, at, "items"),
				  "must have a schema if x-kubernetes-list-type is map");
	else if (!str_is(type_of(items), "object"))
		values_invalid_text(work, under(work, at, "items.type"), type_of(items),
				    "must be object if parent array's x-kubernetes-list-type is "
				    "map");
	for (struct json_iter it = json_iter(keys); items && json_next(&it);) {
		check_map_key(work, items, json_str(it.value), keys, at);
		if (map_put(seen, json_str(it.value), it.value))
			words_invalid_list(work, under(work, at, "x-kubernetes-list-map-keys"),
					   keys, "must not contain duplicate entries");
	}
}

static void check_lists(const struct kind_work *work, const struct json *schema,
			const struct place *at)
{
	static const char *const lists[] = { "atomic", "set", "map", NULL }, *const maps[] = {
		"atomic", "granular", NULL
	};
	static const char list_type[] = "x-kubernetes-list-type",
			  map_type[] = "x-kubernetes-map-type";
	const struct json *list = json_get(schema, list_type), *map = json_get(schema, map_type),
			  *keys = json_get(schema, "x-kubernetes-list-map-keys");
	const char *wanted = "must be map if x-kubernetes-list-map-keys is non-empty";

	if (map) {
		check_wanted_type(work, schema, "object", map_type, at);
		words_check(work, under(work, at, map_type), map, maps);
	}
	if (list) {
		check_wanted_type(work, schema, "array", list_type, at);
		words_check(work, under(work, at, list_type), list, lists);
	}
	if (json_count(keys) > 0 && !list)
		validate_required(work, under(work, at, list_type), wanted);
	else if (json_count(keys) > 0 && !str_is(json_str(list), "map"))
		validate_invalid(work, under(work, at, list_type), list, wanted);
	if (str_is(json_str(list), "map"))
		check_map_list(work, schema, at);
}

static bool has_newline(const struct json *text)
{
	struct str trimmed = str_trim(json_str(text));

	return str_find(trimmed, '\n') >= 0 || str_find(trimmed, '\r') >= 0;
}

static void check_validation(const struct kind_work *work, const struct json *rule,
			     const struct place *at)
{
	static const char *const reasons[] = { "FieldValueDuplicate", "FieldValueForbidden",
					       "FieldValueInvalid", "FieldValueRequired", NULL };
	const struct json *message = json_get(rule, "message"),
			  *made = json_get(rule, "messageExpression");

	if (webhook_is_blank(json_get(rule, "rule")))
		validate_required(work, under(work, at, "rule"), "rule is not specified");
	else if (json_str(message).len > 0 && webhook_is_blank(message))
		validate_invalid(work, under(work, at, "message"), message,
				 "message must be non-empty if specified");
	else if (has_newline(message))
		validate_invalid(work, under(work, at, "message"), message,
				 "message must not contain line breaks");
	else if (has_newline(json_get(rule, "rule")) && json_str(message).len == 0)
		validate_required(work, under(work, at, "message"),
				  "message must be specified if rule contains line breaks");
	if (json_str(made).len > 0 && webhook_is_blank(made))
		validate_required(work, under(work, at, "messageExpression"),
				  "messageExpression must be non-empty if specified");
	if (json_get(rule, "reason"))
		words_check(work, under(work, at, "reason"), json_get(rule, "reason"), reasons);
}

static void check_inner_parts(const struct kind_work *work, const struct json *schema,
			      const struct place *at)
{
	static const char *const single[] = { "additionalProperties", "not", "items" };
	struct place place;

	for (size_t i = 0; i < ARRAY_LENGTH(single); i++) {
		place = inside(at, single[i]);
		if (schema_in(schema, single[i]))
			check_part(work, schema_in(schema, single[i]), &place);
	}
	for (struct json_iter it = json_iter(json_get(schema, "properties")); json_next(&it);) {
		place = inside_key(at, "properties", it.key);
		check_part(work, it.value, &place);
	}
	for (size_t i = 0; i < ARRAY_LENGTH(junctors); i++)
		for (struct json_iter it = json_iter(json_get(schema, junctors[i]));
		     json_next(&it);) {
			place = inside_index(at, junctors[i], it.index);
			check_part(work, it.value, &place);
		}
}

static void check_part(const struct kind_work *work, const struct json *schema,
		       const struct place *at)
{
	const struct json *keeps = json_get(schema, "x-kubernetes-preserve-unknown-fields");

	check_standard(work, schema, at);
	check_inner_parts(work, schema, at);
	if (keeps && !json_bool(keeps))
		validate_invalid(work, under(work, at, "x-kubernetes-preserve-unknown-fields"),
				 keeps, "must be true or undefined");
	check_lists(work, schema, at);
	for (struct json_iter it = json_iter(json_get(schema, "x-kubernetes-validations"));
	     json_next(&it);) {
		struct place place = inside_index(at, "x-kubernetes-validations", it.index);

		check_validation(work, it.value, &place);
	}
}

static int compare(const void *a, const void *b)
{
	const struct field_error *x = a, *y = b;

	return strcmp(x->path, y->path);
}

void structural_check(const struct kind_work *work, const struct json *schema, const char *path)
{
	size_t before = work->errors->count;
	struct place root = inside(NULL, path);

	if (is_set(schema, "nullable"))
		words_forbidden(work, under(work, &root, "nullable"),
				"nullable cannot be true at the root");
	check_structure(work, schema, ROOT, &root);
	if (work->errors->count > before)
		qsort(work->errors->items + before, work->errors->count - before,
		      sizeof(*work->errors->items), compare);
	check_part(work, schema, &root);
}
