/*
 * fuzz_protobuf.c - any bytes as a protobuf body of any kind: what is taken is JSON that can be
 * printed, parsed, checked and written back; all else is refused with a reason.
 *
 * The first byte chooses the type when the envelope names none that we know.
 */
#include <stdint.h>
#include <stdlib.h>

#include "api/decode.h"
#include "api/kind.h"
#include "api/protobuf.h"

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len);

static void must(bool fine)
{
	if (!fine)
		abort();
}

/* Written and read again it must say the same. */
static void write_back(const struct type *type, const struct json *root)
{
	auto_json_doc doc = json_doc_new();
	auto_buf first = BUF_INIT;
	auto_buf second = BUF_INIT;
	struct str version, kind, raw;
	struct json *again;
	struct error err;

	if (!protobuf_from_json(type, root, &first, &err))
		return;
	must(protobuf_open(buf_str(&first), &version, &kind, &raw, &err));
	must(protobuf_to_json(type, raw, doc, &again, &err));
	must(protobuf_from_json(type, again, &second, &err));
	must(str_equal(buf_str(&first), buf_str(&second)));
}

static void try_type(const struct type *type, struct str raw)
{
	auto_json_doc doc = json_doc_new();
	auto_json_doc parsed = NULL;
	auto_arena arena = arena_new();
	auto_buf text = BUF_INIT;
	struct decode_notes notes = { .arena = arena };
	struct json *root = NULL;
	struct error err;

	if (!protobuf_to_json(type, raw, doc, &root, &err)) {
		must(err.kind == ERROR_BAD_REQUEST && err.text[0] && !root);
		return;
	}
	json_set_root(doc, root);
	json_print(root, &text);
	must(json_parse(buf_str(&text), &parsed, NULL, &err));
	must(json_equal(root, json_root(parsed)));
	if (decode_check(type, doc, root, &notes, &err))
		write_back(type, root);
}

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
	struct str bytes = str_from(at, len), version, kind, raw;
	const struct kind *found;
	struct error err;

	if (len == 0)
		return 0;
	if (!protobuf_open(bytes, &version, &kind, &raw, &err)) {
		must(err.kind == ERROR_BAD_REQUEST);
		try_type(&fields_types[at[0] % fields_type_count], str_from(at + 1, len - 1));
		return 0;
	}
	must(str_is_utf8(version) && str_is_utf8(kind));
	found = kind_find_name(version, kind);
	for (size_t i = 0; !found && i < fields_type_count; i++)
		if (str_ends(str_of(type_name(&fields_types[i])), kind) && kind.len > 8)
			try_type(&fields_types[i], raw);
	if (found)
		try_type(kind_type(found), raw);
	return 0;
}
