/*
 * bundle_write.h - making a bundle from files; the same files and settings give the same bytes.
 *
 * What a device reads first lies first: header, room for signatures, manifest, frames, then the
 * pieces in the order of the inputs.  The bundle is not signed yet: see bundle_sign.h.
 */
#ifndef OTA_BUNDLE_WRITE_H
#define OTA_BUNDLE_WRITE_H

#include "ota/bundle.h"

/* Zero bytes that signatures and roots fill later: some 90 signatures, or 40 and 2 roots. */
#define BUNDLE_SIGNATURE_ROOM (16u * 1024)

struct bundle_input {
	const char *path, *name;
	enum bundle_role role;
	bool raw;                /* never packed: a shell can cut it out */
	const char *const *from; /* old files to write deltas against */
	size_t from_count;
};

struct bundle_plan {
	struct bundle_header header; /* arch, versions, epochs and times; the rest is filled here */
	const struct bundle_input *inputs;
	size_t input_count;
};

/* Write the file, synced and complete or not at all.  A piece that packing does not make smaller by
 * a sixteenth stays raw; a delta that is not smaller than its entry is left out.  Beside it, as
 * much space again is used until the end. */
MUST_CHECK bool bundle_write(const struct bundle_plan *plan, const char *path, struct error *err);

#endif
