/*
 * layer_check.c - walking a layer by descriptors; checksums by zlib.
 */
#include "runtime/layer_check.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/file.h"
#include "base/text.h"
#include "runtime/inflate.h"

#define ATTRIBUTE "trusted.mote.sum"
#define STEP      (1024u * 1024) /* bytes between two looks at go_on */
#define SHOWN_MAX 120

/* As it lies on the disk: the machine's own byte order, since no card moves to another kind. */
struct stored {
	uint64_t size;
	uint32_t crc, zero;
};

void layer_sum_add(struct layer_sum *sum, const void *at, size_t len)
{
	sum->crc = inflate_crc32(sum->crc, at, len);
	sum->size += len;
}

void layer_sum_put(int fd, const struct layer_sum *sum)
{
	struct stored stored = { .size = sum->size, .crc = sum->crc };

	(void)!fsetxattr(fd, ATTRIBUTE, &stored, sizeof(stored), 0);
}

struct walk {
	bool files;
	layer_go_on *go_on;
	void *of;
	struct layer_tally tally;
	struct buf path;
	unsigned char *room;
};

static bool stopped(struct error *err)
{
	return error_set(err, ERROR_UNAVAILABLE, "the check was stopped");
}

static bool damaged(const struct walk *it, const char *why, struct error *err)
{
	return error_set(err, ERROR_BROKEN, "\"%.*s\" %s", SHOWN_MAX, buf_text(&it->path), why);
}

static bool read_file(struct walk *it, int fd, struct layer_sum *out, struct error *err)
{
	ssize_t got;

	while ((got = read(fd, it->room, STEP)) > 0) {
		layer_sum_add(out, it->room, (size_t)got);
		if (!it->go_on(it->of))
			return stopped(err);
	}
	return got == 0 || damaged(it, "cannot be read", err);
}

static bool check_file(struct walk *it, int folder, const char *name, struct error *err)
{
	auto_fd fd = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	struct layer_sum have = { 0 };
	struct stored want;

	if (fd < 0)
		return damaged(it, "cannot be opened", err);
	if (fgetxattr(fd, ATTRIBUTE, &want, sizeof(want)) != sizeof(want))
		return true; /* it was unpacked without one */
	if (!read_file(it, fd, &have, err))
		return false;
	if (have.size != want.size)
		return damaged(it, "has another size than it had", err);
	return have.crc == want.crc || damaged(it, "has other bytes than it had", err);
}

static void count(struct walk *it, mode_t kind)
{
	static const uint64_t key[2] = { 0x6d6f7465, 0x6c61796572 };
	auto_buf text = BUF_INIT;

	buf_add_print(&text, "%o %s", (unsigned)kind, buf_text(&it->path));
	it->tally.entries++;
	it->tally.names += str_hash_keyed(buf_str(&text), key);
}

static bool walk_folder(struct walk *it, int folder, struct error *err);

static bool walk_entry(struct walk *it, int folder, const char *name, struct error *err)
{
	struct stat st;
	int below;

	if (!it->go_on(it->of))
		return stopped(err);
	if (fstatat(folder, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return damaged(it, "cannot be looked at", err);
	count(it, st.st_mode & S_IFMT);
	if (S_ISREG(st.st_mode) && it->files)
		return check_file(it, folder, name, err);
	if (!S_ISDIR(st.st_mode))
		return true;
	below = openat(folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return below < 0 ? damaged(it, "cannot be opened", err) : walk_folder(it, below, err);
}

static bool walk_list(struct walk *it, DIR *list, struct error *err)
{
	size_t before = it->path.len;
	struct dirent *entry;
	bool fine = true;

	for (errno = 0; fine && (entry = readdir(list)); errno = 0) {
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		buf_add_print(&it->path, "/%s", entry->d_name);
		fine = walk_entry(it, dirfd(list), entry->d_name, err);
		it->path.len = before;
		it->path.at[before] = '\0';
	}
	return fine && (errno == 0 || damaged(it, "cannot be listed", err));
}

/* The descriptor is taken. */
static bool walk_folder(struct walk *it, int folder, struct error *err)
{
	DIR *list = fdopendir(folder);
	bool fine;

	if (!list) {
		close(folder);
		return error_os(err, "cannot list a folder of the layer");
	}
	fine = walk_list(it, list, err);
	closedir(list);
	return fine;
}

bool layer_check(int folder, bool files, layer_go_on *go_on, void *of, struct layer_tally *out,
		 struct error *err)
{
	struct walk it = { .files = files, .go_on = go_on, .of = of };
	int own = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	bool fine;

	if (own < 0)
		return error_os(err, "cannot open the layer");
	it.room = files ? memory_get(STEP) : NULL;
	fine = walk_folder(&it, own, err);
	*out = it.tally;
	free(it.room);
	buf_clear(&it.path);
	return fine;
}
