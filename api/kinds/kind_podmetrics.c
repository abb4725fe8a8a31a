/*
 * kind_podmetrics.c - PodMetrics: what a pod's containers use; made when it is asked for, kept
 * nowhere.
 */
#include <inttypes.h>

#include "api/kind.h"
#include "api/quantity.h"

#define KIB 1024

/* The pod's containers together, in milli units for processors. */
static int64_t sum(const struct json *pod, const char *resource, bool milli)
{
	int64_t all = 0, one;
	struct error ignored;

	for (struct json_iter it = json_iter(json_get(pod, "containers")); json_next(&it);) {
		struct str text = json_str(json_path(it.value, "usage", resource, NULL));

		if (milli ? quantity_milli(text, &one, &ignored)
			  : quantity_value(text, &one, &ignored))
			all += one;
	}
	return all;
}

static void print_cpu(const struct json *object, struct buf *out)
{
	buf_add_print(out, "%" PRId64 "m", sum(object, "cpu", true));
}

static void print_memory(const struct json *object, struct buf *out)
{
	buf_add_print(out, "%" PRId64 "Ki", sum(object, "memory", false) / KIB);
}

static const struct column columns[] = {
	{ .name = "Name", .format = "name", .path = ".metadata.name" },
	{ .name = "cpu", .print = print_cpu },
	{ .name = "memory", .print = print_memory },
	{ .name = "Window", .path = ".window" },
	{ 0 },
};

const struct kind kind_podmetrics = {
	.group = "metrics.k8s.io",
	.version = "v1beta1",
	.name = "PodMetrics",
	.plural = "pods",
	.singular = "",
	.namespaced = true,
	.type_name = "io.k8s.metrics.pkg.apis.metrics.v1beta1.PodMetrics",
	.in_memory = true,
	.name_rule = NAME_SUBDOMAIN,
	.verbs = VERB_GET | VERB_LIST,
	.columns = columns,
};
