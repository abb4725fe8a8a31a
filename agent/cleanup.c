/*
 * cleanup.c - the end of a node: the network first, while the pods' ends of it are sure to be
 * there, then the pods, all at once, each by its own monitor.
 */
#include "agent/cleanup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "agent/unmounter.h"
#include "agent/volumes.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/list.h"
#include "base/log.h"
#include "flannel-lite/pod_leftover.h"
#include "flannel-lite/service_rules.h"
#include "runtime/cgroup.h"
#include "runtime/container_plan.h"
#include "runtime/sandbox.h"

#define LOCK_WAIT_MS      5000
#define LOCK_LOOK_MS      20
#define COMMAND_BYTES_MAX 8192
#define PLAN_BYTES_MAX    (1024 * 1024)

struct cleanup {
	const struct cleanup_plan *plan;
	struct loop *loop;
	char *folder; /* .../agent */
	struct list pods;
	size_t waiting; /* pods whose monitor has not ended */
	struct unmounter *unmounter;
	size_t unmounting;      /* pods whose shares are not unmounted */
	struct cgroup *cgroups; /* of all pods and monitors; NULL = not known */
	bool failed;
	struct error why; /* the first thing that stayed */
};

struct pod_left {
	struct list link;
	struct cleanup *cleanup;
	char *uid, *folder;
	struct sandbox *sandbox;
	struct unmounter_wait shares;
};

/* What stays is told once; the others are tried all the same. */
static void keep_going(struct cleanup *cleanup, const struct error *why)
{
	log_warn("agent.cleanup", "something stays", "why=\"%s\"", why->text);
	if (!cleanup->failed)
		cleanup->why = *why;
	cleanup->failed = true;
}

/* --- monitors --- */

/* "mote monitor FOLDER" with a folder below `pods`: as /proc shows it, zero bytes between words. */
static bool is_monitor(const char *pid, const char *pods)
{
	static const char head[] = "mote\0monitor"; /* ends with a zero byte too */
	auto_free char *path = memory_print("/proc/%s/cmdline", pid);
	char words[COMMAND_BYTES_MAX];
	auto_fd fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t len = fd < 0 ? 0 : read(fd, words, sizeof(words) - 1);
	const char *folder = words + sizeof(head);

	if (len <= (ssize_t)sizeof(head) || memcmp(words, head, sizeof(head)) != 0)
		return false;
	words[len] = '\0';
	return strncmp(folder, pods, strlen(pods)) == 0 && folder[strlen(pods)] == '/';
}

/* Those that do not hear, and those whose folder somebody removed. */
static void kill_monitors(const struct cleanup *cleanup)
{
	auto_free char *pods = memory_print("%s/pods", cleanup->folder);
	DIR *proc = opendir("/proc");
	struct dirent *entry;
	uint64_t pid;

	while (proc && (entry = readdir(proc))) {
		if (!str_to_u64(str_of(entry->d_name), INT32_MAX, &pid) ||
		    !is_monitor(entry->d_name, pods))
			continue;
		log_warn("agent.cleanup", "a pod's monitor is killed", "pid=%s", entry->d_name);
		kill((pid_t)pid, SIGKILL);
	}
	if (proc)
		closedir(proc);
}

/* --- one pod --- */

static void on_ready(void *owner, const struct error *err)
{
	struct pod_left *pod = owner;

	(void)err; /* dead or alive: what it has goes */
	sandbox_destroy(pod->sandbox);
}

static void on_container(void *owner, const char *id)
{
	(void)owner;
	(void)id;
}

static void on_gone(void *owner)
{
	struct pod_left *pod = owner;
	auto_free char *inside = memory_print("%s/sandbox", pod->folder);

	if (file_exists(inside)) {
		/* The monitor ended by itself; now it can be cleaned up behind it. */
		sandbox_destroy(pod->sandbox);
		return;
	}
	sandbox_close(take_ptr(&pod->sandbox));
	pod->cleanup->waiting--;
}

/* A pod's plan names the group of its monitor, ".../mote/monitors": one level up is the top. */
static void learn_cgroups(struct cleanup *cleanup, const char *inside)
{
	auto_free char *path = memory_print("%s/plan.json", inside);
	AUTO(json_doc_free) struct json_doc *doc = NULL;
	auto_buf text = BUF_INIT;
	struct error why;

	if (cleanup->cgroups || !file_read(path, PLAN_BYTES_MAX, &text, &why) ||
	    !json_parse(buf_str(&text), &doc, NULL, &why) ||
	    !cgroup_parse(json_get(json_root(doc), "home"), &cleanup->cgroups, &why))
		return;
	for (size_t i = 0; i < CGROUP_PARTS; i++)
		if (cleanup->cgroups->folders[i])
			*strrchr(cleanup->cgroups->folders[i], '/') = '\0';
}

static void begin_pod(struct cleanup *cleanup, const char *uid)
{
	static const struct sandbox_events events = { .on_ready = on_ready,
						      .on_container = on_container,
						      .on_gone = on_gone };
	struct pod_left *pod = memory_new(struct pod_left);
	auto_free char *inside = NULL;
	struct error err;

	pod->cleanup = cleanup;
	pod->uid = memory_string(uid);
	pod->folder = memory_print("%s/pods/%s", cleanup->folder, uid);
	list_add(&cleanup->pods, &pod->link);
	inside = memory_print("%s/sandbox", pod->folder);
	if (!file_exists(inside))
		return; /* it was never begun, or was over */
	learn_cgroups(cleanup, inside);
	if (sandbox_adopt(cleanup->loop, pod->folder, &events, pod, &pod->sandbox, &err))
		cleanup->waiting++;
	else
		keep_going(cleanup, &err);
}

/* <pod-logs-dir>/<namespace>_<name>_<uid> */
static bool remove_logs(const struct pod_left *pod, struct error *err)
{
	const char *logs = pod->cleanup->plan->pod_logs_dir;
	auto_free char *end = memory_print("_%s", pod->uid);
	DIR *open = opendir(logs);
	struct dirent *entry;
	bool fine = true;

	while (fine && open && (entry = readdir(open))) {
		auto_free char *path = memory_print("%s/%s", logs, entry->d_name);

		if (str_ends(str_of(entry->d_name), str_of(end)))
			fine = file_remove_tree(path, err);
	}
	if (open)
		closedir(open);
	return fine;
}

static void end_pod(struct pod_left *pod)
{
	struct error err;

	if (pod->sandbox) {
		sandbox_close(pod->sandbox);
		error_set(&err, ERROR_UNAVAILABLE, "the pod in %s does not end", pod->folder);
		keep_going(pod->cleanup, &err);
	} else {
		volumes_release(pod->folder);
		if (!remove_logs(pod, &err) || !file_remove_tree(pod->folder, &err))
			keep_going(pod->cleanup, &err);
	}
	free(pod->uid);
	free(pod->folder);
	free(pod);
}

/* --- all pods --- */

static void begin_pods(struct cleanup *cleanup)
{
	auto_free char *path = memory_print("%s/pods", cleanup->folder);
	DIR *open = opendir(path);
	struct dirent *entry;
	struct error ignored;

	while (open && (entry = readdir(open)))
		if (container_id_validate(entry->d_name, &ignored))
			begin_pod(cleanup, entry->d_name);
	if (open)
		closedir(open);
}

static void wait_for_pods(struct cleanup *cleanup)
{
	int64_t until = clock_now_ms() + cleanup->plan->patience_ms;

	while (cleanup->waiting > 0 && clock_now_ms() < until)
		loop_once(cleanup->loop, (int)(until - clock_now_ms()));
}

static void on_shares_gone(struct unmounter_wait *wait, bool ended)
{
	(void)ended; /* the end of the pod tells what stayed */
	CONTAINER_OF(wait, struct pod_left, shares)->cleanup->unmounting--;
}

/* All at once: each takes some seconds when its server is away. */
static void unmount_shares(struct cleanup *cleanup)
{
	LIST_EACH(&cleanup->pods, link)
	{
		struct pod_left *pod = LIST_OWNER(link, struct pod_left, link);

		pod->shares.on_done = on_shares_gone;
		if (!pod->sandbox && unmounter_start(cleanup->unmounter, pod->folder, &pod->shares))
			cleanup->unmounting++;
	}
	while (cleanup->unmounting > 0)
		loop_once(cleanup->loop, -1);
}

static size_t end_pods(struct cleanup *cleanup)
{
	size_t count = 0;

	begin_pods(cleanup);
	wait_for_pods(cleanup);
	kill_monitors(cleanup);
	wait_for_pods(cleanup);
	unmount_shares(cleanup);
	LIST_EACH_SAFE(&cleanup->pods, link)
	{
		list_remove(link);
		end_pod(LIST_OWNER(link, struct pod_left, link));
		count++;
	}
	return count;
}

/* --- the rest --- */

/* Interfaces and rules, in the network namespace that we are in. */
static void remove_network(struct cleanup *cleanup)
{
	auto_free char *folder = memory_print("%s/network", cleanup->folder);
	struct error err;

	if (!file_exists(folder))
		return;
	if (!service_rules_remove(&err))
		keep_going(cleanup, &err);
	if (!pod_leftover_remove(folder, &err))
		keep_going(cleanup, &err);
}

/* The groups around the pods' own, if they are empty: other agents may have pods there. */
static void remove_cgroups(struct cleanup *cleanup)
{
	static const char *const names[] = { "/monitors", "/pods", "" };

	for (size_t i = 0; cleanup->cgroups && i < CGROUP_PARTS; i++)
		for (size_t j = 0; cleanup->cgroups->folders[i] && j < ARRAY_LENGTH(names); j++) {
			auto_free char *path =
				memory_print("%s%s", cleanup->cgroups->folders[i], names[j]);

			rmdir(path);
		}
	cgroup_close(cleanup->cgroups);
}

/* One that was killed holds its lock until the last of its threads has come back from the disk. */
static bool lock_soon(int fd)
{
	int64_t until = clock_now_ms() + LOCK_WAIT_MS;

	while (flock(fd, LOCK_EX | LOCK_NB) != 0) {
		if (errno != EWOULDBLOCK || clock_now_ms() > until)
			return false;
		usleep(LOCK_LOOK_MS * 1000);
	}
	return true;
}

static bool lock_folder(const struct cleanup *cleanup, int *out_fd, struct error *err)
{
	auto_free char *path = memory_print("%s/lock", cleanup->folder);
	auto_fd fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	if (fd < 0)
		return error_os(err, "cannot open %s", path);
	if (!lock_soon(fd))
		return error_set(err, ERROR_EXISTS, "an agent runs on %s: end it first",
				 cleanup->folder);
	*out_fd = take_fd(&fd);
	return true;
}

static bool run(struct cleanup *cleanup, size_t *out_pods, struct error *err)
{
	auto_fd lock = -1;

	*out_pods = 0;
	if (!file_exists(cleanup->folder)) {
		kill_monitors(cleanup);
		return true;
	}
	if (!lock_folder(cleanup, &lock, err) || !loop_open(&cleanup->loop, err))
		return false;
	cleanup->unmounter = unmounter_new(cleanup->loop);
	remove_network(cleanup);
	*out_pods = end_pods(cleanup);
	remove_cgroups(cleanup);
	unmounter_free(cleanup->unmounter);
	loop_close(cleanup->loop);
	if (cleanup->failed)
		*err = cleanup->why;
	return !cleanup->failed;
}

/* As the agent found it: monitors are known by their absolute path, without links in it. */
static char *find_folder(const char *data_dir)
{
	auto_free char *given = memory_print("%s/agent", data_dir);
	char *found = realpath(given, NULL);
	auto_free char *above = found ? NULL : realpath(data_dir, NULL);

	if (found)
		return found;
	return above ? memory_print("%s/agent", above) : take_ptr(&given);
}

bool cleanup_run(const struct cleanup_plan *plan, size_t *out_pods, struct error *err)
{
	struct cleanup cleanup = { .plan = plan };
	bool fine;

	list_init(&cleanup.pods);
	cleanup.folder = find_folder(plan->data_dir);
	fine = run(&cleanup, out_pods, err);
	free(cleanup.folder);
	return fine;
}
