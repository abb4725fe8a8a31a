/*
 * authorize_node.h - what a node must be able to do, and no more: its own object, lease and pods,
 * and what those pods need.
 */
#ifndef SERVER_GATE_AUTHORIZE_NODE_H
#define SERVER_GATE_AUTHORIZE_NODE_H

#include "server/gate/authorize.h"

/* A rule of the authorization gate; `why` is told nothing. */
bool authorize_node(struct server *server, const struct attributes *asked, struct buf *why);
/* The name of the node that this user is; STR_NONE for everybody else.  Part of user->name. */
struct str authorize_node_name(const struct user *user);

#endif
