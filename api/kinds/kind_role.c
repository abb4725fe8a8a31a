/*
 * kind_role.c - Role: rights inside one namespace.
 */
#include "api/kinds/cells.h"
#include "api/validate_rbac.h"

static const struct column columns[] = {
	{ .name = "Name", .format = "name", .path = ".metadata.name" },
	{ .name = "Created At", .type = "date", .print = cells_created },
	{ 0 },
};

const struct kind kind_role = {
	.group = RBAC_GROUP,
	.version = "v1",
	.name = "Role",
	.plural = "roles",
	.type_name = "io.k8s.api.rbac.v1.Role",
	.namespaced = true,
	.put_creates = true,
	.name_rule = NAME_PATH_SEGMENT,
	.verbs = VERB_ALL,
	.validate = rbac_validate_rules,
	.columns = columns,
};
