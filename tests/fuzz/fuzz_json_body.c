/*
 * fuzz_json_body.c - a request body on its way to a checked object: parse, decode, default, print,
 * parse again.  The first two bytes choose the type, "{" or a blank in front means a Pod.
 */
#include <stdint.h>
#include <stdlib.h>

#include "api/decode.h"
#include "base/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len);

static const struct type *choose(const uint8_t **at, size_t *len)
{
	size_t number;

	if (*len < 2 || **at == '{' || **at == ' ')
		return type_find(STR("io.k8s.api.core.v1.Pod"));
	number = (size_t)(*at)[0] << 8 | (*at)[1];
	*at += 2;
	*len -= 2;
	return &fields_types[number % fields_type_count];
}

/* The notes of the same text with all that is there twice; never fewer. */
static void note_duplicates(const struct type *type, struct str text, size_t fewest)
{
	auto_arena arena = arena_new();
	struct decode_notes notes = { .arena = arena, .duplicates = true };
	auto_json_doc doc = NULL;
	struct error err;

	if (!json_parse_kept(text, &doc, &err))
		abort();
	if (decode_check(type, doc, json_root(doc), &notes, &err) && notes.count < fewest)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
	const struct type *type = choose(&at, &len);
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
	note_duplicates(type, str_from(at, len), notes.count);
	decode_default(type, doc, json_root(doc));
	json_print(json_root(doc), &text);
	if (!json_parse(buf_str(&text), &again, NULL, &err) ||
	    !json_equal(json_root(doc), json_root(again)))
		abort();
	return 0;
}
