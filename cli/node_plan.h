/*
 * node_plan.h - what options of a node need a look at the machine: its number, its interface.
 */
#ifndef CLI_NODE_PLAN_H
#define CLI_NODE_PLAN_H

#include "agent/agent.h"

/* Beside struct agent_plan: what becomes a part of it. */
struct node_choice {
	bool with_node_id;
	const char *interface;          /* --flannel-iface */
	struct option_list kubelet_arg; /* "key=value" */
};

/*
 * Carry the choices over into the plan: the node's name with its number (made at the first start,
 * kept in <data-dir>/agent/node-id), the address of the interface.  Texts are the arena's.  Leaves
 * kubelet_arg alone: cli/kubelet_args.h.
 */
MUST_CHECK bool node_plan_finish(const struct node_choice *choice, struct arena *arena,
				 struct agent_plan *plan, struct error *err);

#endif
