/*
 * test_bundle_attack.c - bundles that lie: each test is one way to try it, and what must be said.
 */
#include <stdio.h>

#include "net/hash.h"
#include "ota/offer.h"
#include "ota/unpacker.h"
#include "tests/unit/harness.h"
#include "tests/unit/ota/bundle_fixture.h"

static struct error err;

/* A root of keys 0, 1 and 2, of which two must sign. */
#define ROOT(name) auto_root name = fixture_root(1, 2, "012", "01")

static void check_refused(const struct buf *file, const struct root_of_trust *root,
			  enum error_kind kind, const char *words)
{
	error_clear(&err);
	CHECK(!fixture_check(file, root, &err));
	if (!strstr(err.text, words))
		harness_fail(__FILE__, __LINE__, "\"%s\" does not say \"%s\"", err.text, words);
	CHECK_INT(err.kind, kind);
}

static void good_one_is_taken(void)
{
	auto_parts parts;
	auto_buf file = BUF_INIT;
	ROOT(root);

	parts_make(&parts, 1);
	parts_print(&parts, "02", &file);
	CHECK_OK(fixture_check(&file, root, &err), &err);
	parts_print(&parts, "3210", &file); /* one more, by a stranger, does no harm */
	CHECK_OK(fixture_check(&file, root, &err), &err);
}

/* Neither list of signers is enough; there are `good` good ones. */
static void check_signers(const char *one, const char *other, const char *good)
{
	auto_parts parts;
	auto_buf file = BUF_INIT;
	ROOT(root);

	parts_make(&parts, 1);
	parts_print(&parts, one, &file);
	check_refused(&file, root, ERROR_FORBIDDEN, good);
	parts_print(&parts, other, &file);
	check_refused(&file, root, ERROR_FORBIDDEN, good);
}

static void wrong_key(void)
{
	check_signers("3", "", "0 good signatures");
}

/* The name of a good key over the signature of another. */
static void signature_under_a_wrong_name(void)
{
	auto_parts parts;
	auto_buf file = BUF_INIT;
	ROOT(root);

	parts_make(&parts, 1);
	parts_print(&parts, "03", &file);

	char *strange = memmem(file.at, file.len, "\nsignature ", 11);

	CHECK(strange);
	memcpy(strange + 11, root_key_id(root, 1), 64);
	check_refused(&file, root, ERROR_FORBIDDEN, "1 good signatures");
}

static void one_signature_too_few(void)
{
	check_signers("1", "13", "1 good signatures");
}

static void same_key_twice(void)
{
	auto_parts parts;
	auto_buf file = BUF_INIT;
	size_t line;
	ROOT(root);

	parts_make(&parts, 1);
	parts_print(&parts, "1", &file);
	line = strlen(file.at + BUNDLE_HEADER);
	memcpy(file.at + BUNDLE_HEADER + line, file.at + BUNDLE_HEADER, line);
	check_refused(&file, root, ERROR_INVALID, "the same key signs twice");
}

/* A signature of one bundle's header under another's. */
static void signatures_of_another(void)
{
	auto_parts parts, other;
	auto_buf file = BUF_INIT, donor = BUF_INIT;
	ROOT(root);

	parts_make(&parts, 1);
	parts_make(&other, 2);
	parts_print(&parts, "01", &file);
	parts_print(&other, "01", &donor);
	memcpy(file.at + BUNDLE_HEADER, donor.at + BUNDLE_HEADER, FIXTURE_ROOM);
	check_refused(&file, root, ERROR_FORBIDDEN, "0 good signatures");
}

static void manifest_of_another(void)
{
	auto_parts parts, other;
	auto_buf file = BUF_INIT;
	ROOT(root);

	parts_make(&parts, 1);
	parts_make(&other, 2);
	parts_print(&parts, "01", &file);
	parts.keep_hashes = true;
	buf_reset(&parts.manifest);
	buf_add_str(&parts.manifest, buf_str(&other.manifest));
	parts_print(&parts, "01", &file);
	check_refused(&file, root, ERROR_INVALID, "contents are not those");
}

static void frames_of_another(void)
{
	auto_parts parts, other;
	auto_buf file = BUF_INIT;
	ROOT(root);

	parts_make(&parts, 1);
	parts_make(&other, 2);
	parts_print(&parts, "01", &file);
	parts.keep_hashes = true;
	CHECK(parts.frames.len == other.frames.len);
	memcpy(parts.frames.at, other.frames.at, other.frames.len);
	parts_print(&parts, "01", &file);
	check_refused(&file, root, ERROR_INVALID, "frames are not those");
}

static void pieces_of_another(void)
{
	auto_parts parts, other;
	auto_buf file = BUF_INIT;
	ROOT(root);

	parts_make(&parts, 1);
	parts_make(&other, 2);
	memcpy(parts.pieces.at, other.pieces.at,
	       parts.pieces.len < other.pieces.len ? parts.pieces.len : other.pieces.len);
	parts_print(&parts, "01", &file);
	check_refused(&file, root, ERROR_INVALID, "damaged at byte");
}

/* Two frames of one piece in each other's place: both are signed, but not there. */
static void frames_exchanged(void)
{
	auto_buf file = BUF_INIT, first = BUF_INIT;
	auto_parts parts;
	char *at;
	ROOT(root);

	parts_make(&parts, 1);
	at = parts.pieces.at;
	buf_add(&first, at, BUNDLE_FRAME);
	memcpy(at, at + BUNDLE_FRAME, BUNDLE_FRAME);
	memcpy(at + BUNDLE_FRAME, first.at, BUNDLE_FRAME);
	parts_print(&parts, "01", &file);
	check_refused(&file, root, ERROR_INVALID, "damaged at byte");
}

static void truncated_at_every_kilobyte(void)
{
	auto_parts parts;
	auto_buf file = BUF_INIT;
	struct bundle *bundle;
	size_t whole;
	ROOT(root);

	parts_make(&parts, 1);
	parts_print(&parts, "01", &file);
	whole = file.len;
	for (file.len = 0; file.len < whole; file.len += 1024) {
		CHECK(!fixture_check(&file, root, &err));
		CHECK_INT(err.kind, ERROR_INVALID);
	}
	file.len = whole - 1;
	check_refused(&file, root, ERROR_INVALID, "cut off");
	CHECK(!fixture_read(&file, root, &bundle, &err));
	file.len = whole;
	buf_add_byte(&file, 'x');
	check_refused(&file, root, ERROR_INVALID, "the file has");
}

/* Any bit, anywhere: no byte of a file is without its proof.  All of the header and the signatures,
 * the rest in steps of a prime number. */
static void flipped_bits(void)
{
	auto_parts parts;
	auto_buf file = BUF_INIT;
	ROOT(root);

	parts_make(&parts, 1);
	parts_print(&parts, "01", &file);
	for (size_t i = 0; i < file.len; i += i < BUNDLE_HEADER + 512 ? 1 : 1999) {
		char bit = (char)(1 << i % 8);

		file.at[i] ^= bit;
		if (fixture_check(&file, root, &err))
			harness_fail(__FILE__, __LINE__, "byte %zu was not missed", i);
		file.at[i] ^= bit;
	}
	CHECK_OK(fixture_check(&file, root, &err), &err);
}

/* Header lines that are signed well and say what cannot be. */
static void oversized_lengths(void)
{
	static const struct {
		const char *word, *line, *words;
	} rows[] = {
		{ "length ", "length 18446744073709551615\n", "\"length\" is not a number" },
		{ "length ", "length 99999999999999999999999\n", "\"length\" is not a number" },
		{ "length ", "length 4294967297\n", "\"length\" is not a number" },
		{ "length ", "length 5000\n", "outside of the file" },
		{ "epoch ", "epoch 4294967296\n", "\"epoch\" is not a number" },
		{ "epoch ", "epoch 017\n", "\"epoch\" is not a number" },
		{ "epoch ", "epoch -1\n", "\"epoch\" is not a number" },
		{ "floor ", "floor 18\n", "floor is above the epoch" },
		{ "signatures ", "signatures 4096 65537\n", "a size up to 65536" },
		{ "signatures ", "signatures 4095 8192\n", "outside of the file" },
		{ "signatures ", "signatures 4294967295 8192\n", "outside of the file" },
		{ "signatures ", "signatures 8192 8192\n", "overlap" },
		{ "signatures ", "signatures 4096 0\n", "a size up to 65536" },
		{ "signatures ", "signatures 4096 8191\n", "leave a gap" },
		{ "signatures ", "signatures 4096\n", "needs 2 values" },
		{ "signatures ", "signatures 4096 8192 1\n", "more than 2 values" },
		{ "signatures ", "signatures  4096 8192\n", "needs 2 values" },
		{ "signatures ", "signatures 4096 8192\nmore 1\n", "nothing may follow" },
		{ "min-from ", "", "should be the line \"min-from" },
		{ "arch ", "arch x86_64\narch x86_64\n", "should be the line \"version" },
		{ "arch ", "arch x86_64\r\n", "name of a processor" },
		{ "version ", "version 1.2\n", "not a version" },
		{ "expires ", "expires 2027-11-21T00:00:00+00:00\n", "not a time" },
		{ "expires ", "expires 2001-01-01T00:00:00Z\n", "expires before" },
		{ "mote-bundle ", "mote-bundle 2\n", "not known here" },
	};
	auto_parts parts;
	ROOT(root);

	parts_make(&parts, 1);
	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		auto_buf file = BUF_INIT, header = BUF_INIT;
		char *at, *end;

		parts_print(&parts, "01", &file);
		at = strstr(file.at, rows[i].word);
		end = strchr(at, '\n') + 1;
		buf_add(&header, file.at, (size_t)(at - file.at));
		buf_add_text(&header, rows[i].line);
		buf_add_text(&header, end);
		memset(file.at, 0, BUNDLE_HEADER);
		memcpy(file.at, header.at, header.len);
		fixture_sign(&file, NULL, "01");
		check_refused(&file, root, ERROR_INVALID, rows[i].words);
	}
}

/* Manifest lines that are signed well and say what cannot be. */
static void bad_lines_of_contents(void)
{
	static const struct {
		const char *from, *to, *words;
	} rows[] = {
		{ "entry mote ", "entry ../mote ", "the name is not" },
		{ "entry mote ", "entry .. ", "the name is not" },
		{ "entry mote ", "entry . ", "the name is not" },
		{ "entry mote ", "entry /mote ", "the name is not" },
		{ "entry mote ", "entry bin/mote ", "the name is not" },
		{ "entry mote ", "entry -rf ", "the name is not" },
		{ "entry mote ", "entry .profile ", "the name is not" },
		{ "entry mote ", "entry mo\\te ", "the name is not" },
		{ "entry mote ", "entry m\xc3\xb6te ", "the name is not" },
		{ "entry pause.tar ", "entry mote ", "mote is there twice" },
		{ "pause.tar image", "pause.tar binary", "second binary" },
		{ "mote binary", "mote image", "there is no binary" },
		{ "mote binary", "mote hook", "role or the codec" },
		{ "binary zstd", "binary gzip", "role or the codec" },
		{ "zstd 600000 ", "zstd 4294967297 ", "size or the hash" },
		{ "zstd 600000 ", "zstd 0600000 ", "size or the hash" },
		{ "raw 70000 ", "raw 70001 ", "of two sizes" },
		{ "delta mote ", "delta pause ", "no entry of this name" },
		{ "entry mote ", "entry mote mote ", "more than 7 values" },
		{ "entry mote ", "ENTRY mote ", "should be the line" },
	};
	ROOT(root);

	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		auto_buf file = BUF_INIT;
		auto_parts parts;

		parts_make(&parts, 1);
		fixture_edit(&parts.manifest, rows[i].from, rows[i].to);
		parts_print(&parts, "01", &file);
		check_refused(&file, root, ERROR_INVALID, rows[i].words);
	}
}

/* The same bytes as two things, and bytes that are nothing. */
static void overlapping_pieces(void)
{
	auto_buf file = BUF_INIT, line = BUF_INIT;
	auto_parts parts;
	ROOT(root);

	parts_make(&parts, 1);
	buf_add_text(&line, strstr(parts.manifest.at, "entry pause.tar"));
	fixture_edit(&line, "pause", "again");
	buf_add_str(&parts.manifest, buf_str(&line));
	parts_print(&parts, "01", &file);
	check_refused(&file, root, ERROR_INVALID, "overlap at byte");
	parts.manifest.len =
		(size_t)(strstr(parts.manifest.at, "entry pause.tar") - parts.manifest.at);
	parts_print(&parts, "01", &file);
	check_refused(&file, root, ERROR_INVALID, "leave a gap at byte");
}

static void too_few_frames(void)
{
	auto_buf file = BUF_INIT;
	auto_parts parts;
	ROOT(root);

	parts_make(&parts, 1);
	buf_add(&parts.pieces, parts.frames.at, BUNDLE_SHA256); /* all stays where it is... */
	fixture_edit(&parts.manifest, "raw 70000 ", "raw 70032 ");
	fixture_edit(&parts.manifest, " 70000\n", " 70032\n");
	parts_print(&parts, "01", &file);
	CHECK(!fixture_check(&file, root, &err)); /* ...but the last frame is another */
	CHECK_INT(err.kind, ERROR_INVALID);
	buf_add(&parts.frames, parts.frames.at, BUNDLE_SHA256);
	parts_print(&parts, "01", &file);
	CHECK(!fixture_check(&file, root, &err));
}

/* A bomb: what comes out is more than the signed manifest says. */
static void endless_data(void)
{
	auto_buf file = BUF_INIT;
	auto_parts parts;
	ROOT(root);

	parts_make(&parts, 1);
	fixture_edit(&parts.manifest, "zstd 600000 ", "zstd 599999 ");
	parts_print(&parts, "01", &file);
	check_refused(&file, root, ERROR_TOO_LARGE, "more than the 599999 bytes");
	fixture_edit(&parts.manifest, "zstd 599999 ", "zstd 600001 ");
	parts_print(&parts, "01", &file);
	check_refused(&file, root, ERROR_INVALID, "ends after 600000 of its 600001");
}

/* Signed, but unpacking to something else than was said. */
static void other_content(void)
{
	auto_buf file = BUF_INIT, hex = BUF_INIT;
	auto_parts parts;
	unsigned char sha256[HASH_SHA256];
	ROOT(root);

	parts_make(&parts, 1);
	hash_sha256(buf_str(&parts.binary), sha256);
	buf_add_hex(&hex, str_from(sha256, sizeof(sha256)));
	fixture_edit(&parts.manifest, buf_text(&hex),
		     "0000000000000000000000000000000000000000000000000000000000000000");
	parts_print(&parts, "01", &file);
	check_refused(&file, root, ERROR_INVALID, "unpacks to other bytes");
}

static void offer(const char *arch, const char *version, uint32_t floor, int64_t now_s,
		  enum error_kind kind, bool expired)
{
	struct offer_device device = { arch, version, floor, now_s };
	bool out_expired = !expired;
	auto_parts parts;

	parts_make(&parts, 1);
	error_clear(&err);
	CHECK_INT(offer_check(&parts.header, &device, &out_expired, &err), kind == ERROR_NONE);
	CHECK_INT(err.kind, kind);
	CHECK(kind != ERROR_NONE || out_expired == expired);
}

static void wrong_processor(void)
{
	offer("aarch64", "0.2.0", 0, FIXTURE_CREATED_S, ERROR_INVALID, false);
	offer("x86_64", "0.2.0", 0, FIXTURE_CREATED_S, ERROR_NONE, false);
}

static void replay_of_an_old_one(void)
{
	offer("x86_64", "0.2.0", 18, FIXTURE_CREATED_S, ERROR_FORBIDDEN, false);
	offer("x86_64", "0.2.0", 17, FIXTURE_CREATED_S, ERROR_NONE, false);
}

static void step_between_is_missing(void)
{
	offer("x86_64", "0.0.9", 0, FIXTURE_CREATED_S, ERROR_INVALID, false);
	offer("x86_64", "0.1.0-rc.1", 0, FIXTURE_CREATED_S, ERROR_INVALID, false);
	offer("x86_64", "0.1.0+123456", 0, FIXTURE_CREATED_S, ERROR_NONE, false);
	offer("x86_64", "new", 0, FIXTURE_CREATED_S, ERROR_INVALID, false);
}

static void expired(void)
{
	offer("x86_64", "0.2.0", 0, FIXTURE_EXPIRES_S - 1, ERROR_NONE, false);
	offer("x86_64", "0.2.0", 0, FIXTURE_EXPIRES_S, ERROR_NONE, true);
	offer("x86_64", "0.2.0", 0, 0, ERROR_NONE, false); /* a clock at 1970 */
}

static const struct test tests[] = {
	{ "a good one is taken", good_one_is_taken },
	{ "wrong key", wrong_key },
	{ "signature under a wrong name", signature_under_a_wrong_name },
	{ "one signature too few", one_signature_too_few },
	{ "same key twice", same_key_twice },
	{ "signatures of another", signatures_of_another },
	{ "manifest of another", manifest_of_another },
	{ "frames of another", frames_of_another },
	{ "pieces of another", pieces_of_another },
	{ "frames exchanged", frames_exchanged },
	{ "truncated at every KiB", truncated_at_every_kilobyte, .time_limit_s = 120 },
	{ "flipped bits", flipped_bits, .time_limit_s = 120 },
	{ "oversized lengths", oversized_lengths, .time_limit_s = 60 },
	{ "bad lines of contents", bad_lines_of_contents, .time_limit_s = 60 },
	{ "overlapping pieces", overlapping_pieces },
	{ "too few frames", too_few_frames },
	{ "endless data", endless_data },
	{ "other content", other_content },
	{ "wrong processor", wrong_processor },
	{ "replay of an old one", replay_of_an_old_one },
	{ "a step between is missing", step_between_is_missing },
	{ "expired", expired },
};

TEST_MAIN(tests)
