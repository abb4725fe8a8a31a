/*
 * manifest_folder.c - walks and watches the folder.
 */
#include "server/control/manifest_folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sys/inotify.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/limits.h"
#include "base/log.h"

#define SETTLE_MS     100
#define SETTLE_MAX_MS 2000
#define EVENTS_MAX    16384

/* --- walking --- */

struct walk {
	const char *root;
	struct manifest_listing *out; /* may be NULL */
	/* Called for each folder, the first one too. */
	void (*on_folder)(void *of, const char *path);
	void *of;
};

static bool is_plain(struct str name)
{
	for (size_t i = 0; i < name.len; i++)
		if ((unsigned char)name.at[i] < ' ' || name.at[i] == 0x7f)
			return false;
	return name.at[0] != '.' && str_is_utf8(name);
}

static bool is_manifest(struct str name)
{
	return str_ends(name, STR(".yaml")) || str_ends(name, STR(".yml")) ||
	       str_ends(name, STR(".json"));
}

static char *mark_of(const struct stat *st)
{
	return memory_print("%" PRIu64 " %" PRId64 " %" PRId64 ".%09ld %" PRId64 ".%09ld",
			    (uint64_t)st->st_ino, (int64_t)st->st_size, (int64_t)st->st_mtim.tv_sec,
			    st->st_mtim.tv_nsec, (int64_t)st->st_ctim.tv_sec, st->st_ctim.tv_nsec);
}

/* Takes name and mark over.  The two lines of a skipped file become one at the end. */
static void add(struct manifest_listing *out, char *name, char *mark, bool skip)
{
	out->entries = memory_grow(out->entries, (out->count + 1) * sizeof(*out->entries));
	out->entries[out->count++] = (struct manifest_entry){ name, mark, skip };
}

static bool add_file(struct walk *walk, struct str name, const struct stat *st, struct error *err)
{
	struct str base = name;
	bool skip = str_ends(name, STR(".skip"));

	if (skip)
		base.len -= strlen(".skip");
	if (!is_manifest(base) || (!skip && !S_ISREG(st->st_mode)))
		return true;
	if (walk->out->count == 2 * LIMIT_MANIFEST_FILES)
		return error_set(err, ERROR_TOO_LARGE, "more than %d manifests",
				 LIMIT_MANIFEST_FILES);
	add(walk->out, str_copy(base), skip ? NULL : mark_of(st), skip);
	return true;
}

static bool walk_folder(struct walk *walk, const char *below, int depth, struct error *err);

static bool walk_entry(struct walk *walk, const char *name, int depth, struct error *err)
{
	auto_free char *path = memory_print("%s/%s", walk->root, name);
	struct stat st;

	if (lstat(path, &st) < 0)
		return errno == ENOENT || error_os(err, "cannot look at %s", path);
	if (S_ISDIR(st.st_mode))
		return walk_folder(walk, name, depth + 1, err);
	/* A link counts as the file it leads to; one that leads nowhere is no file. */
	if (S_ISLNK(st.st_mode) && stat(path, &st) < 0)
		return errno == ENOENT || errno == ELOOP ||
		       error_os(err, "cannot look at %s", path);
	return !walk->out || add_file(walk, str_of(name), &st, err);
}

static bool walk_entries(struct walk *walk, const char *below, DIR *open, int depth,
			 struct error *err)
{
	struct dirent *entry;

	while (errno = 0, (entry = readdir(open))) {
		auto_free char *name =
			memory_print("%s%s%s", below, below[0] ? "/" : "", entry->d_name);

		if (is_plain(str_of(entry->d_name)) && !walk_entry(walk, name, depth, err))
			return false;
	}
	return errno == 0 || error_os(err, "cannot read %s/%s", walk->root, below);
}

/* below: "" or "apps/extra" */
static bool walk_folder(struct walk *walk, const char *below, int depth, struct error *err)
{
	auto_free char *path = memory_print("%s%s%s", walk->root, below[0] ? "/" : "", below);
	DIR *open;
	bool done;

	if (depth > LIMIT_MANIFEST_DEPTH)
		return error_set(err, ERROR_TOO_LARGE, "%s: folders more than %d deep", path,
				 LIMIT_MANIFEST_DEPTH);
	if (walk->on_folder) /* before it is read: what comes meanwhile is told */
		walk->on_folder(walk->of, path);
	open = opendir(path);
	if (!open)
		return (depth > 0 && errno == ENOENT) || error_os(err, "cannot read %s", path);
	done = walk_entries(walk, below, open, depth, err);
	closedir(open);
	return done;
}

/* --- listing --- */

static int by_name(const void *left, const void *right)
{
	const struct manifest_entry *a = left, *b = right;

	return strcmp(a->name, b->name);
}

/* A file and its .skip are one entry. */
static void join_skips(struct manifest_listing *out)
{
	size_t kept = 0;

	for (size_t i = 0; i < out->count; i++) {
		struct manifest_entry *entry = &out->entries[i];
		struct manifest_entry *last = kept > 0 ? &out->entries[kept - 1] : NULL;

		if (!last || strcmp(last->name, entry->name) != 0) {
			out->entries[kept++] = *entry;
			continue;
		}
		last->skip = true;
		if (!last->mark)
			last->mark = take_ptr(&entry->mark);
		free(entry->name);
		free(entry->mark);
	}
	out->count = kept;
}

bool manifest_folder_list(const char *folder, struct manifest_listing *out, struct error *err)
{
	struct manifest_listing listing = { 0 };
	struct walk walk = { .root = folder, .out = &listing };

	if (!walk_folder(&walk, "", 0, err)) {
		manifest_folder_list_clear(&listing);
		return false;
	}
	if (listing.count > 0)
		qsort(listing.entries, listing.count, sizeof(*listing.entries), by_name);
	join_skips(&listing);
	if (listing.count > LIMIT_MANIFEST_FILES) {
		manifest_folder_list_clear(&listing);
		return error_set(err, ERROR_TOO_LARGE, "more than %d manifests",
				 LIMIT_MANIFEST_FILES);
	}
	*out = listing;
	return true;
}

void manifest_folder_list_clear(struct manifest_listing *listing)
{
	for (size_t i = 0; i < listing->count; i++) {
		free(listing->entries[i].name);
		free(listing->entries[i].mark);
	}
	free(listing->entries);
	*listing = (struct manifest_listing){ 0 };
}

const struct manifest_entry *manifest_folder_find(const struct manifest_listing *listing,
						  const char *name)
{
	struct manifest_entry wanted = { .name = (char *)(uintptr_t)name };

	return listing->count == 0 ? NULL
				   : bsearch(&wanted, listing->entries, listing->count,
					     sizeof(*listing->entries), by_name);
}

bool manifest_folder_read(const char *folder, const char *name, const char *mark, struct buf *out,
			  struct error *err)
{
	auto_free char *path = memory_print("%s/%s", folder, name);
	auto_free char *now = NULL;
	struct stat st;

	if (file_has_writer(path))
		return error_set(err, ERROR_UNAVAILABLE, "somebody still writes it");
	if (!file_read(path, LIMIT_MANIFEST_FILE, out, err))
		return false;
	if (stat(path, &st) < 0)
		return error_os(err, "cannot look at %s", path);
	now = mark_of(&st);
	if (strcmp(now, mark) != 0)
		return error_set(err, ERROR_UNAVAILABLE, "it changed while it was read");
	return true;
}

/* --- watching --- */

struct manifest_watch {
	struct loop *loop;
	char *folder;
	struct loop_fd watch; /* fd < 0: no inotify */
	struct loop_timer settle;
	int64_t first_ms; /* of the changes not yet told; 0 = none */
	void (*on_change)(void *of);
	void *of;
};

static void on_settled(struct loop_timer *timer)
{
	struct manifest_watch *it = CONTAINER_OF(timer, struct manifest_watch, settle);

	it->first_ms = 0;
	it->on_change(it->of);
}

/* What it says is not looked at: any change is a reason to look. */
static void on_event(struct loop_fd *watch, unsigned events)
{
	struct manifest_watch *it = CONTAINER_OF(watch, struct manifest_watch, watch);
	char room[EVENTS_MAX] __attribute__((aligned(8)));
	int64_t now = clock_now_ms();

	(void)events;
	if (read(watch->fd, room, sizeof(room)) <= 0)
		return;
	if (it->first_ms == 0)
		it->first_ms = now;
	if (now + SETTLE_MS <= it->first_ms + SETTLE_MAX_MS || !it->settle.heap_at)
		loop_timer_set(it->loop, &it->settle, SETTLE_MS);
}

static void watch_folder(void *of, const char *path)
{
	const struct manifest_watch *it = of;

	/* Adding one that is there already changes nothing; gone ones leave by themselves. */
	if (inotify_add_watch(it->watch.fd, path,
			      IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_CREATE |
				      IN_ONLYDIR) < 0 &&
	    errno != ENOENT)
		log_debug("server.manifests", "a folder is only looked at now and then",
			  "folder=%s", path);
}

struct manifest_watch *manifest_watch_open(struct loop *loop, const char *folder,
					   void (*on_change)(void *of), void *of)
{
	struct manifest_watch *it = memory_new(struct manifest_watch);
	struct error err;

	it->loop = loop;
	it->folder = memory_string(folder);
	it->on_change = on_change;
	it->of = of;
	it->settle.on_timer = on_settled;
	it->watch.on_event = on_event;
	it->watch.fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (it->watch.fd >= 0 && loop_fd_start(loop, &it->watch, LOOP_READ, &err))
		return it;
	log_warn("server.manifests", "the folder is looked at every few seconds only",
		 "why=\"no inotify\"");
	if (it->watch.fd >= 0)
		close(it->watch.fd);
	it->watch.fd = -1;
	return it;
}

void manifest_watch_renew(struct manifest_watch *it)
{
	struct walk walk = { .root = it->folder, .on_folder = watch_folder, .of = it };
	struct error ignored; /* whoever lists the folder says it */

	if (it->watch.fd >= 0 && !walk_folder(&walk, "", 0, &ignored))
		return;
}

void manifest_watch_close(struct manifest_watch *it)
{
	if (!it)
		return;
	loop_timer_stop(&it->settle);
	loop_fd_stop(&it->watch);
	if (it->watch.fd >= 0)
		close(it->watch.fd);
	free(it->folder);
	free(it);
}
