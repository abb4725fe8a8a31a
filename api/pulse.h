/*
 * pulse.h - updates that say "still alive" and nothing else: they need not survive a power cut.
 */
#ifndef API_PULSE_H
#define API_PULSE_H

#include "base/json.h"

/* Do both objects say the same but for what stands at these paths ("spec.renewTime", "*" is any
 * entry of an array; NULL-terminated, at most 4), the resourceVersion and managedFields (whose
 * entries follow what was written)? */
bool pulse_check(const struct json *before, const struct json *after, const char *const *paths);
/* The same, and something at these paths differs: entries of managedFields that change alone are
 * somebody's claim and no heartbeat. */
bool pulse_beats(const struct json *before, const struct json *after, const char *const *paths);

#endif
