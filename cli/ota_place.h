/*
 * ota_place.h - which data folder a verb of `mote ota` is about, and its slots.
 */
#ifndef CLI_OTA_PLACE_H
#define CLI_OTA_PLACE_H

#include "cli/ctr_data_dir.h"
#include "cli/ota_verb.h"
#include "ota/slots.h"

/* A row for a `struct options` with const char *data_dir. */
/* clang-format off */
#define OTA_ROW_DATA_DIR                                                                           \
	{ .flag = "data-dir", .letter = 'd', .type = OPTION_TEXT,                                  \
	  .at = offsetof(struct options, data_dir), .value_name = "DIR", .fallback = "",           \
	  .group = "Storage",                                                                      \
	  .help = "where all state lives (default: that of this mote's launcher, "                 \
		  "MOTE_DATA_DIR, what the configuration says)" }
/* The same with int64_t gate_timeout. */
#define OTA_ROW_GATE_TIMEOUT(what)                                                                 \
	{ .flag = "gate-timeout", .type = OPTION_INT,                                              \
	  .at = offsetof(struct options, gate_timeout),                                            \
	  .value_name = "S", .fallback = "300", .min = 1, .max = SLOT_GATE_SECONDS_MAX,            \
	  .group = "Options", .help = what }
/* clang-format on */

/* What was said, or the folder of the launcher that started us, or what daemons would take;
 * absolute, in the arena. */
MUST_CHECK bool ota_place_find(struct arena *arena, const char *said, const char **out,
			       struct error *err);
/* The same, and its slots; they must be there unless `make`. */
MUST_CHECK bool ota_place_open(struct arena *arena, const char *said, bool make,
			       const char **out_data_dir, struct slots *out, struct error *err);

/* The slot that this process was started from (<data-dir>/ota/slots/X/bin), or "". */
void ota_place_own_slot(const struct slots *slots, char out[SLOT_NAME]);

#endif
