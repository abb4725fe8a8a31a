/*
 * node_ask.h - one question of a controller to a node's service, through the node's tunnel.
 *
 * Loop thread only.
 */
#ifndef SERVER_CONTROL_NODE_ASK_H
#define SERVER_CONTROL_NODE_ASK_H

#include "base/text.h"
#include "server/control/controller.h"

struct node_ask_plan {
	struct str node;
	const char *method, *target; /* needed during the call only */
	int timeout_ms;
	/* Once, later.  err NULL: `body` is what a 200 said, valid during the call; else why not,
	 * in the node's words.  ERROR_UNAVAILABLE: the node cannot be asked now. */
	void (*on_done)(void *of, struct str body, const struct error *err);
	void *of;
};

struct node_ask;
/* The handle is valid until on_done comes. */
struct node_ask *node_ask_start(struct control *control, const struct node_ask_plan *plan);
void node_ask_cancel(struct node_ask *ask); /* no callback comes after it; NULL is fine */

#endif
