/*
 * kind_ingressclass.c - IngressClass: who serves ingresses.
 */
#include "api/validate.h"

/* "IngressParameters.example.com/external" */
static void print_parameters(const struct json *object, struct buf *out)
{
	const struct json *parameters = json_path(object, "spec", "parameters", NULL);
	struct str group = json_str(json_get(parameters, "apiGroup"));

	if (!parameters) {
		buf_add_text(out, "<none>");
		return;
	}
	buf_add_str(out, json_str(json_get(parameters, "kind")));
	if (group.at)
		buf_add_print(out, "." STR_FMT, STR_ARG(group));
	buf_add_print(out, "/" STR_FMT, STR_ARG(json_str(json_get(parameters, "name"))));
}

static const struct column columns[] = {
	{ .name = "Name", .format = "name", .path = ".metadata.name" },
	{ .name = "Controller", .path = ".spec.controller" },
	{ .name = "Parameters", .print = print_parameters },
	{ .name = "Age", .path = ".metadata.creationTimestamp" },
	{ 0 },
};

const struct kind kind_ingressclass = {
	.group = "networking.k8s.io",
	.version = "v1",
	.name = "IngressClass",
	.plural = "ingressclasses",
	.type_name = "io.k8s.api.networking.v1.IngressClass",
	.has_generation = true,
	.name_rule = NAME_SUBDOMAIN,
	.verbs = VERB_ALL,
	.columns = columns,
};
