/*
 * kind_configmap.c - ConfigMap: plain configuration.
 */
#include "api/kinds/cells.h"
#include "api/object.h"
#include "api/validate_values.h"
#include "api/validate_words.h"
#include "base/map.h"

#define SIZE_MAX_BYTES (1024u * 1024)

static size_t check_keys(const struct kind_work *work, const struct json *map,
			 const struct map *other, const char *path)
{
	size_t total = 0;

	for (struct json_iter it = json_iter(map); json_next(&it);) {
		total += json_str(it.value).len;
		values_map_key(work, path, it.key, name_config_key);
		if (other && map_find(other, it.key))
			values_invalid_text(
				work,
				field_path(work->errors, "%s[" STR_FMT "]", path, STR_ARG(it.key)),
				it.key, "duplicate of key present in binaryData");
	}
	return total;
}

static void check_update(const struct kind_work *work)
{
	static const char *const fields[] = { "data", "binaryData" };
	static const char words[] = "field is immutable when `immutable` is set";

	if (!json_bool(json_get(work->old, "immutable")))
		return;
	if (!json_bool(json_get(work->object, "immutable")))
		words_forbidden(work, "immutable", words);
	for (size_t i = 0; i < ARRAY_LENGTH(fields); i++)
		if (!json_equal(json_get(work->object, fields[i]), json_get(work->old, fields[i])))
			words_forbidden(work, fields[i], words);
}

static void validate(const struct kind_work *work)
{
	const struct json *bytes = json_get(work->object, "binaryData");
	auto_map other = json_count(bytes) > 0 ? values_entries(bytes) : NULL;
	size_t total;

	if (work->old)
		check_update(work);
	total = check_keys(work, json_get(work->object, "data"), other, "data");
	total += check_keys(work, bytes, NULL, "binaryData") / 4 * 3;
	if (total > SIZE_MAX_BYTES)
		words_too_long(work, "", SIZE_MAX_BYTES);
}

static void print_data(const struct json *object, struct buf *out)
{
	cells_count(json_count(json_get(object, "data")) +
			    json_count(json_get(object, "binaryData")),
		    out);
}

static const struct column columns[] = {
	{ .name = "Name", .format = "name", .path = ".metadata.name" },
	{ .name = "Data", .type = "number", .print = print_data },
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
