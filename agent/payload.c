/*
 * payload.c - the atomic folder: ..<time>_<random>/ with the files, ..data -> it, name ->
 * ..data/name.
 */
#include "agent/payload.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/user_range.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/map.h"
#include "base/random.h"
#include "runtime/pathfd.h"

struct payload_file {
	char *path;
	struct buf bytes;
	unsigned mode;
	int64_t owner;
};

void payload_init(struct payload *it, int64_t group)
{
	*it = (struct payload){ .group = group, .owner = -1 };
}

void payload_clear(struct payload *it)
{
	for (size_t i = 0; i < it->count; i++) {
		free(it->files[i].path);
		buf_clear(&it->files[i].bytes);
	}
	free(it->files);
	payload_init(it, -1);
}

/* "./a//b" -> "a/b" */
static char *clean_path(struct str path)
{
	auto_buf out = BUF_INIT;

	while (path.len > 0) {
		struct str part = str_cut(&path, '/');

		if (part.len == 0 || str_is(part, "."))
			continue;
		if (out.len > 0)
			buf_add_byte(&out, '/');
		buf_add_str(&out, part);
	}
	return buf_take(&out);
}

static bool check_path(struct str path, const char *clean, struct error *err)
{
	if (*clean == '\0' || path.at[0] == '/' || memchr(path.at, '\0', path.len) ||
	    pathfd_has_dotdot(clean) || strncmp(clean, "..", 2) == 0)
		return error_set(err, ERROR_INVALID,
				 "the path \"" STR_FMT "\" does not stay in its volume",
				 STR_ARG(path));
	return true;
}

bool payload_add(struct payload *it, struct str path, struct str bytes, unsigned mode,
		 struct error *err)
{
	auto_free char *text = clean_path(path);
	struct payload_file *file = NULL;

	if (!check_path(path, text, err))
		return false;
	for (size_t i = 0; i < it->count && !file; i++)
		if (strcmp(it->files[i].path, text) == 0)
			file = &it->files[i];
	if (!file) {
		if (it->count == PAYLOAD_FILES_MAX)
			return error_set(err, ERROR_TOO_LARGE, "a volume has more than %d files",
					 PAYLOAD_FILES_MAX);
		it->files = memory_grow(it->files, (it->count + 1) * sizeof(*it->files));
		file = &it->files[it->count++];
		*file = (struct payload_file){ .path = take_ptr(&text) };
	}
	it->bytes -= file->bytes.len;
	buf_reset(&file->bytes);
	if (bytes.len > PAYLOAD_BYTES_MAX - it->bytes)
		return error_set(err, ERROR_TOO_LARGE, "a volume has more than %u bytes",
				 PAYLOAD_BYTES_MAX);
	it->bytes += bytes.len;
	buf_add_str(&file->bytes, bytes);
	file->mode = mode;
	file->owner = it->owner;
	return true;
}

/* --- is it there already? --- */

static unsigned mode_of(const struct payload *it, const struct payload_file *file)
{
	return it->group >= 0 ? file->mode | 0440u : file->mode;
}

static uid_t user_of(const struct payload *it, const struct payload_file *file)
{
	int64_t user = user_range_host(it->ids, file->owner);

	return user >= 0 ? (uid_t)user : geteuid();
}

static bool file_is_same(const struct payload *it, const struct payload_file *file,
			 const char *folder)
{
	auto_free char *path = memory_print("%s/..data/%s", folder, file->path);
	auto_buf text = BUF_INIT;
	struct error ignored;
	struct stat st;

	return lstat(path, &st) == 0 && S_ISREG(st.st_mode) &&
	       (st.st_mode & 07777) == mode_of(it, file) && st.st_uid == user_of(it, file) &&
	       file_read(path, PAYLOAD_BYTES_MAX, &text, &ignored) &&
	       str_equal(buf_str(&text), buf_str(&file->bytes));
}

static size_t count_files(const char *path, int depth)
{
	DIR *open = depth < 32 ? opendir(path) : NULL;
	struct dirent *entry;
	size_t count = 0;

	while (open && (entry = readdir(open))) {
		auto_free char *below = memory_print("%s/%s", path, entry->d_name);

		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		count += entry->d_type == DT_DIR ? count_files(below, depth + 1) : 1;
	}
	if (open)
		closedir(open);
	return count;
}

static bool is_same(const struct payload *it, const char *folder)
{
	auto_free char *data = memory_print("%s/..data", folder);
	struct stat st;

	if (lstat(data, &st) < 0 || count_files(data, 0) != it->count)
		return false;
	for (size_t i = 0; i < it->count; i++)
		if (!file_is_same(it, &it->files[i], folder))
			return false;
	return true;
}

/* --- writing --- */

/* A folder or a link: the pod's root's. */
static bool give(const struct payload *it, const char *path, struct error *err)
{
	return it->ids == 0 || lchown(path, it->ids, it->ids) == 0 ||
	       error_os(err, "cannot give %s to its user", path);
}

/* The folders of the file, if it is in any. */
static bool make_folders(const struct payload *it, const char *folder, const char *file,
			 struct error *err)
{
	for (const char *at = file; (at = strchr(at, '/')); at++) {
		auto_free char *path = memory_print("%s/%.*s", folder, (int)(at - file), file);

		if ((mkdir(path, 0755) < 0 && errno != EEXIST) || chmod(path, 0755) < 0)
			return error_os(err, "cannot make %s", path);
		if (!give(it, path, err))
			return false;
	}
	return true;
}

static bool write_file(const struct payload *it, const struct payload_file *file,
		       const char *folder, struct error *err)
{
	auto_free char *path = memory_print("%s/%s", folder, file->path);
	int64_t user = user_range_host(it->ids, file->owner);
	int64_t group = user_range_host(it->ids, it->group);
	auto_fd fd = -1;

	if (!make_folders(it, folder, file->path, err))
		return false;
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return error_os(err, "cannot make %s", path);
	if (!file_write_all(fd, buf_text(&file->bytes), file->bytes.len, err))
		return false;
	if ((user >= 0 || group >= 0) && fchown(fd, (uid_t)user, (gid_t)group) < 0)
		return error_os(err, "cannot give %s to its user", path);
	if (fchmod(fd, mode_of(it, file)) < 0)
		return error_os(err, "cannot set the mode of %s", path);
	return true;
}

static bool fill_folder(const struct payload *it, const char *inner, struct error *err)
{
	if (mkdir(inner, 0755) < 0 || chmod(inner, 0755) < 0)
		return error_os(err, "cannot make %s", inner);
	if (!give(it, inner, err))
		return false;
	for (size_t i = 0; i < it->count; i++)
		if (!write_file(it, &it->files[i], inner, err))
			return false;
	return true;
}

/* All or nothing: what cannot be written is tried again and again, and must not pile up. */
static bool write_files(const struct payload *it, const char *folder, const char *name,
			struct error *err)
{
	auto_free char *inner = memory_print("%s/%s", folder, name);
	struct error ignored;

	if (fill_folder(it, inner, err))
		return true;
	(void)!file_remove_tree(inner, &ignored);
	return false;
}

static bool point_at(const struct payload *it, const char *folder, const char *name,
		     struct error *err)
{
	auto_free char *next = memory_print("%s/..data_tmp", folder);
	auto_free char *data = memory_print("%s/..data", folder);

	unlink(next);
	if (symlink(name, next) < 0)
		return error_os(err, "cannot make %s", next);
	if (!give(it, next, err))
		return false;
	return rename(next, data) == 0 || error_os(err, "cannot make %s", data);
}

/* The first part of every path is a link through ..data; gives the set of them. */
static bool link_names(const struct payload *it, const char *folder, struct map *names,
		       struct error *err)
{
	for (size_t i = 0; i < it->count; i++) {
		struct str rest = str_of(it->files[i].path);
		struct str first = str_cut(&rest, '/');
		auto_free char *target = memory_print("..data/" STR_FMT, STR_ARG(first));
		auto_free char *path = memory_print("%s/" STR_FMT, folder, STR_ARG(first));

		map_put(names, first, names);
		if (symlink(target, path) < 0 && errno != EEXIST)
			return error_os(err, "cannot make %s", path);
		if (!give(it, path, err))
			return false;
	}
	return true;
}

/* Old folders and the links of files that are no more. */
static void remove_others(const char *folder, const char *keep, const struct map *names)
{
	DIR *open = opendir(folder);
	struct dirent *entry;

	while (open && (entry = readdir(open))) {
		const char *name = entry->d_name;
		auto_free char *path = memory_print("%s/%s", folder, name);
		struct error ignored;

		if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0 || strcmp(name, keep) == 0 ||
		    strcmp(name, "..data") == 0 || map_find(names, str_of(name)))
			continue;
		(void)!file_remove_tree(path, &ignored);
	}
	if (open)
		closedir(open);
}

static bool write_anew(const struct payload *it, const char *folder, char name[64],
		       struct error *err)
{
	char suffix[11];

	random_suffix(suffix, 10);
	snprintf(name, 64, "..%lld_%s", (long long)clock_wall_s(), suffix);
	return write_files(it, folder, name, err) && point_at(it, folder, name, err);
}

/* What ..data means at present; "" when that is nothing of ours. */
static void present_name(const char *folder, char name[64])
{
	auto_free char *data = memory_print("%s/..data", folder);
	ssize_t len = readlink(data, name, 63);

	name[len > 0 ? len : 0] = '\0';
}

bool payload_write(const struct payload *it, const char *folder, struct error *err)
{
	auto_map names = map_new();
	char name[64];

	if (!file_make_dirs(folder, 0755, err))
		return false;
	if (is_same(it, folder))
		present_name(folder, name);
	else if (!write_anew(it, folder, name, err))
		return false;
	/* Also when nothing changed: an earlier life may have ended here. */
	if (!link_names(it, folder, names, err))
		return false;
	remove_others(folder, name, names);
	return true;
}
