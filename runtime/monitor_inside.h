/*
 * monitor_inside.h - between the files of the monitor: one pod, its containers, its clients.
 *
 *	monitor.c	     start, end, requests by a table, children
 *	monitor_setup.c	     namespaces, sysctls, /dev/shm, the pod's first process
 *	monitor_container.c  a container from run to remove
 *	monitor_output.c     what containers print: to the log, and to who is attached
 *	monitor_session.c    exec and attach
 *
 * All of it is one process with one thread and one loop.  Memory is counted: one such process runs
 * for each pod of the machine.
 */
#ifndef RUNTIME_MONITOR_INSIDE_H
#define RUNTIME_MONITOR_INSIDE_H

#include "base/loop.h"
#include "runtime/cgroup.h"
#include "runtime/container_launch.h"
#include "runtime/log_file.h"
#include "runtime/sandbox.h"
#include "runtime/wire.h"

struct monitor {
	struct loop *loop;
	char *folder; /* the pod's, with /sandbox */
	/* the plan */
	char *hostname;
	bool host_network, host_pid, host_ipc, share_process_namespace;
	const char *const *sysctls;
	struct cgroup *cgroup;
	struct cgroup *home; /* where the monitor itself stays */
	struct arena *arena;
	/* what it holds */
	int host_mounts, shm_mounts;
	int users;          /* the user namespace of the pod; -1 = none */
	uint32_t user_base; /* where its ids begin on the host; 0 = none */
	pid_t init;         /* first process of the pod, when they share a PID namespace; else 0 */
	struct loop_fd listener;
	struct loop_signal child_signal;
	struct list clients, containers, sessions;
	size_t container_count;
	bool destroying;
	struct loop_timer destroy_timer;
	struct loop_timer quiet_timer; /* nothing has happened for a moment */
};

struct client {
	struct list link;
	struct monitor *monitor;
	struct wire wire;
	struct loop_task freeing;
};

struct session;

/* Bytes on their way to an attached reader. */
struct sink {
	struct list link; /* in output.sinks */
	struct session *session;
	struct output *output; /* NULL when that has ended */
	struct loop_fd watch;
	struct buf waiting;
};

/* One of a container's outputs. */
struct output {
	struct monitor_container *container;
	struct loop_fd watch; /* fd -1 when at its end */
	struct log_stream log;
	struct list sinks;
};

struct monitor_container {
	struct list link;
	struct monitor *monitor;
	struct container_state state;
	struct arena *arena; /* has the plan */
	struct container_plan plan;
	struct cgroup *cgroup; /* NULL when removed */
	char *folder;
	uint64_t capabilities;
	int filter; /* -1 = none */
	int pidfd;
	struct user_found *user;
	struct loop_fd report;
	struct error why; /* why the start failed, kind ERROR_NONE when it did not */
	struct log_file *log;
	struct output outputs[2]; /* with tty only the first */
	int input;                /* where its stdin is written to; -1 = closed */
	struct loop_timer stop_timer, tidy_timer;
	bool removing;
};

/* --- monitor.c --- */
/* State of a container changed: keep that and tell all clients. `sync` as in
 * container_state_save. */
void monitor_changed(struct monitor *monitor, const struct monitor_container *container, bool sync);
/* A container was forgotten: the same. */
void monitor_removed(struct monitor *monitor, const char *id);

/* --- monitor_setup.c --- */
MUST_CHECK bool monitor_read_plan(struct monitor *monitor, struct error *err);
MUST_CHECK bool monitor_enter_namespaces(struct monitor *monitor, struct error *err);

/* --- monitor_container.c --- */
struct monitor_container *monitor_container_find(struct monitor *monitor, struct str id);
/* plan and filter (or -1) are memory files; they are taken. Failures become the container's
 * state. */
MUST_CHECK bool monitor_container_run(struct monitor *monitor, struct str id, struct wire_fds *fds,
				      struct error *err);
void monitor_container_signal(struct monitor_container *container, int signal);
void monitor_container_stop(struct monitor_container *container, int64_t grace_ms);
void monitor_container_kill(struct monitor_container *container);
void monitor_container_remove(struct monitor_container *container);
void monitor_container_on_exit(struct monitor_container *container, int status);
void monitor_container_free(struct monitor_container *container);
/* Fill what run and exec have in common.  env gets room in the arena. */
MUST_CHECK bool monitor_container_fill_launch(struct monitor_container *container,
					      struct launch *launch, const char *const *more_env,
					      struct arena *arena, struct error *err);
void monitor_container_clear_launch(struct launch *launch);

/* --- monitor_output.c --- */
void output_start(struct monitor_container *container, int index, int fd, const char *name);
/* All that is there is read now; then it is closed. */
void output_finish(struct output *output);
void output_add_sink(struct output *output, struct sink *sink, int fd);
void sink_stop(struct sink *sink);

/* --- monitor_session.c --- */
MUST_CHECK bool session_exec(struct client *client, const struct json *message,
			     struct wire_fds *fds, struct error *err);
MUST_CHECK bool session_attach(struct client *client, const struct json *message,
			       struct wire_fds *fds, struct error *err);
void session_resize(struct client *client, const struct json *message);
void session_cancel(struct client *client, const struct json *message);
/* Is it a session's process?  Then it is dealt with. */
bool session_on_exit(struct monitor *monitor, pid_t pid, int status);
void session_end_container(struct monitor_container *container); /* attached sessions end */
void session_end_client(struct client *client);
void session_check_drained(struct session *session); /* a sink has become empty */

#endif
