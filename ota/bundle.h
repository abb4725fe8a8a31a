/*
 * bundle.h - reading an update: what to fetch next, and proof that it is what was signed.
 *
 * A bundle pulls.  bundle_needs() names the range it must see next and bundle_feed() takes those
 * bytes: from a file, from a range by HTTP, from anywhere.  The order is header, signatures (then
 * the signatures over the header are checked), manifest, frames.  When it needs nothing more, it is
 * whole: what it lists is signed, and bundle_check_frame() proves each 64 KiB of a piece.
 *
 *	while (bundle_needs(bundle, &range))
 *		... get range.size bytes at range.offset ... bundle_feed(bundle, bytes, err)
 *
 * A failed bundle stays failed and is to be freed.  One thread at a time; a whole one is only read.
 * Format: docs/decisions/0010-update.md.
 */
#ifndef OTA_BUNDLE_H
#define OTA_BUNDLE_H

#include "ota/root_of_trust.h"

#define BUNDLE_HEADER  4096u
#define BUNDLE_FRAME   (64u * 1024)
#define BUNDLE_SHA256  32
#define BUNDLE_ARCH    16 /* room, terminated */
#define BUNDLE_VERSION 65
#define BUNDLE_NAME    256

struct bundle_range {
	uint64_t offset, size;
};

struct bundle_section {
	struct bundle_range range;
	unsigned char sha256[BUNDLE_SHA256];
};

struct bundle_header {
	char arch[BUNDLE_ARCH], version[BUNDLE_VERSION], min_from[BUNDLE_VERSION];
	uint32_t epoch, floor;
	int64_t created_s, expires_s;
	uint64_t length;
	struct bundle_section manifest, frames;
	struct bundle_range signatures;
};

enum bundle_role { BUNDLE_BINARY, BUNDLE_IMAGE, BUNDLE_MANIFEST, BUNDLE_CONFIG, BUNDLE_ROLES };
enum bundle_codec { BUNDLE_RAW, BUNDLE_ZSTD, BUNDLE_CODECS };
extern const char *const bundle_role_names[BUNDLE_ROLES];
extern const char *const bundle_codec_names[BUNDLE_CODECS];

/* Bytes in the file; `first_frame` is its first in the table of frames. */
struct bundle_piece {
	struct bundle_range packed;
	size_t first_frame, frame_count; /* the last frame may be short */
};

struct bundle_entry {
	char name[BUNDLE_NAME];
	enum bundle_role role;
	enum bundle_codec codec;
	uint64_t size; /* unpacked */
	unsigned char sha256[BUNDLE_SHA256];
	struct bundle_piece piece;
};

/* The same content as entry `entry`, for somebody who has the file with this hash. */
struct bundle_delta {
	size_t entry;
	unsigned char from_sha256[BUNDLE_SHA256];
	struct bundle_piece piece;
};

struct bundle;

/* Believe what this root's keys sign, and roots that follow it.  The root is copied. */
struct bundle *bundle_new(const struct root_of_trust *root);
/* Look into a bundle without believing it: signatures are parsed and not checked.  Never for what
 * is installed. */
struct bundle *bundle_new_unsigned(void);
void bundle_free(struct bundle *bundle);
DEFINE_AUTO(struct bundle *, bundle_free)
#define auto_bundle AUTO(bundle_free) struct bundle *

/* False: nothing more, the bundle is whole.  A range is never empty and at most 8 MiB. */
bool bundle_needs(const struct bundle *bundle, struct bundle_range *out);
/* Exactly the bytes of that range.  ERROR_INVALID: not a bundle, or damaged; ERROR_TOO_LARGE;
 * ERROR_FORBIDDEN: not signed as it must be. */
MUST_CHECK bool bundle_feed(struct bundle *bundle, struct str bytes, struct error *err);
/* All of it from a file or block device; it must have the length that the header says. */
MUST_CHECK bool bundle_read_fd(struct bundle *bundle, int fd, struct error *err);
/* Append a range of the file to *out: fewer bytes where the file ends. */
MUST_CHECK bool bundle_read_range(int fd, struct bundle_range range, struct buf *out,
				  struct error *err);

/* Of a whole bundle. */
const struct bundle_header *bundle_header(const struct bundle *bundle);
const struct signature_list *bundle_signatures(const struct bundle *bundle);
/* The root that counts now: the one given, or the newest that came along; NULL if unsigned.  Keep
 * the texts of bundle_signatures()->roots that are newer than yours, then go on from this one. */
const struct root_of_trust *bundle_root(const struct bundle *bundle);
size_t bundle_entry_count(const struct bundle *bundle);
const struct bundle_entry *bundle_entry(const struct bundle *bundle, size_t i);
const struct bundle_entry *bundle_binary(const struct bundle *bundle); /* there is exactly one */
const struct bundle_entry *bundle_find(const struct bundle *bundle, const char *name); /* or NULL */
size_t bundle_delta_count(const struct bundle *bundle);
const struct bundle_delta *bundle_delta(const struct bundle *bundle, size_t i);
/* The delta for this entry against the file with that hash, or NULL. */
const struct bundle_delta *bundle_delta_from(const struct bundle *bundle,
					     const struct bundle_entry *entry,
					     const unsigned char from_sha256[BUNDLE_SHA256]);
struct str bundle_manifest_text(const struct bundle *bundle);

/* Where frame i (< frame_count) of the piece lies in the file. */
struct bundle_range bundle_frame_range(const struct bundle_piece *piece, size_t i);
/* Put frame i, proven, into *out (what was there goes).  ERROR_INVALID: damaged. */
MUST_CHECK bool bundle_read_frame(const struct bundle *bundle, const struct bundle_piece *piece,
				  size_t i, int fd, struct buf *out, struct error *err);
/* Are these the signed bytes of that frame? */
bool bundle_check_frame(const struct bundle *bundle, const struct bundle_piece *piece, size_t i,
			struct str bytes);

#endif
