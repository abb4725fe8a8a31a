/*
 * kind_crd.c - CustomResourceDefinition: a kind of one's own.
 */
#include "api/kinds/cells.h"
#include "api/validate.h"

static const struct column columns[] = {
	{ .name = "Name", .format = "name", .path = ".metadata.name" },
	{ .name = "Created At", .type = "date", .print = cells_created },
	{ 0 },
};

static const char *const short_names[] = { "crd", "crds", NULL };
static const char *const categories[] = { "api-extensions", NULL };
static const struct subresource subresources[] = {
	{ .name = "status", .verbs = VERB_GET | VERB_UPDATE | VERB_PATCH },
	{ 0 },
};

const struct kind kind_crd = {
	.group = "apiextensions.k8s.io",
	.version = "v1",
	.name = "CustomResourceDefinition",
	.plural = "customresourcedefinitions",
	.short_names = short_names,
	.categories = categories,
	.type_name = "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1."
		     "CustomResourceDefinition",
	.has_generation = true,
	.needs_revision = true,
	.name_rule = NAME_SUBDOMAIN,
	.verbs = VERB_ALL,
	.subresources = subresources,
	.columns = columns,
};
