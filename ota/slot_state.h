/*
 * slot_state.h - which version starts next: two records of 512 bytes, of which one is always whole.
 *
 * state.a and state.b each hold one record; the valid one with the higher sequence counts, the
 * other is overwritten.  So a cut in the middle of a write leaves what was before.  The launcher
 * reads and writes them too: this module needs nothing but libc and base/error.h.
 *
 *      NONE --(install)--> GOOD --(apply)--> TRIAL --(gates pass)--> GOOD
 *                            ^                 |
 *                            '--(apply)-- REVERTED <--(tries, time, a gate)
 *
 * All functions take a descriptor of the folder ota/.  Any thread; processes take
 * slot_state_lock().
 */
#ifndef OTA_SLOT_STATE_H
#define OTA_SLOT_STATE_H

#include <stdint.h>

#include "base/error.h"

#define SLOT_STATE_BYTES 512
/* "<version>-<12 hex digits>", terminated */
#define SLOT_NAME 96
/* Starts of a version on trial; one more goes back. */
#define SLOT_TRIES 3
/* What the gates get when nobody says otherwise, and the most that may be said. */
#define SLOT_GATE_SECONDS     300
#define SLOT_GATE_SECONDS_MAX 86400

enum slot_phase {
	SLOT_PHASE_NONE = 0, /* nothing was ever recorded                                  */
	SLOT_PHASE_TRIAL,    /* `slot` is tried, `last_good` is the way back               */
	SLOT_PHASE_GOOD,     /* `slot` runs, `last_good` is the one before (may be "")     */
	SLOT_PHASE_REVERTED, /* `slot` was tried in vain, `last_good` runs                 */
	SLOT_PHASES
};
extern const char *const slot_phase_names[SLOT_PHASES];

struct slot_state {
	uint64_t sequence;
	enum slot_phase phase;
	uint32_t tries;        /* starts of `slot` in this trial                           */
	uint32_t gate_seconds; /* how long a start may take to become good                 */
	char slot[SLOT_NAME], last_good[SLOT_NAME];
	char reason[32];  /* a word for machines: "exited", "timeout", "gate", ...    */
	char detail[252]; /* a sentence for people                                    */
};

/* The slot that is to run: `slot`, or `last_good` when it was taken back; "" = none is recorded. */
const char *slot_state_wanted(const struct slot_state *state);

void slot_state_print(const struct slot_state *state, unsigned char out[SLOT_STATE_BYTES]);
/* False: no such record, or not a whole one. */
bool slot_state_parse(const unsigned char bytes[SLOT_STATE_BYTES], struct slot_state *out);

/* The record that counts.  None, or none that can be read: SLOT_PHASE_NONE with sequence 0. */
void slot_state_read(int folder, struct slot_state *out);
/* Make this the record that counts; returns after it is on the disk.  Its sequence is set here.  A
 * failure leaves the record of before. */
MUST_CHECK bool slot_state_write(int folder, struct slot_state *state, struct error *err);
/* Fill reason and detail, cut to their sizes; control bytes become blanks. */
void slot_state_blame(struct slot_state *state, const char *reason, const char *detail);

/*
 * Whoever reads and then writes holds this; it ends with the descriptor or the process.  -1 with
 * errno EWOULDBLOCK when somebody else did not let go for `wait_ms`, or why this disk has no locks:
 * the launcher goes on all the same.
 */
int slot_state_lock(int folder, int wait_ms);

/* "0.3.0-0123456789ab": letters, digits and ._+- only, no leading dot, below SLOT_NAME. */
bool slot_name_valid(const char *name);

#endif
