/*
 * bundle_header.c - the 4096 bytes that are signed: read before anything else, so strictly.
 */
#include "ota/bundle_inside.h"

#include <assert.h>
#include <inttypes.h>

#include "base/clock.h"
#include "base/limits.h"
#include "ota/version_order.h"

#define FRAME_TABLE_MAX (LIMIT_BUNDLE / BUNDLE_FRAME * BUNDLE_SHA256)

static bool take_arch(struct lines *lines, char out[BUNDLE_ARCH], struct error *err)
{
	struct str value;

	if (!lines_take(lines, "arch", &value, 1, err))
		return false;
	if (!lines_is_word(value, "_", BUNDLE_ARCH - 1))
		return lines_refuse(lines, err, "this is not the name of a processor");
	memcpy(out, value.at, value.len);
	return true;
}

static bool take_version(struct lines *lines, const char *word, char out[BUNDLE_VERSION],
			 struct error *err)
{
	struct str value;

	static_assert(VERSION_LONGEST < BUNDLE_VERSION, "its end must have room");
	if (!lines_take(lines, word, &value, 1, err))
		return false;
	if (!version_is_valid(value))
		return lines_refuse(lines, err, "\"%s\" is not a version such as 1.2.3", word);
	memcpy(out, value.at, value.len); /* all was zero */
	return true;
}

static bool take_number(struct lines *lines, const char *word, uint64_t max, uint64_t *out,
			struct error *err)
{
	struct str value;

	return lines_take(lines, word, &value, 1, err) &&
	       (lines_number(value, max, out) ||
		lines_refuse(lines, err, "\"%s\" is not a number up to %" PRIu64, word, max));
}

static bool take_epoch(struct lines *lines, const char *word, uint32_t *out, struct error *err)
{
	uint64_t number;

	if (!take_number(lines, word, UINT32_MAX, &number, err))
		return false;
	*out = (uint32_t)number;
	return true;
}

static bool take_time(struct lines *lines, const char *word, int64_t *out, struct error *err)
{
	struct str value;

	return lines_take(lines, word, &value, 1, err) &&
	       (lines_time(value, out) ||
		lines_refuse(lines, err, "\"%s\" is not a time such as 2026-11-21T00:00:00Z",
			     word));
}

/* OFFSET SIZE: not empty, within limit and file, behind the header. */
static bool read_range(struct lines *lines, const struct str values[2], uint64_t size_max,
		       uint64_t length, struct bundle_range *out, struct error *err)
{
	if (!lines_number(values[0], LIMIT_BUNDLE, &out->offset) ||
	    !lines_number(values[1], size_max, &out->size) || out->size == 0)
		return lines_refuse(lines, err, "an offset, and a size up to %" PRIu64 ", are due",
				    size_max);
	if (out->offset < BUNDLE_HEADER || out->offset > length || out->size > length - out->offset)
		return lines_refuse(lines, err, "it lies outside of the file");
	return true;
}

static bool take_section(struct lines *lines, const char *word, uint64_t size_max, uint64_t length,
			 struct bundle_section *out, struct error *err)
{
	struct str values[3];

	if (!lines_take(lines, word, values, 3, err) ||
	    !read_range(lines, values, size_max, length, &out->range, err))
		return false;
	return lines_sha256(values[2], out->sha256) ||
	       lines_refuse(lines, err, "the hash is not 64 hex digits");
}

static bool overlap(const struct bundle_range *a, const struct bundle_range *b)
{
	return a->offset < b->offset + b->size && b->offset < a->offset + a->size;
}

static bool take_sections(struct lines *lines, struct bundle_header *out, struct error *err)
{
	struct str values[2];

	if (!take_section(lines, "manifest", LIMIT_BUNDLE_MANIFEST, out->length, &out->manifest,
			  err) ||
	    !take_section(lines, "frames", FRAME_TABLE_MAX, out->length, &out->frames, err) ||
	    !lines_take(lines, "signatures", values, 2, err) ||
	    !read_range(lines, values, LIMIT_SIGNATURE_BYTES, out->length, &out->signatures, err))
		return false;
	if (overlap(&out->manifest.range, &out->frames.range) ||
	    overlap(&out->manifest.range, &out->signatures) ||
	    overlap(&out->frames.range, &out->signatures))
		return lines_refuse(lines, err, "manifest, frames and signatures overlap");
	if (out->frames.range.size % BUNDLE_SHA256 != 0)
		return lines_refuse(lines, err, "the frames are no whole number of hashes");
	return true;
}

static bool take_all(struct lines *lines, struct bundle_header *out, struct error *err)
{
	struct str value;

	if (!lines_take(lines, "mote-bundle", &value, 1, err))
		return false;
	if (!str_is(value, "1"))
		return lines_refuse(lines, err, "this form of bundle is not known here");
	if (!take_arch(lines, out->arch, err) ||
	    !take_version(lines, "version", out->version, err) ||
	    !take_epoch(lines, "epoch", &out->epoch, err) ||
	    !take_epoch(lines, "floor", &out->floor, err) ||
	    !take_version(lines, "min-from", out->min_from, err) ||
	    !take_time(lines, "created", &out->created_s, err) ||
	    !take_time(lines, "expires", &out->expires_s, err))
		return false;
	if (out->floor > out->epoch)
		return lines_refuse(lines, err, "the floor is above the epoch");
	if (out->expires_s <= out->created_s)
		return lines_refuse(lines, err, "it expires before it was created");
	if (!take_number(lines, "length", LIMIT_BUNDLE, &out->length, err) ||
	    !take_sections(lines, out, err))
		return false;
	return lines_end(lines) || lines_refuse(lines, err, "nothing may follow this line");
}

bool bundle_header_parse(struct str bytes, struct bundle_header *out, struct error *err)
{
	struct lines lines = { .what = "the bundle's header" };
	struct bundle_header header = { 0 };
	ptrdiff_t end;

	assert(bytes.len == BUNDLE_HEADER);
	end = str_find(bytes, '\0');
	if (!str_starts(bytes, STR("mote-bundle ")) || end < 0)
		return error_set(err, ERROR_INVALID, "this is not a bundle");
	for (size_t i = (size_t)end; i < bytes.len; i++)
		if (bytes.at[i] != '\0')
			return error_set(err, ERROR_INVALID,
					 "the bundle's header has bytes behind its end");
	lines.rest = str_from(bytes.at, (size_t)end);
	if (!take_all(&lines, &header, err))
		return false;
	*out = header;
	return true;
}

static void print_section(const char *word, const struct bundle_section *section, struct buf *out)
{
	buf_add_print(out, "%s %" PRIu64 " %" PRIu64 " ", word, section->range.offset,
		      section->range.size);
	buf_add_hex(out, str_from(section->sha256, sizeof(section->sha256)));
	buf_add_byte(out, '\n');
}

void bundle_header_print(const struct bundle_header *header, struct buf *out)
{
	char created[CLOCK_TEXT], expires[CLOCK_TEXT];
	size_t end = out->len + BUNDLE_HEADER;

	clock_print(header->created_s, created);
	clock_print(header->expires_s, expires);
	buf_add_print(out,
		      "mote-bundle 1\narch %s\nversion %s\nepoch %" PRIu32 "\nfloor %" PRIu32 "\n",
		      header->arch, header->version, header->epoch, header->floor);
	buf_add_print(out, "min-from %s\ncreated %s\nexpires %s\nlength %" PRIu64 "\n",
		      header->min_from, created, expires, header->length);
	print_section("manifest", &header->manifest, out);
	print_section("frames", &header->frames, out);
	buf_add_print(out, "signatures %" PRIu64 " %" PRIu64 "\n", header->signatures.offset,
		      header->signatures.size);
	assert(out->len < end);
	while (out->len < end)
		buf_add_byte(out, '\0');
}
