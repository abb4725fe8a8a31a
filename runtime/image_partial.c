/*
 * image_partial.c - files that are locked while somebody fills them.
 */
#include "runtime/image_partial.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"

#define READ_BYTES (64u * 1024)

static bool open_folder(int root_fd, int *out, struct error *err)
{
	if (mkdirat(root_fd, IMAGE_PARTIAL_FOLDER, 0700) < 0 && errno != EEXIST)
		return error_os(err, "cannot make the folder of layers on their way");
	*out = openat(root_fd, IMAGE_PARTIAL_FOLDER,
		      O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return *out >= 0 || error_os(err, "cannot open the folder of layers on their way");
}

/* Locked, and still the file of that name: its last user may have removed it. */
static bool open_locked(int folder, const char *hex, int *out)
{
	struct stat st;
	auto_fd fd = openat(folder, hex, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);

	if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) < 0 || fstat(fd, &st) < 0 ||
	    !S_ISREG(st.st_mode) || st.st_nlink == 0)
		return false;
	*out = fd;
	fd = -1;
	return true;
}

static bool hash_what_is_there(struct image_partial *it, struct error *err)
{
	auto_free char *bytes = memory_get(READ_BYTES);
	ssize_t got;

	while ((got = read(it->fd, bytes, READ_BYTES)) > 0) {
		hash_add(it->hash, bytes, (size_t)got);
		it->have += (uint64_t)got;
	}
	return got == 0 || error_os(err, "cannot read what is there of a layer");
}

bool image_partial_restart(struct image_partial *partial, struct error *err)
{
	hash_free(partial->hash);
	partial->hash = hash_new();
	partial->have = 0;
	if (ftruncate(partial->fd, 0) < 0 || lseek(partial->fd, 0, SEEK_SET) < 0)
		return error_os(err, "cannot begin a layer anew");
	return true;
}

bool image_partial_open(int root_fd, const char *hex, uint64_t size, struct image_partial *out,
			struct error *err)
{
	struct image_partial made = { .fd = -1 };
	auto_fd folder = -1;

	assert(strlen(hex) == HASH_SHA256_HEX - 1);
	if (!open_folder(root_fd, &folder, err))
		return false;
	if (open_locked(folder, hex, &made.fd))
		memcpy(made.name, hex, HASH_SHA256_HEX);
	else if (!file_nameless(folder, "incoming.", &made.fd, err))
		return false;
	made.hash = hash_new();
	if (!hash_what_is_there(&made, err) ||
	    (made.have > size && !image_partial_restart(&made, err))) {
		hash_free(made.hash);
		close(made.fd);
		return false;
	}
	*out = made;
	return true;
}

void image_partial_close(int root_fd, struct image_partial *partial, bool over)
{
	auto_fd folder = -1;
	struct error ignored;
	struct stat st;

	if (partial->fd < 0)
		return;
	if (partial->name[0] && open_folder(root_fd, &folder, &ignored) &&
	    (over || (fstat(partial->fd, &st) == 0 && st.st_size == 0)))
		unlinkat(folder, partial->name, 0);
	hash_free(partial->hash);
	close(partial->fd);
	*partial = (struct image_partial){ .fd = -1 };
}

/* Times of before the clock was right count as young: the next sweep knows better. */
static bool is_old(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && st.st_mtim.tv_sec + IMAGE_PARTIAL_SECONDS < clock_wall_s();
}

void image_partial_sweep(int root_fd, bool all)
{
	struct error ignored;
	struct dirent *entry;
	int folder;
	DIR *list;

	if (!open_folder(root_fd, &folder, &ignored))
		return;
	list = fdopendir(folder);
	if (!list) {
		close(folder);
		return;
	}
	while ((entry = readdir(list))) {
		auto_fd fd = -1;

		if (entry->d_name[0] != '.' && open_locked(folder, entry->d_name, &fd) &&
		    (all || is_old(fd)))
			unlinkat(folder, entry->d_name, 0);
	}
	closedir(list);
}
