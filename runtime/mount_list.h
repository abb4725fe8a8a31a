/*
 * mount_list.h - what is mounted, as /proc/self/mountinfo tells it: one line a mount.
 */
#ifndef RUNTIME_MOUNT_LIST_H
#define RUNTIME_MOUNT_LIST_H

#include "base/text.h"

/* A machine with many pods has thousands of mounts; a line is some hundred bytes. */
#define MOUNT_LIST_BYTES_MAX (16 << 20)

struct mount_line {
	char *place; /* where it is mounted; whoever read the line frees it */
	/* parts of the line: */
	struct str device;  /* of the file system, "0:45": mounts of one have the same */
	struct str root;    /* which folder of the file system is seen there: "/" is all of it */
	struct str type;    /* "ext4", "cgroup2" */
	struct str options; /* the file system's own, not the mount's: "rw,memory" */
	bool shared;
};

/* Append the list to *out: lines for mount_line_read. */
MUST_CHECK bool mount_list_read(struct buf *out, struct error *err);
/* False: it is none; nothing is to be freed. */
bool mount_line_read(struct str line, struct mount_line *out);
/* Is `path` somewhere below `folder`?  Both as the list writes them. */
bool mount_is_below(const char *path, const char *folder);

#endif
