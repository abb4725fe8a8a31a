/*
 * rootfs.h - the files a container sees: its layers, /proc, /dev, /sys, its volumes.
 *
 * Called in the child, in the host's mount namespace; afterwards the process is in a mount and
 * cgroup namespace of its own, whose root is the container's, and the host's files are out of
 * reach.  Everything that comes from the image is reached by descriptors and without following its
 * links out of the root.
 *
 * Nothing here allocates.
 */
#ifndef RUNTIME_ROOTFS_H
#define RUNTIME_ROOTFS_H

#include "runtime/container_launch.h"
#include "runtime/pathfd.h"

/* *out_tty_master is -1 without a tty; launch->tty_slave is set with one. */
MUST_CHECK bool rootfs_enter(struct launch *launch, int *out_tty_master, struct error *err);

/* --- between the files of rootfs --- */

/* Fill /dev (rootfs_dev.c); `shm` is the detached mount for /dev/shm, `dev` becomes the folder. */
MUST_CHECK bool rootfs_dev_fill(struct launch *launch, int root, int shm, int *out_dev,
				int *out_tty_master, struct error *err);
/* A device that was made there gets its owner, unless a volume covers it. */
MUST_CHECK bool rootfs_dev_own(int root, const struct container_device *device, uid_t uid,
			       gid_t gid, struct error *err);
/* A folder directly in the root, made when missing, refused when it is a link. */
MUST_CHECK bool rootfs_plain_folder(int root, const char *name, int *out_fd, struct error *err);
/* A pseudo-terminal of the devpts mount that `pts` is open on. */
MUST_CHECK bool rootfs_open_tty(int pts, int *out_master, int *out_slave, struct error *err);
/* Hide /proc and /sys files that tell of the host (rootfs_hide.c); `dev` has our own null. */
MUST_CHECK bool rootfs_hide(int root, int dev, struct error *err);

/* --- also for containers of other plans --- */

/* With what a container's paths are covered.  `null` is the caller's /dev/null, and is checked;
 * `empty` is -1 at first: one empty file system does for all folders. */
struct rootfs_covers {
	int null, empty;
};
void rootfs_covers_close(struct rootfs_covers *covers);
#define auto_covers __attribute__((cleanup(rootfs_covers_close))) struct rootfs_covers

/* One path below the root: covered with a copy of the null device or an empty folder; or made
 * read-only with all below.  What does not exist is fine. */
MUST_CHECK bool rootfs_hide_one(int root, struct rootfs_covers *covers, const char *path,
				enum pathfd_how how, struct error *err);
MUST_CHECK bool rootfs_protect_one(int root, const char *path, enum pathfd_how how,
				   struct error *err);
/* Unmount every whole /proc and /sys outside of the mount that `root` is open on, or hide it where
 * that is refused: while one is mounted anywhere, the kernel lets users of a namespace of their own
 * mount another, in which nothing is hidden. */
MUST_CHECK bool rootfs_drop_kernel(int root, struct error *err);
/* Make the mount that `root` is open on the root of everything and let go of what was.  `cover`:
 * without pivot_root, as in a machine's first file system; the host's files stay below, but for its
 * /proc and /sys. */
MUST_CHECK bool rootfs_change_root(int root, bool cover, struct error *err);

#endif
