/*
 * node_range.h - cuts the cluster's address range into ranges of 256 addresses, one a node.
 *
 * Pure arithmetic over IPv4: tell what is used, then take the lowest range that is free.  It keeps
 * nothing that is not told to it, so the nodes themselves stay the only record of who has what.
 *
 * Owner: one struct node_range per controller, used from the loop thread only.
 */
#ifndef SERVER_CONTROL_NODE_RANGE_H
#define SERVER_CONTROL_NODE_RANGE_H

#include "base/text.h"

struct node_range;

#define NODE_RANGE_TEXT 20 /* "255.255.255.0/24" and its end */

/* cluster_cidr: "10.42.0.0/16"; between /8 and /24, so at most 65,536 ranges.  ERROR_INVALID. */
MUST_CHECK bool node_range_open(const char *cluster_cidr, struct node_range **out,
				struct error *err);
void node_range_close(struct node_range *range); /* NULL is fine */

/* Nothing is used any more. */
void node_range_clear(struct node_range *range);
/* Every range that this CIDR touches is used.  What is no IPv4 CIDR or lies outside is ignored. */
void node_range_use(struct node_range *range, struct str cidr);
/* The lowest free range, which is used from now on; false when there is none. */
MUST_CHECK bool node_range_take(struct node_range *range, char out[NODE_RANGE_TEXT]);

#endif
