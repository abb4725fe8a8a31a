/*
 * slots.c - folders of versions, each step synced.
 */
#include "ota/slots.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/file.h"

/* O_DIRECT wants addresses, lengths and offsets on the bounds of the medium's blocks. */
#define DIRECT_ALIGN 4096
#define DIRECT_BYTES (1024u * 1024)
#define FLOOR_MAX    32

static bool sync_path(const char *path, struct error *err)
{
	auto_fd fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || fsync(fd) != 0)
		return error_os(err, "sync %s", path);
	return true;
}

static char *path_of(const struct slots *slots, const char *name, const char *file)
{
	return memory_print("%s/slots/%s%s%s", slots->root, name, *file ? "/" : "", file);
}

/* --- the folder --- */

static bool make_folder(const char *root, const char *name, struct error *err)
{
	auto_free char *path = memory_print("%s%s%s", root, *name ? "/" : "", name);

	if (mkdir(path, 0700) != 0 && errno != EEXIST)
		return error_os(err, "make folder %s", path);
	return true;
}

static bool make_folders(const char *data_dir, const char *root, struct error *err)
{
	if (!file_make_dirs(data_dir, 0700, err) || !make_folder(root, "", err) ||
	    !make_folder(root, "slots", err) || !make_folder(root, "trust", err))
		return false;
	return sync_path(data_dir, err) && sync_path(root, err);
}

bool slots_open(const char *data_dir, bool make, struct slots *out, struct error *err)
{
	struct slots slots = { .root = memory_print("%s/ota", data_dir), .folder = -1 };
	bool done = !make || make_folders(data_dir, slots.root, err);

	if (done) {
		slots.folder = open(slots.root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		done = slots.folder >= 0;
		if (!done && errno == ENOENT)
			error_set(err, ERROR_NOT_FOUND,
				  "%s does not exist: this mote was not installed with a launcher "
				  "(see mote ota install)",
				  slots.root);
		else if (!done)
			error_os(err, "open %s", slots.root);
	}
	if (!done) {
		free(slots.root);
		return false;
	}
	*out = slots;
	return true;
}

void slots_close(struct slots *slots)
{
	if (!slots->root)
		return;
	close(slots->folder);
	free(slots->root);
	*slots = (struct slots){ 0 };
}

bool slots_claim(const struct slots *slots, int *out_fd, struct error *err)
{
	auto_fd fd = openat(slots->folder, "apply.lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW,
			    0600);

	if (fd < 0)
		return error_os(err, "open %s/apply.lock", slots->root);
	if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
		if (errno == EWOULDBLOCK)
			return error_set(err, ERROR_UNAVAILABLE,
					 "another mote ota is at work in %s; wait for its end",
					 slots->root);
		return error_os(err, "lock %s/apply.lock", slots->root);
	}
	*out_fd = take_fd(&fd);
	return true;
}

bool slots_name(const char *version, const char sha256_hex[DIGEST_HEX], char out[SLOT_NAME],
		struct error *err)
{
	char name[SLOT_NAME];
	int len = snprintf(name, sizeof(name), "%s-%.12s", version, sha256_hex);

	if (len < 0 || len >= (int)sizeof(name) || !slot_name_valid(name))
		return error_set(err, ERROR_INVALID, "\"%s\" cannot be the name of a version",
				 version);
	memcpy(out, name, sizeof(name));
	return true;
}

/* --- making and dropping --- */

bool slots_begin(const struct slots *slots, const char *name, int *out_bin, struct error *err)
{
	auto_free char *folder = path_of(slots, name, "");
	auto_free char *bin = path_of(slots, name, "bin");
	auto_free char *mark = path_of(slots, name, "OK");
	auto_fd fd = -1;

	assert(slot_name_valid(name));
	if (file_exists(mark))
		return error_set(err, ERROR_EXISTS, "version %s is here already", name);
	if (mkdir(folder, 0700) != 0 && errno != EEXIST)
		return error_os(err, "make folder %s", folder);
	/* Not written over: a process may execute it. */
	if (unlink(bin) != 0 && errno != ENOENT)
		return error_os(err, "remove %s", bin);
	fd = open(bin, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0755);
	if (fd < 0 || fchmod(fd, 0755) != 0)
		return error_os(err, "create %s", bin);
	*out_bin = take_fd(&fd);
	return true;
}

bool slots_finish(const struct slots *slots, const char *name, struct str manifest,
		  const struct launch_mark *mark, struct error *err)
{
	auto_free char *folder = path_of(slots, name, "");
	auto_free char *parent = path_of(slots, "", "");
	auto_free char *bin = path_of(slots, name, "bin");
	auto_free char *manifest_path = path_of(slots, name, "manifest");
	auto_free char *mark_path = path_of(slots, name, "OK");
	auto_buf text = BUF_INIT;

	if (!sync_path(bin, err) || !slots_read_back(bin, mark->sha256, err) ||
	    !file_replace(manifest_path, manifest, 0600, err) || !sync_path(folder, err) ||
	    !sync_path(parent, err))
		return false;
	buf_add_print(&text, "sha256 %s\nepoch %" PRIu32 "\n", mark->sha256, mark->epoch);
	return file_replace(mark_path, buf_str(&text), 0600, err);
}

bool slots_drop(const struct slots *slots, const char *name, struct error *err)
{
	auto_free char *folder = path_of(slots, name, "");
	auto_free char *mark = path_of(slots, name, "OK");

	if (!file_exists(folder))
		return true;
	if (unlink(mark) == 0) {
		if (!sync_path(folder, err))
			return false;
	} else if (errno != ENOENT) {
		return error_os(err, "remove %s", mark);
	}
	return file_remove_tree(folder, err);
}

static bool is_kept(const char *name, const char *const *keep, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (keep[i] && strcmp(keep[i], name) == 0)
			return true;
	return false;
}

bool slots_prune(const struct slots *slots, const char *const *keep, size_t count,
		 struct error *err)
{
	struct slots_entry entries[SLOTS_MAX];
	size_t there = slots_list(slots, entries);

	for (size_t i = 0; i < there; i++)
		if (!is_kept(entries[i].name, keep, count) &&
		    !slots_drop(slots, entries[i].name, err))
			return false;
	return true;
}

/* --- looking --- */

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct slots_entry *)a)->name, ((const struct slots_entry *)b)->name);
}

size_t slots_list(const struct slots *slots, struct slots_entry out[SLOTS_MAX])
{
	auto_free char *path = path_of(slots, "", "");
	DIR *dir = opendir(path);
	size_t count = 0;

	for (struct dirent *entry; dir && count < SLOTS_MAX && (entry = readdir(dir));) {
		struct slots_entry *slot = &out[count];

		if (!slot_name_valid(entry->d_name))
			continue;
		*slot = (struct slots_entry){ .complete = false };
		memcpy(slot->name, entry->d_name, strlen(entry->d_name) + 1);
		slot->complete = launch_mark_read(slots->folder, slot->name, &slot->mark);
		count++;
	}
	if (dir)
		closedir(dir);
	qsort(out, count, sizeof(*out), by_name);
	return count;
}

/* What the kernel remembers of it is let go first, for media that have no O_DIRECT. */
static int open_medium(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_DIRECT);

	if (fd < 0 && errno == EINVAL) {
		fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
		if (fd >= 0)
			posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
	}
	return fd;
}

bool slots_read_back(const char *path, const char sha256_hex[DIGEST_HEX], struct error *err)
{
	auto_fd fd = open_medium(path);
	auto_free void *piece = NULL;
	char have[DIGEST_HEX];
	struct digest digest;
	ssize_t got;

	if (fd < 0)
		return error_os(err, "open %s", path);
	if (posix_memalign(&piece, DIRECT_ALIGN, DIRECT_BYTES) != 0)
		return error_set(err, ERROR_UNAVAILABLE, "no memory to read %s back", path);
	digest_init(&digest);
	while ((got = read(fd, piece, DIRECT_BYTES)) != 0) {
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return error_os(err, "read %s back", path);
		digest_add(&digest, piece, (size_t)got);
	}
	digest_end(&digest, have);
	if (strcmp(have, sha256_hex) != 0)
		return error_set(err, ERROR_BROKEN,
				 "what was written to %s is not what the disk gives back", path);
	return true;
}

bool slots_link(const struct slots *slots, const char *link, const char *name, struct error *err)
{
	auto_free char *target = memory_print("slots/%s", name);
	auto_free char *part = memory_print("%s.tmp", link);

	if (!*name) {
		if (unlinkat(slots->folder, link, 0) != 0 && errno != ENOENT)
			return error_os(err, "remove %s/%s", slots->root, link);
		return true;
	}
	if ((unlinkat(slots->folder, part, 0) != 0 && errno != ENOENT) ||
	    symlinkat(target, slots->folder, part) != 0 ||
	    renameat(slots->folder, part, slots->folder, link) != 0 || fsync(slots->folder) != 0)
		return error_os(err, "link %s/%s", slots->root, link);
	return true;
}

bool slots_floor(const struct slots *slots, uint32_t *out, struct error *err)
{
	auto_free char *path = memory_print("%s/floor", slots->root);
	auto_buf text = BUF_INIT;
	uint64_t floor = 0;

	*out = 0;
	if (!file_read(path, FLOOR_MAX, &text, err))
		return err->kind == ERROR_NOT_FOUND;
	/* Somebody may have written it by hand. */
	if (text.len > 0 && text.at[text.len - 1] == '\n')
		text.len--;
	if (!str_to_u64(buf_str(&text), UINT32_MAX, &floor))
		return error_set(err, ERROR_BROKEN, "%s holds no number", path);
	*out = (uint32_t)floor;
	return true;
}

bool slots_raise_floor(const struct slots *slots, uint32_t to, struct error *err)
{
	auto_free char *path = memory_print("%s/floor", slots->root);
	auto_free char *text = memory_print("%" PRIu32 "\n", to);
	uint32_t now;

	if (!slots_floor(slots, &now, err))
		return false;
	return now >= to || file_replace(path, str_of(text), 0600, err);
}

bool slots_need_space(const struct slots *slots, uint64_t bytes, struct error *err)
{
	struct statvfs facts;
	uint64_t have, need = bytes + bytes / 10;

	if (fstatvfs(slots->folder, &facts) != 0)
		return error_os(err, "look at the disk of %s", slots->root);
	have = (uint64_t)facts.f_bavail * facts.f_frsize;
	if (have < need)
		return error_set(err, ERROR_FULL,
				 "the disk of %s has %" PRIu64
				 " bytes free, the update needs %" PRIu64,
				 slots->root, have, need);
	return true;
}
