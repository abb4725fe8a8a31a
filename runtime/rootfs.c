/*
 * rootfs.c - puts a container's tree of mounts together and makes it the root.
 *
 * Order, and why: volumes are copied first, in the host's mount namespace, so that shared ones stay
 * shared. Then the own namespace begins.  Layers, /proc, /dev and /sys are mounted before anything
 * of the container runs, so nobody can play with them meanwhile; volumes come after, and files are
 * hidden last.
 */
#include "runtime/rootfs.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/memory.h"
#include "runtime/mountfd.h"
#include "runtime/pathfd.h"
#include "runtime/user_namespace.h"

#define OPTIONS_MAX 16

/* MNT_DETACH lives in <sys/mount.h>, which does not go with <linux/mount.h>. */
#define DETACH 2

static const uint64_t plain = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC;

/* --- volumes: copies of the host's mounts --- */

/* "size=64m,mode=1777" into keys and values that point into `room`. */
static bool split_options(const char *text, char *room, size_t size, struct mountfd_option *out,
			  struct error *err)
{
	size_t count = 0;
	char *at = room;

	if (strlen(text) >= size)
		return error_set(err, ERROR_TOO_LARGE, "mount options are too long");
	memcpy(room, text, strlen(text) + 1);
	while (*at) {
		char *end = at + strcspn(at, ",");
		char *value = memchr(at, '=', (size_t)(end - at));

		if (count + 1 == OPTIONS_MAX)
			return error_set(err, ERROR_TOO_LARGE, "too many mount options");
		if (*end)
			*end++ = '\0';
		if (value)
			*value++ = '\0';
		out[count++] = (struct mountfd_option){ at, value };
		at = end;
	}
	out[count] = (struct mountfd_option){ NULL, NULL };
	return true;
}

/* Its root folder is the container's root's, unless the options say otherwise. */
static bool make_tmpfs(const struct launch *launch, const struct container_mount *mount,
		       int *out_fd, struct error *err)
{
	struct mountfd_option options[OPTIONS_MAX];
	const char *more = mount->options ? mount->options : "";
	char text[512], room[512];

	if (snprintf(text, sizeof(text), "uid=%u,gid=%u%s%s", launch->user_base, launch->user_base,
		     *more ? "," : "", more) >= (int)sizeof(text))
		return error_set(err, ERROR_TOO_LARGE, "mount options are too long");
	return split_options(text, room, sizeof(room), options, err) &&
	       mountfd_new("tmpfs", options, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV, out_fd, err);
}

static bool copy_source(const struct launch *launch, const struct container_mount *mount,
			int *out_fd, struct error *err)
{
	uint32_t owner = mount->own_ids ? launch->user_base : 0;
	auto_fd base = open(mount->source, O_PATH | O_CLOEXEC);
	auto_fd below = -1;
	struct stat facts;

	if (base < 0)
		return error_os(err, "open %s", mount->source);
	/* Who looked before may have seen something else under the name. */
	if (mount->source_kind != 0 &&
	    (fstat(base, &facts) != 0 || (facts.st_mode & S_IFMT) != mount->source_kind))
		return error_set(err, ERROR_INVALID, "%s is of another type than the volume",
				 mount->source);
	if (mount->sub_path && *mount->sub_path &&
	    !pathfd_make_below(base, mount->sub_path, owner, &below, err))
		return error_context(err, "sub-path of %s", mount->source);
	return mountfd_copy(below >= 0 ? below : base, "", MOUNTFD_TREE, out_fd, err) ||
	       error_context(err, "volume %s", mount->source);
}

static bool copy_one(const struct launch *launch, const struct container_mount *mount, int *out_fd,
		     struct error *err)
{
	static const uint64_t propagations[] = { MS_PRIVATE, MS_SLAVE, 0 };
	int extent = mount->read_only_below ? MOUNTFD_TREE : MOUNTFD_ONE;
	uint64_t propagation = propagations[mount->propagation];

	if (strcmp(mount->type, "tmpfs") == 0)
		return make_tmpfs(launch, mount, out_fd, err);
	if (!copy_source(launch, mount, out_fd, err))
		return false;
	if (launch->own_users && !mount->own_ids &&
	    !mountfd_map_ids(*out_fd, MOUNTFD_TREE, launch->users, err))
		return error_context(err, "volume %s", mount->source);
	if (propagation != 0 && !mountfd_change(*out_fd, MOUNTFD_TREE, 0, propagation, err))
		return false;
	return !mount->read_only || mountfd_change(*out_fd, extent, MOUNT_ATTR_RDONLY, 0, err);
}

static bool copy_volumes(struct launch *launch, struct error *err)
{
	for (size_t i = 0; i < launch->plan->mount_count; i++)
		launch->mount_fds[i] = -1;
	for (size_t i = 0; i < launch->plan->mount_count; i++)
		if (!copy_one(launch, &launch->plan->mounts[i], &launch->mount_fds[i], err))
			return error_context(err, "mount %s", launch->plan->mounts[i].target);
	return true;
}

/* The pod's /dev/shm is the root of a mount namespace that only holds it. */
static bool copy_shm(const struct launch *launch, int *out_fd, struct error *err)
{
	bool fine;

	if (launch->shm_mounts < 0)
		return mountfd_copy(AT_FDCWD, "/dev/shm", MOUNTFD_ONE, out_fd, err);
	if (setns(launch->shm_mounts, CLONE_NEWNS) != 0)
		return error_os(err, "enter the namespace of /dev/shm");
	fine = mountfd_copy(AT_FDCWD, "/", MOUNTFD_ONE, out_fd, err);
	if (setns(launch->host_mounts, CLONE_NEWNS) != 0)
		return error_os(err, "come back to the host's mounts");
	return fine;
}

/* --- the layers --- */

/* A copy of the layer whose files have the ids of the pod's users.  Overlays take only what is
 * mounted: the copies lie one over the other where the overlay will cover them all. */
static bool map_layer(const struct launch *launch, int layer, int place, int *out_fd,
		      struct error *err)
{
	return mountfd_copy(layer, "", MOUNTFD_ONE, out_fd, err) &&
	       mountfd_map_ids(*out_fd, MOUNTFD_ONE, launch->users, err) &&
	       mountfd_attach(*out_fd, place, err);
}

/* Layers are named by their descriptors ("7:9:11", relative to /proc/self/fd), as a mount's options
 * have room for one page only. */
static bool open_layers(const struct launch *launch, int place, char *out, size_t size,
			struct error *err)
{
	const struct container_plan *plan = launch->plan;
	size_t count = 0;
	size_t len = 0;

	while (plan->layers[count])
		count++;
	assert(count <= LIMIT_IMAGE_LAYERS);
	while (count-- > 0) { /* the highest comes first */
		int fd = open(plan->layers[count], O_PATH | O_DIRECTORY | O_CLOEXEC);

		if (fd < 0)
			return error_os(err, "open layer %s", plan->layers[count]);
		if (launch->own_users && !map_layer(launch, fd, place, &fd, err))
			return error_context(err, "layer %s", plan->layers[count]);
		len += (size_t)snprintf(out + len, size - len, "%s%d", len > 0 ? ":" : "", fd);
		if (len >= size)
			return error_set(err, ERROR_TOO_LARGE, "too many layers");
	}
	return true;
}

static bool open_in(const char *folder, const char *name, int *out_fd, struct error *err)
{
	char path[4096];

	if (snprintf(path, sizeof(path), "%s/%s", folder, name) >= (int)sizeof(path))
		return error_set(err, ERROR_TOO_LARGE, "%s is too long", folder);
	*out_fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return *out_fd >= 0 || error_os(err, "open %s", path);
}

static bool mount_failed(struct error *err)
{
	if (errno == EINVAL || errno == ENODEV)
		return error_set(
			err, ERROR_BROKEN,
			"mount the layers: the kernel has no overlay file system, or the pod "
			"folder lies on one that cannot carry it (an overlay itself, for one): "
			"move the data folder to ext4, xfs or tmpfs");
	return error_os(err, "mount the layers");
}

/*
 * ENODEV is a kernel without overlay, or one whose module is just being loaded for another pod: a
 * module loader may find it underway and not wait (busybox's does).  After a boot all pods come at
 * once.
 */
static bool mount_overlay(const char *target, const char *options)
{
	int tries = 20;

	while (mountfd_classic("overlay", target, "overlay", 0, options) != 0) {
		if (errno != ENODEV || --tries == 0)
			return false;
		usleep(50000);
	}
	return true;
}

/* "volatile": what is written is gone after a power cut anyway, so it is not synced to the disk. */
static bool mount_layers(const struct launch *launch, struct error *err)
{
	char layers[LIMIT_IMAGE_LAYERS * 12];
	char options[sizeof(layers) + 128];
	int upper;
	int work;
	int root;

	if (!open_in(launch->folder, "upper", &upper, err) ||
	    !open_in(launch->folder, "work", &work, err) ||
	    !open_in(launch->folder, "root", &root, err) ||
	    !open_layers(launch, root, layers, sizeof(layers), err))
		return false;
	if (chdir("/proc/self/fd") != 0)
		return error_os(err, "enter /proc/self/fd");
	for (int attempt = 0; attempt < 2; attempt++) {
		char target[16];

		snprintf(target, sizeof(target), "%d", root);
		snprintf(options, sizeof(options), "lowerdir=%s,upperdir=%d,workdir=%d%s", layers,
			 upper, work, attempt == 0 ? ",volatile" : "");
		if (mount_overlay(target, options))
			return true;
		if (errno != EINVAL)
			break; /* only an unknown option is worth a second attempt */
	}
	return mount_failed(err);
}

/* --- /proc, /sys --- */

bool rootfs_plain_folder(int root, const char *name, int *out_fd, struct error *err)
{
	if (mkdirat(root, name, 0755) != 0 && errno != EEXIST)
		return error_os(err, "make /%s", name);
	return pathfd_open(root, name, PATHFD_NO_LINKS, O_PATH | O_DIRECTORY, out_fd, err) ||
	       error_context(err, "/%s of the image", name);
}

static bool attach_proc(int root, struct error *err)
{
	auto_fd place = -1;
	auto_fd proc = -1;

	if (!rootfs_plain_folder(root, "proc", &place, err) ||
	    !mountfd_new("proc", NULL, plain, &proc, err))
		return false;
	if (!mountfd_is_kind(proc, PROC_SUPER_MAGIC))
		return error_set(err, ERROR_BROKEN, "/proc is not what it should be");
	return mountfd_attach(proc, place, err);
}

/* One version 1 hierarchy below `into`; `names` are its controllers, their folders being the
 * same. */
static void attach_hierarchy(int into, const struct mountfd_option *names, uint64_t attributes)
{
	struct error ignored;
	auto_fd mount = -1;
	auto_fd place = -1;

	if (mkdirat(into, names[0].key, 0755) != 0)
		return;
	place = openat(into, names[0].key, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (place >= 0 && mountfd_new("cgroup", names, attributes, &mount, &ignored))
		(void)!mountfd_attach(mount, place, &ignored);
	for (const struct mountfd_option *at = names + 1; at->key; at++)
		(void)!symlinkat(names[0].key, into, at->key);
}

/* What a container can read of version 1 is a courtesy: what does not work is left out. */
static bool attach_hierarchies(const struct cgroup *cgroup, int place, uint64_t attributes,
			       struct error *err)
{
	static const struct mountfd_option mode[] = { { "mode", "755" }, { NULL, NULL } };
	auto_fd top = -1;

	if (!mountfd_new("tmpfs", mode, plain, &top, err) || !mountfd_attach(top, place, err))
		return false;
	for (size_t i = CGROUP_MEMORY; i < CGROUP_PARTS; i++) {
		struct mountfd_option same[CGROUP_PARTS + 1] = {
			{ cgroup_part_name((enum cgroup_part)i), NULL }
		};
		size_t count = 1;
		bool seen = !cgroup->folders[i];

		for (size_t j = CGROUP_MEMORY; j < CGROUP_PARTS && !seen; j++) {
			if (j == i || !cgroup->folders[j] ||
			    strcmp(cgroup->folders[i], cgroup->folders[j]) != 0)
				continue;
			seen = j < i;
			same[count++].key = cgroup_part_name((enum cgroup_part)j);
		}
		if (!seen)
			attach_hierarchy(top, same, attributes);
	}
	return (attributes & MOUNT_ATTR_RDONLY) == 0 ||
	       mountfd_change(top, MOUNTFD_ONE, MOUNT_ATTR_RDONLY, 0, err);
}

static bool attach_sys(const struct launch *launch, int root, struct error *err)
{
	uint64_t attributes = plain | (launch->plan->privileged ? 0 : MOUNT_ATTR_RDONLY);
	struct error ignored;
	auto_fd place = -1;
	auto_fd sys = -1;
	auto_fd groups = -1;
	auto_fd unified = -1;

	if (!rootfs_plain_folder(root, "sys", &place, err) ||
	    !mountfd_new("sysfs", NULL, attributes, &sys, err) || !mountfd_attach(sys, place, err))
		return false;
	if (!pathfd_open(sys, "fs/cgroup", PATHFD_NO_LINKS, O_PATH | O_DIRECTORY, &groups,
			 &ignored))
		return true; /* a kernel without cgroups */
	if (!launch->cgroup->folders[CGROUP_UNIFIED])
		return attach_hierarchies(launch->cgroup, groups, attributes, err);
	return mountfd_new("cgroup2", NULL, attributes, &unified, err) &&
	       mountfd_attach(unified, groups, err);
}

/* --- putting it together --- */

static bool attach_volume(int root, int fd, const char *target, struct error *err)
{
	auto_fd place = -1;
	struct stat facts;

	if (fstat(fd, &facts) != 0)
		return error_os(err, "look at the volume");
	if (!pathfd_make(root, target, PATHFD_IN_ROOT,
			 S_ISDIR(facts.st_mode) ? PATHFD_FOLDER : PATHFD_FILE, &place, err))
		return false;
	if (mountfd_is_kind(place, PROC_SUPER_MAGIC))
		return error_set(err, ERROR_INVALID, "nothing may be mounted in /proc");
	return mountfd_attach(fd, place, err);
}

static bool attach_volumes(struct launch *launch, int root, struct error *err)
{
	for (size_t i = 0; i < launch->plan->mount_count; i++) {
		const struct container_mount *mount = &launch->plan->mounts[i];

		if (!attach_volume(root, launch->mount_fds[i], mount->target, err))
			return error_context(err, "mount %s", mount->target);
		/* A file system of its own was needed writable until now. */
		if (mount->read_only && strcmp(mount->type, "tmpfs") == 0 &&
		    !mountfd_change(launch->mount_fds[i], MOUNTFD_ONE, MOUNT_ATTR_RDONLY, 0, err))
			return false;
		close(take_fd(&launch->mount_fds[i]));
	}
	return true;
}

/* The file that the container leaves its last words in. */
static bool attach_termination(const struct launch *launch, int root, int file, struct error *err)
{
	const char *path = launch->plan->termination_path;

	if (!path || *path == '\0')
		return true;
	return attach_volume(root, file, path, err) ||
	       error_context(err, "termination message %s", path);
}

static bool copy_termination(const struct launch *launch, int *out_fd, struct error *err)
{
	char path[4096];

	if (!launch->plan->termination_path || *launch->plan->termination_path == '\0')
		return true;
	if (snprintf(path, sizeof(path), "%s/termination", launch->folder) >= (int)sizeof(path))
		return error_set(err, ERROR_TOO_LARGE, "%s is too long", launch->folder);
	return mountfd_copy(AT_FDCWD, path, MOUNTFD_ONE, out_fd, err) &&
	       (!launch->own_users || mountfd_map_ids(*out_fd, MOUNTFD_ONE, launch->users, err)) &&
	       mountfd_change(*out_fd, MOUNTFD_ONE, 0, MS_PRIVATE, err);
}

/* In a machine's first file system (initramfs) pivot_root does not work: cover it instead. */
bool rootfs_change_root(int root, bool cover, struct error *err)
{
	if (fchdir(root) != 0)
		return error_os(err, "enter the root");
	errno = EINVAL;
	if (!cover && syscall(SYS_pivot_root, ".", ".") == 0) {
		if (syscall(SYS_umount2, ".", DETACH) != 0)
			return error_os(err, "let go of the host's files");
	} else if (errno != EINVAL) {
		return error_os(err, "change the root");
	} else if (!rootfs_drop_kernel(root, err)) {
		return false;
	} else if (mountfd_classic(".", "/", NULL, MS_MOVE, NULL) != 0 || chroot(".") != 0) {
		return error_os(err, "change the root");
	}
	if (chdir("/") != 0)
		return error_os(err, "enter the new root");
	return true;
}

static bool finish_root(const struct launch *launch, struct error *err)
{
	auto_fd root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (root < 0)
		return error_os(err, "open the new root");
	return !launch->plan->read_only_root ||
	       mountfd_change(root, MOUNTFD_ONE, MOUNT_ATTR_RDONLY, 0, err);
}

bool rootfs_enter(struct launch *launch, int *out_tty_master, struct error *err)
{
	auto_fd shm = -1;
	auto_fd termination = -1;
	auto_fd root = -1;
	auto_fd dev = -1;

	*out_tty_master = -1;
	if (!copy_volumes(launch, err) || !copy_shm(launch, &shm, err) ||
	    !copy_termination(launch, &termination, err))
		return false;
	if (unshare(CLONE_NEWNS | CLONE_NEWCGROUP) != 0)
		return error_os(err, "make namespaces");
	if (mountfd_classic(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0)
		return error_os(err, "make mounts private");
	if (!mount_layers(launch, err) || !open_in(launch->folder, "root", &root, err))
		return false;
	if (launch->own_users && !user_namespace_make_files_as(launch->user_base, err))
		return false;
	if (!attach_proc(root, err) || !attach_sys(launch, root, err) ||
	    !rootfs_dev_fill(launch, root, shm, &dev, out_tty_master, err))
		return false;
	if (!attach_volumes(launch, root, err) ||
	    !attach_termination(launch, root, termination, err))
		return false;
	if (!launch->plan->privileged && !launch->plan->proc_unmasked &&
	    !rootfs_hide(root, dev, err))
		return false;
	return rootfs_change_root(root, false, err) && finish_root(launch, err);
}
