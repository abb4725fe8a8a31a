/*
 * oci_inside.h - between the files of the OCI runtime: one container on its way from config.json to
 *its program.
 *
 *	oci_config.c	 config.json, read and judged
 *	oci_mount_words.c  what options of mounts mean
 *	oci_state.c	 what is kept between two commands
 *	oci_prepare.c	 what the parent opens for the child, in the host's namespaces
 *	oci_net.c	 its network namespace, beside that
 *	oci_launch.c	 the parent: clone, ids, limits, hooks, the child's reports
 *	oci_child.c	 the child: namespaces, then files, then who it is
 *	oci_rootfs.c	 its files; oci_nodes.c: devices, links, hidden paths
 *	oci_become.c	 terminal, user, rights, filter, program
 *	oci_hooks.c	 programs of others at certain moments
 *	oci_create.c	 create, start, delete: the order of all that
 *	oci_exec.c	 a further process; oci_sub_cgroup.c: its cgroup
 *
 * The child is a clone with memory of its own and one thread: it may allocate.
 */
#ifndef RUNTIME_OCI_INSIDE_H
#define RUNTIME_OCI_INSIDE_H

#include <linux/filter.h>

#include "runtime/oci_mount_words.h"
#include "runtime/oci_net.h"
#include "runtime/oci_runtime.h"
#include "runtime/oci_state.h"

struct oci_mount {
	const struct json *value; /* of config.mounts */
	const char *target, *type, *source;
	struct oci_mount_words words;
	int fd; /* a copy of what is bound, detached; -1 = a file system that the child makes */
	bool is_file; /* what is bound is no folder */
	bool late_read_only;
};

struct oci_launch {
	const struct oci_config *config;
	const struct oci_state *state;
	const struct json *process;
	const struct oci_create_options *options;
	bool is_exec;
	/* prepared by the parent: oci_prepare.c */
	struct oci_mount *mounts;
	size_t mount_count;
	int rootfs;    /* a copy of the mount that the root is on, detached */
	int host_proc; /* the host's /proc, checked */
	int joined[OCI_NAMESPACES];
	unsigned made;       /* namespaces that the clone begins with */
	struct oci_net *net; /* NULL: none is made beside us */
	int made_net;        /* what came of it, for the child; -1 = the clone makes it */
	int doors[CGROUP_PARTS];
	int start;                /* the pipe; -1 = do not wait */
	struct sock_fprog filter; /* len 0 = none */
	unsigned filter_flags;
	bool notifies;
	const char **argv, **env;
	int target;    /* exec: pidfd of the container's first process */
	int preserved; /* descriptors from 3 on that the program gets */
	/* the child's */
	int report;
	int root; /* the container's root before it is entered */
	int tty_slave;
};

/* What the child says; the parent answers each but READY and FAILED with one byte. */
enum oci_step {
	OCI_STEP_USERS,    /* give me my ids                               */
	OCI_STEP_MOVED,    /* I am the process `number` now: the first me has ended */
	OCI_STEP_MOUNTED,  /* run the hooks of the host                    */
	OCI_STEP_TERMINAL, /* this is the terminal (a descriptor beside)   */
	OCI_STEP_PLACED,   /* I am inside: set limits                      */
	OCI_STEP_LISTENER, /* the filter's listener is my descriptor `number` */
	OCI_STEP_READY,    /* all is done that could fail                  */
	OCI_STEP_FAILED,
};

struct oci_message {
	enum oci_step step;
	int number;
	struct error err;
};

/* --- oci_prepare.c: in the parent, before the clone --- */
void oci_launch_init(struct oci_launch *launch, const struct oci_config *config,
		     const struct oci_state *state, const struct oci_create_options *options);
MUST_CHECK bool oci_prepare(struct oci_launch *launch, struct error *err);
/* What exec needs too: the filter, /proc, arguments. */
MUST_CHECK bool oci_prepare_process(struct oci_launch *launch, struct error *err);
void oci_launch_clear(struct oci_launch *launch);
/* "0 100000 65536\n" and so on, one line a mapping. */
void oci_print_mappings(const struct json *list, struct buf *out);
/* Write the maps of ids of the process.  Without root: newuidmap, or our own id alone. */
MUST_CHECK bool oci_write_mappings(pid_t pid, const struct json *uids, const struct json *gids,
				   struct error *err);

/* --- oci_launch.c --- */
struct oci_launched {
	pid_t pid;
	int pidfd, report;
	int tty; /* the terminal's master once it is there; else -1 */
};
MUST_CHECK bool oci_launch(struct oci_launch *launch, struct oci_launched *out, struct error *err);
/* Serve the child until it is ready. */
MUST_CHECK bool oci_launch_serve(struct oci_launch *launch, struct oci_launched *launched,
				 struct error *err);
void oci_launched_kill(struct oci_launched *launched); /* and reap it */

/* --- the child's side --- */
_Noreturn void oci_child(struct oci_launch *launch);
/* Say something and wait for the answer; fd -1 = none goes with it. */
MUST_CHECK bool oci_say(struct oci_launch *launch, enum oci_step step, int number, int fd,
			struct error *err);
/* Up to the moment before the host's files are left. */
MUST_CHECK bool oci_rootfs_make(struct oci_launch *launch, struct error *err);
MUST_CHECK bool oci_rootfs_enter(struct oci_launch *launch, struct error *err);
MUST_CHECK bool oci_nodes_make(struct oci_launch *launch, struct error *err);
MUST_CHECK bool oci_paths_hide(struct oci_launch *launch, struct error *err);
/* Take a terminal of the container's own and hand its other end to the parent, when one is wanted.
 */
MUST_CHECK bool oci_terminal_open(struct oci_launch *launch, struct error *err);
/* /dev/console, once that terminal is open. */
MUST_CHECK bool oci_console_make(struct oci_launch *launch, struct error *err);
/* Never comes back unless it fails. */
bool oci_become(struct oci_launch *launch, struct error *err);
/* Write the file of the host's /proc/thread-self, or of /proc/sys. */
MUST_CHECK bool oci_write_proc(struct oci_launch *launch, const char *path, const char *text,
			       struct error *err);

/* --- oci_sub_cgroup.c --- */
/* Where a further process goes: *out stays NULL when that is the container's own group. */
MUST_CHECK bool oci_sub_cgroup(const struct oci_state *state,
			       const struct oci_exec_options *options, struct cgroup **out,
			       struct error *err);

/* --- oci_hooks.c --- */
/* Run all hooks of a kind, one after the other; the state is their input. Stops at the first that
 * fails. */
MUST_CHECK bool oci_hooks_run(const struct oci_config *config, const char *kind,
			      const struct oci_state *state, const char *status, struct error *err);
/* The same, but failures are told in the log and passed over. */
void oci_hooks_run_all(const struct oci_config *config, const char *kind,
		       const struct oci_state *state, const char *status);

#endif
