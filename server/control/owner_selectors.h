/*
 * owner_selectors.h - the selectors of one kind of controllers, parsed once, and which of them want
 * an object that nobody controls.
 *
 * Owner: one a controller; loop thread only.
 */
#ifndef SERVER_CONTROL_OWNER_SELECTORS_H
#define SERVER_CONTROL_OWNER_SELECTORS_H

#include "api/selector.h"
#include "client/queue.h"

struct owner_selectors;
struct owner_selectors *owner_selectors_new(void);
void owner_selectors_free(struct owner_selectors *selectors); /* NULL is fine */

/* A change of an owner: spec.selector is a label selector, or (ReplicationController) a plain map.
 * One that cannot be parsed is as none. */
void owner_selectors_note(struct owner_selectors *selectors, const struct object *before,
			  const struct object *after);
/* NULL when there is none, or it is empty: it may want nothing then. */
const struct selector *owner_selectors_find(const struct owner_selectors *selectors,
					    struct str namespace, struct str name);
/* The names of the owners in the object's namespace whose selector matches it:
 * for (size_t i = 0; owner_selectors_next(selectors, object, &i, &name);) */
bool owner_selectors_next(const struct owner_selectors *selectors, const struct object *object,
			  size_t *at, struct str *out_name);

/*
 * A change of a member: put into the queue ("namespace/name") whom it concerns: its controller if
 * that is of this kind, the one it had before, and, when nobody controls it and that or its labels
 * are new, all whose selector matches.
 */
void owner_selectors_wake(const struct owner_selectors *selectors, struct queue *queue,
			  const char *owner_kind, const struct object *before,
			  const struct object *after);

#endif
