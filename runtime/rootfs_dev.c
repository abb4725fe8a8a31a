/*
 * rootfs_dev.c - a container's /dev: a file system in memory of its own, filled before it is
 * attached, so that nothing of the image is ever part of it.
 */
#include "runtime/rootfs.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/memory.h"
#include "runtime/mountfd.h"
#include "runtime/pathfd.h"

#ifndef TIOCGPTPEER
#define TIOCGPTPEER _IO('T', 0x41)
#endif

#define HOST_DEPTH_MAX 4

static const struct {
	const char *name;
	unsigned major, minor;
} nodes[] = {
	{ "null", 1, 3 },   { "zero", 1, 5 },    { "full", 1, 7 },
	{ "random", 1, 8 }, { "urandom", 1, 9 }, { "tty", 5, 0 },
};

static const struct {
	const char *name, *target;
} links[] = {
	{ "fd", "/proc/self/fd" },       { "stdin", "/proc/self/fd/0" },
	{ "stdout", "/proc/self/fd/1" }, { "stderr", "/proc/self/fd/2" },
	{ "ptmx", "pts/ptmx" },
};

static const char *const folders[] = { "pts", "shm", "mqueue" };

/* The host's own of these would be the wrong ones, or lead out. */
static bool is_ours(const char *name)
{
	static const char *const others[] = { ".", "..", "console", "log", "initctl", "core" };

	for (size_t i = 0; i < ARRAY_LENGTH(nodes); i++)
		if (strcmp(nodes[i].name, name) == 0)
			return true;
	for (size_t i = 0; i < ARRAY_LENGTH(links); i++)
		if (strcmp(links[i].name, name) == 0)
			return true;
	for (size_t i = 0; i < ARRAY_LENGTH(folders); i++)
		if (strcmp(folders[i], name) == 0)
			return true;
	for (size_t i = 0; i < ARRAY_LENGTH(others); i++)
		if (strcmp(others[i], name) == 0)
			return true;
	return false;
}

struct kernel_entry { /* what getdents64 gives; readdir would allocate */
	uint64_t inode;
	int64_t offset;
	unsigned short len;
	unsigned char type;
	char name[];
};

static void copy_folder(int from, int into, int depth);

static void copy_one(int from, int into, const char *name, int depth)
{
	struct stat facts;

	if (fstatat(from, name, &facts, AT_SYMLINK_NOFOLLOW) != 0)
		return;
	if (S_ISCHR(facts.st_mode) || S_ISBLK(facts.st_mode)) {
		if (mknodat(into, name, facts.st_mode, facts.st_rdev) == 0)
			(void)!fchownat(into, name, facts.st_uid, facts.st_gid,
					AT_SYMLINK_NOFOLLOW);
		return;
	}
	if (S_ISDIR(facts.st_mode) && depth < HOST_DEPTH_MAX && mkdirat(into, name, 0755) == 0) {
		auto_fd child = openat(from, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		auto_fd copy = openat(into, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

		if (child >= 0 && copy >= 0)
			copy_folder(child, copy, depth + 1);
	}
}

/* Device nodes only; what cannot be copied is left out. */
static void copy_folder(int from, int into, int depth)
{
	_Alignas(struct kernel_entry) char room[2048];
	long got;

	while ((got = syscall(SYS_getdents64, from, room, sizeof(room))) > 0) {
		for (long at = 0; at < got;) {
			struct kernel_entry *entry = (struct kernel_entry *)(void *)(room + at);

			at += entry->len;
			if (depth > 0 ? entry->name[0] != '.' : !is_ours(entry->name))
				copy_one(from, into, entry->name, depth);
		}
	}
}

static void copy_host_devices(int dev)
{
	auto_fd host = open("/dev", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (host >= 0)
		copy_folder(host, dev, 0);
}

static bool make_entries(int dev, bool privileged, struct error *err)
{
	for (size_t i = 0; i < ARRAY_LENGTH(nodes); i++)
		if (mknodat(dev, nodes[i].name, S_IFCHR | 0666,
			    makedev(nodes[i].major, nodes[i].minor)) != 0)
			return error_os(err, "make /dev/%s", nodes[i].name);
	for (size_t i = 0; i < ARRAY_LENGTH(links); i++)
		if (symlinkat(links[i].target, dev, links[i].name) != 0)
			return error_os(err, "make /dev/%s", links[i].name);
	for (size_t i = 0; i < ARRAY_LENGTH(folders); i++)
		if (mkdirat(dev, folders[i], 0755) != 0)
			return error_os(err, "make /dev/%s", folders[i]);
	if (privileged)
		copy_host_devices(dev);
	return true;
}

/* In our own file system in memory, before anybody else sees it. */
static bool make_folders_to(int dev, const char *path, struct error *err)
{
	char room[CONTAINER_DEVICE_PATH_MAX];

	for (const char *at = strchr(path, '/'); at; at = strchr(at + 1, '/')) {
		snprintf(room, sizeof(room), "%.*s", (int)(at - path), path);
		if (*room && mkdirat(dev, room, 0755) != 0 && errno != EEXIST)
			return error_os(err, "make /dev/%s", room);
	}
	return true;
}

/* A privileged container's /dev has them already.  The owner comes when the user is known. */
static bool make_device(int dev, const struct container_device *device, struct error *err)
{
	const char *name = device->path + sizeof("/dev/") - 1;
	const char *link = device->link ? device->link + sizeof("/dev/") - 1 : NULL;

	if (!make_folders_to(dev, name, err))
		return false;
	if (mknodat(dev, name, (device->block ? S_IFBLK : S_IFCHR) | device->mode,
		    makedev(device->major, device->minor)) != 0 &&
	    errno != EEXIST)
		return error_os(err, "make %s", device->path);
	if (!link || strcmp(link, name) == 0)
		return true;
	return make_folders_to(dev, link, err) &&
	       (symlinkat(device->path, dev, link) == 0 || errno == EEXIST ||
		error_os(err, "make %s", device->link));
}

static bool make_devices(int dev, const struct container_plan *plan, struct error *err)
{
	for (size_t i = 0; i < plan->device_count; i++)
		if (!make_device(dev, &plan->devices[i], err))
			return false;
	return true;
}

bool rootfs_dev_own(int root, const struct container_device *device, uid_t uid, gid_t gid,
		    struct error *err)
{
	struct error ignored;
	auto_fd fd = -1;
	struct stat facts;

	if (!pathfd_open(root, device->path + 1, PATHFD_NO_LINKS, O_PATH, &fd, &ignored))
		return true; /* a volume hides it */
	if (fstat(fd, &facts) != 0 || facts.st_rdev != makedev(device->major, device->minor) ||
	    !mountfd_is_kind(fd, TMPFS_MAGIC))
		return true;
	return fchownat(fd, "", uid, gid, AT_EMPTY_PATH) == 0 ||
	       error_os(err, "give %s to its user", device->path);
}

static bool attach_at(int dev, const char *name, int mount, struct error *err)
{
	auto_fd target = openat(dev, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);

	if (target < 0)
		return error_os(err, "open /dev/%s", name);
	return mountfd_attach(mount, target, err) || error_context(err, "/dev/%s", name);
}

/* The terminal is taken from the mount itself and checked, never looked up by a path. */
bool rootfs_open_tty(int pts, int *out_master, int *out_slave, struct error *err)
{
	auto_fd master = openat(pts, "ptmx", O_RDWR | O_NOCTTY | O_NOFOLLOW | O_CLOEXEC);
	struct stat facts;
	int unlock = 0;
	int slave;

	if (master < 0)
		return error_os(err, "open a terminal");
	if (!mountfd_is_kind(master, DEVPTS_SUPER_MAGIC) || fstat(master, &facts) != 0 ||
	    facts.st_rdev != makedev(5, 2))
		return error_set(err, ERROR_INVALID, "/dev/pts/ptmx is not a terminal device");
	if (ioctl(master, TIOCSPTLCK, &unlock) != 0)
		return error_os(err, "unlock a terminal");
	slave = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (slave < 0)
		return error_os(err, "open the other end of a terminal");
	*out_master = take_fd(&master);
	*out_slave = slave;
	return true;
}

/* /dev/console is the container's terminal. */
static bool attach_console(int dev, int slave, struct error *err)
{
	auto_fd mount = -1;
	auto_fd file =
		openat(dev, "console", O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);

	if (file < 0)
		return error_os(err, "make /dev/console");
	return mountfd_copy(slave, "", MOUNTFD_ONE, &mount, err) &&
	       attach_at(dev, "console", mount, err);
}

static bool attach_pts(struct launch *launch, int dev, int *out_tty_master, struct error *err)
{
	char tty_group[16];
	const struct mountfd_option options[] = {
		{ "newinstance", NULL }, { "ptmxmode", "0666" }, { "mode", "0620" },
		{ "gid", tty_group },    { NULL, NULL },
	};
	auto_fd pts = -1;

	snprintf(tty_group, sizeof(tty_group), "%u", launch->user_base + 5);
	if (!mountfd_new("devpts", options, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC, &pts, err) ||
	    !attach_at(dev, "pts", pts, err))
		return false;
	if (!launch->tty)
		return true;
	return rootfs_open_tty(pts, out_tty_master, &launch->tty_slave, err) &&
	       attach_console(dev, launch->tty_slave, err);
}

bool rootfs_dev_fill(struct launch *launch, int root, int shm, int *out_dev, int *out_tty_master,
		     struct error *err)
{
	static const struct mountfd_option options[] = {
		{ "mode", "755" },
		{ "size", "65536k" },
		{ NULL, NULL },
	};
	const uint64_t plain = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC | MOUNT_ATTR_NODEV;
	auto_fd dev = -1;
	auto_fd place = -1;
	auto_fd mqueue = -1;

	assert(*out_tty_master == -1);
	if (!mountfd_new("tmpfs", options, MOUNT_ATTR_NOSUID, &dev, err) ||
	    !make_entries(dev, launch->plan->privileged, err) ||
	    !make_devices(dev, launch->plan, err) ||
	    !rootfs_plain_folder(root, "dev", &place, err) || !mountfd_attach(dev, place, err))
		return error_context(err, "make /dev");
	if (!attach_pts(launch, dev, out_tty_master, err) || !attach_at(dev, "shm", shm, err))
		return false;
	/* Not every kernel has message queues; nobody misses the folder then. */
	if (mountfd_new("mqueue", NULL, plain, &mqueue, err) &&
	    !attach_at(dev, "mqueue", mqueue, err))
		return false;
	*out_dev = take_fd(&dev);
	return true;
}
