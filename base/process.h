/*
 * process.h - the one way to start a program: exact descriptors, clean signals, own session if
 * asked.
 *
 * After fork only async-signal-safe calls are made.  An exec failure is reported to the caller
 * through a close-on-exec pipe, so process_start fails with the reason.
 */
#ifndef BASE_PROCESS_H
#define BASE_PROCESS_H

#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"

struct process_plan {
	const char *path;        /* absolute, or found through PATH when without slash     */
	const char *const *argv; /* NULL-terminated                                        */
	const char *const *envp; /* NULL = ours                                            */
	const char *cwd;         /* NULL = ours                                            */
	int stdio[3];            /* descriptors for 0, 1, 2; -1 = /dev/null                */
	const int *extra_fds;    /* become 3, 4, ... in the child                          */
	size_t extra_count;
	bool new_session;    /* setsid                                                 */
	int die_with_parent; /* signal the child gets when we die (0 = lives on)       */
};

MUST_CHECK bool process_start(const struct process_plan *plan, pid_t *out_pid, struct error *err);

/* Between fork and exec: every signal does what it does to a new program, and none is blocked.
 * process_start() does it; only for those who clone themselves. */
void process_reset_signals(void);

/* Waits until a child of ours ends; *out_status is waitpid's.  One that takes longer than ms
 * (-1: none does) is killed: ERROR_TIMEOUT.  In both cases no zombie is left.  Blocks: the loop
 * has struct loop_child instead. */
MUST_CHECK bool process_wait(pid_t pid, int64_t ms, int *out_status, struct error *err);

#endif
