/*
 * kind_csinode.c - CSINode: the storage drivers of a node.
 */
#include "api/kinds/cells.h"
#include "api/validate.h"
#include "api/validate_values.h"
#include "base/map.h"

#define NODE_ID_MAX 256 /* the real server's longer bound, which every driver may use */

static void check_keys(const struct kind_work *work, const struct json *keys, const char *path)
{
	auto_map known = map_new();

	for (struct json_iter it = json_iter(keys); json_next(&it);) {
		if (json_str(it.value).len == 0)
			validate_required(work, path, "");
		if (map_put(known, json_str(it.value), it.value))
			validate_duplicate(work, path, it.value);
		values_name(work, path, it.value, name_qualified);
	}
}

static void check_driver(const struct kind_work *work, const struct json *driver, struct map *known,
			 const char *path)
{
	const struct json *name = json_get(driver, "name"), *id = json_get(driver, "nodeID");
	const char *at = field_path(work->errors, "%s.name", path);

	if (values_required(work, at, name)) {
		if (json_str(name).len > 63)
			field_errors_add(work->errors, FIELD_TOO_LONG, at, NULL,
					 "may not be more than 63 bytes");
		values_name(work, at, name, name_subdomain);
	}
	if (values_required(work, field_path(work->errors, "%s.nodeID", path), id) &&
	    json_str(id).len > NODE_ID_MAX)
		validate_invalid(work, field_path(work->errors, "%s.nodeID", path), id,
				 "must be 256 characters or less");
	validate_not_negative(work, json_path(driver, "allocatable", "count", NULL),
			      field_path(work->errors, "%s.allocatable.count", path));
	if (map_put(known, json_str(name), (void *)(uintptr_t)driver))
		validate_duplicate(work, at, name);
	check_keys(work, json_get(driver, "topologyKeys"), path);
}

/* What a driver has said once stays. */
static void check_unchanged(const struct kind_work *work, const struct json *driver)
{
	for (struct json_iter it = json_iter(json_path(work->old, "spec", "drivers", NULL));
	     json_next(&it);)
		if (json_equal(json_get(it.value, "name"), json_get(driver, "name")))
			validate_immutable(work, "spec.drivers", driver, it.value);
}

static void validate(const struct kind_work *work)
{
	const struct json *drivers = json_path(work->object, "spec", "drivers", NULL);
	auto_map known = map_new();

	for (struct json_iter it = json_iter(drivers); json_next(&it);)
		check_driver(work, it.value, known,
			     field_path(work->errors, "spec.drivers[%zu]", it.index));
	for (struct json_iter it = json_iter(drivers); work->old && json_next(&it);)
		check_unchanged(work, it.value);
}

static void print_drivers(const struct json *object, struct buf *out)
{
	cells_count(json_count(json_path(object, "spec", "drivers", NULL)), out);
}

static const struct column columns[] = {
	{ .name = "Name", .format = "name", .path = ".metadata.name" },
	{ .name = "Drivers", .type = "integer", .print = print_drivers },
	{ .name = "Age", .path = ".metadata.creationTimestamp" },
	{ 0 },
};

const struct kind kind_csinode = {
	.group = "storage.k8s.io",
	.version = "v1",
	.name = "CSINode",
	.plural = "csinodes",
	.type_name = "io.k8s.api.storage.v1.CSINode",
	.returns_object = true,
	.needs_revision = true,
	.name_rule = NAME_SUBDOMAIN,
	.verbs = VERB_ALL,
	.validate = validate,
	.columns = columns,
};
