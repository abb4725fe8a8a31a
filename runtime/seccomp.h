/*
 * seccomp.h - which system calls a container may make: a filter program for the kernel.
 *
 * The default rules are those the other runtimes agree on: the calls that ordinary programs need
 * are allowed, more of them with certain capabilities; known dangerous ones fail with EPERM;
 * everything else, clone3 and calls younger than this list included, fails with ENOSYS, so that
 * programs fall back.  The machine's 32-bit calls are covered too; x32 fails altogether.
 */
#ifndef RUNTIME_SECCOMP_H
#define RUNTIME_SECCOMP_H

#include <linux/filter.h>
#include <stdint.h>

#include "base/error.h"

/* Programs are small; the kernel takes at most 4096 instructions. */
#define SECCOMP_BYTES_MAX (4096 * sizeof(struct sock_filter))

/*
 * The filter for a capability set as a sealed memory file of struct sock_filter; the caller closes
 * it. Filters are made once and kept: the same set gives the same memory.  From one thread only.
 */
MUST_CHECK bool seccomp_open_filter(uint64_t capabilities, int *out_fd, struct error *err);

/* Between clone and exec: from now on, for good.  Needs no_new_privs or CAP_SYS_ADMIN. */
MUST_CHECK bool seccomp_enforce(const struct sock_fprog *program, struct error *err);
/* The same with SECCOMP_FILTER_FLAG_... as a profile asks for.  `out_listener` is NULL, or gets the
 * descriptor that answers calls with SCMP_ACT_NOTIFY. */
MUST_CHECK bool seccomp_enforce_with(const struct sock_fprog *program, unsigned flags,
				     int *out_listener, struct error *err);

#endif
