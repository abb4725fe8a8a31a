/*
 * kind_flowschema.c - FlowSchema: which requests belong to which priority level.
 */
#include "api/object.h"
#include "api/validate_flow.h"

static void print_method(const struct json *object, struct buf *out)
{
	struct str type = json_str(json_path(object, "spec", "distinguisherMethod", "type", NULL));

	buf_add_str(out, type.at ? type : STR("<none>"));
}

static void print_missing(const struct json *object, struct buf *out)
{
	const struct json *dangling = meta_condition(object, STR("Dangling"));

	buf_add_str(out, dangling ? json_str(json_get(dangling, "status")) : STR("?"));
}

static const struct column columns[] = {
	{ .name = "Name", .format = "name", .path = ".metadata.name" },
	{ .name = "PriorityLevel", .path = ".spec.priorityLevelConfiguration.name" },
	{ .name = "MatchingPrecedence", .path = ".spec.matchingPrecedence" },
	{ .name = "DistinguisherMethod", .print = print_method },
	{ .name = "Age", .path = ".metadata.creationTimestamp" },
	{ .name = "MissingPL", .print = print_missing },
	{ 0 },
};

static const struct subresource subresources[] = {
	{ .name = "status", .verbs = VERB_GET | VERB_UPDATE | VERB_PATCH },
	{ 0 },
};

const struct kind kind_flowschema = {
	.group = FLOW_GROUP,
	.version = "v1",
	.name = "FlowSchema",
	.plural = "flowschemas",
	.type_name = "io.k8s.api.flowcontrol.v1.FlowSchema",
	.has_generation = true,
	.name_rule = NAME_SUBDOMAIN,
	.verbs = VERB_ALL,
	.subresources = subresources,
	.columns = columns,
};
