/*
 * eviction_rank.h - who goes first, and the words in which it is told why.
 *
 * As kubelets: who uses more than was requested, then the lower priority, then who uses most beyond
 * its request.  Pods that the system needs are not among them.  Pure.
 */
#ifndef AGENT_EVICTION_RANK_H
#define AGENT_EVICTION_RANK_H

#include "agent/eviction_judge.h"
#include "agent/stats.h"

struct eviction_candidate {
	const struct json *object; /* of the pod */
	const struct stats_pod *stats;
	int64_t usage, request, priority; /* of the resource that is short */
};

/* Pods of files on the node, their mirrors, and those of a system priority. */
bool eviction_is_critical(const struct json *pod);
/* The best to evict comes first. */
void eviction_rank(struct eviction_candidate *candidates, size_t count,
		   enum eviction_signal signal);
/* What the pod uses and what it requested of what the signal is about; `disk`: its files. */
void eviction_measure(enum eviction_signal signal, const struct disk_use_figure *disk,
		      struct eviction_candidate *candidate);

/* "The node was low on resource: memory. Threshold quantity: 100Mi, available: 90124Ki. ..." */
void eviction_print(const struct eviction_candidate *candidate,
		    const struct eviction_threshold *threshold, const struct observation *seen,
		    struct buf *out);
/* Why its own limits of local storage are passed; false: they are not. */
bool eviction_local_limit(const struct json *pod, const struct stats_pod *stats, struct buf *out);
/* Does the pod have any such limit? */
bool eviction_has_local_limit(const struct json *pod);
/* A number as resource.Quantity prints binary ones: "1536Ki". */
void eviction_print_binary(int64_t value, struct buf *out);

#endif
