/*
 * ota_facts.h - what this machine did before an update, so that afterwards "no worse than before"
 * can be told: which containers ran, was the node connected, was it ready.
 *
 * Kept as <data-dir>/ota/facts (JSON) from the update to the end of its trial.  Blocking.
 */
#ifndef CLI_OTA_FACTS_H
#define CLI_OTA_FACTS_H

#include "base/json.h"
#include "ota/slots.h"

/* Ask the agent of this data folder.  Without an agent: {"agent": null}, which is no failure. */
MUST_CHECK bool ota_facts_gather(const char *data_dir, struct json_doc **out, struct error *err);
MUST_CHECK bool ota_facts_keep(const struct slots *slots, const struct json_doc *facts,
			       struct error *err);
/* Both.  An agent that cannot be asked is no reason to stay: it is said, and nothing is expected of
 * the next one. */
MUST_CHECK bool ota_facts_record(const struct slots *slots, const char *data_dir,
				 struct error *err);
/* Missing: as if nothing had run. */
MUST_CHECK bool ota_facts_read(const struct slots *slots, struct json_doc **out, struct error *err);
void ota_facts_forget(const struct slots *slots);

/* Is `now` no worse than `before`?  ERROR_UNAVAILABLE with a sentence that says what is missing. */
MUST_CHECK bool ota_facts_compare(const struct json *before, const struct json *now,
				  struct error *err);

#endif
