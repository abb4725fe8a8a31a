/*
 * pod_fixture.c - builds pods, waits for them, and looks for what they left behind.
 */
#include "tests/unit/runtime/pod_fixture.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "tests/unit/harness.h"

#define BUSYBOX "/bin/busybox"
#define WAIT_MS 8000

static const char *const applets[] = {
	"sh",   "cat",   "echo", "id",   "ls",     "sleep",  "kill",   "touch",    "mkdir",
	"rm",   "head",  "tail", "dd",   "grep",   "mount",  "umount", "unshare",  "mknod",
	"env",  "pwd",   "stty", "seq",  "printf", "wc",     "ps",     "readlink", "hostname",
	"true", "false", "ln",   "stat", "tty",    "chroot", "od",     "awk",      "yes",
	"test", "ip",    "find", "mv",   "sort",   "cut",    "sed",
};

char *pod_read(const char *path)
{
	struct buf text = BUF_INIT;
	struct error err;

	if (!file_read(path, 64 * 1024 * 1024, &text, &err))
		buf_reset(&text);
	buf_reserve(&text, 1);
	return buf_take(&text);
}

/* --- the image --- */

static void make_layer(struct pod *pod)
{
	static const char *const folders[] = { "bin", "etc", "tmp", "home", "srv" };
	char path[512];
	struct error err;
	char *binary = pod_read(BUSYBOX);
	struct stat facts;
	int fd;

	CHECK(stat(BUSYBOX, &facts) == 0);
	CHECK(mkdir(pod->layer, 0755) == 0);
	CHECK(chmod(pod->layer, 0755) == 0);
	for (size_t i = 0; i < ARRAY_LENGTH(folders); i++) {
		snprintf(path, sizeof(path), "%s/%s", pod->layer, folders[i]);
		CHECK(mkdir(path, 0755) == 0);
	}
	chmod(path, 0777); /* srv: for everybody */
	snprintf(path, sizeof(path), "%s/bin/busybox", pod->layer);
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0755);
	CHECK(fd >= 0);
	CHECK_OK(file_write_all(fd, binary, (size_t)facts.st_size, &err), &err);
	close(fd);
	free(binary);
	for (size_t i = 0; i < ARRAY_LENGTH(applets); i++) {
		snprintf(path, sizeof(path), "%s/bin/%s", pod->layer, applets[i]);
		CHECK(symlink("busybox", path) == 0);
	}
	snprintf(path, sizeof(path), "%s/etc/passwd", pod->layer);
	CHECK_OK(
		file_replace(path,
			     STR("root:x:0:0:root:/root:/bin/sh\nweb:x:101:102:web:/srv:/bin/sh\n"),
			     0644, &err),
		&err);
	snprintf(path, sizeof(path), "%s/etc/group", pod->layer);
	CHECK_OK(file_replace(path, STR("root:x:0:\nweb:x:102:\nextra:x:777:web\n"), 0644, &err),
		 &err);
}

/* --- what is on the machine --- */

/* The cgroups of this program's pods: their names begin as that of its folder.  Others may run now.
 */
static void list_cgroups(const char *folder, const char *mark, struct buf *out)
{
	DIR *dir = opendir(folder);
	struct dirent *entry;

	while (dir && (entry = readdir(dir))) {
		char path[1024];

		if (entry->d_type != DT_DIR || entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
		if (strstr(path, mark))
			buf_add_print(out, "%s\n", path);
		list_cgroups(path, mark, out);
	}
	if (dir)
		closedir(dir);
}

static bool is_own_process(const char *pid, const char *folder)
{
	char path[64];
	char *line;
	bool found;

	snprintf(path, sizeof(path), "/proc/%.20s/cmdline", pid);
	line = pod_read(path);
	found = strcmp(line, "mote") == 0 && strcmp(line + 5, "monitor") == 0 &&
		strncmp(line + 13, folder, strlen(folder)) == 0;
	free(line);
	return found;
}

static int count_monitors(const char *folder, int with_signal)
{
	DIR *dir = opendir("/proc");
	struct dirent *entry;
	int count = 0;

	while (dir && (entry = readdir(dir))) {
		if (entry->d_name[0] < '0' || entry->d_name[0] > '9' ||
		    !is_own_process(entry->d_name, folder))
			continue;
		count++;
		if (with_signal)
			kill((pid_t)strtol(entry->d_name, NULL, 10), with_signal);
	}
	closedir(dir);
	return count;
}

/* "/tmp/mote-test-N" is a program's folder, "/mote-test-N-" how the names of its pods begin. */
static void list_pods(const char *folder, struct buf *out)
{
	auto_free char *mark = memory_print("%s-", strrchr(folder, '/'));

	list_cgroups("/sys/fs/cgroup", mark, out);
}

/* A test that failed leaves its pod behind; the monitor's end takes the containers with it. */
static void sweep(const char *folder)
{
	struct buf found = BUF_INIT;
	struct str rest;

	if (count_monitors(folder, SIGKILL) > 0)
		usleep(200 * 1000);
	list_pods(folder, &found);
	/* Deepest last in the list: remove from the end. */
	for (int round = 0; round < 3; round++) {
		rest = buf_str(&found);
		while (rest.len > 0) {
			char *path = str_copy(str_cut(&rest, '\n'));

			rmdir(path);
			free(path);
		}
	}
	buf_clear(&found);
}

/* Mounts of the host, and cgroups of this program's pods. */
static void survey(struct buf *out)
{
	char *mounts = pod_read("/proc/self/mountinfo");

	buf_add_text(out, mounts);
	free(mounts);
	list_pods(harness_folder(), out);
}

/* --- events --- */

static void on_ready(void *owner, const struct error *err)
{
	struct pod *pod = owner;

	pod->ready_count++;
	pod->ready_error = err ? *err : (struct error){ 0 };
}

static void on_container(void *owner, const char *id)
{
	struct pod *pod = owner;

	(void)id;
	pod->change_count++;
}

static void on_gone(void *owner)
{
	struct pod *pod = owner;

	pod->gone_count++;
}

static const struct sandbox_events events = { on_ready, on_container, on_gone };

void pod_until(struct pod *pod, bool (*holds)(struct pod *pod, const void *what), const void *what)
{
	int64_t late = clock_now_ms() + harness_patience_ms(WAIT_MS);

	while (!holds(pod, what)) {
		if (clock_now_ms() > late)
			harness_fail(__FILE__, __LINE__, "waited too long for %s",
				     (const char *)what);
		loop_once(pod->loop, 50);
	}
}

/* --- pods --- */

void pod_prepare(struct pod *pod)
{
	static int number;
	struct error err;

	if (geteuid() != 0)
		harness_skip("needs root: pods are made of namespaces");
	if (access(BUSYBOX, X_OK) != 0)
		harness_skip("needs " BUSYBOX " (Debian: busybox-static)");
	*pod = (struct pod){ 0 };
	if (number == 0)
		sweep(harness_folder()); /* what a test before this one, that failed, left there */
	survey(&pod->before);
	snprintf(pod->id, sizeof(pod->id), "%.32s-%d-%d", strrchr(harness_folder(), '/') + 1,
		 getpid(), ++number);
	snprintf(pod->cgroup, sizeof(pod->cgroup), "pods/%s", pod->id);
	snprintf(pod->folder, sizeof(pod->folder), "%s/pod%d", harness_folder(), number);
	snprintf(pod->layer, sizeof(pod->layer), "%s/layer%d", harness_folder(), number);
	CHECK(mkdir(pod->folder, 0755) == 0);
	make_layer(pod);
	CHECK_OK(loop_open(&pod->loop, &err), &err);
	pod->plan = (struct sandbox_plan){
		.id = pod->id, .folder = pod->folder, .hostname = "box", .cgroup = pod->cgroup
	};
}

static bool is_ready(struct pod *pod, const void *what)
{
	(void)what;
	return pod->ready_count > 0;
}

void pod_start_anyhow(struct pod *pod)
{
	struct error err;

	CHECK_OK(sandbox_start(pod->loop, &pod->plan, &events, pod, &pod->sandbox, &err), &err);
	pod_until(pod, is_ready, "the pod to be ready");
}

void pod_start(struct pod *pod)
{
	pod_start_anyhow(pod);
	CHECK_STR(pod->ready_error.kind == ERROR_NONE ? "" : pod->ready_error.text, "");
}

void pod_open(struct pod *pod)
{
	pod_prepare(pod);
	pod_start(pod);
}

void pod_adopt(struct pod *pod)
{
	struct error err;

	sandbox_close(pod->sandbox);
	pod->ready_count = pod->gone_count = 0;
	CHECK_OK(sandbox_adopt(pod->loop, pod->folder, &events, pod, &pod->sandbox, &err), &err);
	pod_until(pod, is_ready, "the pod to be found again");
}

static bool is_gone(struct pod *pod, const void *what)
{
	(void)what;
	return pod->gone_count > 0;
}

void pod_wait_gone(struct pod *pod)
{
	pod_until(pod, is_gone, "the pod to be gone");
}

void pod_close(struct pod *pod)
{
	struct buf after = BUF_INIT;
	char path[512];

	pod->gone_count = 0;
	sandbox_destroy(pod->sandbox);
	pod_wait_gone(pod);
	sandbox_close(pod->sandbox);
	loop_close(pod->loop);
	survey(&after);
	CHECK_STR(buf_text(&after), buf_text(&pod->before));
	CHECK_INT(count_monitors(pod->folder, 0), 0);
	snprintf(path, sizeof(path), "%s/sandbox", pod->folder);
	CHECK(!file_exists(path));
	buf_clear(&after);
	buf_clear(&pod->before);
}

pid_t pod_monitor(const struct pod *pod)
{
	int pid = 0;

	CHECK_INT(sscanf(sandbox_netns(pod->sandbox), "/proc/%d/ns/net", &pid), 1);
	return pid;
}

/* --- containers --- */

struct container_plan pod_container(struct pod *pod, const char *id, const char *const *argv)
{
	static const char *layers[2];
	static const char *const env[] = { "PATH=/bin", NULL };
	static char log_path[512];

	layers[0] = pod->layer;
	snprintf(log_path, sizeof(log_path), "%s/%s.log", pod->folder, id);
	return (struct container_plan){ .id = id,
					.layers = layers,
					.argv = argv,
					.env = env,
					.cwd = "/",
					.user = "",
					.uid = -1,
					.gid = -1,
					.no_new_privs = true,
					.log_path = log_path };
}

void pod_run_plan(struct pod *pod, const struct container_plan *plan)
{
	struct error err;

	CHECK_OK(sandbox_run(pod->sandbox, plan, &err), &err);
}

void pod_run(struct pod *pod, const char *id, const char *script)
{
	const char *argv[] = { "sh", "-c", script, NULL };
	struct container_plan plan = pod_container(pod, id, argv);

	pod_run_plan(pod, &plan);
}

static bool is_running(struct pod *pod, const void *what)
{
	const struct container_state *state = sandbox_container(pod->sandbox, what);

	if (state && state->phase == CONTAINER_EXITED)
		harness_fail(__FILE__, __LINE__, "%s ended: %s %d \"%s\"", state->id, state->reason,
			     state->exit_code, state->message);
	return state && state->phase == CONTAINER_RUNNING;
}

void pod_wait_running(struct pod *pod, const char *id)
{
	pod_until(pod, is_running, id);
}

static bool has_ended(struct pod *pod, const void *what)
{
	const struct container_state *state = sandbox_container(pod->sandbox, what);

	return state && state->phase == CONTAINER_EXITED;
}

const struct container_state *pod_wait_exit(struct pod *pod, const char *id)
{
	pod_until(pod, has_ended, id);
	return sandbox_container(pod->sandbox, id);
}

char *pod_log_path(struct pod *pod, const char *id)
{
	return memory_print("%s/%s.log", pod->folder, id);
}

char *pod_log_text(struct pod *pod, const char *id)
{
	auto_free char *path = pod_log_path(pod, id);
	auto_free char *raw = pod_read(path);
	struct buf text = BUF_INIT;
	struct str rest = str_of(raw);

	while (rest.len > 0) {
		struct str line = str_cut(&rest, '\n');
		bool whole;

		str_cut(&line, ' ');
		str_cut(&line, ' ');
		whole = str_is(str_cut(&line, ' '), "F");
		buf_add_str(&text, line);
		if (whole)
			buf_add_byte(&text, '\n');
	}
	buf_reserve(&text, 1);
	return buf_take(&text);
}

char *pod_output_plan(struct pod *pod, const struct container_plan *plan)
{
	const struct container_state *state;

	pod_run_plan(pod, plan);
	state = pod_wait_exit(pod, plan->id);
	if (strcmp(state->reason, "StartError") == 0)
		harness_fail(__FILE__, __LINE__, "%s did not start: %s", plan->id, state->message);
	return pod_log_text(pod, plan->id);
}

char *pod_output(struct pod *pod, const char *id, const char *script)
{
	const char *argv[] = { "sh", "-c", script, NULL };
	struct container_plan plan = pod_container(pod, id, argv);

	return pod_output_plan(pod, &plan);
}

int pod_fixture_main(int argc, char **argv, int (*tests_main)(int argc, char **argv))
{
	char sweep_folder[64];
	int status;

	snprintf(sweep_folder, sizeof(sweep_folder), "/tmp/mote-test-%d", getpid());
	if (argc == 3 && strcmp(argv[1], "monitor") == 0)
		return monitor_main(argc, argv);
	status = tests_main(argc, argv);
	sweep(sweep_folder);
	return status;
}
