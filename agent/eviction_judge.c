/*
 * eviction_judge.c - crossed, since when, long enough?
 */
#include "agent/eviction_judge.h"

static const struct {
	const char *resource;
	size_t pressure; /* offset in struct node_pressure */
	int rank;        /* what is acted upon first */
} rows[SIGNALS] = {
	[SIGNAL_MEMORY] = { "memory", offsetof(struct node_pressure, memory), 0 },
	[SIGNAL_ALLOCATABLE_MEMORY] = { "memory", offsetof(struct node_pressure, memory), 0 },
	[SIGNAL_NODEFS] = { "ephemeral-storage", offsetof(struct node_pressure, disk), 1 },
	[SIGNAL_NODEFS_INODES] = { "inodes", offsetof(struct node_pressure, disk), 1 },
	[SIGNAL_IMAGEFS] = { "ephemeral-storage", offsetof(struct node_pressure, disk), 1 },
	[SIGNAL_IMAGEFS_INODES] = { "inodes", offsetof(struct node_pressure, disk), 1 },
	[SIGNAL_CONTAINERFS] = { "ephemeral-storage", offsetof(struct node_pressure, disk), 1 },
	[SIGNAL_CONTAINERFS_INODES] = { "inodes", offsetof(struct node_pressure, disk), 1 },
	[SIGNAL_PID] = { "pids", offsetof(struct node_pressure, pids), 1 },
};

const char *eviction_resource(enum eviction_signal signal)
{
	return rows[signal].resource;
}

static bool is_below(const struct eviction_threshold *one, const struct observation *seen,
		     bool with_reclaim)
{
	int64_t wanted = limit_amount_of(&one->below, seen->capacity);

	if (with_reclaim)
		wanted += limit_amount_of(&one->reclaim, seen->capacity);
	return seen->known && seen->available < wanted;
}

bool eviction_judge_is_crossed(const struct eviction_threshold *threshold,
			       const struct observation seen[SIGNALS])
{
	return is_below(threshold, &seen[threshold->signal], true);
}

static bool holds_on(int64_t seen_ms, int64_t now_ms, int64_t transition_ms)
{
	return seen_ms > 0 && (seen_ms == now_ms || now_ms - seen_ms < transition_ms);
}

static void note(struct eviction_judge *judge, enum eviction_signal signal, int64_t now_ms)
{
	switch (rows[signal].pressure) {
	case offsetof(struct node_pressure, memory): judge->memory_ms = now_ms; break;
	case offsetof(struct node_pressure, disk): judge->disk_ms = now_ms; break;
	default: judge->pids_ms = now_ms; break;
	}
}

const struct eviction_threshold *eviction_judge_look(struct eviction_judge *judge,
						     const struct node_limits *limits,
						     const struct observation seen[SIGNALS],
						     int64_t now_ms,
						     struct node_pressure *out_pressure)
{
	const struct eviction_threshold *chosen = NULL;

	for (size_t i = 0; i < limits->threshold_count; i++) {
		const struct eviction_threshold *one = &limits->thresholds[i];
		bool crossed = is_below(one, &seen[one->signal], judge->acted[i]);

		if (!crossed)
			judge->first_ms[i] = 0;
		else if (judge->first_ms[i] == 0)
			judge->first_ms[i] = now_ms;
		if (crossed)
			note(judge, one->signal, now_ms);
		judge->acted[i] =
			crossed && (!one->is_soft || now_ms - judge->first_ms[i] >= one->grace_ms);
		if (judge->acted[i] &&
		    (!chosen || rows[one->signal].rank < rows[chosen->signal].rank))
			chosen = one;
	}
	*out_pressure = (struct node_pressure){
		.memory = holds_on(judge->memory_ms, now_ms, limits->transition_ms),
		.disk = holds_on(judge->disk_ms, now_ms, limits->transition_ms),
		.pids = holds_on(judge->pids_ms, now_ms, limits->transition_ms),
	};
	return chosen;
}
