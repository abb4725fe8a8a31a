/*
 * rootfs_hide.c - what of /proc and /sys a container must not see or change.
 *
 * The lists are those of the OCI runtimes.  Files are covered with our own /dev/null (checked to be
 * that device), folders with an empty read-only file system; read-only ones with a read-only copy
 * of themselves.
 */
#include "runtime/rootfs.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/memory.h"
#include "runtime/mountfd.h"
#include "runtime/pathfd.h"

static const char *const hidden[] = {
	"proc/acpi",       "proc/asound",        "proc/interrupts",  "proc/kcore",
	"proc/keys",       "proc/latency_stats", "proc/sched_debug", "proc/scsi",
	"proc/timer_list", "proc/timer_stats",   "sys/firmware",     "sys/devices/virtual/powercap",
};

static const char *const read_only[] = {
	"proc/bus", "proc/fs", "proc/irq", "proc/sys", "proc/sysrq-trigger",
};

/* *out_fd stays -1 for what this kernel does not have. */
static bool open_place(int root, const char *path, enum pathfd_how how, int *out_fd,
		       struct error *err)
{
	struct error why;

	if (pathfd_open(root, path, how, O_PATH, out_fd, &why))
		return true;
	if (why.kind == ERROR_NOT_FOUND)
		return true;
	*err = why;
	return false;
}

static bool copy_null(int null, int *out_fd, struct error *err)
{
	struct stat facts;

	if (fstat(null, &facts) != 0)
		return error_os(err, "look at /dev/null");
	if (!S_ISCHR(facts.st_mode) || facts.st_rdev != makedev(1, 3))
		return error_set(err, ERROR_BROKEN, "/dev/null is not the null device");
	return mountfd_copy(null, "", MOUNTFD_ONE, out_fd, err);
}

static bool make_empty(int *out_fd, struct error *err)
{
	static const struct mountfd_option options[] = {
		{ "size", "4k" },
		{ "nr_inodes", "2" },
		{ "mode", "555" },
		{ NULL, NULL },
	};

	return mountfd_new("tmpfs", options,
			   MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV |
				   MOUNT_ATTR_NOEXEC,
			   out_fd, err);
}

/* Only what is mounted somewhere can be copied: the first is made, the others are its copies. */
static bool cover_folder(struct rootfs_covers *covers, int place, struct error *err)
{
	auto_fd copy = -1;

	if (covers->empty < 0)
		return make_empty(&covers->empty, err) && mountfd_attach(covers->empty, place, err);
	return mountfd_copy(covers->empty, "", MOUNTFD_ONE, &copy, err) &&
	       mountfd_attach(copy, place, err);
}

bool rootfs_hide_one(int root, struct rootfs_covers *covers, const char *path, enum pathfd_how how,
		     struct error *err)
{
	auto_fd place = -1;
	auto_fd cover = -1;
	struct stat facts;

	if (!open_place(root, path, how, &place, err))
		return false;
	if (place < 0)
		return true;
	if (fstat(place, &facts) != 0)
		return error_os(err, "look at %s", path);
	if (S_ISDIR(facts.st_mode))
		return cover_folder(covers, place, err);
	return copy_null(covers->null, &cover, err) && mountfd_attach(cover, place, err);
}

bool rootfs_protect_one(int root, const char *path, enum pathfd_how how, struct error *err)
{
	auto_fd place = -1;
	auto_fd copy = -1;

	if (!open_place(root, path, how, &place, err))
		return false;
	if (place < 0)
		return true;
	return mountfd_copy(place, "", MOUNTFD_TREE, &copy, err) &&
	       mountfd_change(copy, MOUNTFD_TREE, MOUNT_ATTR_RDONLY, 0, err) &&
	       mountfd_attach(copy, place, err);
}

void rootfs_covers_close(struct rootfs_covers *covers)
{
	if (covers->null >= 0)
		close(take_fd(&covers->null));
	if (covers->empty >= 0)
		close(take_fd(&covers->empty));
}

bool rootfs_hide(int root, int dev, struct error *err)
{
	auto_covers covers = { openat(dev, "null", O_PATH | O_NOFOLLOW | O_CLOEXEC), -1 };

	if (covers.null < 0)
		return error_os(err, "open /dev/null");
	for (size_t i = 0; i < ARRAY_LENGTH(hidden); i++)
		if (!rootfs_hide_one(root, &covers, hidden[i], PATHFD_NO_LINKS, err))
			return error_context(err, "hide /%s", hidden[i]);
	for (size_t i = 0; i < ARRAY_LENGTH(read_only); i++)
		if (!rootfs_protect_one(root, read_only[i], PATHFD_NO_LINKS, err))
			return error_context(err, "protect /%s", read_only[i]);
	return true;
}
