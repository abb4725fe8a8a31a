/*
 * kind_apiservice.c - APIService: who answers for an API group and version.
 */
#include "api/object.h"
#include "api/validate.h"

static void print_service(const struct json *object, struct buf *out)
{
	const struct json *service = json_path(object, "spec", "service", NULL);

	if (service)
		buf_add_print(out, STR_FMT "/" STR_FMT,
			      STR_ARG(json_str(json_get(service, "namespace"))),
			      STR_ARG(json_str(json_get(service, "name"))));
	else
		buf_add_text(out, "Local");
}

static void print_available(const struct json *object, struct buf *out)
{
	const struct json *available = meta_condition(object, STR("Available"));
	struct str status = json_str(json_get(available, "status")),
		   reason = json_str(json_get(available, "reason"));

	buf_add_str(out, available ? status : STR("Unknown"));
	if (available && !str_is(status, "True") && reason.len > 0)
		buf_add_print(out, " (" STR_FMT ")", STR_ARG(reason));
}

static const struct column columns[] = {
	{ .name = "Name", .format = "name", .path = ".metadata.name" },
	{ .name = "Service", .print = print_service },
	{ .name = "Available", .print = print_available },
	{ .name = "Age", .path = ".metadata.creationTimestamp" },
	{ 0 },
};

static const char *const categories[] = { "api-extensions", NULL };
static const struct subresource subresources[] = {
	{ .name = "status", .verbs = VERB_GET | VERB_UPDATE | VERB_PATCH },
	{ 0 },
};

const struct kind kind_apiservice = {
	.group = "apiregistration.k8s.io",
	.version = "v1",
	.name = "APIService",
	.plural = "apiservices",
	.categories = categories,
	.type_name = "io.k8s.kube-aggregator.pkg.apis.apiregistration.v1.APIService",
	.needs_revision = true,
	.name_rule = NAME_SUBDOMAIN,
	.verbs = VERB_ALL,
	.subresources = subresources,
	.columns = columns,
};
