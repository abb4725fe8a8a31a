/*
 * kind_admissionpolicy.c - ValidatingAdmissionPolicy: expressions that may refuse what is written.
 */
#include "api/kinds/cells.h"
#include "api/validate_webhook.h"

static void print_validations(const struct json *object, struct buf *out)
{
	cells_count(json_count(json_path(object, "spec", "validations", NULL)), out);
}

static void print_param_kind(const struct json *object, struct buf *out)
{
	const struct json *kind = json_path(object, "spec", "paramKind", NULL);

	if (kind)
		buf_add_print(out, STR_FMT "/" STR_FMT,
			      STR_ARG(json_str(json_get(kind, "apiVersion"))),
			      STR_ARG(json_str(json_get(kind, "kind"))));
	else
		buf_add_text(out, "<unset>");
}

static const struct column columns[] = {
	{ .name = "Name", .format = "name", .path = ".metadata.name" },
	{ .name = "Validations", .type = "integer", .print = print_validations },
	{ .name = "ParamKind", .print = print_param_kind },
	{ .name = "Age", .path = ".metadata.creationTimestamp" },
	{ 0 },
};

static const struct subresource subresources[] = {
	{ .name = "status", .verbs = VERB_GET | VERB_UPDATE | VERB_PATCH },
	{ 0 },
};

const struct kind kind_admissionpolicy = {
	.group = WEBHOOK_GROUP,
	.version = "v1",
	.name = "ValidatingAdmissionPolicy",
	.plural = "validatingadmissionpolicies",
	.categories = webhook_categories,
	.type_name = "io.k8s.api.admissionregistration.v1.ValidatingAdmissionPolicy",
	.has_generation = true,
	.needs_revision = true,
	.name_rule = NAME_SUBDOMAIN,
	.verbs = VERB_ALL,
	.subresources = subresources,
	.columns = columns,
};
