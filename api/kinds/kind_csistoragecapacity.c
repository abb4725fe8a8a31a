/*
 * kind_csistoragecapacity.c - CSIStorageCapacity: how much a storage driver has left somewhere.
 */
#include "api/validate.h"
#include "api/validate_values.h"

static void validate(const struct kind_work *work)
{
	static const char *const kept[] = { "nodeTopology", "storageClassName" };
	const struct json *capacity = json_get(work->object, "capacity");

	if (work->old) {
		for (size_t i = 0; i < ARRAY_LENGTH(kept); i++)
			validate_immutable(work, kept[i], json_get(work->object, kept[i]),
					   json_get(work->old, kept[i]));
		return;
	}
	if (json_get(work->object, "nodeTopology"))
		validate_label_selector(work, json_get(work->object, "nodeTopology"),
					"nodeTopology");
	values_name(work, "storageClassName", json_get(work->object, "storageClassName"),
		    name_subdomain);
	if (str_starts(json_str(capacity), STR("-")))
		validate_invalid(work, "capacity", capacity, "must be greater than or equal to 0");
}

static void print_capacity(const struct json *object, struct buf *out)
{
	struct str capacity = json_str(json_get(object, "capacity"));

	buf_add_str(out, capacity.at ? capacity : STR("<unset>"));
}

static const struct column columns[] = {
	{ .name = "Name", .format = "name", .path = ".metadata.name" },
	{ .name = "StorageClassName", .path = ".storageClassName" },
	{ .name = "Capacity", .print = print_capacity },
	{ 0 },
};

const struct kind kind_csistoragecapacity = {
	.group = "storage.k8s.io",
	.version = "v1",
	.name = "CSIStorageCapacity",
	.plural = "csistoragecapacities",
	.type_name = "io.k8s.api.storage.v1.CSIStorageCapacity",
	.namespaced = true,
	.needs_revision = true,
	.name_rule = NAME_SUBDOMAIN,
	.verbs = VERB_ALL,
	.validate = validate,
	.columns = columns,
};
