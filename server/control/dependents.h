/*
 * dependents.h - who depends on whom: for each owner's uid the keys of the objects that name it in
 * their ownerReferences.
 *
 * Owner: the collector of garbage; loop thread only.
 */
#ifndef SERVER_CONTROL_DEPENDENTS_H
#define SERVER_CONTROL_DEPENDENTS_H

#include "api/object.h"

struct dependents;
struct dependents *dependents_new(void);
void dependents_free(struct dependents *dependents); /* NULL is fine */

/* A change of the object under `key`; either state may be NULL. */
void dependents_note(struct dependents *dependents, struct str key, const struct object *before,
		     const struct object *after);
size_t dependents_count(const struct dependents *dependents, struct str uid);
/* for (size_t i = 0; dependents_next(dependents, uid, &i, &key);) - none is noted inside */
bool dependents_next(const struct dependents *dependents, struct str uid, size_t *at,
		     struct str *out_key);
/* Has it ownerReferences at all?  Does not parse it. */
bool dependents_has_owners(const struct object *object);

#endif
