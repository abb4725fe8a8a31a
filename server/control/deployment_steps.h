/*
 * deployment_steps.h - one pass over a deployment's replica sets: which one is new, how many pods
 * each is to have now, which are history.
 *
 * Loop thread only.
 */
#ifndef SERVER_CONTROL_DEPLOYMENT_STEPS_H
#define SERVER_CONTROL_DEPLOYMENT_STEPS_H

#include "server/control/controller.h"
#include "server/control/deployment_status.h"

/* Adds the calls to the batch.  `news` is filled at once and, when a set is made, by its answer:
 * it is to live as long as the batch, and `sets` is needed during the call only. */
void deployment_steps(struct batch *batch, struct deployment_sets *sets,
		      struct deployment_news *news);
/* All old pods go before the first new one comes; NULL is none. */
bool deployment_is_recreated(const struct object *deployment);

#endif
