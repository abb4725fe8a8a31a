/*
 * kind_storageclass.c - StorageClass: how volumes are made.
 */
#include "api/object.h"
#include "api/validate.h"
#include "api/validate_values.h"
#include "api/validate_words.h"

#define PARAMETERS_MAX      512
#define PARAMETER_BYTES_MAX (256u * 1024)

static void check_provisioner(const struct kind_work *work, const struct json *provisioner)
{
	auto_buf lower = BUF_INIT;
	struct str text = json_str(provisioner);

	if (!values_required(work, "provisioner", provisioner))
		return;
	for (size_t i = 0; i < text.len; i++)
		buf_add_byte(&lower, text.at[i] >= 'A' && text.at[i] <= 'Z'
					     ? (char)(text.at[i] + 32)
					     : text.at[i]);
	values_key(work, "provisioner", buf_str(&lower), name_qualified);
}

static void check_parameters(const struct kind_work *work, const struct json *parameters)
{
	size_t total = 0;

	if (json_count(parameters) > PARAMETERS_MAX) {
		words_too_long(work, "parameters", PARAMETERS_MAX);
		return;
	}
	for (struct json_iter it = json_iter(parameters); json_next(&it);) {
		if (it.key.len == 0)
			values_invalid_text(work, "parameters", STR(""), "field can not be empty.");
		total += it.key.len + json_str(it.value).len;
	}
	if (total > PARAMETER_BYTES_MAX)
		words_too_long(work, "parameters", PARAMETER_BYTES_MAX);
}

static void check_topology(const struct kind_work *work, const struct json *term, const char *path)
{
	const struct json *list = json_get(term, "matchLabelExpressions");

	if (json_count(list) == 0)
		validate_required(work, path, "at least one expression is required");
	for (struct json_iter it = json_iter(list); json_next(&it);) {
		const char *at =
			field_path(work->errors, "%s.matchLabelExpressions[%zu]", path, it.index);

		if (json_count(json_get(it.value, "values")) == 0)
			validate_required(work, field_path(work->errors, "%s.values", at), "");
		values_name(work, field_path(work->errors, "%s.key", at), json_get(it.value, "key"),
			    name_qualified);
	}
}

static void check_unchanged(const struct kind_work *work)
{
	static const char *const fields[] = { "parameters", "provisioner", "reclaimPolicy" };

	for (size_t i = 0; i < ARRAY_LENGTH(fields); i++)
		if (!json_equal(json_get(work->object, fields[i]), json_get(work->old, fields[i])))
			words_forbidden(work, fields[i],
					field_path(work->errors, "updates to %s are forbidden.",
						   fields[i]));
	validate_immutable(work, "volumeBindingMode", json_get(work->object, "volumeBindingMode"),
			   json_get(work->old, "volumeBindingMode"));
}

static void validate(const struct kind_work *work)
{
	static const char *const policies[] = { "Delete", "Retain", NULL };
	const struct json *policy = json_get(work->object, "reclaimPolicy");

	if (work->old) {
		check_unchanged(work);
		return;
	}
	check_provisioner(work, json_get(work->object, "provisioner"));
	check_parameters(work, json_get(work->object, "parameters"));
	if (json_str(policy).len > 0)
		words_check(work, "reclaimPolicy", policy, policies);
	for (struct json_iter it = json_iter(json_get(work->object, "allowedTopologies"));
	     json_next(&it);)
		check_topology(work, it.value,
			       field_path(work->errors, "allowedTopologies[%zu]", it.index));
}

static void print_name(const struct json *object, struct buf *out)
{
	static const char *const keys[] = { "storageclass.kubernetes.io/is-default-class",
					    "storageclass.beta.kubernetes.io/is-default-class" };
	bool is_default = false;

	for (size_t i = 0; i < ARRAY_LENGTH(keys); i++)
		is_default = is_default || str_is(meta_annotation(object, keys[i]), "true");
	buf_add_str(out, meta_str(object, "name"));
	if (is_default)
		buf_add_text(out, " (default)");
}

static void print_expansion(const struct json *object, struct buf *out)
{
	buf_add_text(out, json_bool(json_get(object, "allowVolumeExpansion")) ? "true" : "false");
}

static const struct column columns[] = {
	{ .name = "Name", .format = "name", .print = print_name },
	{ .name = "Provisioner", .path = ".provisioner" },
	{ .name = "ReclaimPolicy", .path = ".reclaimPolicy" },
	{ .name = "VolumeBindingMode", .path = ".volumeBindingMode" },
	{ .name = "AllowVolumeExpansion", .print = print_expansion },
	{ .name = "Age", .path = ".metadata.creationTimestamp" },
	{ 0 },
};

static const char *const short_names[] = { "sc", NULL };

const struct kind kind_storageclass = {
	.group = "storage.k8s.io",
	.version = "v1",
	.name = "StorageClass",
	.plural = "storageclasses",
	.short_names = short_names,
	.type_name = "io.k8s.api.storage.v1.StorageClass",
	.returns_object = true,
	.name_rule = NAME_SUBDOMAIN,
	.verbs = VERB_ALL,
	.validate = validate,
	.columns = columns,
};
