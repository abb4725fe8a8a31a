/*
 * node_use.h - what this machine has and uses right now: processors, memory, processes, file
 * systems, interfaces, disks.
 *
 * As kubelets count: memory in use is all that is not free; the working set is that without the
 * file pages that nobody touched lately; available is the rest.
 *
 * Each call reads two or three of the kernel's small files.  Any thread.
 */
#ifndef AGENT_NODE_USE_H
#define AGENT_NODE_USE_H

#include "base/text.h"

struct memory_use {
	int64_t total, used, working_set, available; /* bytes */
	int64_t rss, swap_total, swap_used;
	int64_t faults, major_faults; /* since boot */
};
struct process_use {
	int64_t max, running; /* of pids; running counts threads */
};
struct file_system_use {
	int64_t capacity, available, used; /* bytes; available to who is not root */
	int64_t inodes, inodes_free, inodes_used;
};
struct interface_use {
	char name[16];
	uint64_t received_bytes, received_packets, received_errors, received_dropped;
	uint64_t sent_bytes, sent_packets, sent_errors, sent_dropped;
};

/* A whole disk since boot, as /proc/diskstats tells it; a sector has 512 bytes. */
struct machine_disk {
	char name[32]; /* "sda" */
	unsigned major, minor;
	uint64_t reads, reads_merged, sectors_read, read_ms;
	uint64_t writes, writes_merged, sectors_written, write_ms;
	uint64_t running, busy_ms, weighted_ms;
};

void node_use_memory(struct memory_use *out);
uint64_t node_use_cpu_ns(void); /* of all processors, since boot */
void node_use_processes(struct process_use *out);
int64_t node_use_boot_s(void); /* when it started, wall clock; 0 = not known */
/* False: there is no such folder. */
bool node_use_file_system(const char *folder, struct file_system_use *out);
/* Interfaces in the network namespace of a process (0 = ours) but lo; gives their number. */
size_t node_use_interfaces(int pid, struct interface_use *out, size_t room);
/* Disks that have been used; gives their number. */
size_t node_use_disks(struct machine_disk *out, size_t room);
/* "/dev/sda"; "" when the kernel knows of no such disk. */
void node_use_disk_name(unsigned major, unsigned minor, struct buf *out);

/* Tests: the kernel's files are looked for below this folder instead of "/"; NULL = "/". */
void node_use_pretend(const char *root);

#endif
