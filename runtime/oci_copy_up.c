/*
 * oci_copy_up.c - walks by descriptors, so that no link of the image leads anywhere.
 */
#include "runtime/oci_copy_up.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"
#include "runtime/pathfd.h"

#define DEPTH_MAX 64

static bool copy_file(int from, int into, const char *name, struct error *err)
{
	auto_fd source = openat(from, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	auto_fd target =
		openat(into, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	ssize_t got;

	if (source < 0 || target < 0)
		return error_os(err, "copy %s", name);
	while ((got = sendfile(target, source, NULL, 1 << 20)) > 0)
		continue;
	return got == 0 || error_os(err, "copy %s", name);
}

static bool copy_link(int from, int into, const char *name, struct error *err)
{
	char room[PATH_MAX];
	ssize_t len = readlinkat(from, name, room, sizeof(room) - 1);

	if (len < 0)
		return error_os(err, "read link %s", name);
	room[len] = '\0';
	return symlinkat(room, into, name) == 0 || error_os(err, "make link %s", name);
}

static bool copy_folder(int from, int into, int depth, struct error *err);

static bool copy_below(int from, int into, const char *name, int depth, struct error *err)
{
	auto_fd source = openat(from, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	auto_fd target = -1;

	if (source < 0 || mkdirat(into, name, 0700) != 0)
		return error_os(err, "copy folder %s", name);
	target = openat(into, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (target < 0)
		return error_os(err, "open folder %s", name);
	return copy_folder(source, target, depth + 1, err);
}

static bool copy_one(int from, int into, const char *name, int depth, struct error *err)
{
	struct stat facts;
	bool fine;

	if (fstatat(from, name, &facts, AT_SYMLINK_NOFOLLOW) != 0)
		return error_os(err, "look at %s", name);
	if (S_ISREG(facts.st_mode))
		fine = copy_file(from, into, name, err);
	else if (S_ISLNK(facts.st_mode))
		fine = copy_link(from, into, name, err);
	else if (S_ISDIR(facts.st_mode))
		fine = copy_below(from, into, name, depth, err);
	else
		fine = mknodat(into, name, facts.st_mode, facts.st_rdev) == 0 ||
		       error_os(err, "make %s", name);
	if (!fine)
		return false;
	if (fchownat(into, name, facts.st_uid, facts.st_gid, AT_SYMLINK_NOFOLLOW) != 0)
		return error_os(err, "own %s", name);
	if (!S_ISLNK(facts.st_mode) && fchmodat(into, name, facts.st_mode & 07777, 0) != 0)
		return error_os(err, "set the mode of %s", name);
	(void)!utimensat(into, name, (struct timespec[]){ facts.st_atim, facts.st_mtim },
			 AT_SYMLINK_NOFOLLOW);
	return true;
}

static bool copy_folder(int from, int into, int depth, struct error *err)
{
	int fd = openat(from, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	struct dirent *entry;
	bool fine = true;

	if (!dir)
		return error_os(err, "read a folder");
	if (depth > DEPTH_MAX)
		fine = error_set(err, ERROR_TOO_LARGE, "folders are too deep");
	while (fine && (entry = readdir(dir)))
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			fine = copy_one(from, into, entry->d_name, depth, err);
	closedir(dir);
	return fine;
}

bool oci_copy_up(int root, const char *path, int into, struct error *err)
{
	auto_fd from = -1;
	auto_fd open_into = openat(into, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct stat facts;

	if (open_into < 0)
		return error_os(err, "open the new file system");
	if (!pathfd_open(root, path + strspn(path, "/"), PATHFD_IN_ROOT, O_RDONLY | O_DIRECTORY,
			 &from, err))
		return err->kind == ERROR_NOT_FOUND;
	if (fstat(from, &facts) != 0 || fchmod(open_into, facts.st_mode & 07777) != 0 ||
	    fchown(open_into, facts.st_uid, facts.st_gid) != 0)
		return error_os(err, "own the new file system");
	return copy_folder(from, open_into, 0, err) || error_context(err, "tmpcopyup %s", path);
}
