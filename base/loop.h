/*
 * loop.h - the event loop: one thread, epoll, timers, deferred calls, children, signals, wake-ups.
 *
 * One loop a process owns all mutable state.  Callbacks do bounded work and never call each other
 * directly: they defer.  Watchers are embedded in their owners (no allocation by the loop) and must
 * outlive their registration.  Everything but loop_post is for the loop's own thread.
 *
 * Removing a watcher inside any callback is safe: it will not be called again in this round.
 */
#ifndef BASE_LOOP_H
#define BASE_LOOP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "base/list.h"

struct loop;

MUST_CHECK bool loop_open(struct loop **out, struct error *err);
void loop_close(struct loop *loop); /* NULL is fine */
void loop_run(struct loop *loop);   /* until loop_stop */
void loop_stop(struct loop *loop);
/* One round: waits at most wait_ms (-1 = until something happens).  For tests and short programs.
 */
void loop_once(struct loop *loop, int wait_ms);

/* --- descriptors --- */
enum { LOOP_READ = 1, LOOP_WRITE = 2, LOOP_HANGUP = 4 }; /* HANGUP is always reported */

struct loop_fd {
	void (*on_event)(struct loop_fd *watch, unsigned events);
	int fd;
	unsigned wants;
	bool active;
	struct loop *loop;
};
/* Fill on_event and fd first.  The descriptor stays the caller's. */
MUST_CHECK bool loop_fd_start(struct loop *loop, struct loop_fd *watch, unsigned wants,
			      struct error *err);
void loop_fd_want(struct loop_fd *watch, unsigned wants); /* change interest (0 = only hangup) */
void loop_fd_stop(struct loop_fd *watch);                 /* harmless when not started */

/* --- timers (monotonic) --- */
struct loop_timer {
	void (*on_timer)(struct loop_timer *timer);
	int64_t due_ms;
	size_t heap_at; /* 0 = not set */
	struct loop *loop;
};
void loop_timer_set(struct loop *loop, struct loop_timer *timer, int64_t after_ms); /* resets */
void loop_timer_stop(struct loop_timer *timer); /* harmless when not set */

/* --- deferred: called once, soon, after the current callback has returned --- */
struct loop_task {
	void (*on_task)(struct loop_task *task);
	struct list link;
	bool queued;
};
void loop_defer(struct loop *loop, struct loop_task *task); /* a queued task is not queued twice */
void loop_task_cancel(struct loop_task *task);

/* --- before_sleep: called each round just before waiting; batches are flushed here --- */
struct loop_hook {
	void (*on_hook)(struct loop_hook *hook);
	struct list link;
};
void loop_hook_add(struct loop *loop, struct loop_hook *hook);
void loop_hook_remove(struct loop_hook *hook);

/* --- from other threads: the task is run by the loop.  The only call that is thread-safe. --- */
struct loop_post {
	void (*on_post)(struct loop_post *post);
	struct loop_post *next;
};
void loop_post(struct loop *loop, struct loop_post *post);

/* --- child exits by pidfd --- */
struct loop_child {
	void (*on_exit)(struct loop_child *child, int wait_status);
	pid_t pid;
	struct loop_fd watch; /* private */
};
/* Fill on_exit and pid.  Reaps the child; the watcher is finished when on_exit is called. */
MUST_CHECK bool loop_child_start(struct loop *loop, struct loop_child *child, struct error *err);
void loop_child_stop(struct loop_child *child);

/* --- signals by signalfd; blocks them for the process --- */
struct loop_signal {
	void (*on_signal)(struct loop_signal *watch, int signal);
	struct loop_fd watch; /* private */
};
MUST_CHECK bool loop_signal_start(struct loop *loop, struct loop_signal *watch, const int *signals,
				  size_t count, struct error *err);
void loop_signal_stop(struct loop_signal *watch);

#endif
