/*
 * volume_group.c - a walk by descriptors: whoever has files in the volume cannot lead it elsewhere.
 */
#include "agent/volume_group.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"

#define DEPTH_MAX   512
#define FILE_BITS   0660u
#define FOLDER_BITS (02000u | 0770u)

static bool failed(struct error *err, const char *name)
{
	return error_os(err, "change the group of %s", name);
}

static bool walk(int folder, gid_t group, int depth, struct error *err);

/* A folder is entered before its own bits change; of links only the group. */
static bool change(int above, const char *name, gid_t group, int depth, struct error *err)
{
	auto_fd fd = -1;
	struct stat facts;

	if (fstatat(above, name, &facts, AT_SYMLINK_NOFOLLOW) != 0)
		return errno == ENOENT || failed(err, name);
	if (facts.st_gid != group &&
	    fchownat(above, name, (uid_t)-1, group, AT_SYMLINK_NOFOLLOW) != 0 && errno != ENOENT)
		return failed(err, name);
	if (!S_ISDIR(facts.st_mode) && !S_ISREG(facts.st_mode))
		return true;
	fd = openat(above, name,
		    O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_RDONLY |
			    (S_ISDIR(facts.st_mode) ? O_DIRECTORY : 0));
	if (fd < 0)
		return errno == ENOENT || errno == ELOOP || errno == ENOTDIR || errno == ETXTBSY ||
		       failed(err, name);
	if (S_ISDIR(facts.st_mode))
		return walk(fd, group, depth + 1, err);
	return fchmod(fd, (facts.st_mode & 07777) | FILE_BITS) == 0 || failed(err, name);
}

static bool walk(int folder, gid_t group, int depth, struct error *err)
{
	struct stat facts;
	struct dirent *entry;
	DIR *dir;
	bool fine = true;
	int own = depth < DEPTH_MAX ? fcntl(folder, F_DUPFD_CLOEXEC, 3) : -1;

	if (own < 0)
		return error_set(err, ERROR_TOO_LARGE, "folders are nested too deeply");
	dir = fdopendir(own);
	while (fine && dir && (entry = readdir(dir)))
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			fine = change(folder, entry->d_name, group, depth, err);
	if (dir)
		closedir(dir);
	if (!fine)
		return false;
	return (fchown(folder, (uid_t)-1, group) == 0 && fstat(folder, &facts) == 0 &&
		fchmod(folder, (facts.st_mode & 07777) | FOLDER_BITS) == 0) ||
	       failed(err, "a folder");
}

bool volume_group_apply(const char *path, int64_t group, bool only_when_root_differs,
			struct error *err)
{
	auto_fd fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat facts;

	if (fd < 0 || fstat(fd, &facts) != 0)
		return error_os(err, "look at %s", path);
	if (!S_ISDIR(facts.st_mode))
		return true;
	if (only_when_root_differs && facts.st_gid == (gid_t)group &&
	    (facts.st_mode & FOLDER_BITS) == FOLDER_BITS)
		return true;
	return walk(fd, (gid_t)group, 0, err) || error_context(err, "volume %s", path);
}
