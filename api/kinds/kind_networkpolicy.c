/*
 * kind_networkpolicy.c - NetworkPolicy: who may talk with some pods.
 */
#include "api/kinds/cells.h"
#include "api/selector.h"
#include "api/validate.h"

static void print_selector(const struct json *object, struct buf *out)
{
	struct selector *selector;
	struct error unused;

	if (!selector_from_json(json_path(object, "spec", "podSelector", NULL), &selector, &unused))
		return;
	selector_print(selector, out);
	selector_free(selector);
	if (out->len == 0)
		buf_add_text(out, "<none>");
}

static const struct column columns[] = {
	{ .name = "Name", .format = "name", .path = ".metadata.name" },
	{ .name = "Pod-Selector", .print = print_selector },
	{ .name = "Age", .path = ".metadata.creationTimestamp" },
	{ 0 },
};

static const char *const short_names[] = { "netpol", NULL };

const struct kind kind_networkpolicy = {
	.group = "networking.k8s.io",
	.version = "v1",
	.name = "NetworkPolicy",
	.plural = "networkpolicies",
	.short_names = short_names,
	.type_name = "io.k8s.api.networking.v1.NetworkPolicy",
	.namespaced = true,
	.has_generation = true,
	.name_rule = NAME_SUBDOMAIN,
	.verbs = VERB_ALL,
	.columns = columns,
};
