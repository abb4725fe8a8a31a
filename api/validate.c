/*
 * validate.c - shared checks of metadata, tables and selectors.
 */
#include "api/validate.h"

#include <assert.h>
#include <inttypes.h>

#include "api/names.h"
#include "api/object.h"
#include "api/selector.h"
#include "base/map.h"

#define ANNOTATIONS_MAX (256u * 1024)

void validate_required(const struct kind_work *work, const char *path, const char *detail)
{
	field_errors_add(work->errors, FIELD_REQUIRED, path, NULL, detail);
}

void validate_invalid(const struct kind_work *work, const char *path, const struct json *value,
		      const char *detail)
{
	field_errors_add(work->errors, FIELD_INVALID, path, field_value(work->errors, value),
			 detail);
}

void validate_duplicate(const struct kind_work *work, const char *path, const struct json *value)
{
	field_errors_add(work->errors, FIELD_DUPLICATE, path, field_value(work->errors, value), "");
}

void validate_immutable(const struct kind_work *work, const char *path, const struct json *now,
			const struct json *old)
{
	if (!json_equal(now, old))
		validate_invalid(work, path, now, "field is immutable");
}

void validate_not_negative(const struct kind_work *work, const struct json *value, const char *path)
{
	if (value && json_int(value) < 0)
		validate_invalid(work, path, value, "must be greater than or equal to 0");
}

/* The value that is wrong is a key. */
static void invalid_key(const struct kind_work *work, const char *path, struct str key,
			const char *why)
{
	auto_json_doc doc = json_doc_new();

	validate_invalid(work, path, json_new_str(doc, key), why);
}

void validate_labels(const struct kind_work *work, const struct json *labels, const char *path)
{
	for (struct json_iter it = json_iter(labels); json_next(&it);) {
		const char *key = name_check_label_key(it.key),
			   *value = name_check_label_value(json_str(it.value));

		if (key)
			invalid_key(work, path, it.key, key);
		if (value)
			validate_invalid(work, path, it.value, value);
	}
}

static void check_annotations(const struct kind_work *work, const struct json *annotations)
{
	size_t total = 0;

	for (struct json_iter it = json_iter(annotations); json_next(&it);) {
		const char *why = name_check_qualified(it.key);

		total += it.key.len + json_str(it.value).len;
		if (why)
			invalid_key(work, "metadata.annotations", it.key, why);
	}
	if (total > ANNOTATIONS_MAX)
		field_errors_add(work->errors, FIELD_TOO_LONG, "metadata.annotations", NULL,
				 "may not be more than 262144 bytes");
}

static void check_owners(const struct kind_work *work, const struct json *owners)
{
	static const char *const fields[] = { "apiVersion", "kind", "name", "uid" };
	size_t controllers = 0;

	for (struct json_iter it = json_iter(owners); json_next(&it);) {
		controllers += json_bool(json_get(it.value, "controller"));
		for (size_t i = 0; i < ARRAY_LENGTH(fields); i++)
			if (json_str(json_get(it.value, fields[i])).len == 0)
				field_errors_add(work->errors, FIELD_INVALID,
						 field_path(work->errors,
							    "metadata.ownerReferences[%zu].%s",
							    it.index, fields[i]),
						 "\"\"", "must not be empty");
	}
	if (controllers > 1)
		validate_invalid(work, "metadata.ownerReferences", owners,
				 "Only one reference can have Controller set to true");
}

static void check_finalizers(const struct kind_work *work, const struct json *metadata)
{
	const struct json *now = json_get(metadata, "finalizers"),
			  *old = json_get(meta_of(work->old), "finalizers");
	auto_map known = map_new();

	for (struct json_iter it = json_iter(old); json_next(&it);)
		map_put(known, json_str(it.value), it.value);
	for (struct json_iter it = json_iter(now); json_next(&it);) {
		const char *why = name_check_qualified(json_str(it.value));

		if (why)
			validate_invalid(work, "metadata.finalizers", it.value, why);
		if (work->old && json_get(metadata, "deletionTimestamp") &&
		    !map_find(known, json_str(it.value)))
			field_errors_add(work->errors, FIELD_FORBIDDEN, "metadata.finalizers", NULL,
					 field_path(work->errors,
						    "no new finalizers can be added if the object "
						    "is being deleted, found "
						    "new finalizers []string{\"" STR_FMT "\"}",
						    STR_ARG(json_str(it.value))));
	}
}

/* The base of a name may end with a dash: more follows. */
static void check_generated(const struct kind_work *work, const struct json *base)
{
	auto_buf name = BUF_INIT;
	const char *why;

	if (json_str(base).len == 0)
		return;
	buf_add_str(&name, json_str(base));
	if (name.len > 1 && name.at[name.len - 1] == '-')
		name.at[name.len - 1] = 'a';
	why = name_check(work->kind->name_rule, buf_str(&name));
	if (why)
		validate_invalid(work, "metadata.generateName", base, why);
}

void validate_metadata(const struct kind_work *work)
{
	const struct json *metadata = meta_of(work->object), *name = json_get(metadata, "name");
	const char *why = name_check(work->kind->name_rule, json_str(name));

	if (!work->old)
		check_generated(work, json_get(metadata, "generateName"));
	if (!work->old && json_str(name).len == 0)
		validate_required(work, "metadata.name", "name or generateName is required");
	else if (!work->old && why)
		validate_invalid(work, "metadata.name", name, why);
	validate_labels(work, json_get(metadata, "labels"), "metadata.labels");
	check_annotations(work, json_get(metadata, "annotations"));
	check_owners(work, json_get(metadata, "ownerReferences"));
	check_finalizers(work, metadata);
}

/* --- what the tables demand --- */

static void check_enum(const struct kind_work *work, const struct field *field,
		       const struct json *value, const char *path)
{
	auto_buf allowed = BUF_INIT;

	if (!field->values || json_type(value) != JSON_STRING || json_str(value).len == 0)
		return;
	for (const char *const *at = field->values; *at; at++)
		if (str_is(json_str(value), *at))
			return;
	for (const char *const *at = field->values; *at; at++)
		buf_add_print(&allowed, "%s\"%s\"",
			      at == field->values ? "supported values: " : ", ", *at);
	field_errors_add(work->errors, FIELD_NOT_SUPPORTED, path, field_value(work->errors, value),
			 buf_text(&allowed));
}

static void check_fields(const struct type *type, const struct kind_work *work,
			 const struct json *object, const char *path);

static void check_value(const struct field *field, const struct kind_work *work,
			const struct json *value, const char *path)
{
	if (field->form == FIELD_MESSAGE && json_type(value) == JSON_OBJECT)
		check_fields(field->type, work, value, path);
	else
		check_enum(work, field, value, path);
}

static const char *join(const struct kind_work *work, const char *path, struct str name)
{
	if (!*path)
		return field_path(work->errors, STR_FMT, STR_ARG(name));
	return field_path(work->errors, "%s." STR_FMT, path, STR_ARG(name));
}

/* Does the kind tell of wrong enums in this type itself?  Its group's types are those with the same
 * package in front. */
static bool own_enums(const struct kind *kind, const struct type *type)
{
	const char *dot = strrchr(kind->type_name, '.');
	size_t package = dot ? (size_t)(dot - kind->type_name) + 1 : 0;

	return kind->own_enums && strncmp(type->name, kind->type_name, package) == 0;
}

/* Walks what is there: enums only; what must be there is each kind's own business, with its own
 * words. */
static void check_fields(const struct type *type, const struct kind_work *work,
			 const struct json *object, const char *path)
{
	bool own = own_enums(work->kind, type);

	for (struct json_iter it = json_iter(object); json_next(&it);) {
		const struct field *field = field_find(type, it.key);

		if (!field || (field->form != FIELD_MESSAGE && (!field->values || own)))
			continue;
		if (field->shape == FIELD_ONE) {
			check_value(field, work, it.value, join(work, path, it.key));
			continue;
		}
		for (struct json_iter each = json_iter(it.value); json_next(&each);)
			check_value(field, work, each.value,
				    field_path(work->errors, "%s[%zu]", join(work, path, it.key),
					       each.index));
	}
}

void validate_table(const struct type *type, const struct kind_work *work)
{
	check_fields(type, work, work->object, "");
}

/* --- selectors and templates --- */

static void check_expression(const struct kind_work *work, const struct json *item,
			     const char *path)
{
	struct str op = json_str(json_get(item, "operator"));
	size_t values = json_count(json_get(item, "values"));
	const char *why = name_check_label_key(json_str(json_get(item, "key")));
	bool needs = str_is(op, "In") || str_is(op, "NotIn"),
	     none = str_is(op, "Exists") || str_is(op, "DoesNotExist");

	if (why)
		validate_invalid(work, field_path(work->errors, "%s.key", path),
				 json_get(item, "key"), why);
	if (!needs && !none)
		validate_invalid(work, field_path(work->errors, "%s.operator", path),
				 json_get(item, "operator"), "not a valid selector operator");
	if (needs && values == 0)
		validate_required(work, field_path(work->errors, "%s.values", path),
				  "must be specified when `operator` is 'In' or 'NotIn'");
	if (none && values > 0)
		field_errors_add(
			work->errors, FIELD_FORBIDDEN, field_path(work->errors, "%s.values", path),
			NULL, "may not be specified when `operator` is 'Exists' or 'DoesNotExist'");
}

void validate_label_selector(const struct kind_work *work, const struct json *selector,
			     const char *path)
{
	validate_labels(work, json_get(selector, "matchLabels"),
			field_path(work->errors, "%s.matchLabels", path));
	for (struct json_iter it = json_iter(json_get(selector, "matchExpressions"));
	     json_next(&it);)
		check_expression(
			work, it.value,
			field_path(work->errors, "%s.matchExpressions[%zu]", path, it.index));
}

static bool template_matches(const struct json *spec, const struct json *labels)
{
	struct selector *selector;
	struct error unused;
	bool match;

	if (!selector_from_json(json_get(spec, "selector"), &selector, &unused))
		return true; /* said elsewhere */
	match = selector_match_labels(selector, labels);
	selector_free(selector);
	return match;
}

/* map[string]string{"a":"b"}, as Go prints it */
static const char *go_map(const struct kind_work *work, const struct json *map)
{
	auto_buf text = BUF_INIT;

	buf_add_text(&text, "map[string]string{");
	for (struct json_iter it = json_iter(map); json_next(&it);)
		buf_add_print(&text, "%s\"" STR_FMT "\":\"" STR_FMT "\"", it.index ? ", " : "",
			      STR_ARG(it.key), STR_ARG(json_str(it.value)));
	buf_add_byte(&text, '}');
	return arena_string(work->errors->arena, text.at, text.len);
}

void validate_template(const struct kind_work *work)
{
	const struct json *spec = json_get(work->object, "spec"),
			  *selector = json_get(spec, "selector");
	const struct json *labels = json_path(spec, "template", "metadata", "labels", NULL);
	const struct json *policy = json_path(spec, "template", "spec", "restartPolicy", NULL);

	validate_not_negative(work, json_get(spec, "replicas"), "spec.replicas");
	if (!selector)
		validate_required(work, "spec.selector", "");
	else if (json_count(json_get(selector, "matchLabels")) +
			 json_count(json_get(selector, "matchExpressions")) ==
		 0)
		validate_invalid(work, "spec.selector", selector,
				 "empty selector is invalid for deployment");
	else
		validate_label_selector(work, selector, "spec.selector");
	if (!json_get(spec, "template")) {
		validate_required(work, "spec.template", "");
		return;
	}
	if (selector && !template_matches(spec, labels))
		field_errors_add(work->errors, FIELD_INVALID, "spec.template.metadata.labels",
				 go_map(work, labels),
				 "`selector` does not match template `labels`");
	validate_labels(work, labels, "spec.template.metadata.labels");
	validate_pod_spec(work, json_path(spec, "template", "spec", NULL), "spec.template.spec");
	if (policy && !str_is(json_str(policy), "Always"))
		field_errors_add(work->errors, FIELD_NOT_SUPPORTED,
				 "spec.template.spec.restartPolicy",
				 field_value(work->errors, policy), "supported values: \"Always\"");
	if (work->old)
		validate_immutable(work, "spec.selector", selector,
				   json_path(work->old, "spec", "selector", NULL));
}
