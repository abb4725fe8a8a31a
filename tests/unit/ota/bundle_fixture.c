/*
 * bundle_fixture.c - bundles from parts, in memory.
 */
#include "tests/unit/ota/bundle_fixture.h"

#include <stdio.h>
#include <sys/mman.h>

#include "net/hash.h"
#include "net/pki.h"
#include "ota/bundle_check.h"
#include "ota/packer.h"
#include "tests/unit/harness.h"

static struct error err;

struct str fixture_key(size_t i)
{
	static char pems[FIXTURE_KEYS][512];
	auto_buf pem = BUF_INIT;

	CHECK(i < FIXTURE_KEYS);
	if (!pems[i][0]) {
		CHECK_OK(pki_new_key(&pem, &err), &err);
		snprintf(pems[i], sizeof(pems[i]), "%s", buf_text(&pem));
	}
	return str_of(pems[i]);
}

struct root_of_trust *fixture_root(uint32_t version, size_t threshold, const char *keys,
				   const char *signers)
{
	struct str publics[FIXTURE_KEYS];
	struct buf pems[FIXTURE_KEYS] = { 0 };
	struct root_plan plan = { version, threshold, strlen(keys), publics };
	struct root_of_trust *root, *next;
	auto_buf text = BUF_INIT;

	for (size_t i = 0; keys[i]; i++) {
		CHECK_OK(pki_public_pem(fixture_key((size_t)(keys[i] - '0')), &pems[i], &err),
			 &err);
		publics[i] = buf_str(&pems[i]);
	}
	CHECK_OK(root_print(&plan, &text, &err), &err);
	CHECK_OK(root_parse(buf_str(&text), &root, &err), &err);
	for (; *signers; signers++) {
		CHECK_OK(root_sign(root, fixture_key((size_t)(*signers - '0')), &next, &err), &err);
		root_free(root);
		root = next;
	}
	for (size_t i = 0; i < FIXTURE_KEYS; i++)
		buf_clear(&pems[i]);
	return root;
}

/* Bytes that pack by about a third: one in four is noise. */
static void fill(struct buf *out, size_t count, unsigned seed)
{
	uint64_t state = seed * 2654435761u + 88172645463325252u;

	for (size_t i = 0; i < count; i++) {
		state ^= state << 13;
		state ^= state >> 7;
		state ^= state << 17;
		buf_add_byte(out, seed % 2 || i % 4 == 0 ? (char)state : 'm');
	}
}

static bool put(void *of, struct str bytes, struct error *unused)
{
	(void)unused;
	buf_add_str(of, bytes);
	return true;
}

static void pack(struct str bytes, struct str from, struct buf *out)
{
	struct packer_plan plan = { PACKER_LEVEL_QUICK, bytes.len, from, put, out };
	auto_packer packer = NULL;

	CHECK_OK(packer_new(&plan, &packer, &err), &err);
	CHECK_OK(packer_feed(packer, bytes, &err), &err);
	CHECK_OK(packer_end(packer, &err), &err);
}

static uint64_t pieces_base(const struct parts *parts)
{
	return BUNDLE_HEADER + FIXTURE_ROOM + parts->frames.len;
}

/* The bytes become a piece at the end, and its frames. */
static void add_piece(struct parts *parts, struct str bytes, struct bundle_piece *out)
{
	out->packed = (struct bundle_range){ parts->pieces.len, bytes.len };
	buf_add_str(&parts->pieces, bytes);
	for (size_t at = 0; at < bytes.len; at += BUNDLE_FRAME) {
		size_t part = bytes.len - at < BUNDLE_FRAME ? bytes.len - at : BUNDLE_FRAME;
		unsigned char sha256[HASH_SHA256];

		hash_sha256(str_from(bytes.at + at, part), sha256);
		buf_add(&parts->frames, sha256, sizeof(sha256));
	}
}

static void print_lines(struct parts *parts, struct bundle_entry *binary,
			struct bundle_delta *delta, struct bundle_entry *image)
{
	binary->piece.packed.offset += pieces_base(parts);
	delta->piece.packed.offset += pieces_base(parts);
	image->piece.packed.offset += pieces_base(parts);
	bundle_entry_print(binary, &parts->manifest);
	bundle_delta_print(delta, binary->name, &parts->manifest);
	bundle_entry_print(image, &parts->manifest);
}

void parts_make(struct parts *parts, unsigned seed)
{
	struct bundle_entry binary = { .name = "mote", .codec = BUNDLE_ZSTD, .size = 600000 };
	struct bundle_entry image = { .name = "pause.tar", .role = BUNDLE_IMAGE, .size = 70000 };
	struct bundle_delta delta = { 0 };
	auto_buf packed = BUF_INIT, patch = BUF_INIT;

	*parts = (struct parts){ .header = { .arch = "x86_64",
					     .version = "0.3.0",
					     .min_from = "0.1.0",
					     .epoch = 17,
					     .floor = 12,
					     .created_s = FIXTURE_CREATED_S,
					     .expires_s = FIXTURE_EXPIRES_S } };
	fill(&parts->binary, 600000, seed * 2);
	fill(&parts->image, 70000, seed * 2 + 1);
	buf_add_str(&parts->old, str_from(parts->binary.at + 1000, 590000));
	hash_sha256(buf_str(&parts->binary), binary.sha256);
	hash_sha256(buf_str(&parts->old), delta.from_sha256);
	hash_sha256(buf_str(&parts->image), image.sha256);
	pack(buf_str(&parts->binary), STR_NONE, &packed);
	pack(buf_str(&parts->binary), buf_str(&parts->old), &patch);
	CHECK(packed.len > 2 * BUNDLE_FRAME);
	CHECK(patch.len < packed.len / 20);
	add_piece(parts, buf_str(&packed), &binary.piece);
	add_piece(parts, buf_str(&patch), &delta.piece);
	add_piece(parts, buf_str(&parts->image), &image.piece);
	print_lines(parts, &binary, &delta, &image);
}

void parts_clear(struct parts *parts)
{
	buf_clear(&parts->manifest);
	buf_clear(&parts->frames);
	buf_clear(&parts->pieces);
	buf_clear(&parts->binary);
	buf_clear(&parts->old);
	buf_clear(&parts->image);
	signature_list_clear(&parts->roots);
}

void fixture_sign(struct buf *file, struct signature_list *roots, const char *signers)
{
	struct str header = str_from(file->at, BUNDLE_HEADER);
	auto_signatures list = SIGNATURE_LIST_INIT;
	auto_buf lines = BUF_INIT;

	for (size_t i = 0; roots && i < roots->root_count; i++)
		CHECK_OK(signature_list_add_root(&list, buf_str(&roots->roots[i]), &err), &err);
	for (; *signers; signers++)
		CHECK_OK(signature_list_sign(&list, header, fixture_key((size_t)(*signers - '0')),
					     &err),
			 &err);
	signature_list_print(&list, &lines);
	CHECK(lines.len <= FIXTURE_ROOM);
	memset(file->at + BUNDLE_HEADER, 0, FIXTURE_ROOM);
	memcpy(file->at + BUNDLE_HEADER, buf_text(&lines), lines.len);
}

void parts_print(struct parts *parts, const char *signers, struct buf *out)
{
	struct bundle_header *header = &parts->header;

	header->signatures = (struct bundle_range){ BUNDLE_HEADER, FIXTURE_ROOM };
	header->frames.range =
		(struct bundle_range){ BUNDLE_HEADER + FIXTURE_ROOM, parts->frames.len };
	header->manifest.range = (struct bundle_range){ pieces_base(parts) + parts->pieces.len,
							parts->manifest.len };
	header->length = header->manifest.range.offset + parts->manifest.len;
	if (!parts->keep_hashes) {
		hash_sha256(buf_str(&parts->manifest), header->manifest.sha256);
		hash_sha256(buf_str(&parts->frames), header->frames.sha256);
	}
	buf_reset(out);
	bundle_header_print(header, out);
	for (size_t i = 0; i < FIXTURE_ROOM; i++)
		buf_add_byte(out, '\0');
	buf_add_str(out, buf_str(&parts->frames));
	buf_add_str(out, buf_str(&parts->pieces));
	buf_add_str(out, buf_str(&parts->manifest));
	fixture_sign(out, &parts->roots, signers);
}

void fixture_edit(struct buf *text, const char *from, const char *to)
{
	ptrdiff_t at = str_search(buf_str(text), str_of(from));
	auto_buf edited = BUF_INIT;

	CHECK(at >= 0);
	buf_add(&edited, text->at, (size_t)at);
	buf_add_text(&edited, to);
	buf_add(&edited, text->at + at + strlen(from), text->len - (size_t)at - strlen(from));
	buf_reset(text);
	buf_add_str(text, buf_str(&edited));
}

bool fixture_read(const struct buf *file, const struct root_of_trust *root, struct bundle **out,
		  struct error *why)
{
	struct bundle *bundle = bundle_new(root);
	struct bundle_range range;

	*out = NULL;
	while (bundle_needs(bundle, &range)) {
		size_t from = range.offset < file->len ? (size_t)range.offset : file->len;
		size_t left = file->len - from;

		if (!bundle_feed(bundle,
				 str_from(file->at + from,
					  range.size < left ? (size_t)range.size : left),
				 why)) {
			bundle_free(bundle);
			return false;
		}
	}
	*out = bundle;
	return true;
}

bool fixture_check(const struct buf *file, const struct root_of_trust *root, struct error *why)
{
	int fd = memfd_create("bundle", MFD_CLOEXEC);
	struct bundle *bundle = bundle_new(root);
	bool fine;

	CHECK(fd >= 0);
	CHECK(write(fd, file->at, file->len) == (ssize_t)file->len);
	fine = bundle_read_fd(bundle, fd, why) && bundle_check_pieces(bundle, fd, why);
	close(fd);
	bundle_free(bundle);
	return fine;
}
