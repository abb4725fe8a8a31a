/*
 * launch.h - what the launcher decides: which slot starts, and whether that counts as a try.
 *
 * A slot is startable when its file OK is there and its bin has the hash that OK says.  OK is
 *	sha256 HEX
 *	epoch N
 * and is made last (ota/slots.h).  Needs nothing but libc and base/error.h, as slot_state.h.
 *
 * All functions take a descriptor of the folder ota/.
 */
#ifndef OTA_LAUNCH_H
#define OTA_LAUNCH_H

#include "ota/digest.h"
#include "ota/slot_state.h"

#define LAUNCH_OK_MAX 4096
/* ota/log keeps the end of what a version on trial wrote to its standard error. */
#define LAUNCH_LOG_BYTES 65536

struct launch_mark {
	char sha256[DIGEST_HEX];
	uint32_t epoch;
};
/* What OK of this slot says; false: there is none, or it says nothing. */
bool launch_mark_read(int folder, const char *slot, struct launch_mark *out);
/* The same from its text, terminated. */
bool launch_mark_parse(const char *text, struct launch_mark *out);

/* Is it complete, and are its bytes those that were verified when it was made? */
bool launch_slot_whole(int folder, const char *slot);

struct launch_choice {
	char slot[SLOT_NAME];
	bool trial; /* this start is counted and wants a watcher */
	struct slot_state state;
	char note[200]; /* why it is not what the record says; "" = it is */
};

/*
 * The slot for a daemon.  In a trial a try is recorded (on the disk before this returns); after
 * SLOT_TRIES of them the slot is taken back.  A slot that is not whole is passed over: then the
 * last good one, then any that is whole, the highest epoch first.  ERROR_NOT_FOUND: there is none.
 */
MUST_CHECK bool launch_choose(int folder, struct launch_choice *out, struct error *err);

/* The slot for any other command: what the record says, unverified and uncounted; else the same
 * search. */
MUST_CHECK bool launch_pick(int folder, struct launch_choice *out, struct error *err);

/* What a daemon would start if nothing was on trial: as launch_choose(), uncounted. */
MUST_CHECK bool launch_find(int folder, struct launch_choice *out, struct error *err);

/* Take the slot back, if it still is on trial: writes the record.  False: it is not, or the disk
 * fails. */
bool launch_revert(int folder, const char *slot, const char *reason, const char *detail);

#endif
