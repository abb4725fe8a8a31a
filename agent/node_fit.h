/*
 * node_fit.h - is there room on this node for a pod that was bound to it?  The scheduler's own pods
 * fit; those whose nodeName somebody wrote, and those of files, need not.
 *
 * Pure functions, loop thread only.
 */
#ifndef AGENT_NODE_FIT_H
#define AGENT_NODE_FIT_H

#include "agent/pods.h"

/* What a pod asks for of a resource, its overhead and its init containers included, as the
 * scheduler counts: processors in thousandths, all else whole. */
int64_t node_fit_request(const struct json *pod, const char *resource);

/* False: *out_reason is the kubelet's word ("OutOfcpu", "NodeAffinity", "NodePorts"), *why its
 * sentence.  `pods` are all that this node has, the pod itself may be among them. */
bool node_fit_check(const struct node *node, const struct pods *pods, const struct json *pod,
		    const char **out_reason, struct buf *why);

/* Resources alone; pods NULL: on an empty node. */
bool node_fit_resources(const struct node *node, const struct pods *pods, const struct json *pod,
			struct buf *why);

#endif
