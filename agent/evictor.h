/*
 * evictor.h - the node defends itself: looks at memory, disk and pids, tells of pressure, frees
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
#ifndef AGENT_EVICTOR_H
#define AGENT_EVICTOR_H

#include "agent/image_gc.h"
#include "agent/node_limits.h"
#include "agent/node_object.h"
#include "agent/stats.h"

struct evictor_plan {
	struct node *node;
	const struct machine *machine;
	struct pods *pods;
	struct stats *stats;
	struct image_gc *images;
	void (*on_change)(void *of); /* evictor_pressure() is another, or there are other images */
	void *of;
};
struct evictor;
struct evictor *evictor_start(const struct evictor_plan *plan);
void evictor_stop(struct evictor *evictor); /* NULL is fine */
const struct node_pressure *evictor_pressure(const struct evictor *evictor);
/* May a pod that has just come run here?  False: *out says why it may not. */
bool evictor_admit(const struct evictor *evictor, const struct json *pod, struct buf *out);
/* Pods came or went. */
void evictor_pods_changed(struct evictor *evictor);
/* How many were evicted for the signal's sake, since the start. */
uint64_t evictor_count(const struct evictor *evictor, enum eviction_signal signal);

#endif
