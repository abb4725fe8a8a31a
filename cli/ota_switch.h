/*
 * ota_switch.h - from one version to another: the record, the links, the daemons.
 */
#ifndef CLI_OTA_SWITCH_H
#define CLI_OTA_SWITCH_H

#include "ota/slots.h"

/* The slot that starts next by the record, "" when there is none. */
void ota_switch_current(const struct slots *slots, char out[SLOT_NAME]);
/* Put the slot on trial: the next start of a daemon tries it.  ERROR_CONFLICT: another one is. */
MUST_CHECK bool ota_switch_try(const struct slots *slots, const char *name, uint32_t gate_seconds,
			       struct error *err);
/* The slot is good without a trial: the first one, and one that was good before. */
MUST_CHECK bool ota_switch_settle(const struct slots *slots, const char *name, struct error *err);
/* Where the record is lost, or names a version that is damaged, and so another one starts: that one
 * is recorded as good, so that an update has a way back and does not drop what runs. */
MUST_CHECK bool ota_switch_mend(const struct slots *slots, struct error *err);
/* The trial of this slot has passed: good, floor raised, manifests put, other slots dropped.  Can
 * be repeated.  ERROR_CONFLICT: it is not on trial any more. */
MUST_CHECK bool ota_switch_commit(const struct slots *slots, const char *data_dir, const char *name,
				  struct error *err);
/* What a cut left of a commit; nothing where there was none.  Daemons begin with it. */
MUST_CHECK bool ota_switch_finish(const struct slots *slots, const char *data_dir,
				  struct error *err);

/* Drop all slots but the good one and the one before.  Does nothing while somebody has the claim.
 */
MUST_CHECK bool ota_switch_tidy(const struct slots *slots, struct error *err);

/* Have the daemons of this machine execute the launcher; *out_count: how many there were. */
MUST_CHECK bool ota_switch_restart(const struct slots *slots, size_t *out_count, struct error *err);
/* Wait for the end of the trial, telling what it waits for.  ERROR_CONFLICT: it was taken back. */
MUST_CHECK bool ota_switch_await(const struct slots *slots, const char *name, struct error *err);

/* What the gates wait for: a line in ota/waiting, for people and for the watcher. */
void ota_switch_waiting(const struct slots *slots, const char *text); /* "" = nothing */

#endif
