/*
 * kind_volumeattachment.c - VolumeAttachment: a volume and the node it is attached to.
 */
#include "api/validate.h"

static void print_attached(const struct json *object, struct buf *out)
{
	buf_add_text(out,
		     json_bool(json_path(object, "status", "attached", NULL)) ? "true" : "false");
}

static const struct column columns[] = {
	{ .name = "Name", .format = "name", .path = ".metadata.name" },
	{ .name = "Attacher", .path = ".spec.attacher" },
	{ .name = "PV", .path = ".spec.source.persistentVolumeName" },
	{ .name = "Node", .path = ".spec.nodeName" },
	{ .name = "Attached", .type = "boolean", .print = print_attached },
	{ .name = "Age", .path = ".metadata.creationTimestamp" },
	{ 0 },
};

static const struct subresource subresources[] = {
	{ .name = "status", .verbs = VERB_GET | VERB_UPDATE | VERB_PATCH },
	{ 0 },
};

const struct kind kind_volumeattachment = {
	.group = "storage.k8s.io",
	.version = "v1",
	.name = "VolumeAttachment",
	.plural = "volumeattachments",
	.type_name = "io.k8s.api.storage.v1.VolumeAttachment",
	.returns_object = true,
	.needs_revision = true,
	.name_rule = NAME_SUBDOMAIN,
	.verbs = VERB_ALL,
	.subresources = subresources,
	.columns = columns,
};
