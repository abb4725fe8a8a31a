/*
 * kind_csinode.c - CSINode: the storage drivers of a node.
 */
#include "api/kinds/cells.h"
#include "api/validate.h"

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
	.columns = columns,
};
