/*
 * fuzz_manifest.c - texts of manifests are cut, parsed, and made into objects and patches.
 *
 * The second half of the input is the older manifest; a deployed object stays an object.
 */
#include <stdint.h>
#include <stdlib.h>

#include "api/object.h"
#include "api/patch.h"
#include "server/control/manifest_merge.h"
#include "server/control/manifest_text.h"

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len);

static void deploy(const struct json *before, const struct json *after, const struct kind *kind)
{
	auto_json_doc live = json_doc_new();
	auto_json_doc sent = json_doc_new();
	struct json *object = manifest_merge_new(live, kind, before, "f.yaml");
	struct json *made = manifest_merge_new(sent, kind, after, "f.yaml");
	struct error err;

	made = manifest_merge_patch(sent, kind, made, object);
	if (patch_strategic(kind_type(kind), live, object, made, &err) &&
	    json_type(object) != JSON_OBJECT)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
	struct manifest_text before, after;
	bool is_json = len > 0 && at[0] == '{';

	manifest_text_parse(str_from(at, len / 2), is_json, &before);
	manifest_text_parse(str_from(at + len / 2, len - len / 2), is_json, &after);
	for (size_t i = 0; i < before.count && i < after.count; i++) {
		const struct kind *kind =
			kind_find_name(after.objects[i].api_version, after.objects[i].kind);

		if (kind)
			deploy(before.objects[i].json, after.objects[i].json, kind);
	}
	manifest_text_clear(&before);
	manifest_text_clear(&after);
	return 0;
}
