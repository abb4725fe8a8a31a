/*
 * fuzz_patch.c - the three patches: the input is {"target": ..., "patch": ...}; what comes out is
 * no deeper than a text may be and reads again as itself.
 */
#include <stdint.h>
#include <stdlib.h>

#include "api/patch.h"

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len);

enum form { FORM_JSON, FORM_MERGE, FORM_STRATEGIC };

static bool apply(enum form form, struct json_doc *doc, struct json **root,
		  const struct json *patch)
{
	struct error err;

	if (form == FORM_JSON)
		return patch_json(doc, root, patch, &err);
	if (form == FORM_MERGE) {
		patch_merge(doc, root, patch);
		return true;
	}
	return json_type(*root) == JSON_OBJECT &&
	       patch_strategic(type_find(STR("io.k8s.api.core.v1.Pod")), doc, *root, patch, &err);
}

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
	auto_json_doc input = NULL;
	struct error err;

	if (!json_parse(str_from(at, len), &input, NULL, &err) ||
	    !json_get(json_root(input), "patch"))
		return 0;
	for (int form = FORM_JSON; form <= FORM_STRATEGIC; form++) {
		auto_json_doc doc = json_doc_new();
		auto_json_doc again = NULL;
		auto_buf text = BUF_INIT;
		struct json *root = json_clone(doc, json_get(json_root(input), "target"));

		if (!root ||
		    !apply((enum form)form, doc, &root, json_get(json_root(input), "patch")))
			continue;
		json_print(root, &text);
		if (!json_parse(buf_str(&text), &again, NULL, &err) ||
		    !json_equal(root, json_root(again)))
			abort();
	}
	return 0;
}
