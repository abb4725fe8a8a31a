/*
 * own_program.h - this program's file as nobody can change it.
 *
 * A container's first process is for a moment still this program, seen from inside as
 * /proc/PID/exe.  So it is run from a read-only mount of its file, or where the kernel or the
 * user's rights do not allow that, from a sealed copy in memory: whoever gets hold of it cannot
 * write to it.
 */
#ifndef RUNTIME_OWN_PROGRAM_H
#define RUNTIME_OWN_PROGRAM_H

#include "base/error.h"

/* In the environment of who is run from there already. */
#define OWN_PROGRAM_MARK "MOTE_OCI_SEALED"

/* A descriptor for execveat(2) with AT_EMPTY_PATH, or by /proc/self/fd; closed on exec, the
 * caller's.  Any thread. */
MUST_CHECK bool own_program_open(int *out_fd, struct error *err);

#endif
