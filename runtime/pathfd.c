/*
 * pathfd.c - openat2 with its resolve flags, and making missing folders step by step.
 *
 * Making resolves each longer prefix anew from the root, so a folder that is swapped for a link
 * meanwhile gives either a place inside or an error, never a place outside.
 */
#include "runtime/pathfd.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/memory.h"

/* A rename during the walk makes the kernel say "again"; an attacker can make it say so for
 * long. */
#define ATTEMPTS_MAX 64

static const uint64_t resolve_flags[] = {
	[PATHFD_IN_ROOT] = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS,
	[PATHFD_BELOW] = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS,
	[PATHFD_NO_LINKS] = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS,
};

static int open_resolved(int root, const char *path, enum pathfd_how how, int flags)
{
	struct open_how wanted = { .flags = (uint64_t)(unsigned)(flags | O_CLOEXEC),
				   .resolve = resolve_flags[how] };
	int fd;
	int attempts = 0;

	if (how != PATHFD_IN_ROOT)
		while (*path == '/')
			path++;
	if (*path == '\0')
		path = ".";
	do
		fd = (int)syscall(SYS_openat2, root, path, &wanted, sizeof(wanted));
	while (fd < 0 && (errno == EAGAIN || errno == EINTR) && ++attempts < ATTEMPTS_MAX);
	return fd;
}

static bool refuse(const char *path, struct error *err)
{
	if (errno == ENOENT)
		return error_set(err, ERROR_NOT_FOUND, "%s does not exist", path);
	if (errno == EXDEV)
		return error_set(err, ERROR_INVALID, "%s leads outside", path);
	if (errno == ELOOP)
		return error_set(err, ERROR_INVALID, "%s goes through a link that is not followed",
				 path);
	if (errno == ENOSYS)
		return error_set(err, ERROR_BROKEN,
				 "this kernel has no openat2: Linux 5.12 or newer is needed");
	return error_os(err, "open %s", path);
}

bool pathfd_open(int root, const char *path, enum pathfd_how how, int flags, int *out_fd,
		 struct error *err)
{
	int fd = open_resolved(root, path, how, flags);

	if (fd < 0)
		return refuse(path, err);
	*out_fd = fd;
	return true;
}

bool pathfd_has_dotdot(const char *path)
{
	while (*path) {
		size_t len = strcspn(path, "/");

		if (len == 2 && path[0] == '.' && path[1] == '.')
			return true;
		path += len;
		path += strspn(path, "/");
	}
	return false;
}

struct making {
	enum pathfd_how how;
	enum pathfd_kind kind;
	uint32_t owner; /* of folders, with PATHFD_BELOW; 0 = as they come */
};

/* Users of a volume may write into a folder of it as into the volume, whatever our umask is. */
static int make_like_above(int parent, const char *name, uint32_t owner)
{
	auto_fd fd = -1;
	struct stat above;

	if (fstat(parent, &above) != 0)
		return -1;
	if (mkdirat(parent, name, 0700) == 0) {
		fd = openat(parent, name, O_RDONLY | O_NOFOLLOW | O_DIRECTORY | O_CLOEXEC);
		if (fd < 0 ||
		    (owner > 0 &&
		     fchown(fd, owner, above.st_mode & S_ISGID ? (gid_t)-1 : owner) != 0) ||
		    fchmod(fd, above.st_mode & 02777) != 0)
			return -1;
	} else if (errno != EEXIST) {
		return -1;
	}
	return openat(parent, name, O_PATH | O_NOFOLLOW | O_DIRECTORY | O_CLOEXEC);
}

/* Make the last component of `prefix` inside `parent`; somebody else making it first is fine. */
static int make_one(int parent, const char *name, const struct making *making,
		    enum pathfd_kind kind)
{
	struct stat facts;
	int fd;

	if (kind == PATHFD_FOLDER && making->how == PATHFD_BELOW)
		return make_like_above(parent, name, making->owner);
	if (kind == PATHFD_FOLDER) {
		if (mkdirat(parent, name, 0755) != 0 && errno != EEXIST)
			return -1;
		return openat(parent, name, O_PATH | O_NOFOLLOW | O_DIRECTORY | O_CLOEXEC);
	}
	fd = openat(parent, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
	if (fd < 0 && errno != EEXIST)
		return -1;
	if (fd >= 0)
		close(fd);
	fd = openat(parent, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (fd >= 0 && (fstat(fd, &facts) != 0 || S_ISLNK(facts.st_mode))) {
		close(fd);
		errno = ELOOP;
		return -1;
	}
	return fd;
}

static bool make(int root, const char *path, const struct making *making, int *out_fd,
		 struct error *err)
{
	enum pathfd_how how = making->how;
	char prefix[PATH_MAX];
	auto_fd parent = -1;
	int fd = open_resolved(root, path, how, O_PATH);

	if (fd >= 0) {
		*out_fd = fd;
		return true;
	}
	if (errno != ENOENT)
		return refuse(path, err);
	if (strlen(path) >= sizeof(prefix) || pathfd_has_dotdot(path))
		return error_set(err, ERROR_INVALID, "%s is too long or has \"..\"", path);
	memcpy(prefix, path, strlen(path) + 1);
	parent = open_resolved(root, ".", how, O_PATH | O_DIRECTORY);
	if (parent < 0)
		return refuse(path, err);
	for (char *at = prefix + strspn(prefix, "/"); *at;) {
		char *end = at + strcspn(at, "/");
		char *next = end + strspn(end, "/");

		*end = '\0';
		fd = open_resolved(root, prefix, how, O_PATH);
		if (fd < 0 && errno == ENOENT)
			fd = make_one(parent, at, making, *next ? PATHFD_FOLDER : making->kind);
		if (fd < 0)
			return refuse(path, err);
		close(parent);
		parent = fd;
		if (end < next)
			*end = '/';
		at = next;
	}
	*out_fd = take_fd(&parent);
	return true;
}

bool pathfd_make(int root, const char *path, enum pathfd_how how, enum pathfd_kind kind,
		 int *out_fd, struct error *err)
{
	return make(root, path, &(struct making){ .how = how, .kind = kind }, out_fd, err);
}

bool pathfd_make_below(int root, const char *path, uint32_t owner, int *out_fd, struct error *err)
{
	return make(root, path, &(struct making){ PATHFD_BELOW, PATHFD_FOLDER, owner }, out_fd,
		    err);
}
