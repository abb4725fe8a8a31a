/*
 * node_call.h - one question to a node that ends in a connection, or in the node's reason.
 *
 * comes from: exec, attach, port-forward, proxy.  goes to: a stream "node" of the node's tunnel,
 * upgraded by the agent (agent/node_service.h).
 *
 * Loop thread only.
 */
#ifndef SERVER_FRONT_NODE_CALL_H
#define SERVER_FRONT_NODE_CALL_H

#include "net/stream.h"
#include "tunnel/tunnel.h"

#define NODE_CALL_MS 15000

struct node_call;
struct node_call_plan {
	struct loop *loop;
	struct tunnel *tunnel;
	enum tunnel_priority priority;
	const char *target;   /* "/exec/..." */
	const char *protocol; /* "mote-exec", "mote-forward" */
	/* Called once, later: the stream (callee takes it and owns it at once) or why not.  The
	 * call is over then. */
	void (*on_done)(void *owner, struct stream *stream, const struct error *err);
	void *owner;
};
struct node_call *node_call_start(const struct node_call_plan *plan);
void node_call_cancel(struct node_call *call); /* no callback comes after it; NULL is fine */

#endif
