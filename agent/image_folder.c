/*
 * image_folder.c - inotify, and a look at what is there already.
 *
 * A file that was imported is remembered by name, size and time in a file beside it, with the names
 * of its images, so that a restart does not unpack a fleet's images again.
 */
#include "agent/image_folder.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <sys/inotify.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/json.h"
#include "base/log.h"
#include "base/map.h"

#define LIST_MAX   (1024u * 1024)
#define KNOWN_MAX  (4u * 1024 * 1024)
#define EVENTS_MAX 16384
#define TRY_MIN_MS 15000
#define TRY_MAX_MS 600000

struct image_folder {
	struct image_folder_plan plan;
	char *path;
	int fd;
	struct loop_fd watch;
	struct json_doc *known; /* name -> {"mark", "images"} of what was imported */
	struct map *taken;      /* name -> mark of what is under way, or would not do better */
	struct map *untold;     /* name -> why it is not imported */
	struct loop_timer again;
	int64_t wait_ms; /* before the last try again */
	bool closed;
	size_t running;
};

/* A file: an archive is one job, a list as many as it has names. */
struct arrival {
	struct image_folder *folder;
	char *name, *mark;
	size_t left;             /* jobs, and one while a list is read */
	struct json_doc *images; /* names that came of it */
	bool failed, may_retry;
};

/* --- what was imported before --- */

static char *known_path(const struct image_folder *it)
{
	return memory_print("%s/.imported.json", it->path);
}

static void load_known(struct image_folder *it)
{
	auto_free char *path = known_path(it);
	auto_buf text = BUF_INIT;
	struct error ignored;

	if (file_read(path, KNOWN_MAX, &text, &ignored) &&
	    json_parse(buf_str(&text), &it->known, NULL, &ignored) &&
	    json_type(json_root(it->known)) == JSON_OBJECT)
		return;
	json_doc_free(it->known);
	it->known = json_doc_new();
	json_set_root(it->known, json_new_object(it->known));
}

static void remember(struct image_folder *it, const struct arrival *arrival)
{
	struct json *root = json_root(it->known), *entry = json_new_object(it->known);
	auto_free char *path = known_path(it);
	auto_buf text = BUF_INIT;
	struct error err;

	json_put(it->known, entry, "mark", json_new_text(it->known, arrival->mark));
	json_put(it->known, entry, "images", json_clone(it->known, json_root(arrival->images)));
	json_put(it->known, root, arrival->name, entry);
	json_print(root, &text);
	if (!file_replace(path, buf_str(&text), 0600, &err))
		log_warn("agent.images", "imported archives cannot be remembered", "why=\"%s\"",
			 err.text);
}

static bool is_known(const struct image_folder *it, const char *name, const char *mark)
{
	const struct json *entry = json_get(json_root(it->known), name);

	if (!str_is(json_str(json_get(entry, "mark")), mark))
		return false;
	for (struct json_iter image = json_iter(json_get(entry, "images")); json_next(&image);)
		if (!image_getter_has(it->plan.getter, json_str(image.value)))
			return false;
	return true;
}

static char *mark_of(const char *path)
{
	struct stat st;

	if (stat(path, &st) < 0 || !S_ISREG(st.st_mode))
		return NULL;
	return memory_print("%" PRId64 " %" PRId64 ".%09ld", (int64_t)st.st_size,
			    (int64_t)st.st_mtim.tv_sec, st.st_mtim.tv_nsec);
}

/* --- what goes wrong --- */

static void tell(struct image_folder *it, const char *name, const char *why)
{
	log_error("agent.images", "a file of images is not imported", "file=%s why=\"%s\"", name,
		  why);
	if (!it->closed && !it->plan.on_problem(it->plan.of, name, why))
		free(map_put(it->untold, str_of(name), memory_string(why)));
}

bool image_folder_has(const struct image_folder *it, const char *name)
{
	for (struct json_iter entry = json_iter(json_root(it->known)); json_next(&entry);)
		for (struct json_iter image = json_iter(json_get(entry.value, "images"));
		     json_next(&image);)
			if (str_is(json_str(image.value), name))
				return true;
	return false;
}

void image_folder_tell(struct image_folder *it)
{
	struct str key;
	void *why;

	for (size_t i = 0; it && map_next(it->untold, &i, &key, &why);) {
		auto_free char *name = str_copy(key);

		if (!it->plan.on_problem(it->plan.of, name, why))
			return;
		free(map_remove(it->untold, str_of(name)));
	}
}

static void take(struct image_folder *it, const char *name, const char *mark)
{
	free(map_put(it->taken, str_of(name), memory_string(mark)));
	free(map_remove(it->untold, str_of(name))); /* of what it was before */
}

static bool is_taken(const struct image_folder *it, const char *name, const char *mark)
{
	const char *last = map_find(it->taken, str_of(name));

	return last && strcmp(last, mark) == 0;
}

/* It may come again, as it is. */
static void let_go(struct image_folder *it, const char *name, const char *mark)
{
	if (is_taken(it, name, mark))
		free(map_remove(it->taken, str_of(name)));
}

static void try_again(struct image_folder *it)
{
	if (it->closed || it->again.heap_at != 0)
		return;
	it->wait_ms = it->wait_ms ? it->wait_ms * 2 : TRY_MIN_MS;
	if (it->wait_ms > TRY_MAX_MS)
		it->wait_ms = TRY_MAX_MS;
	loop_timer_set(it->plan.loop, &it->again, it->wait_ms);
}

/* --- arrivals --- */

static void drop_texts(struct map *texts)
{
	map_free_all(texts);
}

static void folder_free(struct image_folder *it)
{
	drop_texts(it->taken);
	drop_texts(it->untold);
	json_doc_free(it->known);
	free(it->path);
	free(it);
}

/* One job less; after the last one the file is remembered, unless some of it failed. */
static void arrival_end(struct arrival *arrival)
{
	struct image_folder *it = arrival->folder;

	if (--arrival->left > 0)
		return;
	if (!arrival->failed || arrival->may_retry)
		let_go(it, arrival->name, arrival->mark);
	if (arrival->may_retry)
		try_again(it);
	if (!arrival->failed && !it->closed) {
		remember(it, arrival);
		it->wait_ms = 0;
	}
	json_doc_free(arrival->images);
	free(arrival->name);
	free(arrival->mark);
	free(arrival);
}

/* A registry may come back, and room on the disk; an archive does not mend by itself. */
static void fail(struct arrival *arrival, const struct error *err)
{
	bool is_list = str_ends(str_of(arrival->name), STR(".txt"));

	tell(arrival->folder, arrival->name, err->text);
	arrival->failed = true;
	arrival->may_retry = arrival->may_retry || is_list || err->kind == ERROR_FULL ||
			     err->kind == ERROR_UNAVAILABLE;
}

static void on_done(void *of, char **names, const struct error *err)
{
	struct arrival *arrival = of;
	struct image_folder *it = arrival->folder;

	if (err)
		fail(arrival, err);
	for (size_t i = 0; names && names[i]; i++) {
		log_info("agent.images", "image imported", "image=%s file=%s", names[i],
			 arrival->name);
		json_append(json_root(arrival->images), json_new_text(arrival->images, names[i]));
	}
	arrival_end(arrival);
	if (!err && !it->closed)
		it->plan.on_change(it->plan.of);
	if (--it->running == 0 && it->closed)
		folder_free(it);
}

static struct arrival *arrival_new(struct image_folder *it, const char *name, const char *mark)
{
	struct arrival *arrival = memory_new(struct arrival);

	arrival->folder = it;
	arrival->name = memory_string(name);
	arrival->mark = memory_string(mark);
	arrival->images = json_doc_new();
	json_set_root(arrival->images, json_new_array(arrival->images));
	arrival->left = 1;
	return arrival;
}

static void pull_list(struct image_folder *it, const char *path, const char *name, const char *mark)
{
	auto_buf text = BUF_INIT;
	struct arrival *list;
	struct error err;
	struct str rest;

	if (!file_read(path, LIST_MAX, &text, &err)) {
		tell(it, name, err.text);
		return;
	}
	list = arrival_new(it, name, mark);
	rest = buf_str(&text);
	while (rest.len > 0) {
		struct str line = str_cut(&rest, '\n');
		struct str image = str_trim(str_cut(&line, '\r'));

		if (image.len == 0 || image.at[0] == '#')
			continue;
		list->left++;
		it->running++;
		json_append(json_root(list->images), json_new_str(list->images, image));
		image_getter_pull(it->plan.getter, image, on_done, list);
	}
	arrival_end(list);
}

static const struct {
	const char *end;
	bool works;
} archives[] = {
	{ ".tar", true },      { ".tar.gz", true },   { ".tgz", true },  { ".tar.zst", true },
	{ ".tzst", true },     { ".tar.bz2", false }, { ".tbz", false }, { ".tbz2", false },
	{ ".tar.lz4", false }, { ".tar.xz", false },  { ".txz", false },
};

static void arrive_archive(struct image_folder *it, const char *path, const char *name,
			   const char *mark)
{
	for (size_t i = 0; i < ARRAY_LENGTH(archives); i++) {
		if (!str_ends(str_of(name), str_of(archives[i].end)))
			continue;
		if (archives[i].works) {
			it->running++;
			image_getter_import(it->plan.getter, path, on_done,
					    arrival_new(it, name, mark));
		} else {
			tell(it, name,
			     "archives are read plain, as gzip or as zstd: pack it again, for "
			     "example with zstd");
		}
		return;
	}
}

static void arrive(struct image_folder *it, const char *name)
{
	auto_free char *path = memory_print("%s/%s", it->path, name);
	auto_free char *mark = name[0] == '.' ? NULL : mark_of(path);

	if (!mark || is_known(it, name, mark) || is_taken(it, name, mark))
		return;
	if (file_has_writer(path))
		return; /* we hear of it when it is closed */
	take(it, name, mark);
	if (str_ends(str_of(name), STR(".txt")))
		pull_list(it, path, name, mark);
	else
		arrive_archive(it, path, name, mark);
}

static void look(struct image_folder *it)
{
	DIR *open = opendir(it->path);
	struct dirent *entry;

	while (open && (entry = readdir(open)))
		arrive(it, entry->d_name);
	if (open)
		closedir(open);
}

void image_folder_look(struct image_folder *folder)
{
	look(folder);
}

static void on_again(struct loop_timer *timer)
{
	look(CONTAINER_OF(timer, struct image_folder, again));
}

static void on_event(struct loop_fd *watch, unsigned events)
{
	struct image_folder *it = CONTAINER_OF(watch, struct image_folder, watch);
	char room[EVENTS_MAX] __attribute__((aligned(8)));
	ssize_t got = read(it->fd, room, sizeof(room));

	(void)events;
	for (ssize_t at = 0; at + (ssize_t)sizeof(struct inotify_event) <= got;) {
		const struct inotify_event *event = (const void *)(room + at);

		if (event->mask & IN_Q_OVERFLOW)
			look(it);
		else if (event->len > 0)
			arrive(it, event->name);
		at += (ssize_t)(sizeof(*event) + event->len);
	}
}

bool image_folder_open(const struct image_folder_plan *plan, struct image_folder **out,
		       struct error *err)
{
	struct image_folder *it;
	int fd;

	if (!file_make_dirs(plan->path, 0755, err))
		return false;
	fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (fd < 0 || inotify_add_watch(fd, plan->path, IN_CLOSE_WRITE | IN_MOVED_TO) < 0) {
		error_os(err, "cannot watch %s", plan->path);
		if (fd >= 0)
			close(fd);
		return false;
	}
	it = memory_new(struct image_folder);
	it->plan = *plan;
	it->path = memory_string(plan->path);
	it->fd = fd;
	it->taken = map_new();
	it->untold = map_new();
	it->again.on_timer = on_again;
	it->watch = (struct loop_fd){ .on_event = on_event, .fd = fd };
	load_known(it);
	if (!loop_fd_start(plan->loop, &it->watch, LOOP_READ, err)) {
		close(fd);
		folder_free(it);
		return false;
	}
	look(it);
	*out = it;
	return true;
}

void image_folder_close(struct image_folder *it)
{
	if (!it)
		return;
	loop_fd_stop(&it->watch);
	loop_timer_stop(&it->again);
	close(it->fd);
	it->closed = true;
	if (it->running == 0)
		folder_free(it);
}
