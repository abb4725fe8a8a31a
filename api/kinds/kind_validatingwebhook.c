/*
 * kind_validatingwebhook.c - ValidatingWebhookConfiguration: servers that may refuse what is
 * written.
 */
#include "api/validate_webhook.h"

static const struct column columns[] = {
	{ .name = "Name", .format = "name", .path = ".metadata.name" },
	{ .name = "Webhooks", .type = "integer", .print = webhook_print_count },
	{ .name = "Age", .path = ".metadata.creationTimestamp" },
	{ 0 },
};

const struct kind kind_validatingwebhook = {
	.group = WEBHOOK_GROUP,
	.version = "v1",
	.name = "ValidatingWebhookConfiguration",
	.plural = "validatingwebhookconfigurations",
	.categories = webhook_categories,
	.type_name = "io.k8s.api.admissionregistration.v1.ValidatingWebhookConfiguration",
	.has_generation = true,
	.needs_revision = true,
	.name_rule = NAME_SUBDOMAIN,
	.verbs = VERB_ALL,
	.fill = webhook_fill,
	.validate = webhook_validate,
	.warn = webhook_warn,
	.columns = columns,
};
