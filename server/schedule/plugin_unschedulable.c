/*
 * plugin_unschedulable.c - a cordoned node takes no pods but those that tolerate it.
 */
#include "server/schedule/cycle.h"
#include "server/schedule/waiting.h"

static enum verdict check(struct cycle *cycle, void *own, struct place *place)
{
	(void)own;
	if (!place->unschedulable ||
	    tolerations_match(&cycle->tolerations, STR("node.kubernetes.io/unschedulable"), STR(""),
			      STR("NoSchedule")))
		return VERDICT_FITS;
	return cycle_refuse(cycle, VERDICT_NEVER, "node(s) were unschedulable");
}

const struct plugin plugin_unschedulable = {
	.name = "NodeUnschedulable",
	.check = check,
	.wakes = WAKE_NODE_CAME | WAKE_NODE_TAINTS,
};
