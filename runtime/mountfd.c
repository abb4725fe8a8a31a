/*
 * mountfd.c - the mount calls by descriptor (fsopen, open_tree, move_mount, mount_setattr).
 *
 * C libraries do not wrap all of them, so they are called by number.
 */
#include "runtime/mountfd.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/memory.h"

static bool set_option(int fs, const struct mountfd_option *option)
{
	if (!option->value)
		return syscall(SYS_fsconfig, fs, FSCONFIG_SET_FLAG, option->key, NULL, 0) == 0;
	return syscall(SYS_fsconfig, fs, FSCONFIG_SET_STRING, option->key, option->value, 0) == 0;
}

bool mountfd_new(const char *type, const struct mountfd_option *options, uint64_t attributes,
		 int *out_fd, struct error *err)
{
	auto_fd fs = (int)syscall(SYS_fsopen, type, FSOPEN_CLOEXEC);
	int fd;

	if (fs < 0)
		return error_os(err, "open file system %s", type);
	for (const struct mountfd_option *at = options; at && at->key; at++)
		if (!set_option(fs, at))
			return error_os(err, "set option %s of %s", at->key, type);
	if (syscall(SYS_fsconfig, fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) != 0)
		return error_os(err, "make file system %s", type);
	fd = (int)syscall(SYS_fsmount, fs, FSMOUNT_CLOEXEC, (unsigned)attributes);
	if (fd < 0)
		return error_os(err, "mount file system %s", type);
	*out_fd = fd;
	return true;
}

bool mountfd_copy(int folder, const char *path, int extent, int *out_fd, struct error *err)
{
	unsigned flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC;
	int fd;

	if (extent == MOUNTFD_TREE)
		flags |= AT_RECURSIVE;
	if (*path == '\0')
		flags |= AT_EMPTY_PATH;
	fd = (int)syscall(SYS_open_tree, folder, path, flags);
	if (fd < 0)
		return error_os(err, "copy mount %s", path);
	*out_fd = fd;
	return true;
}

static bool apply(int fd, int extent, struct mount_attr change, struct error *err)
{
	unsigned flags = AT_EMPTY_PATH | (extent == MOUNTFD_TREE ? (unsigned)AT_RECURSIVE : 0);

	if (syscall(SYS_mount_setattr, fd, "", flags, &change, sizeof(change)) == 0)
		return true;
	if (errno == ENOSYS)
		return error_set(err, ERROR_BROKEN,
				 "this kernel has no mount_setattr: Linux 5.12 or newer is needed");
	return error_os(err, "change mount");
}

bool mountfd_map_ids(int fd, int extent, int users, struct error *err)
{
	struct mount_attr change = { .attr_set = MOUNT_ATTR_IDMAP,
				     .userns_fd = (uint64_t)(unsigned)users };
	unsigned flags = AT_EMPTY_PATH | (extent == MOUNTFD_TREE ? (unsigned)AT_RECURSIVE : 0);

	if (syscall(SYS_mount_setattr, fd, "", flags, &change, sizeof(change)) == 0)
		return true;
	if (errno == EINVAL || errno == ENOSYS || errno == EPERM || errno == EOPNOTSUPP)
		return error_raise(err, ERROR_UNAVAILABLE, errno, ERROR_FROM,
				   "this kernel cannot map the ids of files on this file system, "
				   "which pods with hostUsers: false need: Linux 5.19 or newer and "
				   "ext4, xfs or btrfs can, and tmpfs since 6.3");
	return error_os(err, "map the ids of a mount");
}

bool mountfd_change(int fd, int extent, uint64_t attributes, uint64_t propagation,
		    struct error *err)
{
	return apply(fd, extent,
		     (struct mount_attr){ .attr_set = attributes, .propagation = propagation },
		     err);
}

bool mountfd_change_both(int fd, int extent, uint64_t set, uint64_t clear, struct error *err)
{
	return apply(fd, extent, (struct mount_attr){ .attr_set = set, .attr_clr = clear }, err);
}

bool mountfd_attach(int fd, int target, struct error *err)
{
	assert(fd >= 0 && target >= 0);
	if (syscall(SYS_move_mount, fd, "", target, "",
		    MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) != 0)
		return error_os(err, "attach mount");
	return true;
}

bool mountfd_is_kind(int fd, unsigned long magic)
{
	struct statfs facts;

	return fstatfs(fd, &facts) == 0 && (unsigned long)facts.f_type == magic;
}

int mountfd_classic(const char *source, const char *target, const char *type, unsigned long flags,
		    const char *options)
{
	return (int)syscall(SYS_mount, source, target, type, flags, options);
}
