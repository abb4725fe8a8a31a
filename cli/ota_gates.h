/*
 * ota_gates.h - what a version on trial must show: one row a gate.
 *
 * A gate is asked again and again until it passes or the time is over; what will never pass is
 * refused at once.  Blocking, in a process of its own that ends with the daemon.
 */
#ifndef CLI_OTA_GATES_H
#define CLI_OTA_GATES_H

#include "base/json.h"
#include "ota/slots.h"

enum ota_verdict { OTA_PASSED, OTA_WAITS, OTA_REFUSED };

struct ota_gating {
	const char *data_dir;
	const char *part;    /* "server" or "agent" */
	const char *api_url; /* "" of an agent */
	struct slots slots;
	char slot[SLOT_NAME];
	struct json_doc *facts; /* of before */
};

struct ota_gate {
	const char *name;
	/* Fills *err unless it passes. */
	enum ota_verdict (*ask)(struct ota_gating *gating, struct error *err);
};

extern const struct ota_gate ota_gate_api, ota_gate_database, ota_gate_agent, ota_gate_hooks;

#endif
