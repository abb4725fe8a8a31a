/*
 * image_folder.c - inotify, and a look at what is there already.
 *
 * A file that was imported is remembered by name, size and time below the store, so that a restart
 * does not unpack a fleet's images again.
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

#define LIST_MAX   (1024u * 1024)
#define KNOWN_MAX  (4u * 1024 * 1024)
#define EVENTS_MAX 16384

struct image_folder {
	struct loop *loop;
	struct image_getter *getter;
	char *path;
	int fd;
	struct loop_fd watch;
	struct json_doc *known; /* name -> "size mtime" of what was imported */
	void (*on_change)(void *of);
	void *of;
	bool closed;
	size_t running;
};

/* A file: an archive is one job, a list as many as it has names. */
struct arrival {
	struct image_folder *folder;
	char *name, *mark;
	size_t left; /* jobs, and one while a list is read */
	bool failed;
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

static void remember(struct image_folder *it, const char *name, const char *mark)
{
	auto_free char *path = known_path(it);
	auto_buf text = BUF_INIT;
	struct error err;

	json_put(it->known, json_root(it->known), name, json_new_text(it->known, mark));
	json_print(json_root(it->known), &text);
	if (!file_replace(path, buf_str(&text), 0600, &err))
		log_warn("agent.images", "imported archives cannot be remembered", "why=\"%s\"",
			 err.text);
}

static char *mark_of(const char *path)
{
	struct stat st;

	if (stat(path, &st) < 0 || !S_ISREG(st.st_mode))
		return NULL;
	return memory_print("%" PRId64 " %" PRId64 ".%09ld", (int64_t)st.st_size,
			    (int64_t)st.st_mtim.tv_sec, st.st_mtim.tv_nsec);
}

/* --- arrivals --- */

static void folder_free(struct image_folder *it)
{
	json_doc_free(it->known);
	free(it->path);
	free(it);
}

/* One job less; after the last one the file is remembered, unless some of it is to be tried again
 * when it comes again. */
static void arrival_end(struct arrival *arrival)
{
	if (--arrival->left > 0)
		return;
	if (!arrival->failed && !arrival->folder->closed)
		remember(arrival->folder, arrival->name, arrival->mark);
	free(arrival->name);
	free(arrival->mark);
	free(arrival);
}

static void on_done(void *of, char **names, const struct error *err)
{
	struct arrival *arrival = of;
	struct image_folder *it = arrival->folder;

	if (err)
		log_error("agent.images", "an archive cannot be imported", "file=%s why=\"%s\"",
			  arrival->name, err->text);
	for (size_t i = 0; names && names[i]; i++)
		log_info("agent.images", "image imported", "image=%s file=%s", names[i],
			 arrival->name);
	arrival->failed = arrival->failed || err;
	arrival_end(arrival);
	if (!err && !it->closed)
		it->on_change(it->of);
	if (--it->running == 0 && it->closed)
		folder_free(it);
}

static struct arrival *arrival_new(struct image_folder *it, const char *name, const char *mark)
{
	struct arrival *arrival = memory_new(struct arrival);

	arrival->folder = it;
	arrival->name = memory_string(name);
	arrival->mark = memory_string(mark);
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
		log_error("agent.images", "a list of images cannot be read", "why=\"%s\"",
			  err.text);
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
		image_getter_pull(it->getter, image, on_done, list);
	}
	arrival_end(list);
}

static bool is_archive(struct str name)
{
	static const char *const ends[] = { ".tar", ".tar.gz", ".tgz", ".tar.zst", ".tzst" };

	for (size_t i = 0; i < ARRAY_LENGTH(ends); i++)
		if (str_ends(name, str_of(ends[i])))
			return true;
	return false;
}

static void arrive(struct image_folder *it, const char *name)
{
	auto_free char *path = memory_print("%s/%s", it->path, name);
	auto_free char *mark = name[0] == '.' ? NULL : mark_of(path);

	if (!mark || str_is(json_str(json_get(json_root(it->known), name)), mark))
		return;
	if (str_ends(str_of(name), STR(".txt"))) {
		pull_list(it, path, name, mark);
	} else if (is_archive(str_of(name))) {
		it->running++;
		image_getter_import(it->getter, path, on_done, arrival_new(it, name, mark));
	}
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

bool image_folder_open(struct loop *loop, const char *path, struct image_getter *getter,
		       void (*on_change)(void *of), void *of, struct image_folder **out,
		       struct error *err)
{
	struct image_folder *it;
	int fd;

	if (!file_make_dirs(path, 0755, err))
		return false;
	fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (fd < 0 || inotify_add_watch(fd, path, IN_CLOSE_WRITE | IN_MOVED_TO) < 0) {
		error_os(err, "cannot watch %s", path);
		if (fd >= 0)
			close(fd);
		return false;
	}
	it = memory_new(struct image_folder);
	it->loop = loop;
	it->getter = getter;
	it->path = memory_string(path);
	it->fd = fd;
	it->on_change = on_change;
	it->of = of;
	it->watch = (struct loop_fd){ .on_event = on_event, .fd = fd };
	load_known(it);
	if (!loop_fd_start(loop, &it->watch, LOOP_READ, err)) {
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
	close(it->fd);
	it->closed = true;
	if (it->running == 0)
		folder_free(it);
}
