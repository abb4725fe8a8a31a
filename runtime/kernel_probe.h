/*
 * kernel_probe.h - what this kernel can do for containers, found out by doing it: in a child
 * process, in namespaces of the child's own, so that nothing is left behind.
 *
 * A probe fails with what the kernel said.  From a program with one thread only.
 */
#ifndef RUNTIME_KERNEL_PROBE_H
#define RUNTIME_KERNEL_PROBE_H

#include "base/error.h"

/*
 * Run `probe` in a child that has left these namespaces (CLONE_NEW...); its error comes back as if
 * it had been called here.  A child that takes longer than ten seconds is killed:
 * ERROR_TIMEOUT.
 */
MUST_CHECK bool kernel_probe_run(int namespaces, bool (*probe)(const void *of, struct error *err),
				 const void *of, struct error *err);

/* All that a pod is made of: mount, process, ipc, name, network and cgroup namespaces.  Root. */
MUST_CHECK bool kernel_probe_namespaces(struct error *err);
/* Can layers be put together with their changes below `folder`, which must exist?  Root. */
MUST_CHECK bool kernel_probe_overlay(const char *folder, struct error *err);
/* Does a filter of system calls hold? */
MUST_CHECK bool kernel_probe_seccomp(struct error *err);
/* Calls that a kernel before 5.3 lacks: processes by descriptor. */
MUST_CHECK bool kernel_probe_pidfd(struct error *err);

#endif
