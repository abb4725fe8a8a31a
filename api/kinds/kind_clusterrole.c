/*
 * kind_clusterrole.c - ClusterRole: rights everywhere, or in the namespace of the binding that
 * names it; and one whose rules are gathered from others by their labels.
 */
#include "api/kinds/cells.h"
#include "api/validate.h"
#include "api/validate_rbac.h"

/* A role that gathers keeps what was gathered; who writes it does not write the rules. */
static void validate(const struct kind_work *work)
{
	const struct json *gathered = json_get(work->object, "aggregationRule");

	rbac_validate_rules(work);
	if (gathered && json_count(json_get(gathered, "clusterRoleSelectors")) == 0)
		validate_required(
			work, "aggregationRule.clusterRoleSelectors",
			"at least one clusterRoleSelector required if aggregationRule is non-nil");
	for (struct json_iter it = json_iter(json_get(gathered, "clusterRoleSelectors"));
	     json_next(&it);)
		validate_label_selector(work, it.value,
					field_path(work->errors,
						   "aggregationRule.clusterRoleSelectors[%zu]",
						   it.index));
}

static const struct column columns[] = {
	{ .name = "Name", .format = "name", .path = ".metadata.name" },
	{ .name = "Created At", .type = "date", .print = cells_created },
	{ 0 },
};

const struct kind kind_clusterrole = {
	.group = RBAC_GROUP,
	.version = "v1",
	.name = "ClusterRole",
	.plural = "clusterroles",
	.type_name = "io.k8s.api.rbac.v1.ClusterRole",
	.put_creates = true,
	.name_rule = NAME_PATH_SEGMENT,
	.verbs = VERB_ALL,
	.validate = validate,
	.columns = columns,
};
