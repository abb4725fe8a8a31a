/*
 * plugin_fit.c - what a pod asks for has to be free; scores by how much is left.
 *
 * LeastAllocated spreads, MostAllocated packs, RequestedToCapacityRatio follows a line given by the
 * profile.  For scores a container that asks for no processor or memory counts a little.
 */
#include "server/schedule/cycle.h"
#include "server/schedule/waiting.h"

#define SCORE_MOST 100

static bool is_ignored(const struct profile *profile, const char *name)
{
	const char *slash = strchr(name, '/');

	for (size_t i = 0; profile->ignored && profile->ignored[i]; i++)
		if (strcmp(profile->ignored[i], name) == 0)
			return true;
	for (size_t i = 0; slash && profile->ignored_groups && profile->ignored_groups[i]; i++)
		if (str_is(str_from(name, (size_t)(slash - name)), profile->ignored_groups[i]))
			return true;
	return false;
}

static void check_amount(struct cycle *cycle, const char *name, const int64_t amounts[3],
			 enum verdict *verdict)
{
	int64_t asks = amounts[0], used = amounts[1], has = amounts[2];

	if (asks > 0 && asks > has - used)
		*verdict = cycle_refuse(cycle, VERDICT_NOT_NOW,
					arena_print(cycle->arena, "Insufficient %s", name));
}

static void check_extras(struct cycle *cycle, const struct place *place, enum verdict *verdict)
{
	const struct amounts *asks = &cycle->resident->asks;

	for (size_t i = 0; i < asks->extra_count; i++) {
		const char *name = asks->extras[i].name;

		if (!is_ignored(cycle->profile, name))
			check_amount(cycle, name,
				     (int64_t[]){ asks->extras[i].value,
						  amounts_extra(&place->used, str_of(name)),
						  amounts_extra(&place->has, str_of(name)) },
				     verdict);
	}
}

static enum verdict check(struct cycle *cycle, void *own, struct place *place)
{
	const struct amounts *asks = &cycle->resident->asks, *used = &place->used,
			     *has = &place->has;
	enum verdict verdict = VERDICT_FITS;

	(void)own;
	if ((int64_t)place->pod_count + 1 > place->pods_max)
		verdict = cycle_refuse(cycle, VERDICT_NOT_NOW, "Too many pods");
	check_amount(cycle, "cpu", (int64_t[]){ asks->cpu_milli, used->cpu_milli, has->cpu_milli },
		     &verdict);
	check_amount(cycle, "memory", (int64_t[]){ asks->memory, used->memory, has->memory },
		     &verdict);
	check_amount(cycle, "ephemeral-storage",
		     (int64_t[]){ asks->ephemeral, used->ephemeral, has->ephemeral }, &verdict);
	if (asks->extra_count > 0)
		check_extras(cycle, place, &verdict);
	return verdict;
}

/* --- scores --- */

static int64_t ratio_score(const struct profile *profile, int64_t utilization)
{
	const struct shape_point *points = profile->shape;

	for (size_t i = 0; i < profile->shape_count; i++) {
		if (utilization > points[i].utilization)
			continue;
		if (i == 0)
			return points[0].score * 10;
		return (points[i - 1].score * 10) +
		       (points[i].score - points[i - 1].score) * 10 *
			       (utilization - points[i - 1].utilization) /
			       (points[i].utilization - points[i - 1].utilization);
	}
	return points[profile->shape_count - 1].score * 10;
}

static int64_t score_one(const struct profile *profile, int64_t used, int64_t has)
{
	switch (profile->strategy) {
	case FIT_LEAST:
		return used > has ? 0 : (int64_t)((double)(has - used) * SCORE_MOST / (double)has);
	case FIT_MOST:
		return used > has ? SCORE_MOST : (int64_t)((double)used * SCORE_MOST / (double)has);
	case FIT_RATIO:
		return ratio_score(profile,
				   used > has ? SCORE_MOST
					      : (int64_t)((double)used * SCORE_MOST / (double)has));
	}
	return 0;
}

static int64_t used_with(const struct cycle *cycle, const struct place *place,
			 const struct resource_weight *resource)
{
	const struct resident *pod = cycle->resident;

	if (resource->kind == AMOUNT_CPU)
		return place->least_cpu + pod->least_cpu;
	if (resource->kind == AMOUNT_MEMORY)
		return place->least_memory + pod->least_memory;
	return amounts_get(&place->used, resource->kind, resource->name) +
	       amounts_get(&pod->asks, resource->kind, resource->name);
}

static void *score_prepare(struct cycle *cycle, struct place **places, size_t count)
{
	(void)places;
	(void)count;
	return cycle;
}

static int64_t score(struct cycle *cycle, void *own, struct place *place)
{
	const struct resource_weights *weights = &cycle->profile->fit;
	int64_t sum = 0, weight = 0;

	(void)own;
	for (size_t i = 0; i < weights->count; i++) {
		const struct resource_weight *resource = &weights->at[i];
		int64_t has = amounts_get(&place->has, resource->kind, resource->name), one;

		if (has <= 0 ||
		    (resource->kind == AMOUNT_EXTRA &&
		     amounts_extra(&cycle->resident->asks, str_of(resource->name)) == 0))
			continue;
		one = score_one(cycle->profile, used_with(cycle, place, resource), has);
		if (cycle->profile->strategy == FIT_RATIO && one == 0)
			continue;
		sum += one * resource->weight;
		weight += resource->weight;
	}
	if (weight == 0)
		return 0;
	return cycle->profile->strategy == FIT_RATIO ? (2 * sum + weight) / (2 * weight)
						     : sum / weight;
}

const struct plugin plugin_fit = {
	.name = "NodeResourcesFit",
	.check = check,
	.score_prepare = score_prepare,
	.score = score,
	.weight = 1,
	.wakes = WAKE_NODE_CAME | WAKE_NODE_MORE | WAKE_POD_GONE | WAKE_POD_LESS,
};
