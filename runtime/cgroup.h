/*
 * cgroup.h - the kernel's groups of processes, versions 1 and 2 behind one face.
 *
 * A struct cgroup names the same group in every hierarchy that we use: one folder in version 2, one
 * a controller in version 1 (memory, cpu, cpuacct, pids, freezer, devices, hugetlb, blkio).  A
 * controller that the machine lacks is left out, and who asks for its limit gets a warning, not an
 * error.
 *
 * All that is made lies below "mote" in the group the agent itself runs in.  In version 2 a group
 * with processes can have no children with controllers, so cgroup_open_base moves the processes of
 * the agent's group (unless that is the root) into a leaf "agent" beside "mote", and makes the
 * groups above hand their controllers down.  In a service of systemd that would keep the service
 * from starting again: there "mote" is made at the top.
 *
 * Everything blocks only as long as the kernel's own files do.
 */
#ifndef RUNTIME_CGROUP_H
#define RUNTIME_CGROUP_H

#include "base/json.h"
#include "runtime/container.h"

enum cgroup_part {
	CGROUP_UNIFIED, /* version 2: this one only */
	CGROUP_MEMORY,  /* the others: version 1 */
	CGROUP_CPU,
	CGROUP_CPUACCT,
	CGROUP_PIDS,
	CGROUP_FREEZER,
	CGROUP_DEVICES,
	CGROUP_HUGETLB,
	CGROUP_BLKIO,  /* to count, never to limit pods */
	CGROUP_CPUSET, /* from here on version 1 too, and never a pod's */
	CGROUP_NET_CLS,
	CGROUP_NET_PRIO,
	CGROUP_PERF,
	CGROUP_RDMA,
	CGROUP_MISC,
	CGROUP_SYSTEMD,
	CGROUP_PARTS
};

struct cgroup {
	char *folders[CGROUP_PARTS]; /* absolute; NULL where the machine has none */
};

/* Find the machine's hierarchies and make "mote" in them. ERROR_UNAVAILABLE when there are
 * none. */
MUST_CHECK bool cgroup_open_base(struct cgroup **out, struct error *err);
/* Make (or take) the group `path` below `parent`: "pods/<uid>"; no "..". */
MUST_CHECK bool cgroup_open_child(const struct cgroup *parent, const char *path,
				  struct cgroup **out, struct error *err);
/* The same without making anything: it may not exist. */
struct cgroup *cgroup_name_child(const struct cgroup *parent, const char *path);
/*
 * Make (or take) a group in all hierarchies there are, of every controller: `path` from the top of
 * each, or, when it does not begin with a slash, from where we are (version 2: from the group above
 * ours, as ours has processes).  Without root, hierarchies that refuse us are left out.
 */
MUST_CHECK bool cgroup_open_path(const char *path, struct cgroup **out, struct error *err);
/* "memory", "name=systemd"; "" for version 2. */
const char *cgroup_part_name(enum cgroup_part part);
/* Forget it; the kernel's group stays.  NULL is fine. */
void cgroup_close(struct cgroup *cgroup);
DEFINE_AUTO(struct cgroup *, cgroup_close)
#define auto_cgroup AUTO(cgroup_close) struct cgroup *

/* As JSON, to hand on and to keep.  parse refuses what print does not make. */
struct json *cgroup_print(const struct cgroup *cgroup, struct json_doc *doc);
MUST_CHECK bool cgroup_parse(const struct json *value, struct cgroup **out, struct error *err);

/* Set limits.  What cannot be set is told in *warnings, one sentence a line. */
void cgroup_limit(const struct cgroup *cgroup, const struct resources_plan *plan,
		  struct buf *warnings);
/* Only the devices every container has (null, zero, full, random, urandom, tty, console, ptmx,
 * pts) and these; making device nodes stays allowed, using them does not. */
void cgroup_limit_devices(const struct cgroup *cgroup, const struct container_device *devices,
			  size_t count, struct buf *warnings);

/* Open the files that move a process in by writing its id ("0" = itself); fds has CGROUP_PARTS
 * places, -1 where there is nothing to write. */
MUST_CHECK bool cgroup_open_doors(const struct cgroup *cgroup, int *fds, struct error *err);
/* Between clone and exec: the calling process, which has one thread, goes in.  No allocation. */
MUST_CHECK bool cgroup_enter(const int *fds, struct error *err);

/* SIGKILL to all processes in it and below; what they fork meanwhile dies too. Does not wait
 * for them. */
void cgroup_kill(const struct cgroup *cgroup);
bool cgroup_is_empty(const struct cgroup *cgroup); /* no process in it or below */
/* Remove it and all below; one that is gone already is fine.  ERROR_UNAVAILABLE: still in use. */
MUST_CHECK bool cgroup_remove(const struct cgroup *cgroup, struct error *err);

/* How many of its processes the kernel killed for want of memory. */
uint64_t cgroup_oom_kills(const struct cgroup *cgroup);
MUST_CHECK bool cgroup_usage(const struct cgroup *cgroup, struct usage *out, struct error *err);

#endif
