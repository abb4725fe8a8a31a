/*
 * oci_rootfs.c - the files of a container by its config: its root, its mounts in their order.
 *
 * Everything inside the root is reached by descriptors and without following its links out of it.
 * The parent has made detached copies of what is bound; the child makes file systems, as they are
 * to be those of its namespaces, and attaches both.
 */
#include "runtime/oci_inside.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sched.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "runtime/oci_copy_up.h"
#include "runtime/pathfd.h"
#include "runtime/rootfs.h"

#define DETACH 2 /* MNT_DETACH: <sys/mount.h> does not go with <linux/mount.h> */

/* --- places --- */

/* Files of /proc that programs such as lxcfs show in their own way; anything else there would fool
 * us or the container's tools. */
static bool may_cover_proc(const char *target)
{
	static const char *const fine[] = {
		"/proc/cpuinfo",
		"/proc/diskstats",
		"/proc/meminfo",
		"/proc/stat",
		"/proc/swaps",
		"/proc/uptime",
		"/proc/loadavg",
		"/proc/slabinfo",
		"/proc/sys/kernel/ns_last_pid",
		"/proc/sys/crypto/fips_enabled",
	};

	for (size_t i = 0; i < ARRAY_LENGTH(fine); i++)
		if (strcmp(target, fine[i]) == 0)
			return true;
	return false;
}

static bool is_kind(const struct oci_mount *mount, const char *type)
{
	return mount->type && strcmp(mount->type, type) == 0;
}

/* "/proc/" and "//proc" are /proc. */
static const char *tidy(struct arena *arena, const char *target)
{
	auto_buf out = BUF_INIT;
	struct str rest = str_of(target);

	while (rest.len > 0) {
		struct str part = str_cut(&rest, '/');

		if (part.len > 0 && !str_is(part, "."))
			buf_add_print(&out, "/" STR_FMT, STR_ARG(part));
	}
	return str_copy_arena(out.len > 0 ? buf_str(&out) : STR("/"), arena);
}

/* A folder in memory looks like the one that it covers, unless its options say otherwise. */
static void keep_mode(const struct oci_launch *launch, struct oci_mount *mount)
{
	struct arena *arena = launch->config->arena;
	struct oci_mount_words *words = &mount->words;
	struct mountfd_option *rest = arena_zero(arena, (words->rest_count + 2) * sizeof(*rest));
	struct error ignored;
	auto_fd place = -1;
	struct stat facts;

	if (!is_kind(mount, "tmpfs") ||
	    !pathfd_open(launch->root, mount->target + 1, PATHFD_IN_ROOT, O_PATH | O_DIRECTORY,
			 &place, &ignored) ||
	    fstat(place, &facts) != 0)
		return;
	/* The last word counts. */
	rest[0].key = "mode";
	rest[0].value = arena_print(arena, "%04o", (unsigned)facts.st_mode & 07777);
	memcpy(rest + 1, words->rest, words->rest_count * sizeof(*rest));
	words->rest = rest;
	words->rest_count++;
}

static bool open_place(const struct oci_launch *launch, struct oci_mount *mount, int *out_fd,
		       struct error *err)
{
	const char *target = mount->target;
	bool kernel = is_kind(mount, "proc") || is_kind(mount, "sysfs");
	auto_fd place = -1;

	keep_mode(launch, mount);
	/* The kernel's own places must be plain folders of the root: through a link they would be
	 * somewhere else, and what is hidden below them would not be. */
	if (!pathfd_make(launch->root, target + strspn(target, "/"),
			 kernel ? PATHFD_NO_LINKS : PATHFD_IN_ROOT,
			 mount->is_file ? PATHFD_FILE : PATHFD_FOLDER, &place, err))
		return kernel ? error_context(err, "%s must be mounted on ordinary directory",
					      mount->type)
			      : false;
	if (mountfd_is_kind(place, PROC_SUPER_MAGIC) && strcmp(target, "/proc") != 0 &&
	    !may_cover_proc(target))
		return error_set(err, ERROR_INVALID,
				 "\"%s\" cannot be mounted because it is inside /proc", target);
	*out_fd = take_fd(&place);
	return true;
}

/* --- file systems --- */

static uint64_t attributes_of(const struct oci_mount *mount)
{
	return mount->words.set | mount->words.tree_set;
}

/* Those that only mount(2) makes, as their options can be long or many; by descriptor, as paths of
 * the container are not to be trusted. */
static bool mount_classic(struct oci_mount *mount, int place, struct error *err)
{
	static const struct {
		uint64_t attribute;
		unsigned long flag;
	} flags[] = { { MOUNT_ATTR_RDONLY, MS_RDONLY },
		      { MOUNT_ATTR_NOSUID, MS_NOSUID },
		      { MOUNT_ATTR_NODEV, MS_NODEV },
		      { MOUNT_ATTR_NOEXEC, MS_NOEXEC },
		      { MOUNT_ATTR_NOATIME, MS_NOATIME },
		      { MOUNT_ATTR_NODIRATIME, MS_NODIRATIME },
		      { MOUNT_ATTR_STRICTATIME, MS_STRICTATIME } };
	auto_buf options = BUF_INIT;
	unsigned long all = mount->words.classic;
	char path[32];

	for (size_t i = 0; i < ARRAY_LENGTH(flags); i++)
		if (attributes_of(mount) & flags[i].attribute)
			all |= flags[i].flag;
	for (const struct mountfd_option *at = mount->words.rest; at->key; at++)
		buf_add_print(&options, "%s%s%s%s", options.len > 0 ? "," : "", at->key,
			      at->value ? "=" : "", at->value ? at->value : "");
	snprintf(path, sizeof(path), "/proc/self/fd/%d", place);
	return mountfd_classic(mount->source ? mount->source : "none", path, mount->type, all,
			       buf_text(&options)) == 0 ||
	       error_os(err, "mount %s of type %s", mount->target, mount->type);
}

static bool is_plain(const struct oci_mount *mount)
{
	static const char *const types[] = {
		"proc", "sysfs", "tmpfs", "devpts", "mqueue", "cgroup2"
	};

	for (size_t i = 0; i < ARRAY_LENGTH(types); i++)
		if (is_kind(mount, types[i]))
			return mount->words.classic == 0;
	return false;
}

/* What lies in a file system in memory is made before it becomes read-only. */
static bool make_plain(const struct oci_launch *launch, struct oci_mount *mount, struct error *err)
{
	uint64_t attributes = attributes_of(mount);
	struct mountfd_option *options =
		arena_zero(launch->config->arena, (mount->words.rest_count + 2) * sizeof(*options));
	size_t count = 0;

	if (mount->source && *mount->source)
		options[count++] = (struct mountfd_option){ "source", mount->source };
	memcpy(options + count, mount->words.rest, mount->words.rest_count * sizeof(*options));
	if (is_kind(mount, "tmpfs") && (attributes & MOUNT_ATTR_RDONLY)) {
		attributes &= ~(uint64_t)MOUNT_ATTR_RDONLY;
		mount->late_read_only = true;
	}
	if (!mountfd_new(mount->type, options, attributes, &mount->fd, err))
		return false;
	return !is_kind(mount, "proc") || mountfd_is_kind(mount->fd, PROC_SUPER_MAGIC) ||
	       error_set(err, ERROR_BROKEN, "/proc is not what it should be");
}

/* --- cgroups --- */

/* The container's own group of one hierarchy, under the names of its controllers. */
static bool attach_hierarchy(const struct oci_launch *launch, const struct oci_mount *mount,
			     int top, size_t part, struct error *err)
{
	char *const *folders = launch->state->cgroup->folders;
	auto_buf name = BUF_INIT;
	auto_fd copy = -1;
	auto_fd place = -1;
	size_t names = 0;

	for (size_t i = CGROUP_MEMORY; i < CGROUP_PARTS; i++) {
		const char *word = cgroup_part_name((enum cgroup_part)i);

		if (!folders[i] || strcmp(folders[i], folders[part]) != 0)
			continue;
		if (i < part)
			return true; /* done with its first name */
		buf_add_print(&name, "%s%s", names++ > 0 ? "," : "",
			      strncmp(word, "name=", 5) == 0 ? word + 5 : word);
	}
	if (mkdirat(top, buf_text(&name), 0755) != 0)
		return error_os(err, "make %s", buf_text(&name));
	place = openat(top, buf_text(&name), O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (place < 0)
		return error_os(err, "open %s", buf_text(&name));
	if (!mountfd_copy(AT_FDCWD, folders[part], MOUNTFD_ONE, &copy, err) ||
	    !mountfd_change(copy, MOUNTFD_ONE, attributes_of(mount), MS_PRIVATE, err) ||
	    !mountfd_attach(copy, place, err))
		return false;
	for (size_t i = part; names > 1 && i < CGROUP_PARTS; i++)
		if (folders[i] && strcmp(folders[i], folders[part]) == 0)
			(void)!symlinkat(buf_text(&name), top,
					 cgroup_part_name((enum cgroup_part)i));
	return true;
}

static bool attach_hierarchies(const struct oci_launch *launch, struct oci_mount *mount, int place,
			       struct error *err)
{
	static const struct mountfd_option mode[] = { { "mode", "755" }, { NULL, NULL } };
	uint64_t attributes = attributes_of(mount) & ~(uint64_t)MOUNT_ATTR_RDONLY;

	if (!mountfd_new("tmpfs", mode, attributes, &mount->fd, err) ||
	    !mountfd_attach(mount->fd, place, err))
		return false;
	for (size_t i = CGROUP_MEMORY; i < CGROUP_PARTS; i++)
		if (launch->state->cgroup->folders[i] &&
		    !attach_hierarchy(launch, mount, mount->fd, i, err))
			return false;
	mount->late_read_only = (attributes_of(mount) & MOUNT_ATTR_RDONLY) != 0;
	return true;
}

static bool attach_cgroup(struct oci_launch *launch, struct oci_mount *mount, int place,
			  struct error *err)
{
	const char *unified = launch->state->cgroup->folders[CGROUP_UNIFIED];

	if (!unified)
		return attach_hierarchies(launch, mount, place, err);
	/* A namespace of users has no say over one of cgroups that is older: it sees its group. */
	if (!oci_config_has(launch->config, OCI_CGROUP) ||
	    !mountfd_new("cgroup2", NULL, attributes_of(mount), &mount->fd, err)) {
		if (!mountfd_copy(AT_FDCWD, unified, MOUNTFD_ONE, &mount->fd, err) ||
		    !mountfd_change(mount->fd, MOUNTFD_ONE, attributes_of(mount), MS_PRIVATE, err))
			return false;
	}
	return mountfd_attach(mount->fd, place, err);
}

/* --- one mount --- */

static bool change_words(const struct oci_mount *mount, struct error *err)
{
	const struct oci_mount_words *words = &mount->words;
	bool bound = words->bind;

	if (bound && (words->set || words->clear) &&
	    !mountfd_change_both(mount->fd, MOUNTFD_ONE, words->set, words->clear, err))
		return false;
	if ((words->tree_set || words->tree_clear) && bound &&
	    !mountfd_change_both(mount->fd, MOUNTFD_TREE, words->tree_set, words->tree_clear, err))
		return false;
	return words->propagation == 0 ||
	       mountfd_change(mount->fd, words->propagation_tree ? MOUNTFD_TREE : MOUNTFD_ONE, 0,
			      words->propagation, err);
}

static bool remount(const struct oci_mount *mount, int place, struct error *err)
{
	return mountfd_change_both(place, MOUNTFD_ONE, mount->words.set, mount->words.clear, err) ||
	       error_context(err, "remount %s", mount->target);
}

static bool attach_one(struct oci_launch *launch, struct oci_mount *mount, struct error *err)
{
	auto_fd place = -1;

	mount->target = tidy(launch->config->arena, mount->target);
	if (!open_place(launch, mount, &place, err))
		return false;
	if (mount->words.remount && mount->fd < 0)
		return remount(mount, place, err);
	if (mount->words.bind)
		/* A slave of the host's may take nothing back: it is attached, then changed. */
		return mountfd_attach(mount->fd, place, err) && change_words(mount, err);
	if (!mount->type || !*mount->type)
		return error_set(err, ERROR_INVALID, "it has no type");
	if (is_kind(mount, "cgroup"))
		return attach_cgroup(launch, mount, place, err) && change_words(mount, err);
	if (!is_plain(mount))
		return mount_classic(mount, place, err);
	if (!make_plain(launch, mount, err))
		return false;
	if (mount->words.copy_up && !oci_copy_up(launch->root, mount->target, mount->fd, err))
		return false;
	return mountfd_attach(mount->fd, place, err) && change_words(mount, err);
}

static bool attach_all(struct oci_launch *launch, struct error *err)
{
	for (size_t i = 0; i < launch->mount_count; i++)
		if (!attach_one(launch, &launch->mounts[i], err))
			return error_context(err, "mount %s", launch->mounts[i].target);
	return true;
}

/* --- the root --- */

/* Over its own path, where hooks expect it; over our root where users of our own cannot reach that.
 */
static bool attach_root(struct oci_launch *launch, struct error *err)
{
	auto_fd place = open(launch->config->rootfs, O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (place < 0 && errno == EACCES)
		place = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (place < 0)
		return error_os(err, "open %s", launch->config->rootfs);
	launch->root = launch->rootfs;
	return mountfd_attach(launch->rootfs, place, err);
}

static bool make_mounts(struct oci_launch *launch, struct error *err)
{
	if ((launch->config->made & CLONE_NEWNS) &&
	    mountfd_classic(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0)
		return error_os(err, "make mounts private");
	return attach_root(launch, err) && attach_all(launch, err) && oci_nodes_make(launch, err) &&
	       oci_terminal_open(launch, err) && oci_console_make(launch, err);
}

static bool has_hooks(const struct oci_launch *launch)
{
	const struct json *hooks = json_get(launch->config->root, "hooks");

	return json_count(json_get(hooks, "prestart")) > 0 ||
	       json_count(json_get(hooks, "createRuntime")) > 0;
}

/* Without a mount namespace of its own a container only has its root changed. */
static bool open_bare_root(struct oci_launch *launch, struct error *err)
{
	if (json_count(json_get(launch->config->root, "mounts")) > 0)
		return error_set(err, ERROR_INVALID,
				 "config: mounts need a mount namespace of their own");
	launch->rootfs = open(launch->config->rootfs, O_PATH | O_DIRECTORY | O_CLOEXEC);
	launch->root = launch->rootfs;
	return launch->root >= 0 || error_os(err, "open %s", launch->config->rootfs);
}

bool oci_rootfs_make(struct oci_launch *launch, struct error *err)
{
	if (oci_config_has(launch->config, OCI_MOUNT) ? !make_mounts(launch, err)
						      : !open_bare_root(launch, err))
		return false;
	/* Hooks of the container may name its files from there. */
	if (fchdir(launch->root) != 0)
		return error_os(err, "enter the root");
	return (!has_hooks(launch) || oci_say(launch, OCI_STEP_MOUNTED, 0, -1, err)) &&
	       oci_hooks_run(launch->config, "createContainer", launch->state, "creating", err);
}

/* --- going in --- */

static bool set_sysctls(struct oci_launch *launch, struct error *err)
{
	const struct json *map = json_get(launch->config->system, "sysctl");

	for (struct json_iter it = json_iter(map); json_next(&it);) {
		auto_free char *path = memory_print("sys/" STR_FMT, STR_ARG(it.key));
		auto_free char *value = str_copy(json_str(it.value));

		/* Dots part the names unless slashes do. */
		if (path[4 + strcspn(path + 4, "./")] == '.')
			for (char *at = path + 4; *at; at++)
				*at = *at == '.' ? '/' : *at == '/' ? '.' : *at;
		if (!oci_write_proc(launch, path, value, err))
			return error_context(err, "sysctl");
	}
	return true;
}

static bool finish_mounts(struct oci_launch *launch, struct error *err)
{
	for (size_t i = 0; i < launch->mount_count; i++)
		if (launch->mounts[i].late_read_only &&
		    !mountfd_change(launch->mounts[i].fd, MOUNTFD_ONE, MOUNT_ATTR_RDONLY, 0, err))
			return error_context(err, "mount %s", launch->mounts[i].target);
	return oci_paths_hide(launch, err);
}

static bool finish_root(struct oci_launch *launch, struct error *err)
{
	struct str said = json_str(json_get(launch->config->system, "rootfsPropagation"));
	bool read_only = json_bool(json_path(launch->config->root, "root", "readonly", NULL));
	unsigned long flags = 0;

	if (str_is(said, "shared") || str_is(said, "rshared"))
		flags = MS_SHARED;
	else if (str_is(said, "unbindable") || str_is(said, "runbindable"))
		flags = MS_UNBINDABLE;
	if (flags &&
	    mountfd_classic(NULL, "/", NULL, flags | (said.at[0] == 'r' ? MS_REC : 0), NULL) != 0)
		return error_os(err, "set rootfsPropagation");
	return !read_only || mountfd_change(launch->root, MOUNTFD_ONE, MOUNT_ATTR_RDONLY, 0, err) ||
	       error_context(err, "make the root read-only");
}

bool oci_rootfs_enter(struct oci_launch *launch, struct error *err)
{
	if (!set_sysctls(launch, err))
		return false;
	if (!oci_config_has(launch->config, OCI_MOUNT)) {
		if (fchdir(launch->root) != 0 || chroot(".") != 0)
			return error_os(err, "change the root");
		return true;
	}
	return finish_mounts(launch, err) &&
	       rootfs_change_root(launch->root, launch->options->no_pivot, err) &&
	       finish_root(launch, err);
}
