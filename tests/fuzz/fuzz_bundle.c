/*
 * fuzz_bundle.c - any bytes as the parts of a bundle that are read before anything is trusted.
 *
 * The first byte chooses: header, signatures, root of trust, manifest (in a file whose sections
 * leave room for its pieces), or a whole bundle fed in ranges.  What is accepted must print as the
 * very same bytes: then there is one way to say a thing, and what was signed is what was
 * understood.
 */
#include <stdint.h>
#include <stdlib.h>

#include "base/limits.h"
#include "ota/bundle_inside.h"

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len);

static struct error err;

static void must(bool fine)
{
	if (!fine)
		abort();
}

static void try_header(struct str text)
{
	auto_buf bytes = BUF_INIT, again = BUF_INIT;
	struct bundle_header header;

	if (text.len > BUNDLE_HEADER)
		return;
	buf_add_str(&bytes, text);
	while (bytes.len < BUNDLE_HEADER)
		buf_add_byte(&bytes, '\0');
	if (!bundle_header_parse(buf_str(&bytes), &header, &err))
		return;
	must(header.length <= LIMIT_BUNDLE);
	must(header.manifest.range.offset + header.manifest.range.size <= header.length);
	must(header.frames.range.offset + header.frames.range.size <= header.length);
	must(header.signatures.offset + header.signatures.size <= header.length);
	bundle_header_print(&header, &again);
	must(str_equal(buf_str(&bytes), buf_str(&again)));
}

static void try_signatures(struct str text)
{
	auto_signatures list = SIGNATURE_LIST_INIT;
	auto_buf again = BUF_INIT;

	if (!signature_list_parse(text, &list, &err))
		return;
	signature_list_print(&list, &again);
	must(str_equal(text, buf_str(&again)));
}

static void try_root(struct str text)
{
	auto_root root = NULL;

	if (!root_parse(text, &root, &err))
		return;
	must(str_equal(root_text(root), text));
	must(root_threshold(root) >= 1);
	must(root_threshold(root) <= root_key_count(root));
}

/* Each printed line is one of the text, and together they are as long. */
static void check_lines(struct str text, const struct bundle_contents *contents)
{
	size_t total = 0;

	for (size_t i = 0; i < contents->entry_count + contents->delta_count; i++) {
		auto_buf line = BUF_INIT;

		if (i < contents->entry_count) {
			bundle_entry_print(&contents->entries[i], &line);
		} else {
			const struct bundle_delta *delta =
				&contents->deltas[i - contents->entry_count];

			must(delta->entry < contents->entry_count);
			bundle_delta_print(delta, contents->entries[delta->entry].name, &line);
		}
		must(str_search(text, buf_str(&line)) >= 0);
		total += line.len;
	}
	must(total == text.len);
}

/* The first two bytes: how many frames there are; the next four: where the file ends. */
static void try_manifest(const uint8_t *at, size_t len)
{
	struct bundle_contents contents = { 0 };
	struct bundle_header header = { 0 };
	struct str text;

	if (len < 6 || len - 6 > LIMIT_BUNDLE_MANIFEST)
		return;
	text = str_from(at + 6, len - 6);
	header.signatures = (struct bundle_range){ BUNDLE_HEADER, 64 };
	header.frames.range =
		(struct bundle_range){ BUNDLE_HEADER + 64, (at[0] + 256u * at[1]) * BUNDLE_SHA256 };
	header.length = at[2] + 256u * at[3] + 65536u * at[4] + 16777216u * (uint64_t)at[5];
	header.manifest.range = (struct bundle_range){ header.length - text.len, text.len };
	if (header.length < text.len + BUNDLE_HEADER + 64 + header.frames.range.size ||
	    !bundle_manifest_parse(text, &header, &contents, &err))
		return;
	check_lines(text, &contents);
	bundle_contents_clear(&contents);
}

static void try_whole(struct str file)
{
	auto_bundle bundle = bundle_new_unsigned();
	struct bundle_range range;

	while (bundle_needs(bundle, &range)) {
		must(range.size > 0);
		must(range.size <= 8u * 1024 * 1024);
		if (range.offset > file.len || range.size > file.len - range.offset ||
		    !bundle_feed(bundle, str_from(file.at + range.offset, (size_t)range.size),
				 &err))
			return;
	}
	must(bundle_binary(bundle)->role == BUNDLE_BINARY);
}

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
	struct str rest = str_from(at + 1, len ? len - 1 : 0);

	if (len == 0)
		return 0;
	switch (at[0]) {
	case 'h': try_header(rest); break;
	case 's': try_signatures(rest); break;
	case 'r': try_root(rest); break;
	case 'm': try_manifest(at + 1, len - 1); break;
	default: try_whole(rest);
	}
	return 0;
}
