/*
 * kubelet_args.h - what --kubelet-arg means here: a few of the kubelet's arguments are options of
 * the agent under another name; the others are refused with the reason.
 */
#ifndef CLI_KUBELET_ARGS_H
#define CLI_KUBELET_ARGS_H

#include "agent/agent.h"

/* Carry each "key=value" over into the plan; lists grow.  Texts are the arena's. */
MUST_CHECK bool kubelet_args_apply(const struct option_list *args, struct arena *arena,
				   struct agent_plan *plan, struct error *err);

#endif
