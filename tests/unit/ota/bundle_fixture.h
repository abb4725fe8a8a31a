/*
 * bundle_fixture.h - bundles taken apart, so that a test can lie in one place and sign the lie.
 *
 * Order in the file: header, signatures, frames, pieces, manifest; so the manifest may become
 * longer without a piece moving.  Failures end the test.
 */
#ifndef TESTS_UNIT_OTA_BUNDLE_FIXTURE_H
#define TESTS_UNIT_OTA_BUNDLE_FIXTURE_H

#include "ota/bundle_inside.h"

#define FIXTURE_KEYS      4
#define FIXTURE_ROOM      8192u /* for signatures */
#define FIXTURE_CREATED_S 1700000000
#define FIXTURE_EXPIRES_S 1800000000

/* Secret keys, made once a test. */
struct str fixture_key(size_t i);
/* Root `version`: it takes `threshold` of the keys named in `keys` ("012"); signed by those in
 * `signers`. */
struct root_of_trust *fixture_root(uint32_t version, size_t threshold, const char *keys,
				   const char *signers);

struct parts {
	struct bundle_header header; /* what is not about places is kept as it is */
	struct buf manifest, frames, pieces;
	struct buf binary, old, image; /* what the pieces unpack to; old: of the delta */
	struct signature_list roots;   /* only roots */
	bool keep_hashes;              /* of manifest and frames: those in the header stay */
};
/* "mote" (binary, zstd, three frames when packed), its delta against `old`, and "pause.tar" (image,
 * raw, two frames). `seed` makes the contents differ. */
void parts_make(struct parts *parts, unsigned seed);
void parts_clear(struct parts *parts);
#define auto_parts __attribute__((cleanup(parts_clear))) struct parts
/* The file, signed by these keys. */
void parts_print(struct parts *parts, const char *signers, struct buf *out);
/* Replace the first occurrence of a text; it must be there. */
void fixture_edit(struct buf *text, const char *from, const char *to);
/* Write signatures over whatever the header's bytes are. */
void fixture_sign(struct buf *file, struct signature_list *roots, const char *signers);

/* All that a device does: read, then check every piece. */
bool fixture_check(const struct buf *file, const struct root_of_trust *root, struct error *err);
/* Read only; *out is NULL if it is refused.  The caller frees. */
bool fixture_read(const struct buf *file, const struct root_of_trust *root, struct bundle **out,
		  struct error *err);

#endif
