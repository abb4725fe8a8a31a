/*
 * kind_serviceaccount.c - ServiceAccount: the name that pods act under.
 */
#include "api/kinds/cells.h"

static void print_secrets(const struct json *object, struct buf *out)
{
	cells_count(json_count(json_get(object, "secrets")), out);
}

static const struct column columns[] = {
	{ .name = "Name", .format = "name", .path = ".metadata.name" },
	{ .name = "Secrets", .type = "number", .print = print_secrets },
	{ .name = "Age", .path = ".metadata.creationTimestamp" },
	{ 0 },
};
static const char *const short_names[] = { "sa", NULL };
static const struct subresource subresources[] = {
	{ "token", "TokenRequest", "authentication.k8s.io", "v1", VERB_CREATE },
	{ 0 },
};

const struct kind kind_serviceaccount = {
	.group = "",
	.version = "v1",
	.name = "ServiceAccount",
	.plural = "serviceaccounts",
	.short_names = short_names,
	.type_name = "io.k8s.api.core.v1.ServiceAccount",
	.namespaced = true,
	.returns_object = true,
	.name_rule = NAME_SUBDOMAIN,
	.verbs = VERB_ALL,
	.subresources = subresources,
	.columns = columns,
};
