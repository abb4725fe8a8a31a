/*
 * kind_nodemetrics.c - NodeMetrics: what a node uses; made when it is asked for, kept nowhere.
 */
#include "api/kind.h"

static const struct column columns[] = {
	{ .name = "Name", .format = "name", .path = ".metadata.name" },
	{ .name = "cpu", .path = ".usage.cpu" },
	{ .name = "memory", .path = ".usage.memory" },
	{ .name = "Window", .path = ".window" },
	{ 0 },
};

const struct kind kind_nodemetrics = {
	.group = "metrics.k8s.io",
	.version = "v1beta1",
	.name = "NodeMetrics",
	.plural = "nodes",
	.singular = "",
	.type_name = "io.k8s.metrics.pkg.apis.metrics.v1beta1.NodeMetrics",
	.in_memory = true,
	.name_rule = NAME_SUBDOMAIN,
	.verbs = VERB_GET | VERB_LIST,
	.columns = columns,
};
