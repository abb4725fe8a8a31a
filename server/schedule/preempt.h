/*
 * preempt.h - room for a pod by taking it from pods of lower priority: which node, which pods.
 *
 * Only finds; who was found is put to leave by the caller.
 */
#ifndef SERVER_SCHEDULE_PREEMPT_H
#define SERVER_SCHEDULE_PREEMPT_H

#include "server/schedule/cycle.h"

struct preemption {
	struct place *place;       /* NULL: it does not help */
	struct resident **victims; /* the most important first; of the cycle's arena */
	size_t count;
	const char *why;      /* not tried, or no use: what is said after "preemption: " */
	bool keeps_nominated; /* not tried because others are leaving: nominatedNodeName stays */
};

/* For a cycle that has found no place. */
void preempt_find(struct cycle *cycle, struct preemption *out);

#endif
