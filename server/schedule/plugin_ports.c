/*
 * plugin_ports.c - a port of the node is one pod's only, an address and a protocol at a time.
 */
#include "server/schedule/cycle.h"
#include "server/schedule/waiting.h"

static bool prepare(struct cycle *cycle, void **out_own)
{
	if (cycle->resident->port_count > 0)
		*out_own = cycle;
	return true;
}

static bool collides(const struct resident *one, const struct resident *other)
{
	for (size_t i = 0; i < one->port_count; i++)
		for (size_t k = 0; k < other->port_count; k++)
			if (ports_collide(&one->ports[i], &other->ports[k]))
				return true;
	return false;
}

static bool any_collides(const struct resident *pod, const struct list *others, int32_t least)
{
	LIST_EACH(others, link)
	{
		const struct resident *other = LIST_OWNER(link, struct resident, link);

		if (other->priority >= least && other->port_count > 0 && collides(pod, other) &&
		    !str_equal(object_uid(other->pod), object_uid(pod->pod)))
			return true;
	}
	return false;
}

static enum verdict check(struct cycle *cycle, void *own, struct place *place)
{
	const struct resident *pod = cycle->resident;

	(void)own;
	if (any_collides(pod, &place->residents, INT32_MIN) ||
	    (cycle->with_nominated && any_collides(pod, &place->nominated, pod->priority)))
		return cycle_refuse(cycle, VERDICT_NOT_NOW,
				    "node(s) didn't have free ports for the requested pod ports");
	return VERDICT_FITS;
}

const struct plugin plugin_ports = {
	.name = "NodePorts",
	.prepare = prepare,
	.check = check,
	.wakes = WAKE_NODE_CAME | WAKE_POD_GONE,
};
