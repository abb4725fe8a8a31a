/*
 * stateful_maker.h - makes pods of a StatefulSet, each after its claims, and removes and mends
 * them, with the events of the real controller.
 *
 * Loop thread only.
 */
#ifndef SERVER_CONTROL_STATEFUL_MAKER_H
#define SERVER_CONTROL_STATEFUL_MAKER_H

#include "server/control/stateful.h"

/* What is to be made, filled by the adders, emptied by the maker. */
struct stateful_order;
struct stateful_orders {
	struct stateful_order **items;
	size_t count;
};

/* The pod of this ordinal, and those of its claims that are not there. */
void stateful_order_pod(struct stateful_orders *orders, const struct stateful *view,
			const struct control *control, int64_t ordinal);
/* Only the claims of a pod that waits for them; nothing when all are there. */
void stateful_order_claims(struct stateful_orders *orders, const struct stateful *view,
			   const struct control *control, const struct stateful_pod *pod);
/* As calls of the batch: one order, then twice as many each round; a failure ends it. */
void stateful_make(struct batch *batch, const struct object *set, struct stateful_orders *orders);

void stateful_delete(struct batch *batch, const struct object *set, const struct object *pod);
/* The labels of identity: true when they had to be put right. */
bool stateful_mend_identity(struct batch *batch, const struct stateful *view,
			    const struct stateful_pod *pod);

#endif
