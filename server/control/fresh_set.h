/*
 * fresh_set.h - the replica set of a deployment's wished template: making it, and keeping what it
 * says of its deployment (revision, history, annotations, minReadySeconds) true.
 *
 * Loop thread only.
 */
#ifndef SERVER_CONTROL_FRESH_SET_H
#define SERVER_CONTROL_FRESH_SET_H

#include "server/control/controller.h"
#include "server/control/deployment_status.h"

/* Make it, with so many replicas, as a call of the batch; the answer fills `news`.  A name that is
 * taken by a set of another template counts as a collision: the next pass has another name. */
void fresh_set_create(struct batch *batch, const struct deployment_sets *sets, int64_t replicas,
		      struct deployment_news *news);
/* True when sets->fresh was not as it should be: the call that mends it is in the batch. */
bool fresh_set_renew(struct batch *batch, const struct deployment_sets *sets);

/* The text of the history with one more revision: "1,3" and "4" give "1,3,4".  The oldest give way
 * when it would be longer than `max` bytes. */
void fresh_set_print_history(struct str history, struct str revision, size_t max, struct buf *out);

#endif
