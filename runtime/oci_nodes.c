/*
 * oci_nodes.c - devices and links that every container has, those its config adds, and the paths it
 * hides.
 */
#include "runtime/oci_inside.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "runtime/pathfd.h"
#include "runtime/rootfs.h"

struct node {
	const char *path;
	mode_t mode; /* with its kind */
	dev_t device;
	uid_t uid;
	gid_t gid;
};

static bool split_path(const char *path, struct str *out_folder, const char **out_name)
{
	const char *slash;

	while (*path == '/')
		path++;
	slash = strrchr(path, '/');
	*out_folder = slash ? str_from(path, (size_t)(slash - path)) : STR(".");
	*out_name = slash ? slash + 1 : path;
	return **out_name != '\0' && !pathfd_has_dotdot(path);
}

static bool open_folder(const struct oci_launch *launch, const char *path, int *out_fd,
			const char **out_name, struct error *err)
{
	struct str folder;
	auto_free char *text = NULL;

	if (!split_path(path, &folder, out_name))
		return error_set(err, ERROR_INVALID, "device path \"%s\" is no file", path);
	text = str_copy(folder);
	return pathfd_make(launch->root, text, PATHFD_IN_ROOT, PATHFD_FOLDER, out_fd, err);
}

/* Users of our own may make no devices: the host's is bound in its place. */
static bool bind_node(const struct node *node, int folder, const char *name, struct error *err)
{
	auto_fd copy = -1;
	auto_fd place = -1;
	auto_fd made = openat(folder, name, O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0644);

	place = openat(folder, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (place < 0)
		return error_os(err, "make %s", node->path);
	return mountfd_copy(AT_FDCWD, node->path, MOUNTFD_ONE, &copy, err) &&
	       mountfd_attach(copy, place, err);
}

static bool make_node(const struct oci_launch *launch, const struct node *node, struct error *err)
{
	const char *name;
	auto_fd folder = -1;
	struct stat facts;

	if (!open_folder(launch, node->path, &folder, &name, err))
		return false;
	if (mknodat(folder, name, node->mode, node->device) != 0) {
		if (errno == EPERM)
			return bind_node(node, folder, name, err);
		if (errno != EEXIST)
			return error_os(err, "make device %s", node->path);
		/* There already: it is the right one, or nothing is taken for it. */
		if (fstatat(folder, name, &facts, AT_SYMLINK_NOFOLLOW) != 0 ||
		    (facts.st_mode & S_IFMT) != (node->mode & S_IFMT) ||
		    facts.st_rdev != node->device)
			return error_set(err, ERROR_INVALID,
					 "device %s: there is something else at its place",
					 node->path);
	}
	if (fchmodat(folder, name, node->mode & 07777, 0) != 0 ||
	    fchownat(folder, name, node->uid, node->gid, AT_SYMLINK_NOFOLLOW) != 0)
		return error_os(err, "own device %s", node->path);
	return true;
}

static bool read_node(const struct oci_launch *launch, const struct json *value, struct node *out,
		      struct error *err)
{
	const char *type = oci_config_text(launch->config, json_get(value, "type"));
	const struct json *mode = json_get(value, "fileMode");
	int64_t major = json_int(json_get(value, "major"));
	int64_t minor = json_int(json_get(value, "minor"));
	mode_t kind;

	switch (type && type[0] && !type[1] ? type[0] : 0) {
	case 'b': kind = S_IFBLK; break;
	case 'c':
	case 'u': kind = S_IFCHR; break;
	case 'p': kind = S_IFIFO; break;
	default:
		return error_set(err, ERROR_INVALID, "a device's type is b, c, u or p, not \"%s\"",
				 type ? type : "");
	}
	if (major < 0 || minor < 0 || major > 0xfff || minor > 0xfffff)
		return error_set(err, ERROR_INVALID, "a device's number is out of range");
	*out = (struct node){ .path = oci_config_text(launch->config, json_get(value, "path")),
			      .mode = kind | (mode ? (mode_t)json_int(mode) & 07777 : 0666),
			      .device = kind == S_IFIFO ? 0
							: makedev((unsigned)major, (unsigned)minor),
			      .uid = (uid_t)json_int(json_get(value, "uid")),
			      .gid = (gid_t)json_int(json_get(value, "gid")) };
	return (out->path && out->path[0] == '/') ||
	       error_set(err, ERROR_INVALID, "a device's path must be absolute");
}

static bool is_asked_for(const struct json *list, const char *path)
{
	for (struct json_iter it = json_iter(list); json_next(&it);)
		if (str_is(json_str(json_get(it.value, "path")), path))
			return true;
	return false;
}

static bool make_links(const struct oci_launch *launch, struct error *err)
{
	static const char *const links[][2] = { { "fd", "/proc/self/fd" },
						{ "stdin", "/proc/self/fd/0" },
						{ "stdout", "/proc/self/fd/1" },
						{ "stderr", "/proc/self/fd/2" },
						{ "ptmx", "pts/ptmx" } };
	const char *name;
	auto_fd folder = -1;

	if (!open_folder(launch, "/dev/fd", &folder, &name, err))
		return false;
	for (size_t i = 0; i < ARRAY_LENGTH(links); i++) {
		/* An image's own ptmx is a device of nobody's terminals. */
		if (strcmp(links[i][0], "ptmx") == 0)
			(void)!unlinkat(folder, "ptmx", 0);
		if (symlinkat(links[i][1], folder, links[i][0]) != 0 && errno != EEXIST)
			return error_os(err, "make /dev/%s", links[i][0]);
	}
	return true;
}

/* The host's /dev as a whole is left as it is. */
static bool has_hosts_dev(const struct oci_launch *launch)
{
	for (size_t i = 0; i < launch->mount_count; i++)
		if (launch->mounts[i].words.bind && strcmp(launch->mounts[i].target, "/dev") == 0)
			return true;
	return false;
}

bool oci_nodes_make(struct oci_launch *launch, struct error *err)
{
	const struct node usual[] = {
		{ .path = "/dev/null", .mode = S_IFCHR | 0666, .device = makedev(1, 3) },
		{ .path = "/dev/random", .mode = S_IFCHR | 0666, .device = makedev(1, 8) },
		{ .path = "/dev/full", .mode = S_IFCHR | 0666, .device = makedev(1, 7) },
		{ .path = "/dev/tty", .mode = S_IFCHR | 0666, .device = makedev(5, 0) },
		{ .path = "/dev/zero", .mode = S_IFCHR | 0666, .device = makedev(1, 5) },
		{ .path = "/dev/urandom", .mode = S_IFCHR | 0666, .device = makedev(1, 9) },
	};
	const struct json *list = json_get(launch->config->system, "devices");
	struct node node;

	if (has_hosts_dev(launch))
		return true;
	for (size_t i = 0; i < ARRAY_LENGTH(usual); i++)
		if (!is_asked_for(list, usual[i].path) && !make_node(launch, &usual[i], err))
			return false;
	for (struct json_iter it = json_iter(list); json_next(&it);) {
		/* Ours is made of the terminals that are mounted there. */
		if (str_is(json_str(json_get(it.value, "path")), "/dev/ptmx"))
			continue;
		if (!read_node(launch, it.value, &node, err) || !make_node(launch, &node, err))
			return false;
	}
	return make_links(launch, err);
}

/* The container's terminal under the name that programs look for. */
bool oci_console_make(struct oci_launch *launch, struct error *err)
{
	auto_fd place = -1;
	auto_fd copy = -1;

	if (launch->tty_slave < 0 || has_hosts_dev(launch))
		return true;
	return (pathfd_make(launch->root, "dev/console", PATHFD_NO_LINKS, PATHFD_FILE, &place,
			    err) &&
		mountfd_copy(launch->tty_slave, "", MOUNTFD_ONE, &copy, err) &&
		mountfd_attach(copy, place, err)) ||
	       error_context(err, "/dev/console");
}

static const char *below(const char *path)
{
	return path + strspn(path, "/");
}

/* The container's root is not ours yet: this is the host's null, and it is looked at once more. */
bool oci_paths_hide(struct oci_launch *launch, struct error *err)
{
	auto_covers covers = { open("/dev/null", O_PATH | O_NOFOLLOW | O_CLOEXEC), -1 };
	const char **hidden =
		oci_config_list(launch->config, json_get(launch->config->system, "maskedPaths"));
	const char **fixed =
		oci_config_list(launch->config, json_get(launch->config->system, "readonlyPaths"));

	if (covers.null < 0)
		return error_os(err, "open /dev/null");
	for (; *fixed; fixed++)
		if (!rootfs_protect_one(launch->root, below(*fixed), PATHFD_IN_ROOT, err))
			return error_context(err, "readonlyPaths %s", *fixed);
	for (; *hidden; hidden++)
		if (!rootfs_hide_one(launch->root, &covers, below(*hidden), PATHFD_IN_ROOT, err))
			return error_context(err, "maskedPaths %s", *hidden);
	return true;
}
