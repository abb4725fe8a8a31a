/*
 * process_counts.h - how many processes containers have, and what these hold open.
 *
 * Every process is looked into, so a servant does it (a thread of its own, which is there from the
 * first count on), for who asks, and not at all while nobody does.  Loop thread only.
 */
#ifndef AGENT_PROCESS_COUNTS_H
#define AGENT_PROCESS_COUNTS_H

#include "base/work.h"
#include "runtime/cgroup_processes.h"

struct process_counts;
/* list: calls process_counts_add for each group, before each count. */
struct process_counts *process_counts_new(struct loop *loop,
					  void (*list)(void *of, struct process_counts *counts),
					  void *of);
/* Waits for the servant; who still waits is not told.  NULL is fine. */
void process_counts_free(struct process_counts *counts);
/* folder: of the kernel's, of the group (cgroup_processes.h); pid: its first process. */
void process_counts_add(struct process_counts *counts, const char *folder, int pid);

/* Somebody who waits; embedded. */
struct process_counts_wait {
	struct list link;
	void (*on_ready)(struct process_counts_wait *wait);
};
/* True: what is known is not older than max_age_ms.  False: a count is under way, on_ready comes
 * later, once. */
bool process_counts_want(struct process_counts *counts, int64_t max_age_ms,
			 struct process_counts_wait *wait);
void process_counts_cancel(struct process_counts_wait *wait); /* harmless when it does not wait */

/* False: it was not counted the last time: it is new, or the count had taken LIMIT_COUNTING_MS
 * before it came to it. */
bool process_counts_find(const struct process_counts *counts, const char *folder,
			 struct cgroup_processes *out);
/* When the last count began, wall clock; 0 = never. */
int64_t process_counts_time_us(const struct process_counts *counts);

#endif
