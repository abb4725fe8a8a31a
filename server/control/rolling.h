/*
 * rolling.h - the arithmetic of a rolling update: how far the new set may grow and the old ones
 * must shrink.
 *
 * Pure functions.  (Kubernetes, Deployments: maxSurge rounds up, maxUnavailable rounds down, both
 * zero means one.)
 */
#ifndef SERVER_CONTROL_ROLLING_H
#define SERVER_CONTROL_ROLLING_H

#include "base/json.h"

struct rolling {
	int64_t wanted;         /* spec.replicas */
	int64_t surge, missing; /* resolved bounds */
	int64_t all;            /* sum of the sets' wanted replicas */
	int64_t fresh;          /* the new set's wanted replicas */
	int64_t fresh_available, available;
};

/* A bound ("25%", 1) of so many; 0 when it is neither. */
int64_t rolling_resolve(const struct json *bound, int64_t wanted, bool up);
/* maxSurge and maxUnavailable ("25%", 1) against the wanted number. */
void rolling_bounds(const struct json *rolling_update, int64_t wanted, int64_t *out_surge,
		    int64_t *out_missing);
/* What the new set should want now. */
int64_t rolling_fresh(const struct rolling *rolling);
/* How many pods the old sets may lose now (>= 0). */
int64_t rolling_shrink(const struct rolling *rolling);

/* In the middle of a rollout a change of the wanted number is shared out by size: what a set of
 * `size` gets (or loses) when `to_add` are to come and `added` have been given already.  max: how
 * many there might have been when the set was last scaled. */
int64_t rolling_share(const struct rolling *rolling, int64_t size, int64_t max, int64_t to_add,
		      int64_t added);

#endif
