/*
 * kind_configmap.c - ConfigMap: plain configuration.
 */
#include "api/kinds/cells.h"
#include "api/names.h"
#include "api/object.h"
#include "api/validate.h"

#define SIZE_MAX_BYTES (1024u * 1024)

static size_t check_keys(const struct kind_work *work, const struct json *map, const char *path)
{
	size_t total = 0;

	for (struct json_iter it = json_iter(map); json_next(&it);) {
		const char *why = name_check_config_key(it.key);
		auto_json_doc doc = json_doc_new();

		total += json_str(it.value).len;
		if (why)
			validate_invalid(
				work,
				field_path(work->errors, "%s[" STR_FMT "]", path, STR_ARG(it.key)),
				json_new_str(doc, it.key), why);
	}
	return total;
}

static void validate(const struct kind_work *work)
{
	const struct json *old = work->old;

	if (check_keys(work, json_get(work->object, "data"), "data") +
		    check_keys(work, json_get(work->object, "binaryData"), "binaryData") >
	    SIZE_MAX_BYTES)
		field_errors_add(work->errors, FIELD_TOO_LONG, "", NULL,
				 "may not be more than 1048576 bytes");
	if (!old || !json_bool(json_get(old, "immutable")))
		return;
	if (!json_equal(json_get(work->object, "data"), json_get(old, "data")))
		field_errors_add(work->errors, FIELD_FORBIDDEN, "data", NULL,
				 "field is immutable when `immutable` is set");
	if (!json_equal(json_get(work->object, "binaryData"), json_get(old, "binaryData")))
		field_errors_add(work->errors, FIELD_FORBIDDEN, "binaryData", NULL,
				 "field is immutable when `immutable` is set");
	if (!json_bool(json_get(work->object, "immutable")))
		field_errors_add(work->errors, FIELD_FORBIDDEN, "immutable", NULL,
				 "field is immutable when `immutable` is set");
}

static void print_data(const struct json *object, struct buf *out)
{
	cells_count(json_count(json_get(object, "data")) +
			    json_count(json_get(object, "binaryData")),
		    out);
}

static const struct column columns[] = {
	{ .name = "Name", .format = "name", .path = ".metadata.name" },
	{ .name = "Data", .print = print_data },
	{ .name = "Age", .path = ".metadata.creationTimestamp" },
	{ 0 },
};
static const char *const short_names[] = { "cm", NULL };

const struct kind kind_configmap = {
	.group = "",
	.version = "v1",
	.name = "ConfigMap",
	.plural = "configmaps",
	.short_names = short_names,
	.type_name = "io.k8s.api.core.v1.ConfigMap",
	.namespaced = true,
	.name_rule = NAME_SUBDOMAIN,
	.verbs = VERB_ALL,
	.validate = validate,
	.columns = columns,
};
