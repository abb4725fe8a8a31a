/*
 * file.c - whole files, folders and trees.
 */
#include "base/file.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/random.h"

#define PAGE         4096 /* so small files, which most are, take few bytes */
#define FOLDERS_OPEN 32   /* at most, while a tree is removed */

bool file_read(const char *path, size_t max, struct buf *out, struct error *err)
{
	auto_fd fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t before = out->len;

	if (fd < 0 && errno == ENOENT)
		return error_set(err, ERROR_NOT_FOUND, "%s does not exist", path);
	if (fd < 0)
		return error_os(err, "open %s", path);
	for (;;) {
		char page[PAGE];
		size_t free_room = out->room - out->len;
		bool is_roomy = free_room > sizeof(page);
		ssize_t got = is_roomy ? read(fd, out->at + out->len, free_room - 1)
				       : read(fd, page, sizeof(page));

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return error_os(err, "read %s", path);
		if (is_roomy) {
			out->len += (size_t)got;
			out->at[out->len] = '\0';
		} else {
			buf_add(out, page, (size_t)got);
		}
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

static bool write_part(const char *part, struct str bytes, mode_t mode, int *out_fd,
		       struct error *err)
{
	auto_fd fd = open(part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, mode);

	if (fd < 0)
		return error_os(err, "create %s", part);
	if (fchmod(fd, mode) != 0)
		return error_os(err, "chmod %s", part);
	if (!file_write_all(fd, bytes.at, bytes.len, err))
		return error_context(err, "%s", part);
	*out_fd = take_fd(&fd);
	return true;
}

bool file_put(const char *path, struct str bytes, mode_t mode, struct error *err)
{
	auto_free char *part = memory_print("%s.tmp", path);
	auto_fd fd = -1;

	if (!write_part(part, bytes, mode, &fd, err))
		return false;
	return rename(part, path) == 0 || error_os(err, "rename %s to %s", part, path);
}

bool file_replace(const char *path, struct str bytes, mode_t mode, struct error *err)
{
	auto_free char *part = memory_print("%s.tmp", path);
	auto_fd fd = -1;

	if (!write_part(part, bytes, mode, &fd, err))
		return false;
	if (fsync(fd) != 0)
		return error_os(err, "sync %s", part);
	if (rename(part, path) != 0)
		return error_os(err, "rename %s to %s", part, path);
	return sync_folder_of(path, err);
}

bool file_nameless(int folder_fd, const char *prefix, int *out_fd, struct error *err)
{
	char suffix[17] = "";
	auto_free char *name = NULL;
	int fd;

	random_suffix(suffix, sizeof(suffix) - 1);
	name = memory_print("%s%s", prefix, suffix);
	fd = openat(folder_fd, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return error_os(err, "cannot make the temporary file %s", name);
	unlinkat(folder_fd, name, 0);
	*out_fd = fd;
	return true;
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

/*
 * --- removing a tree ---
 *
 * A walk down and up without recursion.  The folders just above the one being emptied are kept
 * open; of those farther up only the inode numbers are kept: on the way up they are opened again as
 * "..", must still be the same, and are read from their start, where what was there is gone by now.
 *
 * Each folder is first removed as if it were empty: the kernel then says whether it is full (we go
 * down) or a mount point, bind mounts of the same device included (we give up).
 */

struct level {
	DIR *dir; /* NULL = closed meanwhile */
	char below[NAME_MAX + 1];
};

struct removal {
	dev_t device;
	size_t depth; /* of the folder being emptied; the tree's own has 1, 0 = all is done */
	ino_t *inodes;
	size_t inode_room;
	ino_t emptied; /* the last folder that was emptied and awaits being found again */
	struct level levels[FOLDERS_OPEN]; /* that of depth n at n % FOLDERS_OPEN */
};

static struct level *level_at(struct removal *removal, size_t depth)
{
	return &removal->levels[depth % FOLDERS_OPEN];
}

static bool refuse_entry(const char *name, int code, struct error *err)
{
	if (code == EBUSY)
		return error_set(err, ERROR_BROKEN, "%s is a mount point; not removed", name);
	errno = code;
	return error_os(err, "remove %s", name);
}

/* A folder that is not empty stays: *out_full. */
static bool remove_entry(int folder, const char *name, bool *out_full, struct error *err)
{
	int code;

	*out_full = false;
	if (unlinkat(folder, name, 0) == 0 || errno == ENOENT)
		return true;
	code = errno;
	if (code != EISDIR && code != EPERM)
		return refuse_entry(name, code, err);
	if (unlinkat(folder, name, AT_REMOVEDIR) == 0 || errno == ENOENT)
		return true;
	*out_full = errno == ENOTEMPTY || errno == EEXIST;
	return *out_full || refuse_entry(name, errno == ENOTDIR ? code : errno, err);
}

/* Takes the descriptor. */
static bool open_level(struct removal *removal, int fd, const char *name, struct error *err)
{
	struct level *level = level_at(removal, removal->depth);

	if (level->dir)
		closedir(level->dir);
	level->dir = fdopendir(fd);
	if (level->dir)
		return true;
	error_os(err, "open %s", name);
	close(fd);
	return false;
}

static bool go_down(struct removal *removal, int folder, const char *name, struct error *err)
{
	auto_fd fd = openat(folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct stat facts;

	if (fd < 0 && errno == ENOENT)
		return true; /* somebody else removed it */
	if (fd < 0 || fstat(fd, &facts) != 0)
		return error_os(err, "open %s", name);
	if (removal->depth == 0)
		removal->device = facts.st_dev;
	if (facts.st_dev != removal->device)
		return refuse_entry(name, EBUSY, err);
	if (facts.st_ino == removal->emptied)
		return refuse_entry(name, ENOTEMPTY, err); /* somebody is filling it */
	if (removal->depth == removal->inode_room) {
		removal->inode_room = removal->inode_room ? removal->inode_room * 2 : 64;
		removal->inodes = memory_grow(removal->inodes, removal->inode_room * sizeof(ino_t));
	}
	if (removal->depth > 0)
		snprintf(level_at(removal, removal->depth)->below, NAME_MAX + 1, "%s", name);
	removal->inodes[removal->depth++] = facts.st_ino;
	return open_level(removal, take_fd(&fd), name, err);
}

/* The folder above was closed: find it again.  Its walk then meets the emptied one once more. */
static bool reopen_above(struct removal *removal, DIR *dir, struct error *err)
{
	auto_fd fd = openat(dirfd(dir), "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct stat facts;

	if (fd < 0 || fstat(fd, &facts) != 0)
		return error_os(err, "open the folder above");
	if (facts.st_dev != removal->device || facts.st_ino != removal->inodes[removal->depth - 1])
		return error_set(err, ERROR_BROKEN, "a folder was moved while it was removed");
	removal->emptied = removal->inodes[removal->depth];
	return open_level(removal, take_fd(&fd), "the folder above", err);
}

static bool go_up(struct removal *removal, struct error *err)
{
	struct level *level = level_at(removal, removal->depth), *above;
	DIR *dir = take_ptr(&level->dir);
	bool done = true;

	above = level_at(removal, --removal->depth);
	if (removal->depth > 0 && !above->dir)
		done = reopen_above(removal, dir, err);
	else if (removal->depth > 0 &&
		 unlinkat(dirfd(above->dir), above->below, AT_REMOVEDIR) != 0 && errno != ENOENT)
		done = refuse_entry(above->below, errno, err);
	closedir(dir);
	return done;
}

static bool next_step(struct removal *removal, struct error *err)
{
	DIR *dir = level_at(removal, removal->depth)->dir;
	struct dirent *entry;
	bool full;

	errno = 0;
	entry = readdir(dir);
	if (!entry && errno != 0)
		return error_os(err, "read a folder");
	if (!entry)
		return go_up(removal, err);
	if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
		return true;
	if (!remove_entry(dirfd(dir), entry->d_name, &full, err))
		return false;
	return !full || go_down(removal, dirfd(dir), entry->d_name, err);
}

static bool remove_full(const char *path, struct error *err)
{
	auto_free struct removal *removal = memory_new(struct removal);
	bool done = go_down(removal, AT_FDCWD, path, err);

	while (done && removal->depth > 0)
		done = next_step(removal, err);
	for (size_t i = 0; i < FOLDERS_OPEN; i++)
		if (removal->levels[i].dir)
			closedir(removal->levels[i].dir);
	free(removal->inodes);
	if (done && unlinkat(AT_FDCWD, path, AT_REMOVEDIR) != 0 && errno != ENOENT)
		return error_os(err, "remove %s", path);
	return done || error_context(err, "remove tree %s", path);
}

bool file_remove_tree(const char *path, struct error *err)
{
	bool full;

	if (!remove_entry(AT_FDCWD, path, &full, err))
		return false;
	return !full || remove_full(path, err);
}

/* The kernel grants a lease for reading only where nobody writes.  Whoever opens the file to write
 * while we hold it makes the kernel send us a signal: one that is ignored. */
bool file_has_writer(const char *path)
{
	auto_fd fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	bool written;

	if (fd < 0 || fcntl(fd, F_SETSIG, SIGURG) < 0)
		return false;
	written = fcntl(fd, F_SETLEASE, F_RDLCK) < 0 && errno == EAGAIN;
	(void)fcntl(fd, F_SETLEASE, F_UNLCK);
	return written;
}

bool file_exists(const char *path)
{
	return access(path, F_OK) == 0;
}
