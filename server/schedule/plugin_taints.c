/*
 * plugin_taints.c - taints keep pods off that do not tolerate them; soft ones are counted.
 */
#include "server/schedule/cycle.h"
#include "server/schedule/waiting.h"

static enum verdict check(struct cycle *cycle, void *own, struct place *place)
{
	const struct taint *taint = cycle_hard_taint(cycle, place);

	(void)own;
	if (!taint)
		return VERDICT_FITS;
	return cycle_refuse(cycle, VERDICT_NEVER,
			    arena_print(cycle->arena, "node(s) had untolerated taint {%s: %s}",
					taint->key, taint->value));
}

static void *score_prepare(struct cycle *cycle, struct place **places, size_t count)
{
	(void)places;
	(void)count;
	return cycle;
}

static int64_t score(struct cycle *cycle, void *own, struct place *place)
{
	int64_t count = 0;

	(void)own;
	for (size_t i = 0; i < place->taint_count; i++) {
		const struct taint *taint = &place->taints[i];

		count += strcmp(taint->effect, "PreferNoSchedule") == 0 &&
			 !tolerations_match(&cycle->tolerations, str_of(taint->key),
					    str_of(taint->value), str_of(taint->effect));
	}
	return count;
}

static void normalize(struct cycle *cycle, void *own, struct place **places, int64_t *scores,
		      size_t count)
{
	(void)cycle;
	(void)own;
	(void)places;
	cycle_normalize(scores, count, true);
}

const struct plugin plugin_taints = {
	.name = "TaintToleration",
	.check = check,
	.score_prepare = score_prepare,
	.score = score,
	.normalize = normalize,
	.weight = 3,
	.wakes = WAKE_NODE_CAME | WAKE_NODE_TAINTS,
};
