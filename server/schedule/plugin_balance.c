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
		const struct resource_weight *resource = &weights->at[i];
		int64_t has = amounts_get(&place->has, resource->kind, resource->name),
			asks = amounts_get(&cycle->resident->asks, resource->kind, resource->name);
		double part;

		if (has <= 0 || (resource->kind == AMOUNT_EXTRA && asks == 0))
			continue;
		part = (double)(amounts_get(&place->used, resource->kind, resource->name) + asks) /
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
