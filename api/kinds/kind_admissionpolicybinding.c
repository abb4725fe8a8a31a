/*
 * kind_admissionpolicybinding.c - ValidatingAdmissionPolicyBinding: where a policy counts, and with
 * which parameters.
 */
#include "api/validate_webhook.h"

static void print_param(const struct json *object, struct buf *out)
{
	const struct json *param = json_path(object, "spec", "paramRef", NULL);

	if (param)
		buf_add_print(out, STR_FMT "/" STR_FMT,
			      STR_ARG(json_str(json_get(param, "namespace"))),
			      STR_ARG(json_str(json_get(param, "name"))));
	else
		buf_add_text(out, "<unset>");
}

static const struct column columns[] = {
	{ .name = "Name", .format = "name", .path = ".metadata.name" },
	{ .name = "PolicyName", .path = ".spec.policyName" },
	{ .name = "ParamRef", .print = print_param },
	{ .name = "Age", .path = ".metadata.creationTimestamp" },
	{ 0 },
};

const struct kind kind_admissionpolicybinding = {
	.group = WEBHOOK_GROUP,
	.version = "v1",
	.name = "ValidatingAdmissionPolicyBinding",
	.plural = "validatingadmissionpolicybindings",
	.categories = webhook_categories,
	.type_name = "io.k8s.api.admissionregistration.v1.ValidatingAdmissionPolicyBinding",
	.has_generation = true,
	.needs_revision = true,
	.name_rule = NAME_SUBDOMAIN,
	.verbs = VERB_ALL,
	.columns = columns,
};
