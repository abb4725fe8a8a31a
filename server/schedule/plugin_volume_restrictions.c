/*
 * plugin_volume_restrictions.c - a claim with ReadWriteOncePod is one pod's in the whole cluster.
 */
#include "server/schedule/cycle.h"
#include "server/schedule/waiting.h"

struct alone {
	const char **claims; /* of the pod, that nobody else may have */
	size_t count;
	int64_t users; /* pods with a place that have one of them */
};

static bool is_for_one_pod(struct cycle *cycle, const char *name)
{
	const struct sources *sources = &cycle->scene->sources;
	const struct object *claim = sources->find(
		sources->of, CONTROL_CLAIMS, object_namespace(cycle->resident->pod), str_of(name));

	if (!claim)
		return false;
	for (struct json_iter it =
		     json_iter(json_path(cycle_json(cycle, claim), "spec", "accessModes", NULL));
	     json_next(&it);)
		if (str_is(json_str(it.value), "ReadWriteOncePod"))
			return true;
	return false;
}

static bool prepare(struct cycle *cycle, void **out_own)
{
	const struct resident *pod = cycle->resident;
	struct alone *alone;

	if (pod->claim_count == 0)
		return true;
	alone = arena_zero(cycle->arena, sizeof(*alone));
	alone->claims = arena_zero(cycle->arena, pod->claim_count * sizeof(char *));
	for (size_t i = 0; i < pod->claim_count; i++) {
		if (!is_for_one_pod(cycle, pod->claims[i]))
			continue;
		alone->claims[alone->count++] = pod->claims[i];
		alone->users += (intptr_t)map_find(
			cycle->scene->claims,
			str_of(arena_print(cycle->arena, STR_FMT "/%s",
					   STR_ARG(object_namespace(pod->pod)), pod->claims[i])));
	}
	if (alone->count > 0)
		*out_own = alone;
	return true;
}

static enum verdict check(struct cycle *cycle, void *own, struct place *place)
{
	const struct alone *alone = own;

	(void)place;
	if (alone->users == 0)
		return VERDICT_FITS;
	return cycle_refuse(cycle, VERDICT_NOT_NOW,
			    "node(s) unavailable due to PersistentVolumeClaim with "
			    "ReadWriteOncePod access mode already in-use by another pod");
}

static void shift(struct cycle *cycle, void *own, struct place *place,
		  const struct resident *resident, int by)
{
	struct alone *alone = own;

	(void)place;
	if (!str_equal(object_namespace(resident->pod), object_namespace(cycle->resident->pod)))
		return;
	for (size_t i = 0; i < alone->count; i++)
		for (size_t k = 0; k < resident->claim_count; k++)
			if (strcmp(alone->claims[i], resident->claims[k]) == 0)
				alone->users += by;
}

const struct plugin plugin_volume_restrictions = {
	.name = "VolumeRestrictions",
	.prepare = prepare,
	.check = check,
	.shift = shift,
	.wakes = WAKE_POD_GONE | WAKE_CLAIM,
};
