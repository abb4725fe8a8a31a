/*
 * unpacker.h - the packed bytes of a piece become the entry's bytes: raw, zstd, or zstd against the
 * old file; never more than was declared, and at the end exactly what was signed.
 *
 * Push: feed the packed bytes in order, in parts of any size (checked frames of the bundle); the
 * unpacked ones come out through `put`.  What came out counts only after unpacker_end().
 * Memory: raw none; zstd 8 MiB and some 200 KiB; a delta the size of the new file, beside the old
 * one, which stays where the caller has it (mapped).  One thread at a time.
 */
#ifndef OTA_UNPACKER_H
#define OTA_UNPACKER_H

#include "ota/bundle.h"

struct unpacker;

/* Takes unpacked bytes; false with *err ends it. */
typedef bool unpacker_put(void *of, struct str bytes, struct error *err);

/* `from`: STR_NONE for the entry's own piece, else the old file of a delta, checked by its hash by
 * the caller, alive until the end.  The entry is copied. */
MUST_CHECK bool unpacker_new(const struct bundle_entry *entry, struct str from, unpacker_put *put,
			     void *of, struct unpacker **out, struct error *err);
void unpacker_free(struct unpacker *unpacker);
DEFINE_AUTO(struct unpacker *, unpacker_free)
#define auto_unpacker AUTO(unpacker_free) struct unpacker *

/* ERROR_INVALID: damaged; ERROR_TOO_LARGE: more than was declared.  Then it is to be freed. */
MUST_CHECK bool unpacker_feed(struct unpacker *unpacker, struct str packed, struct error *err);
/* All was fed: are size and SHA-256 those of the entry?  ERROR_INVALID if not. */
MUST_CHECK bool unpacker_end(struct unpacker *unpacker, struct error *err);

/* All of it from a file that holds the bundle: every frame is checked before it is unpacked. */
MUST_CHECK bool unpacker_run(const struct bundle *bundle, const struct bundle_piece *piece, int fd,
			     struct unpacker *unpacker, struct error *err);

#endif
