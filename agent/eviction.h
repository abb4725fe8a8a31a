/*
 * eviction.h - the node defends itself: looks at memory, disk and pids, tells of pressure, frees
 * what it can, and at last ends pods, one at a time.
 *
 *   every 10 s, and when the kernel tells that tasks wait for memory (PSI; in version 1 of cgroups
 *   when the pods' group passes its mark): look -> judge (eviction_judge.h)
 *   disk is short: dead containers and unused images first
 *   still short: rank (eviction_rank.h) -> pod_fail, then wait until the pod is gone
 *
 * A look reads two or three small files; pods are looked at only when a threshold is crossed, and
 * their files are counted then, or when they have limits of local storage.  Loop thread only.
 */
#ifndef AGENT_EVICTION_H
#define AGENT_EVICTION_H

#include "agent/image_gc.h"
#include "agent/node_limits.h"
#include "agent/node_object.h"
#include "agent/stats.h"

struct eviction_plan {
	struct node *node;
	const struct machine *machine;
	struct pods *pods;
	struct stats *stats;
	struct image_gc *images;
	void (*on_pressure)(void *of); /* eviction_pressure() is another */
	void *of;
};
struct eviction;
struct eviction *eviction_start(const struct eviction_plan *plan);
void eviction_stop(struct eviction *eviction); /* NULL is fine */
const struct node_pressure *eviction_pressure(const struct eviction *eviction);
/* May a pod that has just come run here?  False: *out says why it may not, for its status. */
bool eviction_admit(const struct eviction *eviction, const struct json *pod, struct buf *out);
/* Pods came or went. */
void eviction_pods_changed(struct eviction *eviction);
/* How many were evicted for the signal's sake, since the start. */
uint64_t eviction_count(const struct eviction *eviction, enum eviction_signal signal);

#endif
