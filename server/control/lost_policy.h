/*
 * lost_policy.h - what a workload says about its pods on nodes that have fallen silent, and pods
 * that have a stand-in for that time.  docs/edge-policies.md is the manual for people.
 *
 *   mote.dev/lost-after: 10m | never   on a silent node a pod is given up after that
 *   mote.dev/replace: "true"           another one is made at once, and one of the two kept later
 *   mote.dev/reconcile: keepOriginal | keepReplacement | longestRunning
 *
 * A pod that has a stand-in carries the annotation mote.dev/disconnected (since when): its
 * controller does not count it (server/control/family.h).
 */
#ifndef SERVER_CONTROL_LOST_POLICY_H
#define SERVER_CONTROL_LOST_POLICY_H

#include "server/control/controller.h"

#define LOST_MARK      "mote.dev/disconnected"
#define LOST_NODE_EDGE "mote.dev/edge" /* label of nodes */
#define LOST_NEVER     INT64_MAX

enum lost_keep { LOST_KEEP_ORIGINAL, LOST_KEEP_REPLACEMENT, LOST_KEEP_LONGEST };
struct lost_policy {
	int64_t after_s; /* -1: nothing is said */
	bool replace;
	enum lost_keep keep;
};

/* Of the pod's annotations, else of those who control it, up to the Deployment.  What makes no
 * sense counts as not said. */
struct lost_policy lost_policy_of(const struct control *control, const struct object *pod);

/* Silence alone moves nobody there. */
bool lost_node_is_edge(const struct object *node);

bool lost_is_marked(const struct object *pod);
/* From now on its controller makes another; only for pods that a controller would replace. */
void lost_mark(struct batch *batch, const struct object *pod);
/* Its node is back.  Milliseconds until it is worth to look again; 0 = it is settled. */
int64_t lost_settle(struct batch *batch, const struct object *pod, const struct object *node);

#endif
