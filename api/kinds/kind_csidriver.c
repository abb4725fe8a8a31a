/*
 * kind_csidriver.c - CSIDriver: what a storage driver can do.
 */
#include "api/validate.h"

static void print_list(const struct json *list, const char *field, const char *none,
		       struct buf *out)
{
	for (struct json_iter it = json_iter(list); json_next(&it);)
		buf_add_print(out, "%s" STR_FMT, it.index ? "," : "",
			      STR_ARG(json_str(field ? json_get(it.value, field) : it.value)));
	if (out->len == 0)
		buf_add_text(out, none);
}

static void print_tokens(const struct json *object, struct buf *out)
{
	print_list(json_path(object, "spec", "tokenRequests", NULL), "audience", "<unset>", out);
}

static void print_modes(const struct json *object, struct buf *out)
{
	print_list(json_path(object, "spec", "volumeLifecycleModes", NULL), NULL, "<none>", out);
}

static const struct column columns[] = {
	{ .name = "Name", .format = "name", .path = ".metadata.name" },
	{ .name = "AttachRequired", .type = "boolean", .path = ".spec.attachRequired" },
	{ .name = "PodInfoOnMount", .type = "boolean", .path = ".spec.podInfoOnMount" },
	{ .name = "StorageCapacity", .type = "boolean", .path = ".spec.storageCapacity" },
	{ .name = "TokenRequests", .print = print_tokens },
	{ .name = "RequiresRepublish", .type = "boolean", .path = ".spec.requiresRepublish" },
	{ .name = "Modes", .print = print_modes },
	{ .name = "Age", .path = ".metadata.creationTimestamp" },
	{ 0 },
};

const struct kind kind_csidriver = {
	.group = "storage.k8s.io",
	.version = "v1",
	.name = "CSIDriver",
	.plural = "csidrivers",
	.type_name = "io.k8s.api.storage.v1.CSIDriver",
	.has_generation = true,
	.returns_object = true,
	.needs_revision = true,
	.name_rule = NAME_SUBDOMAIN,
	.verbs = VERB_ALL,
	.columns = columns,
};
