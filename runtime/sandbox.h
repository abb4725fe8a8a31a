/*
 * sandbox.h - a pod on this machine: pinned namespaces, a cgroup, and one monitor process that owns its containers.
 *
 * The monitor is this same binary (`mote monitor`, a hidden command).  It is the parent of every container of
 * the pod, holds their stdio, writes CRI log files with rotation, collects exit codes, and outlives the agent: an agent that
 * comes back adopts it through its unix socket.  No pause container: the monitor pins the network, IPC and UTS
 * namespaces.  All state is in the pod folder, so nothing has to be remembered elsewhere.
 *
 * Calls are small requests over the monitor's socket: asynchronous, answered on the loop.  Knows nothing of
 * Kubernetes: "sandbox" is the pod, "container" a process tree with its own mounts and cgroup.
 */
#ifndef RUNTIME_SANDBOX_H
#define RUNTIME_SANDBOX_H

#include "base/json.h"
#include "base/loop.h"

struct sandbox;

/* What the agent hears.  State changes are also in sandbox_containers(). */
struct sandbox_events {
	void (*on_ready)(void *owner, const struct error *err); /* start or adopt is done */
	void (*on_container)(void *owner, const char *id);	 /* a container's state changed */
	void (*on_gone)(void *owner);				 /* the monitor ended */
};

struct sandbox_plan {
	const char *id;		  /* unique, a path component (pod uid)               */
	const char *folder;	  /* the pod folder; exists; holds our state          */
	const char *hostname;	  /* UTS name                                         */
	const char *cgroup;	  /* path below the runtime's root, "pods/<uid>"      */
	bool host_network, host_pid, host_ipc;
	bool share_process_namespace;
	const char *const *sysctls; /* "name=value", NULL-terminated or NULL           */
	struct resources_plan *resources; /* limits of the whole pod; may be NULL: none */
};

/* Limits; 0 = none. */
struct resources_plan {
	uint64_t cpu_shares;	 /* cgroup v1 words; translated for v2 */
	int64_t cpu_quota_us, cpu_period_us;
	uint64_t memory_bytes;
	uint64_t pids;
};

struct container_mount {
	const char *source;	 /* host path, or NULL with type "tmpfs"                  */
	const char *target;	 /* absolute in the container; never leaves its root      */
	const char *type;	 /* "bind" or "tmpfs"                                     */
	const char *options;	 /* tmpfs data such as "size=64m", or NULL                */
	const char *sub_path;	 /* below source, resolved safely; or NULL                */
	bool read_only;
	int propagation;	 /* 0 private, 1 host-to-container, 2 both                */
};

struct container_plan {
	const char *id;			 /* unique in the sandbox: "<name>.<attempt>"    */
	const char *const *layers;	 /* image layer folders, lowest first            */
	const char *const *argv;	 /* NULL-terminated, at least one                */
	const char *const *env;		 /* "A=b", NULL-terminated                       */
	const char *cwd;		 /* "" = "/"                                     */
	const char *user;		 /* image USER text or "uid[:gid]"; "" = root    */
	int64_t uid, gid;		 /* -1 = from `user`; else they win              */
	const uint32_t *groups;		 /* supplementary                                */
	size_t group_count;
	const struct container_mount *mounts;
	size_t mount_count;
	const struct resources_plan *resources;
	const char *const *caps_add;	 /* "NET_ADMIN", "ALL"; NULL-terminated or NULL  */
	const char *const *caps_drop;
	bool privileged, read_only_root, no_new_privs, run_as_non_root;
	bool stdin_open, stdin_once, tty;
	bool seccomp_unconfined;
	int oom_score_adj;
	const char *log_path;		 /* CRI log file; folder exists                  */
	uint64_t log_size_max;		 /* rotate at; 0 = 10 MiB                        */
	unsigned log_files_max;		 /* 0 = 5                                        */
	const char *termination_path;	 /* file in the container whose end is told; ""  */
	int stop_signal;		 /* 0 = SIGTERM                                  */
};

enum container_phase { CONTAINER_CREATED, CONTAINER_RUNNING, CONTAINER_EXITED };
struct container_state {
	char id[128];
	enum container_phase phase;
	int pid;			 /* on the host, while running */
	int exit_code;			 /* 128+signal when killed     */
	int signal;
	bool oom_killed;
	int64_t started_us, finished_us; /* wall clock */
	char message[4096];		 /* termination message, or why the start failed */
	char reason[64];		 /* "Completed", "Error", "OOMKilled", "StartError", "ContainerCannotRun" */
};

/* Make the pod: namespaces, cgroup, monitor.  on_ready follows. */
MUST_CHECK bool sandbox_start(struct loop *loop, const struct sandbox_plan *plan, const struct sandbox_events *events,
			      void *owner, struct sandbox **out, struct error *err);
/* Find the monitor of a pod folder again.  on_ready follows; ERROR_NOT_FOUND there when nobody is alive. */
MUST_CHECK bool sandbox_adopt(struct loop *loop, const char *folder, const struct sandbox_events *events,
			      void *owner, struct sandbox **out, struct error *err);
/* Path of the pinned network namespace: to give it an interface before containers start. */
const char *sandbox_netns(const struct sandbox *sandbox);
/* Known states; valid until the next loop round. */
const struct container_state *sandbox_containers(const struct sandbox *sandbox, size_t *out_count);
const struct container_state *sandbox_container(const struct sandbox *sandbox, const char *id);

/* Start a container: mounts, namespaces, cgroup, exec.  Told by on_container (RUNNING, or EXITED with StartError). */
MUST_CHECK bool sandbox_run(struct sandbox *sandbox, const struct container_plan *plan, struct error *err);
void sandbox_signal(struct sandbox *sandbox, const char *id, int signal);
/* SIGTERM (or the plan's stop signal), after grace_ms SIGKILL to all of its processes. */
void sandbox_stop_container(struct sandbox *sandbox, const char *id, int64_t grace_ms);
/* Forget an exited container: its root, cgroup and state. */
void sandbox_remove_container(struct sandbox *sandbox, const char *id);
/* Kill everything, take the mounts, cgroups and namespaces away, end the monitor.  on_gone follows. */
void sandbox_destroy(struct sandbox *sandbox);
/* Let go of the handle; the pod lives on. */
void sandbox_close(struct sandbox *sandbox);

/* A process inside a running container.  Descriptors are ours to read and write (non-blocking);
 * on_exit is called once; the caller closes the descriptors. */
struct exec_plan {
	const char *container;
	const char *const *argv;
	const char *const *env;	/* added to the container's own */
	bool tty, stdin_wanted;
};
struct exec_session {
	int stdin_fd, stdout_fd, stderr_fd; /* -1 where not there; with tty all is stdin_fd == stdout_fd (the pty) */
	void (*on_started)(struct exec_session *exec, const struct error *err);
	void (*on_exit)(struct exec_session *exec, int exit_code);
	void *owner;
	void *inside; /* private */
};
void sandbox_exec(struct sandbox *sandbox, const struct exec_plan *plan, struct exec_session *exec);
void sandbox_exec_resize(struct exec_session *exec, unsigned width, unsigned height);
void sandbox_exec_cancel(struct exec_session *exec); /* kills it; no callback comes after it */
/* Attach to a running container's stdio (like exec, without a new process; on_exit = the container ended). */
void sandbox_attach(struct sandbox *sandbox, const char *id, struct exec_session *exec);

/* CPU and memory of a container (or "" = the whole pod), from its cgroup. */
struct usage {
	uint64_t cpu_ns, memory_bytes, memory_working_set, pids;
};
MUST_CHECK bool sandbox_usage(const struct sandbox *sandbox, const char *id, struct usage *out, struct error *err);

/* The hidden command: `mote monitor FOLDER`.  Never returns to the loop of the agent. */
int monitor_main(int argc, char **argv);

#endif
