/*
 * unmounter.c - one entry a process of umount(8).
 */
#include "agent/unmounter.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include "base/list.h"
#include "base/log.h"
#include "base/process.h"
#include "runtime/mount_list.h"

#define WAIT_MS    5000   /* somebody waits; the place is free long before */
#define GIVE_UP_MS 120000 /* as long as mounting may take */

struct unmounter {
	struct loop *loop;
	struct list under_way;
};

struct unmount {
	struct list link;
	struct unmounter *of;
	struct unmounter_wait *wait; /* NULL: nobody does */
	struct loop_child child;
	struct loop_timer timer;
	char *place;
	int held; /* the place, or -1 */
};

/* --- processes --- */

static void let_go(struct unmount *unmount, bool ended)
{
	struct unmounter_wait *wait = take_ptr(&unmount->wait);

	if (wait && --wait->left == 0)
		wait->on_done(wait, ended);
}

static void drop(struct unmount *unmount, bool ended)
{
	loop_child_stop(&unmount->child);
	loop_timer_stop(&unmount->timer);
	list_remove(&unmount->link);
	let_go(unmount, ended);
	if (unmount->held >= 0)
		close(unmount->held);
	free(unmount->place);
	free(unmount);
}

static void on_exit_of(struct loop_child *child, int status)
{
	(void)status; /* who waits looks */
	drop(CONTAINER_OF(child, struct unmount, child), true);
}

/* With its helper; it may be where no signal reaches it. */
static void on_too_late(struct loop_timer *timer)
{
	struct unmount *unmount = CONTAINER_OF(timer, struct unmount, timer);

	kill(-unmount->child.pid, SIGKILL);
}

static void on_late(struct loop_timer *timer)
{
	struct unmount *unmount = CONTAINER_OF(timer, struct unmount, timer);

	log_warn("agent.unmounter", "a file server does not answer", "place=%s", unmount->place);
	timer->on_timer = on_too_late;
	loop_timer_set(unmount->of->loop, timer, GIVE_UP_MS - WAIT_MS);
	let_go(unmount, true);
}

/* Takes the place, and the descriptor that holds it, or -1.  wait: NULL, nobody does. */
static void start(struct unmounter *unmounter, const char *how, char *place, int held,
		  struct unmounter_wait *wait)
{
	const char *const argv[] = { "umount", how, place, NULL };
	struct process_plan plan = {
		.path = "umount", .argv = argv, .stdio = { -1, -1, -1 }, .new_session = true
	};
	struct unmount *unmount = memory_new(struct unmount);
	struct error err;

	unmount->of = unmounter;
	unmount->place = place;
	unmount->held = held;
	unmount->child.on_exit = on_exit_of;
	unmount->timer.on_timer = on_late;
	list_add(&unmounter->under_way, &unmount->link);
	if (!process_start(&plan, &unmount->child.pid, &err) ||
	    !loop_child_start(unmounter->loop, &unmount->child, &err)) {
		log_warn("agent.unmounter", "a share stays mounted", "place=%s why=\"%s\"", place,
			 err.text);
		drop(unmount, true);
		return;
	}
	loop_timer_set(unmounter->loop, &unmount->timer, WAIT_MS);
	unmount->wait = wait;
	if (wait)
		wait->left++;
}

static bool is_under_way(const struct unmounter *unmounter, const char *place)
{
	LIST_EACH(&unmounter->under_way, link)
	if (strcmp(LIST_OWNER(link, struct unmount, link)->place, place) == 0)
		return true;
	return false;
}

/* --- what is a share --- */

static bool asks_a_server(const struct mount_line *mount)
{
	static const char *const types[] = { "nfs", "nfs4", "cifs", "smb3", "ceph", "9p" };

	for (size_t i = 0; i < ARRAY_LENGTH(types); i++)
		if (str_is(mount->type, types[i]))
			return true;
	return str_starts(mount->type, STR("fuse"));
}

static bool is_elsewhere(struct str list, struct str device, const char *folder)
{
	bool found = false;

	while (!found && list.len > 0) {
		struct mount_line mount;

		if (!mount_line_read(str_cut(&list, '\n'), &mount))
			continue;
		found = str_equal(mount.device, device) && !mount_is_below(mount.place, folder);
		free(mount.place);
	}
	return found;
}

/* The places of shares below the folder, the last mounted first; caller frees all. */
static char **find_shares(const char *folder, bool alone, size_t *out_count)
{
	auto_buf text = BUF_INIT;
	struct str rest;
	char **places = NULL;
	struct error ignored;

	*out_count = 0;
	if (!mount_list_read(&text, &ignored))
		return NULL;
	for (rest = buf_str(&text); rest.len > 0;) {
		struct mount_line mount;

		if (!mount_line_read(str_cut(&rest, '\n'), &mount))
			continue;
		if (!mount_is_below(mount.place, folder) || !asks_a_server(&mount) ||
		    (alone && is_elsewhere(buf_str(&text), mount.device, folder))) {
			free(mount.place);
			continue;
		}
		places = memory_grow(places, (*out_count + 1) * sizeof(*places));
		places[(*out_count)++] = mount.place;
	}
	return places;
}

/* --- the unmounter --- */

bool unmounter_start(struct unmounter *unmounter, const char *folder, struct unmounter_wait *wait)
{
	size_t count;
	char **places = find_shares(folder, false, &count);

	wait->left = 0;
	while (count-- > 0)
		start(unmounter, "-l", places[count], -1, wait);
	free(places);
	return wait->left > 0;
}

/* Held, it stays: the next try needs it, as the containers' own mounts are seen by nobody else. */
static void force(struct unmounter *unmounter, char *place)
{
	int held = open(place, O_PATH | O_DIRECTORY | O_CLOEXEC); /* asks no server */

	start(unmounter, "-f", place, held, NULL);
}

void unmounter_force(struct unmounter *unmounter, const char *folder)
{
	size_t count;
	char **places = find_shares(folder, true, &count);

	while (count-- > 0)
		if (is_under_way(unmounter, places[count]))
			free(places[count]);
		else
			force(unmounter, places[count]);
	free(places);
}

struct unmounter *unmounter_new(struct loop *loop)
{
	struct unmounter *unmounter = memory_new(struct unmounter);

	unmounter->loop = loop;
	list_init(&unmounter->under_way);
	return unmounter;
}

void unmounter_free(struct unmounter *unmounter)
{
	if (!unmounter)
		return;
	LIST_EACH_SAFE(&unmounter->under_way, link)
	drop(LIST_OWNER(link, struct unmount, link), false);
	free(unmounter);
}
