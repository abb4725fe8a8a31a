/*
 * binder.h - what the binder writes on claims and volumes.
 *
 * Every write names the revision that it was thought out from: when somebody was faster it fails,
 * and with it the batch.  Loop thread only.
 */
#ifndef SERVER_CONTROL_BINDER_H
#define SERVER_CONTROL_BINDER_H

#include "api/object.h"
#include "server/control/batch.h"

bool binder_is_phase(const struct object *object, const char *phase);

/* The claim's status; volume NULL: none is bound.  False: it says so already. */
bool binder_tell_claim(struct batch *batch, const struct object *claim, const char *phase,
		       const struct object *volume);
/* The volume's status, message NULL: none.  False: it has this phase already. */
bool binder_tell_volume(struct batch *batch, const struct object *volume, const char *phase,
			const char *message);

/* What a volume says of its claim: spec.claimRef. */
struct json *binder_reference(struct json_doc *doc, const struct object *claim);

/* The volume names the claim; */
void binder_claim_volume(struct batch *batch, const struct object *volume,
			 const struct object *claim);
/* the claim names the volume; */
void binder_name_volume(struct batch *batch, const struct object *claim,
			const struct object *volume);
/* the claim has another one: what we reserved is free again, what somebody reserved stays so. */
void binder_undo(struct batch *batch, const struct object *volume);

void binder_give_class(struct batch *batch, const struct object *claim, const struct object *class);
/* Somebody else makes the volume: the claim says who. */
void binder_name_provisioner(struct batch *batch, const struct object *claim, struct str name);

#endif
