/*
 * metrics_text.h - what monitoring reads of a node, in the words of kubelets and of cAdvisor.
 *
 *   metrics_resource   /metrics/resource: processors and memory of node, pods, containers
 *   metrics_cadvisor   /metrics/cadvisor: all that the kernel counts, by cgroup
 *   metrics_kubelet    /metrics: the agent itself, volumes of claims, evictions
 *   metrics_probes     /metrics/probes: answers of containers to their probes
 *
 * Each makes its own look (stats.h); metrics_cadvisor tells of processes what was counted last
 * (process_counts.h).  Loop thread only.
 */
#ifndef AGENT_METRICS_TEXT_H
#define AGENT_METRICS_TEXT_H

#include "agent/machine.h"
#include "agent/stats.h"

struct metrics_plan {
	struct node *node;
	const struct machine *machine;
	struct pods *pods;
	struct stats *stats;
};

void metrics_resource(const struct metrics_plan *plan, struct buf *out);
void metrics_cadvisor(const struct metrics_plan *plan, struct buf *out);
void metrics_kubelet(const struct metrics_plan *plan, struct buf *out);
void metrics_probes(const struct metrics_plan *plan, struct buf *out);

#endif
