/*
 * bundle_manifest.c - the list of contents: entries, deltas, and where their bytes lie.
 */
#include "ota/bundle_inside.h"

#include <assert.h>
#include <inttypes.h>

#include "base/limits.h"
#include "base/map.h"

const char *const bundle_role_names[BUNDLE_ROLES] = {
	[BUNDLE_BINARY] = "binary",
	[BUNDLE_IMAGE] = "image",
	[BUNDLE_MANIFEST] = "manifest",
	[BUNDLE_CONFIG] = "config",
};
const char *const bundle_codec_names[BUNDLE_CODECS] = {
	[BUNDLE_RAW] = "raw",
	[BUNDLE_ZSTD] = "zstd",
};

struct reading {
	struct lines lines;
	const struct bundle_header *header;
	struct map *names; /* to the entry's number + 1 */
	struct bundle_contents contents;
	size_t entry_room, delta_room;
};

void bundle_contents_clear(struct bundle_contents *contents)
{
	free(contents->entries);
	free(contents->deltas);
	*contents = (struct bundle_contents){ 0 };
}

bool bundle_name_is_valid(struct str name)
{
	return lines_is_word(name, "._-", BUNDLE_NAME - 1) && name.at[0] != '.' &&
	       name.at[0] != '-';
}

static bool find_name(struct str value, const char *const *names, size_t count, unsigned *out)
{
	for (size_t i = 0; i < count; i++) {
		if (str_is(value, names[i])) {
			*out = (unsigned)i;
			return true;
		}
	}
	return false;
}

/* OFFSET PACKED: inside the file, behind the header; numbers its frames. */
static bool read_piece(struct reading *reading, const struct str values[2],
		       struct bundle_piece *out, struct error *err)
{
	uint64_t length = reading->header->length;

	if (!lines_number(values[0], length, &out->packed.offset) ||
	    !lines_number(values[1], length, &out->packed.size) ||
	    out->packed.offset < BUNDLE_HEADER || out->packed.size > length - out->packed.offset)
		return lines_refuse(&reading->lines, err, "it lies outside of the file");
	out->first_frame = reading->contents.frame_count;
	out->frame_count = bundle_frames_of(out->packed.size);
	reading->contents.frame_count += out->frame_count;
	return true;
}

static bool check_entry(const struct reading *reading, const struct bundle_entry *entry,
			struct error *err)
{
	if (entry->codec == BUNDLE_RAW && entry->size != entry->piece.packed.size)
		return lines_refuse(&reading->lines, err, "raw, and yet of two sizes");
	if (entry->codec != BUNDLE_RAW && entry->piece.packed.size == 0)
		return lines_refuse(&reading->lines, err, "there is nothing to unpack");
	if (entry->role == BUNDLE_BINARY && entry->size == 0)
		return lines_refuse(&reading->lines, err, "the binary is empty");
	for (size_t i = 0; entry->role == BUNDLE_BINARY && i + 1 < reading->contents.entry_count;
	     i++)
		if (reading->contents.entries[i].role == BUNDLE_BINARY)
			return lines_refuse(&reading->lines, err, "there is a second binary");
	return true;
}

static struct bundle_entry *new_entry(struct reading *reading)
{
	struct bundle_contents *contents = &reading->contents;

	if (contents->entry_count == reading->entry_room) {
		reading->entry_room = reading->entry_room * 2 + 8;
		contents->entries = memory_grow(contents->entries,
						reading->entry_room * sizeof(*contents->entries));
	}
	contents->entries[contents->entry_count] = (struct bundle_entry){ 0 };
	return &contents->entries[contents->entry_count++];
}

/* entry NAME ROLE CODEC SIZE SHA256 OFFSET PACKED */
static bool read_entry(struct reading *reading, struct error *err)
{
	struct lines *lines = &reading->lines;
	struct bundle_entry *entry;
	unsigned role, codec;
	struct str values[7];

	if (!lines_take(lines, "entry", values, 7, err))
		return false;
	if (!bundle_name_is_valid(values[0]))
		return lines_refuse(lines, err, "the name is not one of [A-Za-z0-9._-]");
	if (!find_name(values[1], bundle_role_names, BUNDLE_ROLES, &role) ||
	    !find_name(values[2], bundle_codec_names, BUNDLE_CODECS, &codec))
		return lines_refuse(lines, err, "the role or the codec is not known here");
	entry = new_entry(reading);
	memcpy(entry->name, values[0].at, values[0].len);
	entry->role = (enum bundle_role)role;
	entry->codec = (enum bundle_codec)codec;
	if (!lines_number(values[3], LIMIT_BUNDLE, &entry->size) ||
	    !lines_sha256(values[4], entry->sha256))
		return lines_refuse(lines, err, "the size or the hash is malformed or too large");
	if (!read_piece(reading, values + 5, &entry->piece, err) ||
	    !check_entry(reading, entry, err))
		return false;
	if (map_put(reading->names, values[0], (void *)(uintptr_t)reading->contents.entry_count))
		return lines_refuse(lines, err, "%s is there twice", entry->name);
	return true;
}

static struct bundle_delta *new_delta(struct reading *reading)
{
	struct bundle_contents *contents = &reading->contents;

	if (contents->delta_count == reading->delta_room) {
		reading->delta_room = reading->delta_room * 2 + 4;
		contents->deltas = memory_grow(contents->deltas,
					       reading->delta_room * sizeof(*contents->deltas));
	}
	contents->deltas[contents->delta_count] = (struct bundle_delta){ 0 };
	return &contents->deltas[contents->delta_count++];
}

/* Is there another delta of this entry against the same file? */
static bool is_known(const struct bundle_contents *contents, const struct bundle_delta *delta)
{
	for (const struct bundle_delta *at = contents->deltas; at != delta; at++)
		if (at->entry == delta->entry &&
		    memcmp(at->from_sha256, delta->from_sha256, BUNDLE_SHA256) == 0)
			return true;
	return false;
}

/* delta NAME FROM_SHA256 OFFSET PACKED */
static bool read_delta(struct reading *reading, struct error *err)
{
	struct lines *lines = &reading->lines;
	struct bundle_delta *delta;
	struct str values[4];
	size_t number;

	if (!lines_take(lines, "delta", values, 4, err))
		return false;
	number = (size_t)(uintptr_t)map_find(reading->names, values[0]);
	if (number == 0)
		return lines_refuse(lines, err, "no entry of this name stands before");
	if (reading->contents.entries[number - 1].size > LIMIT_DELTA_FILE)
		return lines_refuse(lines, err, "a delta of a file over %u bytes",
				    LIMIT_DELTA_FILE);
	delta = new_delta(reading);
	delta->entry = number - 1;
	if (!lines_sha256(values[1], delta->from_sha256))
		return lines_refuse(lines, err, "the hash is not 64 hex digits");
	if (is_known(&reading->contents, delta))
		return lines_refuse(lines, err, "the same delta is there twice");
	if (!read_piece(reading, values + 2, &delta->piece, err))
		return false;
	return delta->piece.packed.size > 0 ||
	       lines_refuse(lines, err, "there is nothing to unpack");
}

static bool read_all(struct reading *reading, struct error *err)
{
	while (!lines_end(&reading->lines)) {
		bool is_delta = lines_next_is(&reading->lines, "delta");

		if (reading->lines.number == LIMIT_BUNDLE_ENTRIES)
			return lines_refuse(&reading->lines, err, "there are more than %d entries",
					    LIMIT_BUNDLE_ENTRIES);
		if (!(is_delta ? read_delta(reading, err) : read_entry(reading, err)))
			return false;
	}
	for (size_t i = 0; i < reading->contents.entry_count; i++)
		if (reading->contents.entries[i].role == BUNDLE_BINARY)
			return true;
	return lines_refuse(&reading->lines, err, "there is no binary");
}

static int compare_ranges(const void *left, const void *right)
{
	const struct bundle_range *a = left, *b = right;

	if (a->offset != b->offset)
		return a->offset < b->offset ? -1 : 1;
	return a->size < b->size ? -1 : a->size > b->size;
}

/* Every byte of the file belongs to exactly one thing: none is unsigned, none has two meanings. */
static bool check_cover(const struct bundle_header *header, const struct bundle_contents *contents,
			struct error *err)
{
	size_t count = 4 + contents->entry_count + contents->delta_count, at = 4;
	auto_free struct bundle_range *ranges = memory_get(count * sizeof(*ranges));
	uint64_t end = 0;

	ranges[0] = (struct bundle_range){ 0, BUNDLE_HEADER };
	ranges[1] = header->manifest.range;
	ranges[2] = header->frames.range;
	ranges[3] = header->signatures;
	for (size_t i = 0; i < contents->entry_count; i++)
		ranges[at++] = contents->entries[i].piece.packed;
	for (size_t i = 0; i < contents->delta_count; i++)
		ranges[at++] = contents->deltas[i].piece.packed;
	assert(at == count);
	qsort(ranges, count, sizeof(*ranges), compare_ranges);
	for (size_t i = 0; i < count; i++) {
		if (ranges[i].offset != end)
			return error_set(err, ERROR_INVALID,
					 "the bundle's parts %s at byte %" PRIu64,
					 ranges[i].offset < end ? "overlap" : "leave a gap",
					 ranges[i].offset < end ? ranges[i].offset : end);
		end += ranges[i].size;
	}
	if (end != header->length)
		return error_set(err, ERROR_INVALID,
				 "the bundle's parts end at byte %" PRIu64 " of %" PRIu64, end,
				 header->length);
	return true;
}

bool bundle_manifest_parse(struct str text, const struct bundle_header *header,
			   struct bundle_contents *out, struct error *err)
{
	auto_map names = map_new();
	struct reading reading = { .lines = { .what = "the bundle's manifest", .rest = text },
				   .header = header,
				   .names = names };
	bool fine;

	assert(text.len <= LIMIT_BUNDLE_MANIFEST);
	fine = read_all(&reading, err) && check_cover(header, &reading.contents, err);
	if (fine && reading.contents.frame_count * BUNDLE_SHA256 != header->frames.range.size)
		fine = error_set(
			err, ERROR_INVALID, "the bundle has %zu frames, and hashes of %" PRIu64,
			reading.contents.frame_count, header->frames.range.size / BUNDLE_SHA256);
	if (!fine) {
		bundle_contents_clear(&reading.contents);
		return false;
	}
	*out = reading.contents;
	return true;
}

void bundle_entry_print(const struct bundle_entry *entry, struct buf *out)
{
	buf_add_print(out, "entry %s %s %s %" PRIu64 " ", entry->name,
		      bundle_role_names[entry->role], bundle_codec_names[entry->codec],
		      entry->size);
	buf_add_hex(out, str_from(entry->sha256, sizeof(entry->sha256)));
	buf_add_print(out, " %" PRIu64 " %" PRIu64 "\n", entry->piece.packed.offset,
		      entry->piece.packed.size);
}

void bundle_delta_print(const struct bundle_delta *delta, const char *name, struct buf *out)
{
	buf_add_print(out, "delta %s ", name);
	buf_add_hex(out, str_from(delta->from_sha256, sizeof(delta->from_sha256)));
	buf_add_print(out, " %" PRIu64 " %" PRIu64 "\n", delta->piece.packed.offset,
		      delta->piece.packed.size);
}
