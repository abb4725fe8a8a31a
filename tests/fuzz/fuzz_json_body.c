/*
 * fuzz_json_body.c - a request body on its way to a checked Pod: parse, decode, default, print,
 * parse again.
 */
#include <stdint.h>
#include <stdlib.h>

#include "api/decode.h"
#include "base/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
	const struct type *type = type_find(STR("io.k8s.api.core.v1.Pod"));
	auto_arena arena = arena_new();
	struct decode_notes notes = { .arena = arena };
	auto_json_doc doc = NULL;
	auto_json_doc again = NULL;
	auto_buf text = BUF_INIT;
	const char *duplicate;
	struct error err;

	if (!json_parse(str_from(at, len), &doc, &duplicate, &err) ||
	    json_type(json_root(doc)) != JSON_OBJECT)
		return 0;
	if (!decode_check(type, doc, json_root(doc), &notes, &err))
		return 0;
	decode_default(type, doc, json_root(doc));
	json_print(json_root(doc), &text);
	if (!json_parse(buf_str(&text), &again, NULL, &err) ||
	    !json_equal(json_root(doc), json_root(again)))
		abort();
	return 0;
}
