/*
 * bundle_check.h - all of a bundle's file, and signing it.
 */
#ifndef OTA_BUNDLE_CHECK_H
#define OTA_BUNDLE_CHECK_H

#include "ota/bundle.h"

/* Every frame is what was signed, every entry unpacks to its hash.  Deltas need their old file to
 * be unpacked: of them the frames are checked.  ERROR_INVALID names the first that is not so. */
MUST_CHECK bool bundle_check_pieces(const struct bundle *bundle, int fd, struct error *err);

struct bundle_signing {
	const struct str *key_pems;
	size_t key_count;
	const struct str *roots; /* texts to take along, oldest first */
	size_t root_count;
};
/* Check the bundle, then add signatures and roots; the file is replaced by its signed copy, synced.
 */
MUST_CHECK bool bundle_sign(const char *path, const struct bundle_signing *signing,
			    struct error *err);

#endif
