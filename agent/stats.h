/*
 * stats.h - one look at what the node's pods use, for all who show it: summaries, metrics,
 * eviction.
 *
 * A look reads the kernel's files of each container that runs; nothing is looked at unless somebody
 * asks.  Rates (nano cores) are the difference to the look before, when that is not older than five
 * minutes.  What files take on the disk is counted by a servant (disk_use.h) and may be a minute
 * old; so are processes (process_counts.h), seconds old.  Loop thread only.
 */
#ifndef AGENT_STATS_H
#define AGENT_STATS_H

#include "agent/disk_use.h"
#include "agent/node_use.h"
#include "agent/pods.h"
#include "agent/process_counts.h"
#include "runtime/cgroup_usage.h"

#define STATS_INTERFACES_MAX 8

/* What disks did for a group; with STATS_DISKS. */
struct stats_disks {
	struct usage_disk *items;
	size_t count;
};

struct stats_container {
	struct str name;
	const struct container_state *state; /* running */
	const char *image;                   /* as the pod says it */
	const char *cgroup;                  /* its name, "" = not known */
	struct usage_detail use;
	int64_t nano_cores; /* -1 = not known yet */
	bool has_root, has_logs;
	struct disk_use_figure root, logs; /* what it has written */
	struct stats_disks disks;
	bool has_processes; /* counted the last time; with STATS_PROCESSES */
	struct cgroup_processes processes;
};

struct stats_volume {
	struct str name, claim;   /* claim: of a persistentVolumeClaim, or empty */
	bool is_memory, is_local; /* local: emptyDir and the like, of the node's own disk */
	const char *path;
	bool known;
	struct disk_use_figure figure;
	struct file_system_use fs;
};

struct stats_pod {
	const struct pod *pod;
	const char *cgroup;
	int64_t started_us; /* of its first container that runs; 0 = none does */
	struct usage_detail use;
	bool has_use;
	int64_t nano_cores;
	struct stats_container *containers;
	size_t container_count;
	struct interface_use interfaces[STATS_INTERFACES_MAX];
	size_t interface_count;
	struct stats_disks disks;
	struct stats_volume *volumes;
	size_t volume_count;
	int64_t etc_bytes; /* of its hosts file and the like; with STATS_VOLUMES */
};

struct stats_look {
	int64_t time_us;      /* wall clock */
	int64_t processes_us; /* of the counts of processes */
	struct stats_pod *pods;
	size_t count;
};

struct stats;
struct stats *stats_new(struct node *node, struct pods *pods);
void stats_free(struct stats *stats); /* node->movers must be closed before; NULL is fine */
/* All texts and arrays are the arena's; pods and states are borrowed until the next loop round. */
enum { STATS_VOLUMES = 1, STATS_INTERFACES = 2, STATS_DISKS = 4, STATS_PROCESSES = 8 };
void stats_take(struct stats *stats, unsigned parts, struct arena *arena, struct stats_look *out);
/* Since the look before, in nano cores of the whole machine; -1 = not known yet. */
int64_t stats_node_nano_cores(struct stats *stats, uint64_t cpu_ns);
struct disk_use *stats_disk(struct stats *stats);
struct process_counts *stats_processes(struct stats *stats);
/* What the pod's files take on the node's own disk: written files, logs, local volumes. */
struct disk_use_figure stats_pod_disk(const struct stats_pod *pod);

#endif
