/*
 * kind_csistoragecapacity.c - CSIStorageCapacity: how much a storage driver has left somewhere.
 */
#include "api/validate.h"

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
	.columns = columns,
};
