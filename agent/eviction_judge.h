/*
 * eviction_judge.h - which threshold is crossed, for how long, and what to tell of it: the rules of
 * kubelets, without looking at any machine.
 *
 * Pure but for the struct; any thread.
 */
#ifndef AGENT_EVICTION_JUDGE_H
#define AGENT_EVICTION_JUDGE_H

#include "agent/node_limits.h"
#include "agent/node_object.h"

struct observation {
	bool known;
	int64_t available, capacity;
};

struct eviction_judge {
	int64_t first_ms[NODE_THRESHOLDS_MAX]; /* since when it is crossed; 0 = it is not */
	bool acted[NODE_THRESHOLDS_MAX];       /* was to be acted upon at the last look */
	int64_t memory_ms, disk_ms, pids_ms;   /* when that pressure was seen last; 0 = never */
};

/*
 * One look at `now_ms` (monotonic, more than 0).  *out_pressure holds on for the transition period.
 * Gives the threshold to act upon: one whose grace period is over, memory first; NULL = none.
 * A threshold that was acted upon is crossed until its minimum reclaim is free as well.
 */
const struct eviction_threshold *eviction_judge_look(struct eviction_judge *judge,
						     const struct node_limits *limits,
						     const struct observation seen[SIGNALS],
						     int64_t now_ms,
						     struct node_pressure *out_pressure);
/* Is it crossed, its minimum reclaim counted in? */
bool eviction_judge_is_crossed(const struct eviction_threshold *threshold,
			       const struct observation seen[SIGNALS]);
/* "memory", "ephemeral-storage", "inodes", "pids" */
const char *eviction_resource(enum eviction_signal signal);

#endif
