/*
 * slot_maker.h - a slot out of a file or of a bundle, and a bundle's other files put in their
 * places.
 *
 * A slot's manifest begins with "version V", "epoch N", "floor N" lines; the bundle's own manifest
 * follows.  Everything written is synced; nothing replaces a file before it is whole and hashed.
 *
 * Blocking; the owner holds slots_claim().
 */
#ifndef OTA_SLOT_MAKER_H
#define OTA_SLOT_MAKER_H

#include <sys/types.h>

#include <sys/types.h>

#include "ota/intake.h"

/* What a slot's manifest says of it. */
struct slot_facts {
	char version[BUNDLE_VERSION];
	uint32_t epoch, floor;
};
MUST_CHECK bool slot_maker_facts(const struct slots *slots, const char *name,
				 struct slot_facts *out, struct error *err);

/* A slot whose bin is a copy of this program.  One that is there already, and whole, is left:
 * *out_made false.  A failure leaves no slot.  The facts' version must be valid. */
MUST_CHECK bool slot_maker_copy(const struct slots *slots, const char *path,
				const struct slot_facts *facts, char out_name[SLOT_NAME],
				bool *out_made, struct error *err);

/*
 * The same from a bundle.  `base` (may be NULL or "") is a slot whose bin a delta may start from;
 * if that does not work out, the whole binary is fetched.
 */
struct slot_maker_plan {
	const struct slots *slots;
	struct intake *intake;
	const char *base;
	void (*tell)(void *of, uint64_t missing); /* as intake_fetch(); may be NULL */
	void *of;
};
MUST_CHECK bool slot_maker_bundle(const struct slot_maker_plan *plan, char out_name[SLOT_NAME],
				  bool *out_made, struct error *err);
/* The name it will have. */
MUST_CHECK bool slot_maker_name(const struct bundle *bundle, char out[SLOT_NAME],
				struct error *err);

/* Fetch and unpack an entry as this file, unless the file has its bytes already: *out_put false. */
MUST_CHECK bool slot_maker_place(const struct slot_maker_plan *plan,
				 const struct bundle_entry *entry, const char *path, mode_t mode,
				 bool *out_put, struct error *err);

#endif
