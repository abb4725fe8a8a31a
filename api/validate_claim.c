/*
 * validate_claim.c - access modes and specs of claims.
 */
#include "api/validate_claim.h"

#include <inttypes.h>

#include "api/object.h"
#include "api/quantity.h"
#include "api/validate.h"
#include "api/validate_amounts.h"
#include "api/validate_values.h"
#include "api/validate_words.h"

#define AT(...) field_path(work->errors, __VA_ARGS__)

static const char *const modes_known[] = { "ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce",
					   "ReadWriteOncePod", NULL };

/* --- modes --- */

void claim_modes_needed(const struct kind_work *work, const struct json *modes, const char *detail,
			const char *path)
{
	if (json_count(modes) == 0)
		validate_required(work, path, detail);
}

void claim_modes(const struct kind_work *work, const struct json *modes, const char *path)
{
	bool single = false, other = false;

	for (struct json_iter it = json_iter(modes); json_next(&it);) {
		bool known = words_have(modes_known, json_str(it.value));

		words_check(work, path, it.value, modes_known);
		if (str_is(json_str(it.value), "ReadWriteOncePod"))
			single = true;
		else
			other = other || known;
	}
	if (single && other)
		words_forbidden(work, path, "may not use ReadWriteOncePod with other access modes");
}

void claim_volume_mode(const struct kind_work *work, const struct json *mode, const char *path)
{
	static const char *const known[] = { "Block", "Filesystem", NULL };

	if (mode)
		words_check(work, path, mode, known);
}

void claim_amount(const struct kind_work *work, const struct json *value, const char *path)
{
	int64_t amount;
	struct error unused;

	if (quantity_value(json_str(value), &amount, &unused) && amount < 0)
		validate_invalid(work, path, json_new_int(work->doc, amount),
				 "must be a valid resource quantity");
}

/* --- where the content comes from --- */

static void check_source(const struct kind_work *work, const struct json *source, const char *path)
{
	const struct json *kind = json_get(source, "kind"), *group = json_get(source, "apiGroup"),
			  *namespace = json_get(source, "namespace");

	values_required(work, AT("%s.name", path), json_get(source, "name"));
	values_required(work, AT("%s.kind", path), kind);
	if (json_str(group).len == 0 && !str_is(json_str(kind), "PersistentVolumeClaim"))
		validate_invalid(work, path, words_text(work, kind),
				 "must be 'PersistentVolumeClaim' when referencing the default "
				 "apiGroup");
	else if (json_str(group).len > 0)
		values_name(work, AT("%s.apiGroup", path), group, name_subdomain);
	if (json_str(namespace).len > 0)
		values_name(work, AT("%s.namespace", path), namespace, name_label);
}

static bool same_source(const struct json *a, const struct json *b)
{
	static const char *const fields[] = { "apiGroup", "kind", "name" };

	for (size_t i = 0; i < ARRAY_LENGTH(fields); i++)
		if (!json_equal(json_get(a, fields[i]), json_get(b, fields[i])))
			return false;
	return true;
}

static void check_sources(const struct kind_work *work, const struct json *spec, const char *path)
{
	const struct json *source = json_get(spec, "dataSource"),
			  *ref = json_get(spec, "dataSourceRef");
	bool elsewhere = json_str(json_get(ref, "namespace")).len > 0;

	if (source)
		check_source(work, source, AT("%s.dataSource", path));
	if (ref)
		check_source(work, ref, AT("%s.dataSourceRef", path));
	if (!source || !ref)
		return;
	if (elsewhere)
		field_errors_add(work->errors, FIELD_INVALID, path, AT("%s.dataSource", path),
				 "may not be specified when dataSourceRef.namespace is specified");
	else if (!same_source(source, ref))
		field_errors_add(work->errors, FIELD_INVALID, path, AT("%s.dataSource", path),
				 "must match dataSourceRef");
}

/* --- the whole --- */

void claim_spec(const struct kind_work *work, const struct json *spec, const char *path)
{
	const struct json *modes = json_get(spec, "accessModes"),
			  *storage = json_path(spec, "resources", "requests", "storage", NULL),
			  *class = json_get(spec, "storageClassName");
	const char *here = AT("%s.accessModes", path), *amount = AT("%s.resources[storage]", path);

	claim_modes_needed(work, modes, "at least 1 access mode is required", here);
	validate_label_selector(work, json_get(spec, "selector"), AT("%s.selector", path));
	claim_modes(work, modes, here);
	if (!storage)
		validate_required(work, amount, "");
	else
		amounts_positive(work, amount, storage);
	if (json_str(class).len > 0)
		values_name(work, AT("%s.storageClassName", path), class, name_subdomain);
	claim_volume_mode(work, json_get(spec, "volumeMode"), AT("%s.volumeMode", path));
	check_sources(work, spec, path);
}

/* --- rows --- */

void claim_print_modes(const struct json *modes, struct buf *out)
{
	static const struct {
		const char *mode, *shown;
	} rows[] = {
		{ "ReadWriteOnce", "RWO" },
		{ "ReadOnlyMany", "ROX" },
		{ "ReadWriteMany", "RWX" },
		{ "ReadWriteOncePod", "RWOP" },
	};
	size_t before = out->len;

	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++)
		if (words_list_has(modes, rows[i].mode))
			buf_add_print(out, "%s%s", out->len > before ? "," : "", rows[i].shown);
}

struct str claim_class(const struct json *object)
{
	struct str old = meta_annotation(object, "volume.beta.kubernetes.io/storage-class");

	return old.at ? old : json_str(json_path(object, "spec", "storageClassName", NULL));
}
