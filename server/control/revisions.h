/*
 * revisions.h - the history of a set's template as ControllerRevisions: one an equal template, the
 * newest of the greatest number, old ones up to a limit.
 *
 * Loop thread only; what a look gives is borrowed for one pass.
 */
#ifndef SERVER_CONTROL_REVISIONS_H
#define SERVER_CONTROL_REVISIONS_H

#include "server/control/controller.h"

#define REVISION_HASH_LABEL "controller-revision-hash" /* of pods */

struct revision {
	const struct object *object;
	int64_t number, created_s;
};

/* The history of one owner, oldest first. */
struct revisions {
	const struct object *owner;
	enum control_kind owner_kind;
	struct revision *items;
	size_t count;
};
void revisions_look(struct revisions *revisions, const struct control *control,
		    enum control_kind owner_kind, const struct object *owner);
void revisions_clear(struct revisions *revisions);
const struct revision *revisions_find(const struct revisions *revisions, struct str name);

/*
 * The revision of the owner's template, which is made the newest one: NULL when that needs calls,
 * which are in the batch then.  The pass is to end with them; their effect brings the next one.
 * A name that another template has raises status.collisionCount.
 */
const struct revision *revisions_update(struct batch *batch, const struct revisions *revisions);
/* Remove the oldest of those that are not live beyond spec.revisionHistoryLimit. */
void revisions_truncate(struct batch *batch, const struct revisions *revisions,
			bool (*is_live)(void *of, const struct revision *revision), void *of);

/* {"spec":{"template":{..., "$patch":"replace"}}}: what undo sends as a patch. */
struct json *revisions_data(struct json_doc *doc, const struct json *template);
/* The hash that the revision was named by; pods of daemon sets carry it. */
struct str revision_hash(const struct revision *revision);

#endif
