/*
 * kind_csidriver.c - CSIDriver: what a storage driver can do.
 */
#include "api/validate.h"
#include "api/validate_words.h"
#include "base/map.h"

#define TOKEN_SECONDS_MIN 600
#define TOKEN_SECONDS_MAX (INT64_C(1) << 32)

static void fill(const struct kind_work *work)
{
	struct json *spec = json_get(work->object, "spec"), *modes;

	if (!spec || json_count(json_get(spec, "volumeLifecycleModes")) > 0)
		return;
	modes = json_sub_array(work->doc, spec, "volumeLifecycleModes");
	json_append(modes, json_new_text(work->doc, "Persistent"));
}

static void check_tokens(const struct kind_work *work, const struct json *requests)
{
	auto_map audiences = map_new();

	for (struct json_iter it = json_iter(requests); json_next(&it);) {
		const struct json *audience = json_get(it.value, "audience"),
				  *seconds = json_get(it.value, "expirationSeconds");
		const char *path = field_path(work->errors, "spec.tokenRequests[%zu]", it.index);

		if (map_put(audiences, json_str(audience), it.value)) {
			validate_duplicate(work, field_path(work->errors, "%s.audience", path),
					   words_text(work, audience));
			continue;
		}
		path = field_path(work->errors, "%s.expirationSeconds", path);
		if (seconds && json_int(seconds) < TOKEN_SECONDS_MIN)
			validate_invalid(work, path, seconds,
					 "may not specify a duration less than 10 minutes");
		if (seconds && json_int(seconds) > TOKEN_SECONDS_MAX)
			validate_invalid(work, path, seconds,
					 "may not specify a duration larger than 2^32 seconds");
	}
}

static void validate(const struct kind_work *work)
{
	static const char *const policies[] = { "File", "None", "ReadWriteOnceWithFSType", NULL },
				 *const modes[] = { "Persistent", "Ephemeral", NULL };
	const struct json *spec = json_get(work->object, "spec"),
			  *old = json_get(work->old, "spec");

	if (json_get(spec, "fsGroupPolicy"))
		words_check(work, "spec.fsGroupPolicy", json_get(spec, "fsGroupPolicy"), policies);
	check_tokens(work, json_get(spec, "tokenRequests"));
	for (struct json_iter it = json_iter(json_get(spec, "volumeLifecycleModes"));
	     json_next(&it);)
		words_check(work, "spec.volumeLifecycleModes", it.value, modes);
	if (!old)
		return;
	validate_immutable(work, "spec.attachedRequired", json_get(spec, "attachRequired"),
			   json_get(old, "attachRequired"));
	validate_immutable(work, "spec.volumeLifecycleModes",
			   json_get(spec, "volumeLifecycleModes"),
			   json_get(old, "volumeLifecycleModes"));
}

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
	.fill = fill,
	.validate = validate,
	.columns = columns,
};
