/*
 * node_lease.h - the node's sign of life: its Lease in kube-node-lease, renewed every 10 s.
 *
 * The Node owns it, so it goes with the Node.  Loop thread only.
 */
#ifndef AGENT_NODE_LEASE_H
#define AGENT_NODE_LEASE_H

#include "agent/node.h"

struct node_lease;
/* Nothing is sent before the Node is known. */
struct node_lease *node_lease_start(struct node *node);
/* The Node as the API has it, which begins the renewals; NULL: there is none, which ends them. */
void node_lease_owner(struct node_lease *lease, const struct json *object);
/* At once, if the Node is known: the server is reached again. */
void node_lease_renew(struct node_lease *lease);
void node_lease_stop(struct node_lease *lease); /* NULL is fine */

#endif
