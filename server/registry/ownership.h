/*
 * ownership.h - metadata.managedFields of every write: who set which field, and server-side apply.
 *
 * comes from: create, update, patch and scale, through change.c.  goes to: api/managed_fields.h and
 * api/apply.h, which do it.  What deletes, binds or evicts leaves the entries as they are.
 * Decision and costs: docs/decisions/0013-server-side-apply.md.
 *
 * Loop thread only.
 */
#ifndef SERVER_REGISTRY_OWNERSHIP_H
#define SERVER_REGISTRY_OWNERSHIP_H

#include "base/clock.h"
#include "server/request.h"

struct changing;

/* Who writes, for one change. */
struct owning {
	struct str manager;
	const char *subresource; /* of the entry: "status", "scale", "" */
	bool done;               /* an apply has put the entries itself */
	char now[CLOCK_TEXT];
};

/* In the request's arena. */
struct owning *ownership_of(const struct request *req);

/* After the defaults, before what the server sets itself and before admission: the doc's root gets
 * its managedFields.  Without change->owning, or while something is deleted, they stay what they
 * are in `old`. */
void ownership_track(const struct changing *change, struct json_doc *doc, const struct object *old);
/* Is `now` the same as `old` but for the times of entries?  Then nothing was changed. */
bool ownership_same(const struct json *now, const struct json *old);

/* `config`, which apply_check has passed, applied to old (NULL: it is made, if the user may): the
 * wished object, in the kept form, as the root of *out_doc.  Its resourceVersion is there only when
 * config has it: then it is a condition. */
MUST_CHECK bool ownership_apply(struct changing *change, const struct object *old,
				const struct json *config, struct json_doc **out_doc,
				struct error *err);

#endif
