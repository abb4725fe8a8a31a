/*
 * fuzz_discovery_remote.c - what another API server says of its resources: it is a list or it is
 * not, and each entry of ours has what clients need.
 */
#include <stdint.h>
#include <stdlib.h>

#include "api/discovery_remote.h"

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len);

static void check(const struct json *entry, const char *name)
{
	if (json_str(json_get(entry, name)).len == 0 ||
	    json_type(json_get(entry, "verbs")) != JSON_ARRAY ||
	    !json_str(json_path(entry, "responseKind", "kind", NULL)).at)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
	auto_json_doc list = NULL;
	auto_json_doc doc = json_doc_new();
	struct json *resources;
	struct error err;

	if (!json_parse(str_from(at, len), &list, NULL, &err) ||
	    !discovery_remote_read(json_root(list), doc, &resources, &err))
		return 0;
	for (struct json_iter it = json_iter(resources); json_next(&it);) {
		struct json_iter below = json_iter(json_get(it.value, "subresources"));

		check(it.value, "resource");
		while (json_next(&below))
			check(below.value, "subresource");
	}
	return 0;
}
