/*
 * plugin_volume_binding.c - bound volumes must be reachable from the node; for claims that wait for
 * their first consumer there must be a volume, or a way to make one.
 */
#include "server/schedule/volume_choice.h"
#include "server/schedule/waiting.h"

static bool prepare(struct cycle *cycle, void **out_own)
{
	struct volume_wishes *wishes;

	if (cycle->resident->claim_count == 0)
		return true;
	wishes = arena_zero(cycle->arena, sizeof(*wishes));
	if (!volume_wishes_of(cycle, wishes))
		return false;
	*out_own = wishes;
	return true;
}

static enum verdict check(struct cycle *cycle, void *own, struct place *place)
{
	const struct volume_wishes *wishes = own;
	struct volume_choices choices;

	for (size_t i = 0; i < wishes->count; i++) {
		if (!wishes->at[i].bound)
			continue;
		if (!wishes->at[i].volume)
			return cycle_refuse(cycle, VERDICT_NEVER,
					    "node(s) unavailable due to one or more pvc(s) bound "
					    "to non-existent pv(s)");
		if (!node_terms_match(wishes->at[i].volume_terms, place->node))
			return cycle_refuse(cycle, VERDICT_NEVER,
					    "node(s) had volume node affinity conflict");
	}
	if (!volume_choices_on(cycle, wishes, place, &choices))
		return cycle_refuse(cycle, VERDICT_NEVER,
				    "node(s) didn't find available persistent volumes to bind");
	return VERDICT_FITS;
}

const struct plugin plugin_volume_binding = {
	.name = "VolumeBinding",
	.prepare = prepare,
	.check = check,
	.wakes = WAKE_NODE_CAME | WAKE_NODE_LABELS | WAKE_CLAIM | WAKE_VOLUME | WAKE_CLASS,
};
