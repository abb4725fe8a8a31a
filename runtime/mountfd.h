/*
 * mountfd.h - mounts held by descriptors: made or copied detached, changed, then attached
 * somewhere.
 *
 * A detached mount is in nobody's tree until mountfd_attach; closing its last descriptor undoes it.
 * Paths never name the place of a mount, so links cannot redirect one.  Needs Linux 5.12.
 *
 * Nothing here allocates: it is used between clone and exec.
 */
#ifndef RUNTIME_MOUNTFD_H
#define RUNTIME_MOUNTFD_H

#include <stdint.h>
/* Not <sys/mount.h>: with some C libraries the two cannot be used together. */
#include <linux/mount.h>

#include "base/error.h"

#ifndef AT_RECURSIVE
#define AT_RECURSIVE 0x8000
#endif

struct mountfd_option {
	const char *key;
	const char *value; /* NULL: a flag */
};

/* A new file system of `type` with `options` (ends with key NULL; may be NULL); attributes:
 * MOUNT_ATTR_... */
MUST_CHECK bool mountfd_new(const char *type, const struct mountfd_option *options,
			    uint64_t attributes, int *out_fd, struct error *err);
/* A copy of the mount at `path` (of `folder`; "" = folder itself), or with MOUNTFD_TREE of all
 * below too. */
enum { MOUNTFD_ONE, MOUNTFD_TREE };
MUST_CHECK bool mountfd_copy(int folder, const char *path, int extent, int *out_fd,
			     struct error *err);
/* Set attributes (0 = none) and propagation (MS_PRIVATE, MS_SLAVE, MS_SHARED; 0 = as it is). */
MUST_CHECK bool mountfd_change(int fd, int extent, uint64_t attributes, uint64_t propagation,
			       struct error *err);
/* Show a detached copy's files with the ids of the user namespace: what belongs to root on the disk
 * belongs to its root.  ERROR_UNAVAILABLE: this kernel or this file system cannot. */
MUST_CHECK bool mountfd_map_ids(int fd, int extent, int users, struct error *err);
/* Set some attributes and clear others. */
MUST_CHECK bool mountfd_change_both(int fd, int extent, uint64_t set, uint64_t clear,
				    struct error *err);
/* Put the detached mount over the file or folder that `target` is open on. */
MUST_CHECK bool mountfd_attach(int fd, int target, struct error *err);
/* Is `fd` on a file system with this magic number (linux/magic.h)? */
bool mountfd_is_kind(int fd, unsigned long magic);
/* mount(2), for what has no better call. */
int mountfd_classic(const char *source, const char *target, const char *type, unsigned long flags,
		    const char *options);

#endif
