/*
 * kind_storageclass.c - StorageClass: how volumes are made.
 */
#include "api/object.h"
#include "api/validate.h"

static void print_name(const struct json *object, struct buf *out)
{
	static const char *const keys[] = { "storageclass.kubernetes.io/is-default-class",
					    "storageclass.beta.kubernetes.io/is-default-class" };
	bool is_default = false;

	for (size_t i = 0; i < ARRAY_LENGTH(keys); i++)
		is_default = is_default || str_is(meta_annotation(object, keys[i]), "true");
	buf_add_str(out, meta_str(object, "name"));
	if (is_default)
		buf_add_text(out, " (default)");
}

static void print_expansion(const struct json *object, struct buf *out)
{
	buf_add_text(out, json_bool(json_get(object, "allowVolumeExpansion")) ? "true" : "false");
}

static const struct column columns[] = {
	{ .name = "Name", .format = "name", .print = print_name },
	{ .name = "Provisioner", .path = ".provisioner" },
	{ .name = "ReclaimPolicy", .path = ".reclaimPolicy" },
	{ .name = "VolumeBindingMode", .path = ".volumeBindingMode" },
	{ .name = "AllowVolumeExpansion", .print = print_expansion },
	{ .name = "Age", .path = ".metadata.creationTimestamp" },
	{ 0 },
};

static const char *const short_names[] = { "sc", NULL };

const struct kind kind_storageclass = {
	.group = "storage.k8s.io",
	.version = "v1",
	.name = "StorageClass",
	.plural = "storageclasses",
	.short_names = short_names,
	.type_name = "io.k8s.api.storage.v1.StorageClass",
	.returns_object = true,
	.name_rule = NAME_SUBDOMAIN,
	.verbs = VERB_ALL,
	.columns = columns,
};
