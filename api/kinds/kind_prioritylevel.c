/*
 * kind_prioritylevel.c - PriorityLevelConfiguration: how many requests of a level run at once.
 */
#include "api/validate_flow.h"

static void print_number(const struct json *value, struct buf *out)
{
	if (value)
		json_print(value, out);
	else
		buf_add_text(out, "<none>");
}

static void print_shares(const struct json *object, struct buf *out)
{
	print_number(json_path(object, "spec", "limited", "nominalConcurrencyShares", NULL), out);
}

static const struct json *queuing(const struct json *object, const char *field)
{
	return json_path(object, "spec", "limited", "limitResponse", "queuing", field, NULL);
}

static void print_queues(const struct json *object, struct buf *out)
{
	print_number(queuing(object, "queues"), out);
}

static void print_hand(const struct json *object, struct buf *out)
{
	print_number(queuing(object, "handSize"), out);
}

static void print_length(const struct json *object, struct buf *out)
{
	print_number(queuing(object, "queueLengthLimit"), out);
}

static const struct column columns[] = {
	{ .name = "Name", .format = "name", .path = ".metadata.name" },
	{ .name = "Type", .path = ".spec.type" },
	{ .name = "NominalConcurrencyShares", .print = print_shares },
	{ .name = "Queues", .print = print_queues },
	{ .name = "HandSize", .print = print_hand },
	{ .name = "QueueLengthLimit", .print = print_length },
	{ .name = "Age", .path = ".metadata.creationTimestamp" },
	{ 0 },
};

static const struct subresource subresources[] = {
	{ .name = "status", .verbs = VERB_GET | VERB_UPDATE | VERB_PATCH },
	{ 0 },
};

const struct kind kind_prioritylevel = {
	.group = FLOW_GROUP,
	.version = "v1",
	.name = "PriorityLevelConfiguration",
	.plural = "prioritylevelconfigurations",
	.type_name = "io.k8s.api.flowcontrol.v1.PriorityLevelConfiguration",
	.has_generation = true,
	.name_rule = NAME_SUBDOMAIN,
	.verbs = VERB_ALL,
	.subresources = subresources,
	.columns = columns,
};
