/*
 * kind_volumeattachment.c - VolumeAttachment: a volume and the node it is attached to.
 */
#include "api/kinds/rows.h"
#include "api/validate.h"
#include "api/validate_values.h"
#include "api/validate_words.h"

#define METADATA_BYTES_MAX (256u * 1024)
#define MESSAGE_BYTES_MAX  1024

static void check_source(const struct kind_work *work, const struct json *source)
{
	static const char words[] =
		"must specify exactly one of inlineVolumeSpec and persistentVolumeName";
	const struct json *volume = json_get(source, "persistentVolumeName"),
			  *own = json_get(source, "inlineVolumeSpec");

	if (!volume && !own)
		validate_required(work, "spec.source", words);
	else if (volume && own)
		words_forbidden(work, "spec.source", words);
	else if (volume && json_str(volume).len == 0)
		validate_required(work, "spec.source.persistentVolumeName",
				  "must specify non empty persistentVolumeName");
	if (volume)
		values_name(work, "spec.source.persistentVolumeName", volume, name_subdomain);
}

static void check_status(const struct kind_work *work)
{
	static const char *const errors[] = { "attachError", "detachError" };
	const struct json *status = json_get(work->object, "status");
	size_t size = 0;

	for (struct json_iter it = json_iter(json_get(status, "attachmentMetadata"));
	     json_next(&it);)
		size += it.key.len + json_str(it.value).len;
	if (size > METADATA_BYTES_MAX)
		words_too_long(work, "status.attachmentMetadata", METADATA_BYTES_MAX);
	for (size_t i = 0; i < ARRAY_LENGTH(errors); i++)
		if (json_str(json_path(status, errors[i], "message", NULL)).len > MESSAGE_BYTES_MAX)
			words_too_long(work,
				       field_path(work->errors, "status.%s.message", errors[i]),
				       METADATA_BYTES_MAX);
}

static void on_create(const struct kind_work *work)
{
	struct json *status = json_new_object(work->doc);

	json_put(work->doc, status, "attached", json_new_bool(work->doc, false));
	json_put(work->doc, work->object, "status", status);
}

static void validate(const struct kind_work *work)
{
	const struct json *spec = json_get(work->object, "spec"),
			  *attacher = json_get(spec, "attacher");

	if (values_required(work, "spec.attacher", attacher))
		values_name(work, "spec.attacher", attacher, name_subdomain);
	check_source(work, json_get(spec, "source"));
	values_name(work, "spec.nodeName", json_get(spec, "nodeName"), name_subdomain);
	check_status(work);
	if (work->old)
		validate_immutable(work, "spec", spec, json_get(work->old, "spec"));
}

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
	.on_create = on_create,
	.validate = validate,
	.subresources = subresources_status,
	.columns = columns,
};
