/*
 * kind_clusterrolebinding.c - ClusterRoleBinding: gives a role to somebody everywhere.
 */
#include "api/validate_rbac.h"

static const struct column columns[] = {
	{ .name = "Name", .format = "name", .path = ".metadata.name" },
	{ .name = "Role", .print = rbac_print_role },
	{ .name = "Age", .path = ".metadata.creationTimestamp" },
	{ .name = "Users", .priority = 1, .print = rbac_print_users },
	{ .name = "Groups", .priority = 1, .print = rbac_print_groups },
	{ .name = "ServiceAccounts", .priority = 1, .print = rbac_print_accounts },
	{ 0 },
};

const struct kind kind_clusterrolebinding = {
	.group = RBAC_GROUP,
	.version = "v1",
	.name = "ClusterRoleBinding",
	.plural = "clusterrolebindings",
	.type_name = "io.k8s.api.rbac.v1.ClusterRoleBinding",
	.namespaced = false,
	.put_creates = true,
	.name_rule = NAME_PATH_SEGMENT,
	.verbs = VERB_ALL,
	.fill = rbac_fill_binding,
	.validate = rbac_validate_binding,
	.columns = columns,
};
