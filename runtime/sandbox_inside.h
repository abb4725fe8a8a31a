/*
 * sandbox_inside.h - between the files of sandbox: the agent's side of a pod.
 *
 *	sandbox.c	 the handle, what the monitor says, what the owner is told
 *	sandbox_start.c	 a new pod, a pod found again, one whose monitor is dead
 *	sandbox_exec.c	 sessions
 */
#ifndef RUNTIME_SANDBOX_INSIDE_H
#define RUNTIME_SANDBOX_INSIDE_H

#include "runtime/cgroup.h"
#include "runtime/sandbox.h"
#include "runtime/wire.h"

#define SANDBOX_SOCKET "socket"

/* What is known of a container beside its state, at the same index. */
struct sandbox_facts {
	bool untold; /* the owner has not heard of the last change */
	bool tty, stdin_open;
};

struct sandbox {
	struct loop *loop;
	const struct sandbox_events *events;
	void *owner;
	char *folder;          /* the pod's, with /sandbox */
	struct cgroup *cgroup; /* NULL when it is not known: a broken folder */
	char netns[64];
	/* containers */
	struct container_state *states;
	struct sandbox_facts *facts;
	size_t count;
	/* the monitor */
	struct wire wire;
	struct buf unsent; /* requests made while not wired, one JSON text a line */
	bool wired;
	struct loop_child monitor;
	bool watching, dead, destroying;
	struct loop_timer timer;   /* reconnects, or cleans up after a dead monitor */
	struct work_pool *pool;    /* NULL = none: the loop's thread removes */
	struct cleaning *cleaning; /* of a dead monitor's files, under way */
	struct list sessions;
	int64_t session_last;
	/* what the owner has still to be told, one thing a task */
	struct loop_task teller;
	bool ready_untold, gone_untold, is_ready;
	struct error ready_error;
};

struct sandbox_session {
	struct list link;
	struct sandbox *sandbox;
	struct exec_session *exec;
	int64_t number;
	bool is_attach, tty;
	unsigned width, height; /* asked for before it started */
	bool started_untold, started, exit_untold;
	struct error why;
	int exit_code;
};

/* --- sandbox.c --- */
struct sandbox *sandbox_new(struct loop *loop, const char *folder,
			    const struct sandbox_events *events, void *owner);
/* Take the connected socket. */
MUST_CHECK bool sandbox_wire(struct sandbox *sandbox, int fd, struct error *err);
MUST_CHECK bool sandbox_watch(struct sandbox *sandbox, pid_t monitor, struct error *err);
void sandbox_tell_soon(struct sandbox *sandbox);
/* The monitor has ended without being asked to: what ran is lost. */
void sandbox_lose(struct sandbox *sandbox);
/* Index of a container's state, made when missing. */
size_t sandbox_place(struct sandbox *sandbox, const char *id);
/* A file in memory with these bytes, for the monitor. */
MUST_CHECK bool sandbox_memory_file(struct str bytes, int *out_fd, struct error *err);

/* --- sandbox_exec.c --- */
void sandbox_session_message(struct sandbox *sandbox, struct str what, const struct json *message,
			     struct wire_fds *fds);
/* Tell one thing to one session's owner; false when there was nothing. */
bool sandbox_session_tell(struct sandbox *sandbox);
bool sandbox_session_untold(const struct sandbox *sandbox);
/* The monitor does not answer any more. */
void sandbox_session_lose(struct sandbox *sandbox);

#endif
