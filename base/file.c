/*
 * file.c - whole files, folders and trees.
 */
#include "base/file.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"

#define DEPTH_MAX 256 /* of trees to remove */

bool file_read(const char *path, size_t max, struct buf *out, struct error *err)
{
	auto_fd fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t before = out->len;

	if (fd < 0 && errno == ENOENT)
		return error_set(err, ERROR_NOT_FOUND, "%s does not exist", path);
	if (fd < 0)
		return error_os(err, "open %s", path);
	for (;;) {
		ssize_t got;

		buf_reserve(out, 4096);
		got = read(fd, out->at + out->len, out->room - out->len - 1);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return error_os(err, "read %s", path);
		out->len += (size_t)got;
		out->at[out->len] = '\0';
		if (out->len - before > max)
			return error_set(err, ERROR_TOO_LARGE, "%s is larger than %zu bytes", path,
					 max);
		if (got == 0)
			return true;
	}
}

bool file_write_all(int fd, const void *at, size_t len, struct error *err)
{
	const char *from = at;

	while (len > 0) {
		ssize_t put = write(fd, from, len);

		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0)
			return error_os(err, "write");
		from += put;
		len -= (size_t)put;
	}
	return true;
}

static bool sync_folder_of(const char *path, struct error *err)
{
	const char *slash = strrchr(path, '/');
	auto_free char *folder =
		slash ? str_copy(str_from(path, (size_t)(slash - path + 1))) : memory_string(".");
	auto_fd fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0 || fsync(fd) != 0)
		return error_os(err, "sync %s", folder);
	return true;
}

bool file_replace(const char *path, struct str bytes, mode_t mode, struct error *err)
{
	auto_free char *part = memory_print("%s.tmp", path);
	auto_fd fd = open(part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, mode);

	if (fd < 0)
		return error_os(err, "create %s", part);
	if (fchmod(fd, mode) != 0)
		return error_os(err, "chmod %s", part);
	if (!file_write_all(fd, bytes.at, bytes.len, err))
		return error_context(err, "%s", part);
	if (fsync(fd) != 0)
		return error_os(err, "sync %s", part);
	if (rename(part, path) != 0)
		return error_os(err, "rename %s to %s", part, path);
	return sync_folder_of(path, err);
}

bool file_make_dirs(const char *path, mode_t mode, struct error *err)
{
	auto_free char *copy = memory_string(path);
	struct stat facts;

	for (char *at = copy + 1; *copy && *at; at++) {
		if (*at != '/')
			continue;
		*at = '\0';
		if (mkdir(copy, mode) != 0 && errno != EEXIST)
			return error_os(err, "make folder %s", copy);
		*at = '/';
	}
	if (mkdir(copy, mode) != 0 && errno != EEXIST)
		return error_os(err, "make folder %s", copy);
	if (stat(copy, &facts) != 0)
		return error_os(err, "look at %s", copy);
	if (!S_ISDIR(facts.st_mode)) {
		errno = ENOTDIR;
		return error_os(err, "make folder %s", copy);
	}
	return true;
}

static bool remove_at(int folder, const char *name, dev_t device, int depth, struct error *err);

static bool remove_entries(int fd, const char *name, dev_t device, int depth, struct error *err)
{
	DIR *dir = fdopendir(fd);
	struct dirent *entry;
	bool done = true;

	if (!dir) {
		close(fd);
		return error_os(err, "open %s", name);
	}
	while (done && (entry = readdir(dir))) {
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		done = remove_at(dirfd(dir), entry->d_name, device, depth + 1, err);
	}
	closedir(dir);
	return done;
}

static bool remove_folder(int folder, const char *name, dev_t device, int depth, struct error *err)
{
	int fd = openat(folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct stat facts;

	if (fd < 0)
		return error_os(err, "open %s", name);
	if (fstat(fd, &facts) != 0 || facts.st_dev != device || depth > DEPTH_MAX) {
		close(fd);
		return error_set(err, ERROR_BROKEN, "%s is a mount point or too deep; not removed",
				 name);
	}
	if (!remove_entries(fd, name, device, depth, err)) /* closes fd */
		return false;
	if (unlinkat(folder, name, AT_REMOVEDIR) != 0 && errno != ENOENT)
		return error_os(err, "remove %s", name);
	return true;
}

static bool remove_at(int folder, const char *name, dev_t device, int depth, struct error *err)
{
	if (unlinkat(folder, name, 0) == 0 || errno == ENOENT)
		return true;
	if (errno != EISDIR && errno != EPERM)
		return error_os(err, "remove %s", name);
	return remove_folder(folder, name, device, depth, err);
}

bool file_remove_tree(const char *path, struct error *err)
{
	struct stat facts;

	if (lstat(path, &facts) != 0) {
		if (errno == ENOENT)
			return true;
		return error_os(err, "look at %s", path);
	}
	return remove_at(AT_FDCWD, path, facts.st_dev, 0, err);
}

bool file_exists(const char *path)
{
	return access(path, F_OK) == 0;
}
