/*
 * bundle_inside.h - what the bundle*.c files share.  Nobody else includes it.
 */
#ifndef OTA_BUNDLE_INSIDE_H
#define OTA_BUNDLE_INSIDE_H

#include "ota/bundle.h"
#include "ota/lines.h"

/* What the manifest says: one line after the other, entries and deltas in their own lists. */
struct bundle_contents {
	struct bundle_entry *entries;
	size_t entry_count;
	struct bundle_delta *deltas;
	size_t delta_count;
	size_t frame_count; /* of all pieces */
};
void bundle_contents_clear(struct bundle_contents *contents);

/* The 4096 bytes.  Nothing of it is believed yet; ranges lie in the file and do not overlap. */
MUST_CHECK bool bundle_header_parse(struct str bytes, struct bundle_header *out, struct error *err);
/* Append exactly BUNDLE_HEADER bytes; what was parsed prints as the same bytes. */
void bundle_header_print(const struct bundle_header *header, struct buf *out);

/* The manifest of the bundle with this header: all pieces and sections fill the file without a gap
 * or overlap, and the table of frames has just their frames. */
MUST_CHECK bool bundle_manifest_parse(struct str text, const struct bundle_header *header,
				      struct bundle_contents *out, struct error *err);
void bundle_entry_print(const struct bundle_entry *entry, struct buf *out);
void bundle_delta_print(const struct bundle_delta *delta, const char *name, struct buf *out);

/* May an entry have this name? */
bool bundle_name_is_valid(struct str name);
/* Number of frames of so many bytes. */
static inline size_t bundle_frames_of(uint64_t size)
{
	return (size_t)((size + BUNDLE_FRAME - 1) / BUNDLE_FRAME);
}

#endif
