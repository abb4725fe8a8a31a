/*
 * family_claim.h - puts right who belongs to an owner: members that nobody controls and that its
 * selector matches are adopted, members that it does not match any more are let go.
 *
 * Adoption first asks the API (not the cache) whether the owner still is the one we know and is
 * not being deleted, and each patch names the uid of what it changes, so that neither a new owner
 * of the same name nor a new member of the same name is touched by mistake.
 */
#ifndef SERVER_CONTROL_FAMILY_CLAIM_H
#define SERVER_CONTROL_FAMILY_CLAIM_H

#include "api/selector.h"
#include "server/control/controller.h"

struct family_claim {
	enum control_kind kind; /* of the members */
	enum control_kind owner_kind;
	const struct object *owner;
	const struct selector *selector; /* NULL matches nothing */
	/* NULL, or what a member has to meet besides (StatefulSet: its name). */
	bool (*fits)(const struct object *owner, const struct object *member);
	const char *finalizer; /* NULL, or what an adopted member gets too (Job) */
	bool active_only;      /* pods that are finished or being deleted stay as they are */
};

/*
 * True: something is not right, and the calls that mend it are in the batch.  The pass is to end
 * with them: the changes they make bring the next one.  False: all is right, nothing was called.
 * Nothing is claimed for an owner that is being deleted.
 */
bool family_claim(struct batch *batch, const struct family_claim *claim);
/* Is it the owner's by all rules now? (controlled by it, matching; else a pass may not count it.)
 */
bool family_claim_holds(const struct family_claim *claim, const struct object *member);

#endif
