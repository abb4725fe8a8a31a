/*
 * node_limits.h - what the operator keeps back of this machine, and when the node defends itself:
 * reservations, eviction thresholds, collection of images, logs.
 *
 * Said in the words of the kubelet's arguments ("eviction-hard=memory.available<100Mi,...").  The
 * defaults are k3s': imagefs.available<5%,nodefs.available<5% with a minimum reclaim of 10%.
 *
 * Plain values; any thread.
 */
#ifndef AGENT_NODE_LIMITS_H
#define AGENT_NODE_LIMITS_H

#include "base/options.h"
#include "base/text.h"

enum eviction_signal {
	SIGNAL_MEMORY,             /* memory.available: of the machine                   */
	SIGNAL_ALLOCATABLE_MEMORY, /* of what pods may have: capacity less reservations  */
	SIGNAL_NODEFS,
	SIGNAL_NODEFS_INODES,
	SIGNAL_IMAGEFS,
	SIGNAL_IMAGEFS_INODES,
	SIGNAL_CONTAINERFS,
	SIGNAL_CONTAINERFS_INODES,
	SIGNAL_PID,
	SIGNALS
};
const char *eviction_signal_name(enum eviction_signal signal); /* "nodefs.inodesFree" */
/* The same by its name. */
bool eviction_signal_find(struct str name, enum eviction_signal *out);

/* "100Mi" or "10%" of the capacity */
struct limit_amount {
	int64_t value;
	double share;  /* 0.05 = 5 %; 0 = by value */
	char text[24]; /* as it was said */
};
int64_t limit_amount_of(const struct limit_amount *amount, int64_t capacity);

struct eviction_threshold {
	enum eviction_signal signal;
	bool is_soft;
	struct limit_amount below, reclaim;
	int64_t grace_ms; /* soft: how long it must have been so */
};

struct reservation {
	int64_t cpu_milli, memory, ephemeral, pids;
};

#define NODE_THRESHOLDS_MAX 32

struct node_limits {
	struct reservation system, kube;
	struct eviction_threshold thresholds[NODE_THRESHOLDS_MAX];
	size_t threshold_count;
	int64_t transition_ms;         /* pressure is told for so long after it has ended: 5 min */
	int64_t pod_grace_max_s;       /* of an eviction by a soft threshold: 0 */
	int64_t image_high, image_low; /* percent of the disk: 85, 80 */
	int64_t image_age_min_ms;      /* 2 min */
	int64_t image_age_max_ms;      /* not used for so long: goes; 0 = never */
	int64_t log_size_max, log_files_max; /* 10 MiB, 5 */
	int64_t pids_max;                    /* of a pod; 0 = no limit */
	bool enforce_pods; /* the group of all pods has the limits of what is allocatable */
};

void node_limits_init(struct node_limits *out);
/* One argument of a kubelet.  ERROR_INVALID, a sentence. */
MUST_CHECK bool node_limits_take(struct node_limits *limits, struct str name, struct str value,
				 struct error *err);
bool node_limits_knows(struct str name);
/* All of "name=value", and whether they fit to each other. */
MUST_CHECK bool node_limits_read(const struct option_list *arguments, struct node_limits *out,
				 struct error *err);
/* What pods may have of a capacity: less the reservations, less the hard thresholds of memory and
 * nodefs; never below 0. */
struct reservation node_limits_allocatable(const struct node_limits *limits,
					   const struct reservation *capacity);

#endif
