/*
 * ota_preflight.h - a version is asked whether it can take over the data of this machine.
 */
#ifndef CLI_OTA_PREFLIGHT_H
#define CLI_OTA_PREFLIGHT_H

#include "ota/slots.h"

/*
 * Runs `mote ota self-test` of that slot, which reads a copy of the database and changes nothing;
 * two minutes at most.  ERROR_INVALID with its own words: it cannot.  The slot must be whole.
 */
MUST_CHECK bool ota_preflight(const struct slots *slots, const char *data_dir, const char *slot,
			      struct error *err);

#endif
