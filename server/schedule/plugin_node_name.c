/*
 * plugin_node_name.c - a pod that names its node fits there only.
 */
#include "server/schedule/cycle.h"
#include "server/schedule/waiting.h"

static bool prepare(struct cycle *cycle, void **out_own)
{
	if (json_str(json_get(cycle->spec, "nodeName")).len > 0)
		*out_own = cycle;
	return true;
}

static enum verdict check(struct cycle *cycle, void *own, struct place *place)
{
	(void)own;
	if (str_is(json_str(json_get(cycle->spec, "nodeName")), place->name))
		return VERDICT_FITS;
	return cycle_refuse(cycle, VERDICT_NEVER, "node(s) didn't match the requested node name");
}

const struct plugin plugin_node_name = {
	.name = "NodeName",
	.prepare = prepare,
	.check = check,
	.wakes = WAKE_NODE_CAME,
};
