/*
 * disk_use.c - a list of folders goes to the servant, comes back with figures, replaces the last.
 */
#include "agent/disk_use.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/map.h"

#define DEPTH_MAX   128
#define BLOCK_BYTES 512

struct folder {
	char *path;
	struct disk_use_figure figure;
};

struct disk_use {
	struct work_pool *pool;
	void (*list)(void *of, struct disk_use *use);
	void *of;
	struct work_job job;
	bool counting;
	struct folder *folders; /* of the count under way: the servant's meanwhile */
	size_t count, room;
	struct map *known; /* path -> struct disk_use_figure */
	int64_t known_ms;  /* 0 = never */
	struct list waits;
};

/* --- the walk --- */

static void walk(int fd, dev_t device, int depth, struct disk_use_figure *out)
{
	DIR *open = fdopendir(fd);
	struct dirent *entry;

	if (!open) {
		close(fd);
		return;
	}
	while ((entry = readdir(open))) {
		struct stat st;
		int below;

		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0 ||
		    fstatat(dirfd(open), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0 ||
		    st.st_dev != device)
			continue;
		/* A file of several names counts with each of them its share. */
		out->bytes += st.st_blocks * BLOCK_BYTES /
			      (S_ISREG(st.st_mode) && st.st_nlink > 1 ? (int64_t)st.st_nlink : 1);
		out->inodes++;
		if (!S_ISDIR(st.st_mode) || depth >= DEPTH_MAX)
			continue;
		below = openat(dirfd(open), entry->d_name,
			       O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (below >= 0)
			walk(below, device, depth + 1, out);
	}
	closedir(open);
}

struct disk_use_figure disk_use_count(const char *folder)
{
	int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct disk_use_figure figure = { 0 };
	struct stat st;

	if (fd < 0)
		return figure;
	if (fstat(fd, &st) != 0) {
		close(fd);
		return figure;
	}
	figure.bytes = st.st_blocks * BLOCK_BYTES;
	figure.inodes = 1;
	walk(fd, st.st_dev, 0, &figure);
	return figure;
}

/* --- the servant --- */

static void run(struct work_job *job)
{
	struct disk_use *use = CONTAINER_OF(job, struct disk_use, job);

	for (size_t i = 0; i < use->count; i++)
		use->folders[i].figure = disk_use_count(use->folders[i].path);
}

static void drop_folders(struct disk_use *use)
{
	for (size_t i = 0; i < use->count; i++)
		free(use->folders[i].path);
	use->count = 0;
}

static void forget(struct disk_use *use)
{
	map_free_all(use->known);
	use->known = map_new();
}

static void on_done(struct work_job *job)
{
	struct disk_use *use = CONTAINER_OF(job, struct disk_use, job);

	forget(use);
	for (size_t i = 0; i < use->count; i++) {
		struct disk_use_figure *figure =
			memory_copy(&use->folders[i].figure, sizeof(use->folders[i].figure));

		free(map_put(use->known, str_of(use->folders[i].path), figure));
	}
	drop_folders(use);
	use->known_ms = clock_now_ms();
	use->counting = false;
	LIST_EACH_SAFE(&use->waits, link)
	{
		struct disk_use_wait *wait = LIST_OWNER(link, struct disk_use_wait, link);

		list_remove(link);
		wait->on_ready(wait);
	}
}

static void begin(struct disk_use *use)
{
	use->counting = true;
	if (use->list)
		use->list(use->of, use);
	work_start(use->pool, &use->job);
}

/* --- outside --- */

struct disk_use *disk_use_new(struct work_pool *pool)
{
	struct disk_use *use = memory_new(struct disk_use);

	use->pool = pool;
	use->job.run = run;
	use->job.on_done = on_done;
	use->known = map_new();
	list_init(&use->waits);
	return use;
}

void disk_use_free(struct disk_use *use)
{
	if (!use)
		return;
	drop_folders(use);
	free(use->folders);
	forget(use);
	map_free(use->known);
	free(use);
}

void disk_use_plan(struct disk_use *use, void (*list)(void *of, struct disk_use *use), void *of)
{
	use->list = list;
	use->of = of;
}

void disk_use_add(struct disk_use *use, const char *folder)
{
	if (use->count == use->room) {
		use->room = use->room ? use->room * 2 : 64;
		use->folders = memory_grow(use->folders, use->room * sizeof(*use->folders));
	}
	use->folders[use->count++] = (struct folder){ .path = memory_string(folder) };
}

bool disk_use_want(struct disk_use *use, int64_t max_age_ms, struct disk_use_wait *wait)
{
	if (use->known_ms > 0 && clock_now_ms() - use->known_ms <= max_age_ms)
		return true;
	if (!use->counting)
		begin(use);
	if (!wait->link.next || list_is_empty(&wait->link)) /* not waiting yet */
		list_add(&use->waits, &wait->link);
	return false;
}

void disk_use_cancel(struct disk_use_wait *wait)
{
	if (wait->link.next)
		list_remove(&wait->link);
}

bool disk_use_find(const struct disk_use *use, const char *folder, struct disk_use_figure *out)
{
	const struct disk_use_figure *figure = map_find(use->known, str_of(folder));

	if (figure)
		*out = *figure;
	return figure != NULL;
}
