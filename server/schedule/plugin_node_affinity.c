/*
 * plugin_node_affinity.c - labels of nodes that a pod, or its profile, wants or prefers.
 */
#include "server/schedule/cycle.h"
#include "server/schedule/waiting.h"

static bool prepare(struct cycle *cycle, void **out_own)
{
	if (json_count(cycle->node_selector) > 0 || cycle->required || cycle->added)
		*out_own = cycle;
	return true;
}

static enum verdict check(struct cycle *cycle, void *own, struct place *place)
{
	(void)own;
	if (!node_terms_match(cycle->added, place->node))
		return cycle_refuse(cycle, VERDICT_NEVER,
				    "node(s) didn't match scheduler-enforced node affinity");
	if (!cycle_node_meets(cycle, place->node))
		return cycle_refuse(cycle, VERDICT_NEVER,
				    "node(s) didn't match Pod's node affinity/selector");
	return VERDICT_FITS;
}

static void *score_prepare(struct cycle *cycle, struct place **places, size_t count)
{
	(void)places;
	(void)count;
	return cycle->preference_count > 0 ? cycle : NULL;
}

static int64_t score(struct cycle *cycle, void *own, struct place *place)
{
	int64_t sum = 0;

	(void)own;
	for (size_t i = 0; i < cycle->preference_count; i++)
		if (node_terms_match(cycle->preferences[i].terms, place->node))
			sum += cycle->preferences[i].weight;
	return sum;
}

static void normalize(struct cycle *cycle, void *own, struct place **places, int64_t *scores,
		      size_t count)
{
	(void)cycle;
	(void)own;
	(void)places;
	cycle_normalize(scores, count, false);
}

const struct plugin plugin_node_affinity = {
	.name = "NodeAffinity",
	.prepare = prepare,
	.check = check,
	.score_prepare = score_prepare,
	.score = score,
	.normalize = normalize,
	.weight = 2,
	.wakes = WAKE_NODE_CAME | WAKE_NODE_LABELS,
};
