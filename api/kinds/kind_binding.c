/*
 * kind_binding.c - Binding: puts a pod on a node.  It is only made, and nothing of it is kept.
 */
#include "api/validate.h"
#include "api/validate_words.h"

static void validate(const struct kind_work *work)
{
	static const char *const kinds[] = { "Node", "<empty>", NULL };
	const struct json *target = json_get(work->object, "target"),
			  *kind = json_get(target, "kind");

	if (json_str(kind).len > 0 && !str_is(json_str(kind), "Node"))
		words_not_supported(work, "target.kind", kind, kinds);
	if (json_str(json_get(target, "name")).len == 0)
		validate_required(work, "target.name", "");
}

static const struct column columns[] = {
	{ .name = "Name", .format = "name", .path = ".metadata.name" },
	{ 0 },
};

const struct kind kind_binding = {
	.group = "",
	.version = "v1",
	.name = "Binding",
	.plural = "bindings",
	.type_name = "io.k8s.api.core.v1.Binding",
	.namespaced = true,
	.name_rule = NAME_SUBDOMAIN,
	.verbs = VERB_CREATE,
	.validate = validate,
	.columns = columns,
};
