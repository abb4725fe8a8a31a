/*
 * metrics_inside.h - between the files of cAdvisor's metrics: the cgroups they tell of.
 */
#ifndef AGENT_METRICS_INSIDE_H
#define AGENT_METRICS_INSIDE_H

#include "agent/metrics_text.h"

/* One cgroup. */
struct group {
	const char *labels; /* container, id, image, name, namespace, pod */
	const struct usage_detail *use;
	const struct stats_pod *pod;             /* of which it is the group; or NULL */
	const struct stats_container *container; /* or of this one */
};

struct groups {
	struct group *items; /* the first is the machine: "/" */
	size_t count;
	int64_t time_ms;
	int64_t processes_ms; /* of the counts of processes */
	struct usage_detail machine;
};

/* What was read from disks and written: metrics_disks.c. */
void metrics_add_disks(const struct groups *groups, struct arena *arena, struct buf *out);

#endif
