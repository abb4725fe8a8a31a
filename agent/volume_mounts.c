/*
 * volume_mounts.c - one entry a volume that is pulled or mounted.
 *
 * Shares are mounted by the machine's own mount(8), as kubelets do it: it knows the helpers of the
 * file system and what its versions want.  It is a child of ours and may be killed; a mount(2) of
 * ours would hold a thread until a dead server answers.
 */
#include "agent/volume_mounts.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/image_getter.h"
#include "agent/pull_secret.h"
#include "agent/volume_claim.h"
#include "agent/volume_group.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/limits.h"
#include "base/process.h"
#include "runtime/mount_list.h"

#define SHARE_SECONDS 120  /* a server that does not answer in this time is given up */
#define SILENCE_MS    1000 /* who was killed ends in less */
#define SAID_MAX      1024
#define OPTIONS_MAX   4096
#define NOTE          "image-volume."
#ifndef STATX_ATTR_MOUNT_ROOT
#define STATX_ATTR_MOUNT_ROOT 0x2000 /* linux/stat.h, Linux 5.8 */
#endif

enum phase { WAITING, RUNNING, FAILED, DONE };

struct entry {
	struct volume_mounts *mounts;
	char *name, *place;
	enum phase phase;
	struct error why;
	/* of images */
	struct image_want *want;
	struct image *image;
	/* of shares */
	struct loop_child child;
	struct loop_timer timer;
	int output; /* what mount says; -1 = none */
	/* of claims */
	struct volume_group *walk;
};

struct volume_mounts {
	const struct node *node;
	char *folder;
	void (*on_change)(void *of);
	void *of;
	struct entry **entries;
	size_t count;
};

bool volume_is_mounted(const char *path)
{
	struct statx facts;

	return statx(AT_FDCWD, path, AT_NO_AUTOMOUNT | AT_SYMLINK_NOFOLLOW | AT_STATX_DONT_SYNC, 0,
		     &facts) == 0 &&
	       (facts.stx_attributes & STATX_ATTR_MOUNT_ROOT);
}

/* --- the list of mounts --- */

/* Later lines lie upon earlier ones. */
void volume_unmount_below(const char *folder)
{
	auto_buf text = BUF_INIT;
	struct str rest;
	char **places = NULL;
	size_t count = 0;
	struct error ignored;

	if (!mount_list_read(&text, &ignored))
		return;
	for (rest = buf_str(&text); rest.len > 0;) {
		struct mount_line mount;

		if (!mount_line_read(str_cut(&rest, '\n'), &mount))
			continue;
		if (!mount_is_below(mount.place, folder)) {
			free(mount.place);
			continue;
		}
		places = memory_grow(places, (count + 1) * sizeof(*places));
		places[count++] = mount.place;
	}
	while (count-- > 0) {
		(void)!umount2(places[count], MNT_DETACH | UMOUNT_NOFOLLOW);
		free(places[count]);
	}
	free(places);
}

bool volume_check_shared(const char *path, struct error *err)
{
	auto_free char *real = realpath(path, NULL), *best = memory_string("/");
	auto_buf text = BUF_INIT;
	struct str rest;
	bool shared = false;

	if (!real) /* the runtime tells of it */
		return true;
	if (!mount_list_read(&text, err))
		return false;
	for (rest = buf_str(&text); rest.len > 0;) {
		struct mount_line mount;

		if (!mount_line_read(str_cut(&rest, '\n'), &mount))
			continue;
		if ((strcmp(real, mount.place) == 0 || mount_is_below(real, mount.place)) &&
		    strlen(mount.place) >= strlen(best)) {
			shared = mount.shared;
			free(best);
			best = take_ptr(&mount.place);
		}
		free(mount.place);
	}
	return shared || error_set(err, ERROR_INVALID,
				   "path \"%s\" is mounted on \"%s\" but it is not a shared mount",
				   path, best);
}

/* --- entries --- */

static struct entry *entry_of(struct volume_mounts *mounts, struct str name)
{
	struct entry *entry;

	for (size_t i = 0; i < mounts->count; i++)
		if (str_is(name, mounts->entries[i]->name))
			return mounts->entries[i];
	entry = memory_new(struct entry);
	entry->mounts = mounts;
	entry->name = str_copy(name);
	entry->place = memory_print("%s/volumes/%s", mounts->folder, entry->name);
	entry->output = -1;
	mounts->entries =
		memory_grow(mounts->entries, (mounts->count + 1) * sizeof(*mounts->entries));
	mounts->entries[mounts->count++] = entry;
	return entry;
}

static void close_output(struct entry *entry)
{
	if (entry->output >= 0)
		close(entry->output);
	entry->output = -1;
}

/* What it says ends when the last that could say something has ended: so has its helper. */
static void wait_for_silence(const struct entry *entry)
{
	int64_t until = clock_now_ms() + SILENCE_MS;
	struct pollfd ask = { .fd = entry->output, .events = POLLIN };
	char said[SAID_MAX];

	while (clock_now_ms() < until && poll(&ask, 1, (int)(until - clock_now_ms())) > 0 &&
	       read(entry->output, said, sizeof(said)) > 0)
		;
}

/* With its helper: the one does not end with the other. */
static void kill_mount(const struct entry *entry)
{
	kill(-entry->child.pid, SIGKILL);
}

/* A mount that is killed does not mount later, when the pod is gone. */
static void entry_free(struct entry *entry)
{
	image_want_cancel(entry->want);
	image_free(entry->mounts->node->images, entry->image);
	volume_group_cancel(entry->walk);
	if (entry->child.pid > 0) {
		kill_mount(entry);
		loop_child_stop(&entry->child);
		(void)!waitpid(entry->child.pid, NULL, 0);
		wait_for_silence(entry);
	}
	loop_timer_stop(&entry->timer);
	close_output(entry);
	free(entry->name);
	free(entry->place);
	free(entry);
}

/* why NULL: it is there. */
static void finish(struct entry *entry, const struct error *why)
{
	entry->phase = why ? FAILED : DONE;
	if (why)
		entry->why = *why;
	entry->mounts->on_change(entry->mounts->of);
}

/* Below a folder that only we reach: the roots of images are open for all. */
static bool make_place(const struct entry *entry, struct error *err)
{
	auto_free char *above = memory_print("%s/volumes", entry->mounts->folder);

	return file_make_dirs(above, 0755, err) &&
	       (mkdir(entry->place, 0755) == 0 || errno == EEXIST ||
		error_os(err, "cannot make %s", entry->place));
}

/* --- images --- */

static char *note_path(const struct entry *entry)
{
	return memory_print("%s/" NOTE "%s", entry->mounts->folder, entry->name);
}

/* "lowerdir=/proc/self/fd/7:/proc/self/fd/8", the uppermost first: paths would not fit.  An overlay
 * without an upper folder wants two below: an empty one is the lowest. */
static bool open_layers(const struct entry *entry, int *fds, size_t *out_count, struct buf *options,
			struct error *err)
{
	auto_free char *none = memory_print("%s/volumes/.none", entry->mounts->folder);
	size_t layers = 0;

	if (!file_make_dirs(none, 0755, err))
		return false;
	while (entry->image->layers[layers])
		layers++;
	buf_add_text(options, "lowerdir=");
	for (size_t i = 0; i <= layers; i++) {
		const char *path = i < layers ? entry->image->layers[layers - 1 - i] : none;

		fds[i] = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (fds[i] < 0)
			return error_os(err, "cannot open a layer of the image");
		*out_count = i + 1;
		buf_add_print(options, "%s/proc/self/fd/%d", i > 0 ? ":" : "", fds[i]);
	}
	return true;
}

static bool mount_layers(const struct entry *entry, struct error *err)
{
	int fds[LIMIT_IMAGE_LAYERS + 1];
	auto_buf options = BUF_INIT;
	size_t count = 0;
	bool done;

	done = make_place(entry, err) && open_layers(entry, fds, &count, &options, err);
	if (done && mount("overlay", entry->place, "overlay",
			  MS_RDONLY | MS_NOEXEC | MS_NOSUID | MS_NODEV, buf_text(&options)) < 0)
		done = error_os(err, "cannot mount the layers of the image");
	for (size_t i = 0; i < count; i++)
		close(fds[i]);
	return done;
}

/* Which image is mounted: its name may mean another one by the next start. */
static void note_image(const struct entry *entry)
{
	auto_free char *path = note_path(entry);
	struct error ignored;

	(void)!file_put(path, str_of(entry->image->id), 0600, &ignored);
}

static void on_image(void *of, struct image *image, const struct error *err, const char *fallback)
{
	struct entry *entry = of;
	struct error why;

	(void)fallback;
	entry->want = NULL;
	if (!image) {
		finish(entry, err);
		return;
	}
	image_free(entry->mounts->node->images, entry->image);
	entry->image = image;
	note_image(entry);
	finish(entry, mount_layers(entry, &why) ? NULL : &why);
}

static enum image_policy policy_of(const struct json *part)
{
	struct str word = json_str(json_get(part, "pullPolicy"));

	return str_is(word, "Always")  ? IMAGE_ALWAYS
	       : str_is(word, "Never") ? IMAGE_NEVER
				       : IMAGE_IF_NOT_PRESENT;
}

static bool start_image(struct entry *entry, const struct volumes_work *work,
			const struct json *volume, struct error *err)
{
	const struct json *part = json_get(volume, "image");
	struct image_want_plan plan = { .name = json_str(json_get(part, "reference")),
					.policy = policy_of(part) };
	struct pull_logins logins;

	if (plan.name.len == 0)
		return error_set(err, ERROR_INVALID, "image.reference is empty");
	pull_secret_find(work->pod, work->sources, plan.name, &logins);
	plan.logins = logins.at;
	plan.login_count = logins.count;
	entry->want = image_want_start(entry->mounts->node->getter, &plan, on_image, entry);
	pull_logins_clear(&logins);
	return true;
}

/* --- shares --- */

const char *const *volume_nfs_arguments(const struct volume_nfs *share, const char *place,
					struct arena *arena)
{
	auto_buf options = BUF_INIT;
	const char **argv = arena_get(arena, 8 * sizeof(*argv));
	size_t count = 0;

	if (share->read_only)
		buf_add_text(&options, "ro");
	for (struct json_iter it = json_iter(share->options);
	     json_next(&it) && options.len < OPTIONS_MAX;)
		buf_add_print(&options, "%s" STR_FMT, options.len > 0 ? "," : "",
			      STR_ARG(json_str(it.value)));
	argv[count++] = "mount";
	argv[count++] = "-t";
	argv[count++] = "nfs";
	if (options.len > 0) {
		argv[count++] = "-o";
		argv[count++] = arena_string(arena, options.at, options.len);
	}
	argv[count++] = arena_print(arena, STR_FMT ":" STR_FMT, STR_ARG(share->server),
				    STR_ARG(share->path));
	argv[count++] = place;
	argv[count] = NULL;
	return argv;
}

/* The words of kubelets, on one line. */
static void tell_failure(const struct entry *entry, int status, struct error *err)
{
	char said[SAID_MAX];
	ssize_t got = read(entry->output, said, sizeof(said) - 1);

	said[got > 0 ? got : 0] = '\0';
	for (char *at = said; *at; at++)
		if ((unsigned char)*at < ' ' || (unsigned char)*at > '~')
			*at = ' ';
	if (WIFEXITED(status))
		error_set(err, ERROR_UNAVAILABLE, "mount failed: exit status %d: %s",
			  WEXITSTATUS(status), said);
	else
		error_set(err, ERROR_UNAVAILABLE,
			  "mount failed: the server did not answer in %d s: %s", SHARE_SECONDS,
			  said);
}

static void on_mount_exit(struct loop_child *child, int status)
{
	struct entry *entry = CONTAINER_OF(child, struct entry, child);
	bool mounted = WIFEXITED(status) && WEXITSTATUS(status) == 0;
	struct error why;

	child->pid = 0;
	loop_timer_stop(&entry->timer);
	if (!mounted)
		tell_failure(entry, status, &why);
	close_output(entry);
	finish(entry, mounted ? NULL : &why);
}

static void on_mount_late(struct loop_timer *timer)
{
	kill_mount(CONTAINER_OF(timer, struct entry, timer));
}

bool volume_nfs_find(const struct volumes_work *work, const struct json *volume,
		     struct volume_nfs *out)
{
	const struct json *part = json_get(volume, "nfs"), *persistent = NULL;
	struct error ignored;

	if (!part && volume_claim_find(work, volume, &persistent, &ignored))
		part = json_path(persistent, "spec", "nfs", NULL);
	*out = (struct volume_nfs){
		.server = json_str(json_get(part, "server")),
		.path = json_str(json_get(part, "path")),
		.read_only = json_bool(json_get(part, "readOnly")),
		.options = json_path(persistent, "spec", "mountOptions", NULL),
	};
	return part != NULL;
}

static bool start_share(struct entry *entry, const struct volumes_work *work,
			const struct json *volume, struct error *err)
{
	auto_arena arena = arena_new();
	struct volume_nfs share;
	auto_fd write_end = -1;
	int ends[2];
	struct process_plan plan = { .path = "mount",
				     .new_session = true,
				     .die_with_parent = SIGKILL };

	if (!volume_nfs_find(work, volume, &share) || !make_place(entry, err))
		return false;
	if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0)
		return error_os(err, "cannot make a pipe");
	entry->output = ends[0];
	write_end = ends[1];
	plan.argv = volume_nfs_arguments(&share, entry->place, arena);
	plan.stdio[0] = -1;
	plan.stdio[1] = plan.stdio[2] = write_end;
	if (!process_start(&plan, &entry->child.pid, err))
		return false;
	entry->child.on_exit = on_mount_exit;
	entry->timer.on_timer = on_mount_late;
	loop_timer_set(entry->mounts->node->loop, &entry->timer, SHARE_SECONDS * 1000);
	return loop_child_start(entry->mounts->node->loop, &entry->child, err);
}

/* --- groups of claims --- */

/* Once a pod; a volume that it only reads stays as it is. */
static const struct json *find_grouped(const struct volumes_work *work, const struct json *volume)
{
	const struct json *persistent;
	struct error ignored;

	if (volume_group_of(work->pod) < 0 ||
	    json_bool(json_path(volume, "persistentVolumeClaim", "readOnly", NULL)) ||
	    !volume_claim_find(work, volume, &persistent, &ignored))
		return NULL;
	return json_path(persistent, "spec", "local", NULL) ? persistent : NULL;
}

static void on_grouped(void *of, const struct error *why)
{
	struct entry *entry = of;
	struct error err;

	entry->walk = NULL;
	if (!why && !file_make_dirs(entry->place, 0700, &err))
		why = &err;
	finish(entry, why);
}

static bool start_group(struct entry *entry, const struct volumes_work *work,
			const struct json *volume, struct error *err)
{
	const struct json *persistent = find_grouped(work, volume);
	struct str policy = json_str(
		json_path(work->pod, "spec", "securityContext", "fsGroupChangePolicy", NULL));
	auto_free char *folder = NULL;

	if (!volume_claim_prepare(persistent, err))
		return false;
	folder = str_copy(volume_claim_place(persistent));
	entry->walk =
		volume_group_start(entry->mounts->node->movers, folder, volume_group_of(work->pod),
				   str_is(policy, "OnRootMismatch"), on_grouped, entry);
	return true;
}

/* --- all of a pod --- */

typedef bool start_fn(struct entry *entry, const struct volumes_work *work,
		      const struct json *volume, struct error *err);

static start_fn *starter_of(const struct volumes_work *work, const struct json *volume)
{
	struct volume_nfs share;

	if (json_get(volume, "image"))
		return start_image;
	if (volume_nfs_find(work, volume, &share))
		return start_share;
	return find_grouped(work, volume) ? start_group : NULL;
}

static bool is_there(const struct entry *entry, start_fn *start)
{
	return start == start_group ? file_exists(entry->place) : volume_is_mounted(entry->place);
}

/* false: it failed. */
static bool step_entry(struct entry *entry, start_fn *start, const struct volumes_work *work,
		       const struct json *volume, struct error *err)
{
	if (entry->phase == FAILED) {
		entry->phase = WAITING;
		*err = entry->why;
		return false;
	}
	if (entry->phase == WAITING && is_there(entry, start))
		entry->phase = DONE;
	if (entry->phase != WAITING)
		return true;
	entry->phase = RUNNING;
	if (start(entry, work, volume, err))
		return true;
	entry->phase = WAITING;
	return false;
}

enum volume_mounts_state volume_mounts_step(struct volume_mounts *mounts,
					    const struct volumes_work *work, struct error *err)
{
	enum volume_mounts_state state = VOLUME_MOUNTS_READY;

	for (struct json_iter it = json_iter(json_path(work->pod, "spec", "volumes", NULL));
	     mounts && json_next(&it);) {
		struct str name = json_str(json_get(it.value, "name"));
		start_fn *start = starter_of(work, it.value);
		struct entry *entry = start ? entry_of(mounts, name) : NULL;

		if (!entry)
			continue;
		if (!step_entry(entry, start, work, it.value, err)) {
			error_context(err, "MountVolume.SetUp failed for volume \"%s\" ",
				      entry->name);
			return VOLUME_MOUNTS_FAILED;
		}
		if (entry->phase == RUNNING)
			state = VOLUME_MOUNTS_BUSY;
	}
	return state;
}

static void hold_images(struct volume_mounts *mounts)
{
	DIR *open = opendir(mounts->folder);
	struct dirent *file;

	while (open && (file = readdir(open))) {
		struct str name = str_of(file->d_name);
		auto_free char *path = memory_print("%s/%s", mounts->folder, file->d_name);
		auto_buf id = BUF_INIT;
		struct error ignored;

		if (!str_starts(name, STR(NOTE)) || !file_read(path, 256, &id, &ignored))
			continue;
		name = str_from(name.at + strlen(NOTE), name.len - strlen(NOTE));
		(void)!images_find(mounts->node->images, buf_str(&id),
				   &entry_of(mounts, name)->image, &ignored);
	}
	if (open)
		closedir(open);
}

struct volume_mounts *volume_mounts_new(const struct node *node, const char *folder,
					void (*on_change)(void *of), void *of)
{
	struct volume_mounts *mounts = memory_new(struct volume_mounts);

	mounts->node = node;
	mounts->folder = memory_string(folder);
	mounts->on_change = on_change;
	mounts->of = of;
	hold_images(mounts);
	return mounts;
}

void volume_mounts_free(struct volume_mounts *mounts)
{
	if (!mounts)
		return;
	for (size_t i = 0; i < mounts->count; i++)
		entry_free(mounts->entries[i]);
	free(mounts->entries);
	free(mounts->folder);
	free(mounts);
}
