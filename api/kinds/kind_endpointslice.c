/*
 * kind_endpointslice.c - EndpointSlice: the addresses behind a Service.
 */
#include <inttypes.h>

#include "api/validate.h"

#define SHOWN_MAX     3
#define ENDPOINTS_MAX 1000

static void validate(const struct kind_work *work)
{
	const struct json *endpoints = json_get(work->object, "endpoints"),
			  *type = json_get(work->object, "addressType");

	if (json_str(type).len == 0)
		validate_required(work, "addressType", "");
	if (work->old)
		validate_immutable(work, "addressType", type, json_get(work->old, "addressType"));
	if (json_count(endpoints) > ENDPOINTS_MAX)
		field_errors_add(work->errors, FIELD_TOO_MANY, "endpoints", NULL,
				 "must have at most 1000 items");
	for (struct json_iter it = json_iter(endpoints); json_next(&it);)
		if (json_count(json_get(it.value, "addresses")) == 0)
			validate_required(
				work,
				field_path(work->errors, "endpoints[%zu].addresses", it.index),
				"must contain at least 1 address");
}

static void print_ports(const struct json *object, struct buf *out)
{
	const struct json *ports = json_get(object, "ports");

	if (json_count(ports) == 0)
		buf_add_text(out, "<unset>");
	for (struct json_iter it = json_iter(ports); json_next(&it) && it.index < SHOWN_MAX;)
		buf_add_print(out, "%s%" PRId64, it.index ? "," : "",
			      json_int(json_get(it.value, "port")));
	if (json_count(ports) > SHOWN_MAX)
		buf_add_print(out, " + %zu more...", json_count(ports) - SHOWN_MAX);
}

static void print_endpoints(const struct json *object, struct buf *out)
{
	size_t shown = 0, all = 0;

	for (struct json_iter it = json_iter(json_get(object, "endpoints")); json_next(&it);)
		for (struct json_iter each = json_iter(json_get(it.value, "addresses"));
		     json_next(&each); all++)
			if (shown < SHOWN_MAX)
				buf_add_print(out, "%s" STR_FMT, shown++ ? "," : "",
					      STR_ARG(json_str(each.value)));
	if (all == 0)
		buf_add_text(out, "<unset>");
	if (all > shown)
		buf_add_print(out, " + %zu more...", all - shown);
}

static const struct column columns[] = {
	{ .name = "Name", .format = "name", .path = ".metadata.name" },
	{ .name = "AddressType", .path = ".addressType" },
	{ .name = "Ports", .print = print_ports },
	{ .name = "Endpoints", .print = print_endpoints },
	{ .name = "Age", .path = ".metadata.creationTimestamp" },
	{ 0 },
};

const struct kind kind_endpointslice = {
	.group = "discovery.k8s.io",
	.version = "v1",
	.name = "EndpointSlice",
	.plural = "endpointslices",
	.type_name = "io.k8s.api.discovery.v1.EndpointSlice",
	.namespaced = true,
	.has_generation = true,
	.name_rule = NAME_SUBDOMAIN,
	.verbs = VERB_ALL,
	.validate = validate,
	.columns = columns,
};
