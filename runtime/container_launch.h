/*
 * container_launch.h - one process of a container: from the monitor's clone to the container's
 * program.
 *
 * The monitor fills a struct launch, so that nothing has to be allocated in the child, and clones.
 * The child goes through container_child.c (which namespaces), rootfs.c (its files) and
 * container_become.c (who it is), and tells how far it came over a socket: one REPORT_READY when
 * all is prepared, one REPORT_FAILED when something does not work; the socket's end without that
 * means that the program runs.
 */
#ifndef RUNTIME_CONTAINER_LAUNCH_H
#define RUNTIME_CONTAINER_LAUNCH_H

#include <linux/filter.h>
#include <sys/types.h>

#include "runtime/cgroup.h"
#include "runtime/container.h"
#include "runtime/user_lookup.h"

struct launch {
	const struct container_plan *plan;
	bool is_exec; /* a further process of a running container    */
	const char *const *argv;
	const char **env; /* env_count texts, then two free places       */
	size_t env_count;
	bool tty;
	int stdio[3]; /* the child's ends; unused with tty           */
	uint64_t capabilities;
	struct sock_fprog filter; /* len 0: none                                */
	const struct cgroup *cgroup;
	int pid_namespace; /* of a running process to join; -1 = none     */
	bool new_pid_namespace;
	bool own_users; /* it is in `users`, a user namespace, when it runs     */
	int users;
	uint32_t user_base; /* host id of that namespace's root, uid and gid; else 0 */
	/* --- a new container --- */
	const char *folder; /* has upper/, work/, root/, termination       */
	int host_mounts;    /* the host's mount namespace                  */
	int shm_mounts;     /* the mount namespace whose root is the pod's /dev/shm; -1 = host's */
	int *mount_fds;     /* plan->mount_count places                    */
	bool host_network;
	/* --- exec --- */
	int target; /* pidfd of the container's first process      */
	const struct user_found *user;
	/* --- private: set by container_launch --- */
	int doors[CGROUP_PARTS];
	int report;
	int tty_slave;
};

enum report_kind { REPORT_READY, REPORT_FAILED };

struct report {
	enum report_kind kind;
	union {
		struct error err; /* FAILED */
		struct user_found
			user; /* READY; with tty the master's descriptor comes beside it */
	};
};

struct launched {
	pid_t pid;
	int pidfd;
	int report; /* our end of the socket */
};

/* Start the process.  The descriptors of *out are the caller's to close. */
MUST_CHECK bool container_launch(struct launch *launch, struct launched *out, struct error *err);
/* The next report, if there is one: 1, 0 = not yet, -1 = the end. *out_tty is -1 or a
 * descriptor. */
int container_launch_read(int report, struct report *out, int *out_tty);

/* --- steps of the child; they do not allocate --- */
_Noreturn void container_child(struct launch *launch);
/* Never comes back unless it fails. */
bool container_become(struct launch *launch, struct error *err);
/* Tell the monitor that all is prepared. */
MUST_CHECK bool container_report_ready(const struct launch *launch, const struct user_found *user,
				       int tty_master, struct error *err);

#endif
