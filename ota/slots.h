/*
 * slots.h - the versions on this machine: ota/slots/<version>-<hash12>/{bin,manifest,OK}.
 *
 * A slot is made in a folder without OK, read back from the disk and hashed, and complete once OK
 * is there, which is synced last; after that nothing in it changes.  A folder without OK is what a
 * cut left: making that slot again begins anew.  After every step that counts, file and folder are
 * synced, so that a cut leaves a slot or none.
 *
 * Owner: one process at a time holds slots_claim() while it makes or drops slots.  Any thread.
 */
#ifndef OTA_SLOTS_H
#define OTA_SLOTS_H

#include "base/text.h"
#include "ota/launch.h"

#define SLOTS_MAX      64 /* more is a broken folder, not a history */
#define SLOTS_MANIFEST (512u * 1024)

struct slots {
	char *root; /* <data-dir>/ota */
	int folder; /* its descriptor, for ota/slot_state.h and ota/launch.h */
};
/* Opens <data-dir>/ota; makes it, its slots/ and trust/ (0700) when `make`.  ERROR_NOT_FOUND: this
 * mote was not installed with a launcher. */
MUST_CHECK bool slots_open(const char *data_dir, bool make, struct slots *out, struct error *err);
void slots_close(struct slots *slots); /* one that was never opened (all zero) is fine */

/* For as long as the descriptor is open nobody else makes or drops slots, or applies an update.
 * ERROR_UNAVAILABLE: somebody does. */
MUST_CHECK bool slots_claim(const struct slots *slots, int *out_fd, struct error *err);

/* "<version>-<first 12 of the hash>"; ERROR_INVALID: no such name is possible. */
MUST_CHECK bool slots_name(const char *version, const char sha256_hex[DIGEST_HEX],
			   char out[SLOT_NAME], struct error *err);

/* --- making one --- */
/* An empty bin to be written (0755); the descriptor is the caller's.  ERROR_EXISTS: that slot is
 * complete already. */
MUST_CHECK bool slots_begin(const struct slots *slots, const char *name, int *out_bin,
			    struct error *err);
/* Sync, read back and compare with `sha256`, then manifest and OK.  `bin` is closed before; on
 * failure the slot stays incomplete. */
MUST_CHECK bool slots_finish(const struct slots *slots, const char *name, struct str manifest,
			     const struct launch_mark *mark, struct error *err);
/* OK goes first, and is gone from the disk before the rest.  Missing is fine. */
MUST_CHECK bool slots_drop(const struct slots *slots, const char *name, struct error *err);
/* Drops all but those named; NULL entries are passed over. */
MUST_CHECK bool slots_prune(const struct slots *slots, const char *const *keep, size_t count,
			    struct error *err);

/* --- looking --- */
struct slots_entry {
	char name[SLOT_NAME];
	bool complete; /* has OK */
	struct launch_mark mark;
};
/* In the order of their names, at most SLOTS_MAX. */
size_t slots_list(const struct slots *slots, struct slots_entry out[SLOTS_MAX]);

/* Read the whole file from the medium, not from memory, and compare.  ERROR_BROKEN: it differs. */
MUST_CHECK bool slots_read_back(const char *path, const char sha256_hex[DIGEST_HEX],
				struct error *err);

/* current -> slots/<name> and previous, for people: replaced as a whole.  name "" removes it. */
MUST_CHECK bool slots_link(const struct slots *slots, const char *link, const char *name,
			   struct error *err);

/* The lowest epoch that may be taken; 0 when none was set.  It is only ever raised. */
MUST_CHECK bool slots_floor(const struct slots *slots, uint32_t *out, struct error *err);
MUST_CHECK bool slots_raise_floor(const struct slots *slots, uint32_t to, struct error *err);

/* ERROR_FULL unless the disk has that many bytes and a tenth more. */
MUST_CHECK bool slots_need_space(const struct slots *slots, uint64_t bytes, struct error *err);

#endif
