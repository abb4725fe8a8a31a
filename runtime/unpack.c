/*
 * unpack.c - tar entries to files, by descriptors only.
 *
 * Owners and modes are set when a thing is made; times of folders are set at the end, because
 * filling a folder changes its time.
 *
 * A whiteout hides a name of the layers below only.  When the layer has the name as well it wins
 * over the whiteout, whichever came first; a folder is made opaque then.
 */
#include "runtime/unpack.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#include "base/file.h"
#include "runtime/layer_check.h"
#include "runtime/pathfd.h"

#define COPY_BYTES    (128u * 1024)
#define TIMES_MAX     (16u * 1024 * 1024) /* memory for the folders' times; others keep "now" */
#define DEPTH_MAX     200                 /* of folders; below what file_remove_tree can remove */
#define NO_ID         UINT32_MAX          /* (uid_t)-1: "leave as it is" for the kernel */
#define SHOWN_MAX     120                 /* bytes of a path that a message repeats */
#define WHITEOUT      ".wh."
#define WHITEOUT_META ".wh..wh."
#define OPAQUE        ".wh..wh..opq"

struct folder_time {
	char *path;
	struct timespec time;
};

struct unpack {
	const struct unpack_plan *plan;
	struct tar *tar;
	uint64_t bytes;
	size_t entries;
	/* The parent of the last entry, open: entries of one folder come together. */
	int parent;
	struct buf parent_path;
	struct folder_time *times;
	size_t time_count, time_room, time_bytes;
	char *room;        /* COPY_BYTES */
	size_t root_depth; /* of the layer's own path */
};

/* --- names --- */

static int shown(struct str path)
{
	return path.len < SHOWN_MAX ? (int)path.len : SHOWN_MAX;
}

/* "./a//b/" -> "a/b"; "" is the layer's root. */
static bool clean_path(struct str raw, struct buf *out, struct error *err)
{
	struct str rest = raw;

	buf_reset(out);
	while (rest.len > 0) {
		struct str part = str_cut(&rest, '/');

		if (part.len == 0 || str_is(part, "."))
			continue;
		if (str_is(part, ".."))
			return error_set(err, ERROR_INVALID, "the path \"%.*s\" leaves the layer",
					 shown(raw), raw.at);
		if (part.len > NAME_MAX)
			return error_set(err, ERROR_INVALID, "a name has more than %d bytes",
					 NAME_MAX);
		if (out->len > 0)
			buf_add_byte(out, '/');
		buf_add_str(out, part);
	}
	return true;
}

static struct str last_part(struct str path)
{
	size_t at = path.len;

	while (at > 0 && path.at[at - 1] != '/')
		at--;
	return str_from(path.at + at, path.len - at);
}

static struct str parent_part(struct str path)
{
	size_t len = path.len - last_part(path).len;

	return str_from(path.at, len > 0 ? len - 1 : 0);
}

/* --- parents --- */

/* Parts of the real path of an open folder; paths that are too long to tell count as deepest. */
static size_t real_depth(int fd)
{
	char link[32];
	char path[PATH_MAX];
	size_t depth = 0;
	ssize_t len;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	len = readlink(link, path, sizeof(path));
	if (len < 0 || (size_t)len == sizeof(path))
		return SIZE_MAX;
	for (ssize_t i = 0; i < len; i++)
		depth += path[i] == '/';
	return depth;
}

/* Links lead deeper than a path shows; what is too deep could not be removed again. */
static bool check_depth(const struct unpack *it, int parent, struct error *err)
{
	size_t depth = real_depth(parent);

	if (depth >= it->root_depth + DEPTH_MAX)
		return error_set(err, ERROR_INVALID, "folders are more than %d deep", DEPTH_MAX);
	return true;
}

static bool count_entry(struct unpack *it, struct error *err)
{
	if (++it->entries > it->plan->entries_max)
		return error_set(err, ERROR_TOO_LARGE, "the layer has more than %zu entries",
				 it->plan->entries_max);
	return true;
}

static bool is_whiteout(const struct stat *st)
{
	return S_ISCHR(st->st_mode) && st->st_rdev == makedev(0, 0);
}

static bool make_opaque(int fd, struct error *err)
{
	if (fsetxattr(fd, "trusted.overlay.opaque", "y", 1, 0) < 0)
		return error_os(err, "cannot mark the folder as opaque");
	return true;
}

/* Owner and mode of a folder that only layers below describe. */
static void copy_from_lower(const struct unpack *it, int fd, const char *path)
{
	for (size_t i = it->plan->lower_count; i > 0; i--) {
		struct error ignored;
		struct stat st;
		auto_fd lower = -1;

		if (!pathfd_open(it->plan->lowers[i - 1], path, PATHFD_IN_ROOT,
				 O_PATH | O_DIRECTORY, &lower, &ignored) ||
		    fstat(lower, &st) < 0)
			continue;
		/* A folder that cannot be given away keeps our owner: not worth an image. */
		if (fchown(fd, st.st_uid, st.st_gid) < 0 || fchmod(fd, st.st_mode & 07777) < 0)
			continue;
		return;
	}
}

/* A folder that only its content tells of. */
static bool make_parent(struct unpack *it, int above, const char *name, const char *path,
			struct error *err)
{
	auto_fd made = -1;
	struct stat st;
	bool was_whiteout = fstatat(above, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && is_whiteout(&st);

	if (was_whiteout && unlinkat(above, name, 0) < 0)
		return error_os(err, "cannot replace a whiteout");
	if (mkdirat(above, name, 0755) < 0)
		return errno == EEXIST ||
		       error_os(err, "cannot make the folder \"%.*s\"", SHOWN_MAX, path);
	if (!count_entry(it, err) || !check_depth(it, above, err))
		return false;
	made = openat(above, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (made < 0 || fchmod(made, 0755) < 0)
		return error_os(err, "cannot open the folder \"%.*s\"", SHOWN_MAX, path);
	if (was_whiteout)
		return make_opaque(made, err);
	copy_from_lower(it, made, path);
	return true;
}

/* A path that leads nowhere is the layer's fault, all else is ours. */
static bool open_folder(const struct unpack *it, const char *path, int *out_fd, struct error *err)
{
	struct error first;

	if (pathfd_open(it->plan->folder, path, PATHFD_IN_ROOT, O_PATH | O_DIRECTORY, out_fd,
			&first))
		return true;
	if (first.kind == ERROR_NOT_FOUND || first.os_code == ENOTDIR ||
	    first.os_code == ENAMETOOLONG)
		return error_raise(err, ERROR_INVALID, first.os_code ? first.os_code : ENOENT,
				   first.from, "no folder of the layer is at \"%.*s\"", SHOWN_MAX,
				   path);
	*err = first;
	return false;
}

/* Make the folders of `path` that are missing, like mkdir -p. */
static bool make_parents(struct unpack *it, struct str path, struct error *err)
{
	auto_buf so_far = BUF_INIT;
	struct str rest = path;

	while (rest.len > 0) {
		auto_free char *name = str_copy(str_cut(&rest, '/'));
		auto_fd above = -1;

		if (!open_folder(it, so_far.len > 0 ? buf_text(&so_far) : ".", &above, err))
			return false;
		if (so_far.len > 0)
			buf_add_byte(&so_far, '/');
		buf_add_text(&so_far, name);
		if (!make_parent(it, above, name, buf_text(&so_far), err))
			return false;
	}
	return true;
}

/* Links and folders on the way may have been replaced: look again next time. */
static void forget_parent(struct unpack *it)
{
	if (it->parent >= 0)
		close(it->parent);
	it->parent = -1;
}

/* Open the folder `path` (clean) as it->parent. */
static bool open_parent(struct unpack *it, struct str path, struct error *err)
{
	auto_free char *text = str_copy(path.len > 0 ? path : STR("."));
	int fd;

	if (it->parent >= 0 && str_equal(buf_str(&it->parent_path), path))
		return true;
	forget_parent(it);
	if (!open_folder(it, text, &fd, err)) {
		/* ENOTDIR: a whiteout on the way is replaced as well. */
		if (err->kind != ERROR_INVALID ||
		    (err->os_code != ENOENT && err->os_code != ENOTDIR))
			return false;
		if (!make_parents(it, path, err) || !open_folder(it, text, &fd, err))
			return false;
	}
	it->parent = fd;
	buf_reset(&it->parent_path);
	buf_add_str(&it->parent_path, path);
	return true;
}

/* --- what an entry is given --- */

static bool xattr_is_kept(struct str name)
{
	return str_is(name, "security.capability") ||
	       (str_starts(name, STR("user.")) && !str_starts(name, STR("user.overlay.")));
}

static bool set_xattrs(int fd, const struct tar_entry *entry, struct error *err)
{
	for (size_t i = 0; i < entry->xattr_count; i++) {
		const struct tar_xattr *xattr = &entry->xattrs[i];
		auto_free char *name = NULL;

		if (!xattr_is_kept(xattr->name))
			continue;
		name = str_copy(xattr->name);
		if (fsetxattr(fd, name, xattr->value.at, xattr->value.len, 0) < 0 &&
		    errno != ENOTSUP && errno != EPERM)
			return error_os(err, "cannot set the attribute %s", name);
	}
	return true;
}

static bool check_owner(const struct tar_entry *entry, struct error *err)
{
	if (entry->uid < 0 || entry->uid >= NO_ID || entry->gid < 0 || entry->gid >= NO_ID)
		return error_set(err, ERROR_INVALID, "owner %" PRId64 ":%" PRId64 " cannot be",
				 entry->uid, entry->gid);
	return true;
}

static struct timespec entry_time(const struct tar_entry *entry)
{
	return (struct timespec){ .tv_sec = (time_t)entry->mtime_s, .tv_nsec = entry->mtime_ns };
}

/* To something open for reading or writing: owner first, it clears set-id bits. */
static bool dress(int fd, const struct tar_entry *entry, struct error *err)
{
	struct timespec times[2] = { entry_time(entry), entry_time(entry) };

	if (fchown(fd, (uid_t)entry->uid, (gid_t)entry->gid) < 0)
		return error_os(err, "cannot set the owner");
	if (fchmod(fd, (mode_t)entry->mode) < 0)
		return error_os(err, "cannot set the mode");
	if (!set_xattrs(fd, entry, err))
		return false;
	/* A time that the file system cannot hold is no reason to refuse an image. */
	(void)!futimens(fd, times);
	return true;
}

/* --- kinds of entries --- */

/* Take away what stands at the name, whatever it is. */
static bool clear_name(struct unpack *it, const char *name, struct error *err)
{
	char path[64 + NAME_MAX];

	if (unlinkat(it->parent, name, 0) == 0 || errno == ENOENT)
		return true;
	if (errno != EISDIR && errno != EPERM)
		return error_os(err, "cannot replace \"%s\"", name);
	snprintf(path, sizeof(path), "/proc/self/fd/%d/%s", it->parent, name);
	return file_remove_tree(path, err);
}

static bool copy_content(struct unpack *it, int fd, struct error *err)
{
	struct layer_sum sum = { 0 };
	size_t got;

	do {
		if (!tar_read(it->tar, it->room, COPY_BYTES, &got, err))
			return false;
		it->bytes += got;
		if (it->bytes > it->plan->bytes_max)
			return error_set(err, ERROR_TOO_LARGE,
					 "the layer has more than %" PRIu64 " bytes",
					 it->plan->bytes_max);
		if (got > 0 && !file_write_all(fd, it->room, got, err))
			return false;
		layer_sum_add(&sum, it->room, got);
	} while (got > 0);
	layer_sum_put(fd, &sum);
	return true;
}

static bool put_file(struct unpack *it, const struct tar_entry *entry, const char *name,
		     struct error *err)
{
	auto_fd fd = -1;

	if (entry->size > it->plan->bytes_max - it->bytes)
		return error_set(err, ERROR_TOO_LARGE, "the layer has more than %" PRIu64 " bytes",
				 it->plan->bytes_max);
	if (!clear_name(it, name, err))
		return false;
	fd = openat(it->parent, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return error_os(err, "cannot make the file");
	return copy_content(it, fd, err) && dress(fd, entry, err);
}

static void remember_time(struct unpack *it, struct str path, struct timespec time)
{
	if (it->time_bytes > TIMES_MAX)
		return;
	if (it->time_count == it->time_room) {
		it->time_room = it->time_room ? it->time_room * 2 : 64;
		it->times = memory_grow(it->times, it->time_room * sizeof(*it->times));
	}
	it->time_bytes += path.len + sizeof(*it->times);
	it->times[it->time_count++] = (struct folder_time){ str_copy(path), time };
}

static bool put_folder(struct unpack *it, const struct tar_entry *entry, struct str path,
		       struct error *err)
{
	auto_free char *name = str_copy(path.len > 0 ? last_part(path) : STR("."));
	struct stat st;
	bool is_there = fstatat(it->parent, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
	bool is_folder = is_there && S_ISDIR(st.st_mode);
	auto_fd fd = -1;

	if (is_there && !is_folder && !clear_name(it, name, err))
		return false;
	if (!is_folder && !check_depth(it, it->parent, err))
		return false;
	if (!is_folder && mkdirat(it->parent, name, 0700) < 0)
		return error_os(err, "cannot make the folder");
	fd = openat(it->parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return error_os(err, "cannot open the folder");
	if (is_there && is_whiteout(&st) && !make_opaque(fd, err))
		return false;
	remember_time(it, path, entry_time(entry));
	return dress(fd, entry, err);
}

static bool put_symlink(struct unpack *it, const struct tar_entry *entry, const char *name,
			struct error *err)
{
	struct timespec times[2] = { entry_time(entry), entry_time(entry) };

	if (entry->link.len == 0)
		return error_set(err, ERROR_INVALID, "a symbolic link without a target");
	if (!clear_name(it, name, err))
		return false;
	if (symlinkat(entry->link.at, it->parent, name) < 0 ||
	    fchownat(it->parent, name, (uid_t)entry->uid, (gid_t)entry->gid, AT_SYMLINK_NOFOLLOW) <
		    0)
		return error_os(err, "cannot make the link");
	(void)!utimensat(it->parent, name, times, AT_SYMLINK_NOFOLLOW);
	return true;
}

static bool put_hardlink(struct unpack *it, const struct tar_entry *entry, const char *name,
			 struct error *err)
{
	auto_buf target = BUF_INIT;
	auto_free char *folder = NULL, *file = NULL;
	auto_fd above = -1;
	struct stat from, to;

	if (!clean_path(entry->link, &target, err))
		return false;
	if (target.len == 0)
		return error_set(err, ERROR_INVALID, "a hard link without a target");
	folder = str_copy(parent_part(buf_str(&target)));
	file = str_copy(last_part(buf_str(&target)));
	if (!open_folder(it, *folder ? folder : ".", &above, err))
		return error_context(err, "the hard link's target");
	if (fstatat(above, file, &from, AT_SYMLINK_NOFOLLOW) < 0)
		return error_set(err, ERROR_INVALID,
				 "the hard link's target \"%.*s\" is not in the layer", SHOWN_MAX,
				 buf_text(&target));
	if (S_ISDIR(from.st_mode))
		return error_set(err, ERROR_INVALID, "the hard link's target is a folder");
	if (fstatat(it->parent, name, &to, AT_SYMLINK_NOFOLLOW) == 0 && from.st_ino == to.st_ino &&
	    from.st_dev == to.st_dev)
		return true; /* to itself: there it is */
	if (!clear_name(it, name, err))
		return false;
	if (linkat(above, file, it->parent, name, 0) < 0)
		return errno == ENOENT ? error_set(err, ERROR_INVALID,
						   "the hard link replaces its own target")
				       : error_os(err, "cannot make the hard link");
	return true;
}

static bool put_node(struct unpack *it, const struct tar_entry *entry, const char *name,
		     struct error *err)
{
	struct timespec times[2] = { entry_time(entry), entry_time(entry) };
	mode_t type = entry->type == TAR_CHAR    ? S_IFCHR
		      : entry->type == TAR_BLOCK ? S_IFBLK
						 : S_IFIFO;
	dev_t device = entry->type == TAR_FIFO ? 0 : makedev(entry->major, entry->minor);

	if (!clear_name(it, name, err))
		return false;
	if (mknodat(it->parent, name, type | 0600, device) < 0 ||
	    fchownat(it->parent, name, (uid_t)entry->uid, (gid_t)entry->gid, AT_SYMLINK_NOFOLLOW) <
		    0 ||
	    fchmodat(it->parent, name, (mode_t)entry->mode, AT_SYMLINK_NOFOLLOW) < 0)
		return error_os(err, "cannot make the device or pipe");
	(void)!utimensat(it->parent, name, times, AT_SYMLINK_NOFOLLOW);
	return true;
}

/* --- whiteouts --- */

static bool put_opaque(struct unpack *it, struct error *err)
{
	auto_fd fd = openat(it->parent, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return error_os(err, "cannot open the opaque folder");
	return make_opaque(fd, err);
}

/* Hides `name` of the layers below; what this layer itself has under the name stays. */
static bool put_whiteout(struct unpack *it, const char *name, struct error *err)
{
	auto_fd fd = -1;

	if (*name == '\0' || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		return error_set(err, ERROR_INVALID, "a whiteout of no name");
	if (mknodat(it->parent, name, S_IFCHR, makedev(0, 0)) == 0)
		return true;
	if (errno != EEXIST)
		return error_os(err, "cannot make a whiteout");
	fd = openat(it->parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return fd < 0 || make_opaque(fd, err);
}

static bool put_special(struct unpack *it, const char *name, struct error *err)
{
	if (strcmp(name, OPAQUE) == 0)
		return put_opaque(it, err);
	if (strncmp(name, WHITEOUT_META, sizeof(WHITEOUT_META) - 1) == 0)
		return true; /* of aufs, without meaning in a layer */
	return put_whiteout(it, name + sizeof(WHITEOUT) - 1, err);
}

/* --- the walk --- */

static bool put_entry(struct unpack *it, const struct tar_entry *entry, struct str path,
		      struct error *err)
{
	auto_free char *name = str_copy(last_part(path));

	if (!open_parent(it, parent_part(path), err) || !check_owner(entry, err))
		return false;
	if (strncmp(name, WHITEOUT, sizeof(WHITEOUT) - 1) == 0)
		return put_special(it, name, err);
	if (path.len == 0 && entry->type != TAR_FOLDER)
		return error_set(err, ERROR_INVALID, "the layer's root is no folder");
	switch (entry->type) {
	case TAR_FILE: return put_file(it, entry, name, err);
	case TAR_FOLDER: return put_folder(it, entry, path, err);
	case TAR_SYMLINK: return put_symlink(it, entry, name, err);
	case TAR_HARDLINK: return put_hardlink(it, entry, name, err);
	case TAR_CHAR:
	case TAR_BLOCK:
	case TAR_FIFO: return put_node(it, entry, name, err);
	}
	return error_set(err, ERROR_BROKEN, "an entry of unknown type");
}

static bool put_all(struct unpack *it, struct error *err)
{
	auto_buf path = BUF_INIT;
	const struct tar_entry *entry;

	for (;;) {
		if (!tar_next(it->tar, &entry, err))
			return false;
		if (!entry)
			return true;
		if (!count_entry(it, err) || !clean_path(entry->path, &path, err))
			return false;
		if (!put_entry(it, entry, buf_str(&path), err))
			return error_context(err, "\"%.*s\"", SHOWN_MAX, buf_text(&path));
		/* Anything but a file may change what the cached parent's path means. */
		if (entry->type == TAR_SYMLINK || entry->type == TAR_FOLDER)
			forget_parent(it);
	}
}

static void set_times(struct unpack *it)
{
	for (size_t i = it->time_count; i > 0; i--) {
		struct folder_time *t = &it->times[i - 1];
		struct timespec times[2] = { t->time, t->time };
		struct error ignored;
		auto_fd fd = -1;

		if (pathfd_open(it->plan->folder, *t->path ? t->path : ".", PATHFD_IN_ROOT,
				O_RDONLY | O_DIRECTORY, &fd, &ignored))
			(void)!futimens(fd, times);
	}
}

bool unpack_layer(const struct unpack_plan *plan, struct tar_source *source, uint64_t *out_bytes,
		  struct error *err)
{
	struct unpack it = { .plan = plan, .parent = -1 };
	bool done;

	assert(plan->folder >= 0);
	it.tar = tar_new(source);
	it.room = memory_get(COPY_BYTES);
	it.root_depth = real_depth(plan->folder);
	copy_from_lower(&it, plan->folder, "."); /* if the layer does not describe its root */
	done = put_all(&it, err) && tar_source_drain(source, err);
	if (done) {
		set_times(&it);
		*out_bytes = it.bytes;
	}
	forget_parent(&it);
	for (size_t i = 0; i < it.time_count; i++)
		free(it.times[i].path);
	free(it.times);
	buf_clear(&it.parent_path);
	tar_free(it.tar);
	free(it.room);
	return done;
}
