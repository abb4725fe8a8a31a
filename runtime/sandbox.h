/*
 * sandbox.h - a pod on this machine: namespaces, a cgroup, and one monitor that owns its
 * containers.
 *
 * The monitor is this same binary (`mote monitor FOLDER`, a hidden command).  It is the parent of
 * every container of the pod, holds their stdio, writes CRI log files with rotation, collects exit
 * codes, and outlives the agent: an agent that comes back adopts it through its unix socket.  No
 * pause container: the monitor itself lives in the network, IPC and UTS namespaces and so pins
 * them.  All state is in FOLDER/sandbox, so nothing has to be remembered elsewhere.  Containers
 * have mount namespaces of their own: nothing is ever mounted on the host.
 *
 * Calls are small requests over the monitor's socket: asynchronous, answered on the loop.
 * Callbacks never come from inside a call of this header.  Knows nothing of Kubernetes: "sandbox"
 * is the pod, "container" a process tree with its own mounts and cgroup.
 *
 * Owner: a struct sandbox belongs to one loop and is used from its thread only.
 */
#ifndef RUNTIME_SANDBOX_H
#define RUNTIME_SANDBOX_H

#include "base/error.h"
#include "base/loop.h"
#include "base/text.h"
#include "base/work.h"
#include "runtime/container.h"

struct sandbox;

/* What the agent hears.  State changes are also in sandbox_containers(). */
struct sandbox_events {
	void (*on_ready)(void *owner, const struct error *err); /* NULL: start or adopt is done */
	void (*on_container)(void *owner, const char *id);      /* a container's state changed */
	void (*on_gone)(void *owner); /* the monitor ended; sandbox_close may be called from here */
};

struct sandbox_plan {
	const char *id;       /* unique, a path component (pod uid)               */
	const char *folder;   /* the pod folder; exists; holds our state          */
	const char *hostname; /* UTS name                                         */
	const char *cgroup;   /* path below the runtime's root, "pods/<uid>"      */
	bool host_network, host_pid, host_ipc;
	bool share_process_namespace;
	/* 0: users are the host's.  Else the pod has users of its own: ids 0 to 65535 in it are
	 * user_base and on outside.  Its network, IPC and name then belong to them too. */
	uint32_t user_base;
	const char *const *sysctls;             /* "name=value", NULL-terminated or NULL          */
	const struct resources_plan *resources; /* limits of the whole pod; may be NULL: none */
};

/*
 * Make the pod: namespaces, cgroup, monitor.  on_ready follows; containers may be run at once,
 * without waiting for it.  On failure nothing is left behind.  ERROR_EXISTS when the folder's
 * monitor is alive.
 */
MUST_CHECK bool sandbox_start(struct loop *loop, const struct sandbox_plan *plan,
			      const struct sandbox_events *events, void *owner,
			      struct sandbox **out, struct error *err);
/*
 * Find the monitor of a pod folder again.  on_ready follows, after the states are known;
 * ERROR_NOT_FOUND there when nobody is alive.  Then what was left of its containers has been
 * killed, sandbox_containers tells what is known of them ("MonitorLost" for those that were
 * running), and only usage, destroy and close make sense.
 */
MUST_CHECK bool sandbox_adopt(struct loop *loop, const char *folder,
			      const struct sandbox_events *events, void *owner,
			      struct sandbox **out, struct error *err);
/* Path of the pinned network namespace: to give it an interface before containers start.  Valid
 * from on_ready on; "" before. */
const char *sandbox_netns(const struct sandbox *sandbox);
/* Known states; valid until the next loop round. */
const struct container_state *sandbox_containers(const struct sandbox *sandbox, size_t *out_count);
/* NULL when there is none of this name. */
const struct container_state *sandbox_container(const struct sandbox *sandbox, const char *id);
/* The folder with the container's written files (its overlay's upper layer), to measure. */
void sandbox_writable_folder(const struct sandbox *sandbox, const char *id, char *out, size_t size);

/* Start a container: mounts, namespaces, cgroup, exec.  Told by on_container (RUNNING, or EXITED
 * with StartError).  ERROR_EXISTS when the id is known already; ERROR_UNAVAILABLE while
 * the monitor cannot be reached: try again. */
MUST_CHECK bool sandbox_run(struct sandbox *sandbox, const struct container_plan *plan,
			    struct error *err);
/* To the container's first process. */
void sandbox_signal(struct sandbox *sandbox, const char *id, int signal);
/* SIGTERM (or the plan's stop signal), after grace_ms SIGKILL to all of its processes. */
void sandbox_stop_container(struct sandbox *sandbox, const char *id, int64_t grace_ms);
/* Forget an exited container: its root, cgroup and state.  One that runs is killed first. */
void sandbox_remove_container(struct sandbox *sandbox, const char *id);
/* Kill everything, take the cgroups and namespaces away, end the monitor.  on_gone follows. */
void sandbox_destroy(struct sandbox *sandbox);
/* Files that a dead monitor left are removed by a servant of this pool, not by the loop's thread.
 * The pool outlives the handle; its last jobs may end after it. */
void sandbox_remove_by(struct sandbox *sandbox, struct work_pool *pool);
/* Let go of the handle; the pod lives on. Exec sessions must be over or cancelled. NULL is
 * fine. */
void sandbox_close(struct sandbox *sandbox);

/* A process inside a running container. */
struct exec_plan {
	const char *container;
	const char *const *argv;
	const char *const *env; /* added to the container's own; may be NULL */
	bool tty, stdin_wanted;
};
/*
 * The caller's memory; fill the callbacks and owner first.  Descriptors are there from on_started
 * on (when its err is NULL), ours to read and write (non-blocking); the caller closes them.
 * Closing stdin_fd is the end of input.  on_started is called once; on_exit is called once unless
 * on_started had an error. Closing the handle or the agent's death kills the process.
 */
struct exec_session {
	int stdin_fd, stdout_fd,
		stderr_fd; /* -1 where not there; with tty all is stdin_fd == stdout_fd */
	void (*on_started)(struct exec_session *exec, const struct error *err);
	void (*on_exit)(struct exec_session *exec, int exit_code);
	void *owner;
	void *inside; /* private */
};
void sandbox_exec(struct sandbox *sandbox, const struct exec_plan *plan, struct exec_session *exec);
void sandbox_exec_resize(struct exec_session *exec, unsigned width, unsigned height);
void sandbox_exec_cancel(struct exec_session *exec); /* kills it; no callback comes after it */
/*
 * Attach to a running container's stdio (like exec, without a new process; on_exit = the container
 * ended). A reader that does not keep up slows the container down.  Input reaches it only if its
 * plan had stdin_open; with stdin_once the container's input ends when the first session that had
 * one ends.
 */
void sandbox_attach(struct sandbox *sandbox, const char *id, struct exec_session *exec);

/* Other limits for a container, or "" = the whole pod; at once.  *warnings, one sentence a line:
 * what the kernel refused (less memory than is in use); ask again later. */
MUST_CHECK bool sandbox_limit(const struct sandbox *sandbox, const char *id,
			      const struct resources_plan *limits, struct buf *warnings,
			      struct error *err);

/* Of a container, or "" = the whole pod. */
MUST_CHECK bool sandbox_usage(const struct sandbox *sandbox, const char *id, struct usage *out,
			      struct error *err);

/* The hidden command: `mote monitor FOLDER`.  Never returns to the loop of the agent. */
int monitor_main(int argc, char **argv);

#endif
