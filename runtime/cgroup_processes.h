/*
 * cgroup_processes.h - how many processes a group has and what they hold open.
 *
 * The group's own, without those of groups below it, as cAdvisor counts.  Every process is looked
 * into, so this is work for a servant.  Any thread.
 */
#ifndef RUNTIME_CGROUP_PROCESSES_H
#define RUNTIME_CGROUP_PROCESSES_H

#include "base/text.h"

/*
 * Counting ends at LIMIT_COUNTED_PROCESSES and LIMIT_COUNTED_DESCRIPTORS: then there are so many or
 * more.  One process that ends meanwhile, or starts, may be missed.
 */
struct cgroup_processes {
	uint64_t processes, descriptors, sockets;
	int64_t files_max; /* how many the first process may open: -1 = no limit, 0 = not known */
};

/*
 * folder: the kernel's, of the group; pid: its first process, 0 = none.  proc: "/proc", tests have
 * another.  False: there is no such group, or counting would go on when this thread has used
 * `until_ns` of the processor (cgroup_processes_clock); *out is not to be used then.
 */
bool cgroup_processes_count(const char *proc, const char *folder, int pid, int64_t until_ns,
			    struct cgroup_processes *out);
/* What this thread has used of the processor. */
int64_t cgroup_processes_clock(void);

#endif
