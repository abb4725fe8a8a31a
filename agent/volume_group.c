/*
 * volume_group.c - a walk by descriptors: whoever has files in the volume cannot lead it elsewhere.
 */
#include "agent/volume_group.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"

struct volume_group {
	struct work_job job;
	char *path;
	int64_t group;
	bool only_when_root_differs, worked;
	atomic_bool stopped;
	struct error err;
	void (*on_done)(void *of, const struct error *why); /* NULL: nobody asks any more */
	void *of;
};

#define DEPTH_MAX   512
#define FILE_BITS   0660u
#define FOLDER_BITS (02000u | 0770u)

static bool failed(struct error *err, const char *name)
{
	return error_os(err, "change the group of %s", name);
}

int64_t volume_group_of(const struct json *pod)
{
	const struct json *group = json_path(pod, "spec", "securityContext", "fsGroup", NULL);

	return json_is_int(group) ? json_int(group) : -1;
}

static bool walk(const struct volume_group *it, int folder, int depth, struct error *err);

/* It was there a moment ago, and whoever writes into the volume has taken it away since. */
static bool is_gone(void)
{
	return errno == ENOENT || errno == ENOTDIR;
}

/* By the descriptor: what is changed is what was looked at, not what has its name by then. */
static bool open_bits(int fd, unsigned mode)
{
	char link[32];

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	return chmod(link, (mode & 07777) | FILE_BITS) == 0;
}

/* A folder is entered, and changes last; of all but folders and files only the group.  EPERM: a
 * file that may not change (immutable) stays as it is. */
static bool change(const struct volume_group *it, int above, const char *name, int depth,
		   struct error *err)
{
	gid_t group = (gid_t)it->group;
	auto_fd fd = openat(above, name, O_PATH | O_NOFOLLOW | O_CLOEXEC), folder = -1;
	struct stat facts;

	if (fd < 0)
		return is_gone() || failed(err, name);
	if (fstat(fd, &facts) != 0)
		return failed(err, name);
	if (S_ISDIR(facts.st_mode)) {
		folder = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (folder < 0)
			return is_gone() || failed(err, name);
		close(take_fd(&fd));
		return walk(it, folder, depth + 1, err);
	}
	if (facts.st_gid != group &&
	    fchownat(fd, "", (uid_t)-1, group, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW) != 0)
		return errno == EPERM || failed(err, name);
	return !S_ISREG(facts.st_mode) || open_bits(fd, facts.st_mode) || errno == EPERM ||
	       failed(err, name);
}

static bool walk(const struct volume_group *it, int folder, int depth, struct error *err)
{
	struct stat facts;
	struct dirent *entry;
	DIR *dir;
	bool fine = true;
	int own;

	if (depth >= DEPTH_MAX)
		return error_set(err, ERROR_TOO_LARGE, "folders are nested too deeply");
	own = fcntl(folder, F_DUPFD_CLOEXEC, 3);
	dir = own >= 0 ? fdopendir(own) : NULL;
	if (!dir) {
		failed(err, "a folder");
		if (own >= 0)
			close(own);
		return false;
	}
	while (fine && (entry = readdir(dir))) {
		if (atomic_load(&it->stopped))
			fine = error_set(err, ERROR_UNAVAILABLE, "nobody waits for it any more");
		else if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			fine = change(it, folder, entry->d_name, depth, err);
	}
	closedir(dir);
	if (!fine)
		return false;
	return (fchown(folder, (uid_t)-1, (gid_t)it->group) == 0 && fstat(folder, &facts) == 0 &&
		fchmod(folder, (facts.st_mode & 07777) | FOLDER_BITS) == 0) ||
	       failed(err, "a folder");
}

static bool apply(const struct volume_group *it, struct error *err)
{
	auto_fd fd = open(it->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat facts;

	if (fd < 0 || fstat(fd, &facts) != 0)
		return error_os(err, "look at %s", it->path);
	if (!S_ISDIR(facts.st_mode))
		return true;
	if (it->only_when_root_differs && facts.st_gid == (gid_t)it->group &&
	    (facts.st_mode & FOLDER_BITS) == FOLDER_BITS)
		return true;
	return walk(it, fd, 0, err) || error_context(err, "volume %s", it->path);
}

/* --- on a thread of the pool --- */

static void run(struct work_job *job)
{
	struct volume_group *it = CONTAINER_OF(job, struct volume_group, job);

	it->worked = apply(it, &it->err);
}

static void done(struct work_job *job)
{
	struct volume_group *it = CONTAINER_OF(job, struct volume_group, job);

	if (it->on_done)
		it->on_done(it->of, it->worked ? NULL : &it->err);
	free(it->path);
	free(it);
}

struct volume_group *volume_group_start(struct work_pool *pool, const char *path, int64_t group,
					bool only_when_root_differs,
					void (*on_done)(void *of, const struct error *why),
					void *of)
{
	struct volume_group *it = memory_new(struct volume_group);

	it->job = (struct work_job){ .run = run, .on_done = done };
	it->path = memory_string(path);
	it->group = group;
	it->only_when_root_differs = only_when_root_differs;
	it->on_done = on_done;
	it->of = of;
	work_start(pool, &it->job);
	return it;
}

void volume_group_cancel(struct volume_group *walk)
{
	if (!walk)
		return;
	walk->on_done = NULL;
	atomic_store(&walk->stopped, true);
}
