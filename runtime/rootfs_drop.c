/*
 * rootfs_drop.c - a root that covers the host's instead of taking its place: what of the host must
 * not stay mounted below it.
 *
 * Whoever may make a user namespace may mount /proc there if a whole one is mounted already where
 * he is; one with hidden parts does not count.  Behind a covered root the host's still does.
 */
#include "runtime/rootfs.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/memory.h"
#include "runtime/mount_list.h"
#include "runtime/mountfd.h"

#define DETACH 2 /* MNT_DETACH: <sys/mount.h> does not go with <linux/mount.h> */

static bool drop(const char *place, struct error *err)
{
	/* Gone with what it was mounted in. */
	if (syscall(SYS_umount2, place, DETACH) == 0 || errno == ENOENT)
		return true;
	if (errno != EINVAL && errno != EPERM)
		return error_os(err, "unmount %s", place);
	return mountfd_classic("tmpfs", place, "tmpfs", MS_RDONLY, NULL) == 0 ||
	       error_os(err, "hide %s", place);
}

static bool is_whole(const struct mount_line *mount)
{
	return (str_is(mount->type, "proc") || str_is(mount->type, "sysfs")) &&
	       str_is(mount->root, "/");
}

bool rootfs_drop_kernel(int root, struct error *err)
{
	auto_buf text = BUF_INIT;
	struct mount_line mount;
	char link[32];
	char own[PATH_MAX];
	ssize_t len;
	bool fine = true;

	/* First of all: the last /proc that goes is the one both are read from. */
	snprintf(link, sizeof(link), "/proc/self/fd/%d", root);
	len = readlink(link, own, sizeof(own) - 1);
	if (len < 0)
		return error_os(err, "name the root");
	own[len] = '\0';
	if (!mount_list_read(&text, err))
		return false;
	for (struct str rest = buf_str(&text); fine && rest.len > 0;) {
		if (!mount_line_read(str_cut(&rest, '\n'), &mount))
			continue;
		if (is_whole(&mount) && !mount_is_below(mount.place, own))
			fine = drop(mount.place, err);
		free(mount.place);
	}
	return fine;
}
