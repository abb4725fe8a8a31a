/*
 * validate.c - shared checks of metadata, tables and selectors.
 */
#include "api/validate.h"

#include <assert.h>
#include <inttypes.h>

#include "api/names.h"
#include "api/object.h"
#include "api/validate_values.h"
#include "api/validate_words.h"
#include "base/map.h"

#define ANNOTATIONS_MAX (256u * 1024)
#define POD_SPEC        "io.k8s.api.core.v1.PodSpec"

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

void validate_labels(const struct kind_work *work, const struct json *labels, const char *path)
{
	for (struct json_iter it = json_iter(labels); json_next(&it);) {
		values_key(work, path, it.key, name_qualified);
		values_name(work, path, it.value, name_label_value);
	}
}

static size_t lower_key(struct str key, struct buf *out)
{
	buf_reset(out);
	for (size_t i = 0; i < key.len; i++)
		buf_add_byte(out, key.at[i] >= 'A' && key.at[i] <= 'Z' ? (char)(key.at[i] + 32)
								       : key.at[i]);
	return out->len;
}

void validate_annotations(const struct kind_work *work, const struct json *annotations,
			  const char *path)
{
	auto_buf lower = BUF_INIT;
	size_t total = 0;

	for (struct json_iter it = json_iter(annotations); json_next(&it);) {
		struct name_faults faults = { .count = 0 };

		total += lower_key(it.key, &lower) + json_str(it.value).len;
		name_qualified(buf_str(&lower), &faults);
		for (size_t i = 0; i < faults.count; i++)
			values_invalid_text(work, path, it.key, faults.why[i]);
	}
	if (total > ANNOTATIONS_MAX)
		words_too_long(work, path, ANNOTATIONS_MAX);
}

/* "apps/v1" has a version, "apps/" has none. */
static bool has_version(struct str api_version)
{
	if (str_find(api_version, '/') >= 0)
		str_cut(&api_version, '/');
	return api_version.len > 0;
}

static void check_owner(const struct kind_work *work, const struct json *owner, const char *path)
{
	static const char *const fields[] = { "apiVersion", "kind", "name", "uid" };
	static const char *const words[] = { "version must not be empty", "kind must not be empty",
					     "name must not be empty", "uid must not be empty" };
	struct str version = json_str(json_get(owner, "apiVersion"));

	for (size_t i = 0; i < ARRAY_LENGTH(fields); i++) {
		const struct json *value = json_get(owner, fields[i]);

		if (i == 0 ? !has_version(version) : json_str(value).len == 0)
			validate_invalid(work, field_path(work->errors, "%s.%s", path, fields[i]),
					 words_text(work, value), words[i]);
	}
	if (str_is(json_str(json_get(owner, "kind")), "Event") &&
	    (str_is(version, "v1") || str_is(version, "events.k8s.io/v1")))
		validate_invalid(work, path, owner,
				 str_is(version, "v1")
					 ? "/v1, Kind=Event is disallowed from being an owner"
					 : "events.k8s.io/v1, Kind=Event is disallowed from being "
					   "an owner");
}

static const char *owner_name(const struct kind_work *work, const struct json *owner)
{
	return field_path(work->errors, STR_FMT "/" STR_FMT,
			  STR_ARG(json_str(json_get(owner, "kind"))),
			  STR_ARG(json_str(json_get(owner, "name"))));
}

static void check_owners(const struct kind_work *work, const struct json *owners)
{
	static const char path[] = "metadata.ownerReferences";
	const char *first = NULL;

	for (struct json_iter it = json_iter(owners); json_next(&it);) {
		check_owner(work, it.value, path);
		if (!json_bool(json_get(it.value, "controller")))
			continue;
		if (first)
			validate_invalid(work, path, owners,
					 field_path(work->errors,
						    "Only one reference can have Controller set to "
						    "true. Found \"true\" in references for %s and "
						    "%s",
						    first, owner_name(work, it.value)));
		else
			first = owner_name(work, it.value);
	}
}

/* An object that goes away is not held up by anything new. */
static void check_new_finalizers(const struct kind_work *work, const struct json *now,
				 const struct json *old)
{
	auto_map known = map_new();
	struct json *extra = json_new_array(work->doc);

	for (struct json_iter it = json_iter(old); json_next(&it);)
		map_put(known, json_str(it.value), it.value);
	for (struct json_iter it = json_iter(now); json_next(&it);)
		if (!map_find(known, json_str(it.value)))
			json_append(extra, json_clone(work->doc, it.value));
	if (json_count(extra) > 0)
		words_forbidden(work, "metadata.finalizers",
				field_path(work->errors,
					   "no new finalizers can be added if the object is being "
					   "deleted, found new finalizers %s",
					   words_list(work, extra)));
}

void validate_finalizer(const struct kind_work *work, const struct json *name, const char *path)
{
	static const char *const standard[] = { "kubernetes", "orphan", "foregroundDeletion",
						NULL };

	if (str_find(json_str(name), '/') < 0 && !words_have(standard, json_str(name)))
		validate_invalid(work, path, name,
				 "name is neither a standard finalizer name nor is it fully "
				 "qualified");
}

static void check_finalizers(const struct kind_work *work, const struct json *now)
{
	static const char path[] = "metadata.finalizers";

	for (struct json_iter it = json_iter(now); json_next(&it);)
		values_name(work, path, it.value, name_qualified);
	if (words_list_has(now, "orphan") && words_list_has(now, "foregroundDeletion"))
		words_invalid_list(work, path, now,
				   "finalizer orphan and foregroundDeletion cannot be both set");
	for (struct json_iter it = json_iter(now); json_next(&it);)
		validate_finalizer(work, it.value,
				   field_path(work->errors, "%s[%zu]", path, it.index));
}

/* The base of a name may end with a dash: more follows. */
static void check_generated(const struct kind_work *work, const struct json *base)
{
	auto_buf name = BUF_INIT;
	struct name_faults faults = { .count = 0 };

	if (json_str(base).len == 0)
		return;
	buf_add_str(&name, json_str(base));
	if (name.len > 1 && name.at[name.len - 1] == '-')
		name.at[name.len - 1] = 'a';
	name_rule_of(work->kind->name_rule)(buf_str(&name), &faults);
	for (size_t i = 0; i < faults.count; i++)
		validate_invalid(work, "metadata.generateName", base, faults.why[i]);
}

void validate_metadata(const struct kind_work *work)
{
	const struct json *metadata = meta_of(work->object), *name = json_get(metadata, "name"),
			  *finalizers = json_get(metadata, "finalizers");

	if (work->old && json_get(metadata, "deletionTimestamp"))
		check_new_finalizers(work, finalizers, json_get(meta_of(work->old), "finalizers"));
	if (!work->old)
		check_generated(work, json_get(metadata, "generateName"));
	if (!work->old && json_str(name).len == 0)
		validate_required(work, "metadata.name", "name or generateName is required");
	else if (!work->old)
		values_name(work, "metadata.name", name, name_rule_of(work->kind->name_rule));
	validate_labels(work, json_get(metadata, "labels"), "metadata.labels");
	validate_annotations(work, json_get(metadata, "annotations"), "metadata.annotations");
	check_owners(work, json_get(metadata, "ownerReferences"));
	check_finalizers(work, finalizers);
}

/* --- what the tables demand --- */

static void check_enum(const struct kind_work *work, const struct field *field,
		       const struct json *value, const char *path)
{
	auto_buf allowed = BUF_INIT;

	if (!field_values(field) || json_type(value) != JSON_STRING || json_str(value).len == 0)
		return;
	for (const char *at = field_values(field); at; at = field_values_next(at))
		if (str_is(json_str(value), at))
			return;
	for (const char *at = field_values(field); at; at = field_values_next(at))
		buf_add_print(&allowed, "%s\"%s\"",
			      at == field_values(field) ? "supported values: " : ", ", at);
	field_errors_add(work->errors, FIELD_NOT_SUPPORTED, path, field_value(work->errors, value),
			 buf_text(&allowed));
}

static void check_fields(const struct type *type, const struct kind_work *work,
			 const struct json *object, const char *path);

static void check_value(const struct field *field, const struct kind_work *work,
			const struct json *value, const char *path)
{
	if (field->form == FIELD_MESSAGE && strcmp(type_name(field_type(field)), POD_SPEC) == 0)
		return; /* validate_pod_spec tells of its enums */
	if (field->form == FIELD_MESSAGE && json_type(value) == JSON_OBJECT)
		check_fields(field_type(field), work, value, path);
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

	return kind->own_enums && strncmp(type_name(type), kind->type_name, package) == 0;
}

/* Walks what is there: enums only; what must be there is each kind's own business, with its own
 * words. */
static void check_fields(const struct type *type, const struct kind_work *work,
			 const struct json *object, const char *path)
{
	bool own = own_enums(work->kind, type);

	for (struct json_iter it = json_iter(object); json_next(&it);) {
		const struct field *field = field_find(type, it.key);

		if (!field || (field->form != FIELD_MESSAGE && (!field_values(field) || own)))
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

/* --- selectors --- */

static void check_expression(const struct kind_work *work, const struct json *item,
			     const char *path)
{
	static const char *const among[] = { "In", "NotIn", NULL };
	static const char *const alone[] = { "Exists", "DoesNotExist", NULL };
	const struct json *op = json_get(item, "operator"), *values = json_get(item, "values");
	const char *where = field_path(work->errors, "%s.values", path);

	if (words_have(among, json_str(op))) {
		if (json_count(values) == 0)
			validate_required(work, where,
					  "must be specified when `operator` is 'In' or 'NotIn'");
	} else if (words_have(alone, json_str(op))) {
		if (json_count(values) > 0)
			words_forbidden(work, where,
					"may not be specified when `operator` is 'Exists' or "
					"'DoesNotExist'");
	} else {
		validate_invalid(work, field_path(work->errors, "%s.operator", path),
				 words_text(work, op), "not a valid selector operator");
	}
	values_name(work, field_path(work->errors, "%s.key", path), json_get(item, "key"),
		    name_qualified);
	for (struct json_iter it = json_iter(values); json_next(&it);)
		values_name(work, field_path(work->errors, "%s[%zu]", where, it.index), it.value,
			    name_label_value);
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
