/*
 * cgroup_usage.h - all that the kernel counts of a group of processes, for who shows it to people.
 *
 * struct usage (container.h) is the short form.  Any thread; reads a handful of the kernel's files.
 */
#ifndef RUNTIME_CGROUP_USAGE_H
#define RUNTIME_CGROUP_USAGE_H

#include "runtime/cgroup.h"

/* What the machine does not count is 0; limits are 0 where there are none. */
struct usage_detail {
	uint64_t cpu_ns, cpu_user_ns, cpu_system_ns;
	uint64_t periods, periods_throttled, throttled_ns;
	uint64_t memory, working_set, rss, cache, mapped, swap, memory_peak, memory_failures;
	uint64_t faults, major_faults, oom_kills;
	uint64_t pids, pids_max;
	uint64_t memory_max, swap_max, cpu_shares, cpu_quota_us, cpu_period_us;
};

/* ERROR_NOT_FOUND: the group does not exist. */
MUST_CHECK bool cgroup_usage_detail(const struct cgroup *cgroup, struct usage_detail *out,
				    struct error *err);
/* Of a container of a pod, or "" = the whole pod; as sandbox_usage. */
struct sandbox;
MUST_CHECK bool sandbox_usage_detail(const struct sandbox *sandbox, const char *id,
				     struct usage_detail *out, struct error *err);

/* What one disk did for a group and all below it, in the kernel's words of version 1; version 2
 * counts reads and writes only. */
enum disk_operation {
	DISK_READ,
	DISK_WRITE,
	DISK_SYNC,
	DISK_ASYNC,
	DISK_DISCARD,
	DISK_TOTAL,
	DISK_OPERATIONS
};
extern const char *const disk_operation_names[DISK_OPERATIONS]; /* "Read" */
struct usage_disk {
	unsigned major, minor;
	unsigned told; /* a bit an operation: of these there are bytes */
	uint64_t bytes[DISK_OPERATIONS];
	uint64_t reads, writes;
};
/* Fill at most `room` of them; gives their number.  None: the machine counts no disks by group, or
 * nothing was read or written yet. */
size_t cgroup_usage_disks(const struct cgroup *cgroup, struct usage_disk *out, size_t room);
size_t sandbox_usage_disks(const struct sandbox *sandbox, const char *id, struct usage_disk *out,
			   size_t room);

/* The folder of the kernel's whose cgroup.procs names the container's processes; "" when not
 * known. */
void sandbox_cgroup_folder(const struct sandbox *sandbox, const char *id, struct buf *out);
/* The group's name below the kernel's own folder: "/mote/pods/<uid>/web.0"; "" when not known. */
void sandbox_cgroup_name(const struct sandbox *sandbox, const char *id, struct buf *out);

#endif
