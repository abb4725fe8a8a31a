/*
 * plugin_balance.c - nodes whose resources are used in equal parts come first.
 */
#include "server/schedule/cycle.h"

#define SCORE_MOST 100
#define FEW        8

static void *score_prepare(struct cycle *cycle, struct place **places, size_t count)
{
	(void)places;
	(void)count;
	return cycle;
}

static bool counts(const struct cycle *cycle, const char *name)
{
	if (strcmp(name, "cpu") == 0 || strcmp(name, "memory") == 0 ||
	    strcmp(name, "ephemeral-storage") == 0)
		return true;
	return amounts_extra(&cycle->resident->asks, str_of(name)) > 0;
}

static double square_root(double value)
{
	double root = value > 1 ? value : 1;

	for (int i = 0; i < 40; i++)
		root = (root + value / root) / 2;
	return root;
}

/* Of parts between 0 and 1. */
static double deviation(const double *parts, size_t count)
{
	double mean = 0, sum = 0;

	if (count < 2)
		return 0;
	if (count == 2)
		return (parts[0] > parts[1] ? parts[0] - parts[1] : parts[1] - parts[0]) / 2;
	for (size_t i = 0; i < count; i++)
		mean += parts[i] / (double)count;
	for (size_t i = 0; i < count; i++)
		sum += (parts[i] - mean) * (parts[i] - mean);
	return square_root(sum / (double)count);
}

static int64_t score(struct cycle *cycle, void *own, struct place *place)
{
	const struct resource_weights *weights = &cycle->profile->balance;
	double parts[FEW];
	size_t count = 0;

	(void)own;
	for (size_t i = 0; i < weights->count && count < FEW; i++) {
		struct str name = str_of(weights->at[i].name);
		int64_t has = amounts_get(&place->has, name);
		double part;

		if (has <= 0 || !counts(cycle, weights->at[i].name))
			continue;
		part = (double)(amounts_get(&place->used, name) +
				amounts_get(&cycle->resident->asks, name)) /
		       (double)has;
		parts[count++] = part > 1 ? 1 : part;
	}
	return (int64_t)((1 - deviation(parts, count)) * SCORE_MOST);
}

const struct plugin plugin_balance = {
	.name = "NodeResourcesBalancedAllocation",
	.score_prepare = score_prepare,
	.score = score,
	.weight = 1,
};
