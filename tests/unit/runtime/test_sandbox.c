/*
 * test_sandbox.c - real pods on a real kernel: that containers run, end and are told of truly.
 *
 * This program is its own monitor (see main), as mote is.
 */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "tests/unit/harness.h"
#include "tests/unit/runtime/pod_fixture.h"

static void tells_exit_code(void)
{
	struct pod pod;
	const struct container_state *state;

	pod_open(&pod);
	pod_run(&pod, "one.0", "exit 7");
	state = pod_wait_exit(&pod, "one.0");
	CHECK_STR(state->message, "");
	CHECK_INT(state->exit_code, 7);
	CHECK_STR(state->reason, "Error");
	CHECK(state->started_us > 0);
	CHECK(state->finished_us >= state->started_us);
	pod_run(&pod, "two.0", "exit 0");
	state = pod_wait_exit(&pod, "two.0");
	CHECK_INT(state->exit_code, 0);
	CHECK_STR(state->reason, "Completed");
	pod_close(&pod);
}

static void tells_signal(void)
{
	struct pod pod;
	const struct container_state *state;

	pod_open(&pod);
	pod_run(&pod, "one.0", "sleep 100");
	pod_wait_running(&pod, "one.0");
	CHECK(sandbox_container(pod.sandbox, "one.0")->pid > 1);
	sandbox_signal(pod.sandbox, "one.0", SIGKILL);
	state = pod_wait_exit(&pod, "one.0");
	CHECK_INT(state->exit_code, 137);
	CHECK_INT(state->signal, 9);
	CHECK_STR(state->reason, "Error");
	CHECK(!state->oom_killed);
	pod_close(&pod);
}

static void stops_with_grace(void)
{
	struct pod pod;
	const struct container_state *state;
	int64_t from;

	pod_open(&pod);
	pod_run(&pod, "kind.0",
		"trap 'echo bye; exit 3' TERM; echo up; while true; do sleep 0.05; done");
	pod_run(&pod, "deaf.0", "trap '' TERM; while true; do sleep 0.05; done");
	pod_wait_running(&pod, "kind.0");
	pod_wait_running(&pod, "deaf.0");
	usleep(200 * 1000); /* until the trap is set */
	sandbox_stop_container(pod.sandbox, "kind.0", 5000);
	state = pod_wait_exit(&pod, "kind.0");
	CHECK_INT(state->exit_code, 3);
	from = clock_now_ms();
	sandbox_stop_container(pod.sandbox, "deaf.0", 300);
	state = pod_wait_exit(&pod, "deaf.0");
	CHECK_INT(state->exit_code, 137);
	CHECK(clock_now_ms() - from >= 300);
	pod_close(&pod);
}

static void tells_why_it_did_not_start(void)
{
	struct pod pod;
	const char *const missing[] = { "nosuch", NULL };
	const char *const missing_path[] = { "/no/such", NULL };
	const char *const refused[] = { "/etc/passwd", NULL };
	struct container_plan plan;
	const struct container_state *state;

	pod_open(&pod);
	plan = pod_container(&pod, "a.0", missing);
	pod_run_plan(&pod, &plan);
	state = pod_wait_exit(&pod, "a.0");
	CHECK_STR(state->reason, "StartError");
	CHECK_INT(state->exit_code, 128);
	CHECK_STR(state->message, "exec: \"nosuch\": executable file not found in $PATH");
	plan = pod_container(&pod, "b.0", missing_path);
	pod_run_plan(&pod, &plan);
	state = pod_wait_exit(&pod, "b.0");
	CHECK_STR(state->message, "exec: \"/no/such\": stat /no/such: no such file or directory");
	plan = pod_container(&pod, "c.0", refused);
	pod_run_plan(&pod, &plan);
	state = pod_wait_exit(&pod, "c.0");
	CHECK_STR(state->message, "exec: \"/etc/passwd\": permission denied");
	pod_close(&pod);
}

static void refuses_a_bad_plan(void)
{
	struct pod pod;
	const char *const argv[] = { "true", NULL };
	struct container_plan plan;
	struct error err;

	pod_open(&pod);
	plan = pod_container(&pod, "../evil", argv);
	CHECK(!sandbox_run(pod.sandbox, &plan, &err));
	CHECK_INT(err.kind, ERROR_INVALID);
	pod_run(&pod, "a.0", "true");
	plan = pod_container(&pod, "a.0", argv);
	CHECK(!sandbox_run(pod.sandbox, &plan, &err));
	CHECK_INT(err.kind, ERROR_EXISTS);
	pod_wait_exit(&pod, "a.0");
	pod_close(&pod);
}

static void kills_memory_hogs(void)
{
	struct pod pod;
	const char *const argv[] = { "sh", "-c", "tail /dev/zero", NULL };
	const struct resources_plan resources = { .memory_bytes = 16 << 20 };
	struct container_plan plan;
	const struct container_state *state;

	pod_open(&pod);
	plan = pod_container(&pod, "hog.0", argv);
	plan.resources = &resources;
	pod_run_plan(&pod, &plan);
	state = pod_wait_exit(&pod, "hog.0");
	CHECK_STR(state->reason, "OOMKilled");
	CHECK(state->oom_killed);
	CHECK_INT(state->exit_code, 137);
	pod_close(&pod);
}

static void limits_processes(void)
{
	struct pod pod;
	const char *const argv[] = { "sh", "-c",
				     "for i in 1 2 3 4 5 6 7 8 9; do sleep 1 & done; echo all",
				     NULL };
	const struct resources_plan resources = { .pids = 4 };
	struct container_plan plan;

	pod_open(&pod);
	plan = pod_container(&pod, "bomb.0", argv);
	plan.resources = &resources;
	auto_free char *output = pod_output_plan(&pod, &plan);
	CHECK(strstr(output, "can't fork") != NULL);
	CHECK(strstr(output, "all\n") == NULL);
	pod_close(&pod);
}

static void writes_logs(void)
{
	struct pod pod;

	pod_open(&pod);
	pod_run(&pod, "a.0", "echo out; echo err >&2; printf tail");
	pod_wait_exit(&pod, "a.0");
	auto_free char *path = pod_log_path(&pod, "a.0");
	auto_free char *raw = pod_read(path);
	CHECK(strstr(raw, " stdout F out\n") != NULL);
	CHECK(strstr(raw, " stderr F err\n") != NULL);
	CHECK(strstr(raw, " stdout P tail\n") != NULL);
	CHECK(raw[4] == '-');
	CHECK(raw[10] == 'T');
	CHECK(raw[29] == 'Z');
	pod_close(&pod);
}

/* Every line arrives, in order, the last ones before a sudden end too. */
static void loses_no_line(void)
{
	struct pod pod;

	pod_open(&pod);
	auto_free char *output = pod_output(&pod, "a.0", "seq 1 100000; kill -9 $$");
	struct str rest = str_of(output);
	for (int i = 1; i <= 100000; i++) {
		char want[16];

		snprintf(want, sizeof(want), "%d", i);
		if (!str_is(str_cut(&rest, '\n'), want))
			harness_fail(__FILE__, __LINE__, "line %d is missing", i);
	}
	CHECK_INT(rest.len, 0);
	pod_close(&pod);
}

static void rotates_logs(void)
{
	struct pod pod;
	const char *const argv[] = { "sh", "-c", "seq 1 20000", NULL };
	struct container_plan plan;
	char older[600];

	pod_open(&pod);
	plan = pod_container(&pod, "a.0", argv);
	plan.log_size_max = 64 * 1024;
	plan.log_files_max = 3;
	auto_free char *output = pod_output_plan(&pod, &plan);
	CHECK(strstr(output, "20000\n") != NULL);
	snprintf(older, sizeof(older), "%s.2", plan.log_path);
	CHECK(file_exists(older));
	snprintf(older, sizeof(older), "%s.3", plan.log_path);
	CHECK(!file_exists(older));
	pod_close(&pod);
}

static void has_namespaces(void)
{
	struct pod pod;

	pod_open(&pod);
	auto_free char *output = pod_output(
		&pod, "a.0",
		"hostname; echo $$; echo $HOME; pwd; ls /proc | grep -c '^[0-9]';"
		"ls -1 /proc/self/fd | wc -l; readlink /proc/self/cgroup; cat /proc/self/cgroup");
	CHECK(strncmp(output, "box\n1\n/root\n/\n", 14) == 0);
	CHECK(strstr(output, pod.id) == NULL); /* the cgroup namespace hides where we are */
	auto_free char *devices =
		pod_output(&pod, "b.0",
			   "ls /dev; cat /dev/null; head -c 3 /dev/zero | wc -c; echo x > "
			   "/dev/full || echo full;"
			   "echo y > /dev/shm/y; echo e > /dev/stderr; ls -l /dev/ptmx");
	CHECK(strstr(devices, "shm\n") != NULL);
	CHECK(strstr(devices, "full\n") != NULL);
	auto_free char *shared = pod_output(&pod, "c.0", "cat /dev/shm/y");
	CHECK_STR(shared, "y\n");
	pod_close(&pod);
}

/* Only standard descriptors are inherited. */
static void leaks_no_descriptor(void)
{
	struct pod pod;

	pod_open(&pod);
	auto_free char *output =
		pod_output(&pod, "a.0", "for i in /proc/self/fd/*; do echo ${i##*/}; done");
	/* 3 is the shell's own look at the folder. */
	CHECK(strcmp(output, "0\n1\n2\n") == 0 || strcmp(output, "0\n1\n2\n3\n") == 0);
	pod_close(&pod);
}

static void shares_processes(void)
{
	struct pod pod;

	pod_prepare(&pod);
	pod.plan.share_process_namespace = true;
	pod_start(&pod);
	pod_run(&pod, "a.0", "sleep 77");
	pod_wait_running(&pod, "a.0");
	auto_free char *output = pod_output(&pod, "b.0", "ps; echo $$");
	CHECK(strstr(output, "sleep 77") != NULL);
	CHECK(strstr(output, "\n1\n") == NULL);
	/* What is left of a container dies with its first process. */
	pod_run(&pod, "c.0", "sleep 88 & echo started");
	pod_wait_exit(&pod, "c.0");
	auto_free char *after = pod_output(&pod, "d.0", "ps");
	CHECK(strstr(after, "sleep 88") == NULL);
	pod_close(&pod);
}

static void drops_rights(void)
{
	struct pod pod;
	const char *const show[] = { "sh", "-c", "grep -E 'Cap|NoNew|Seccomp:' /proc/self/status",
				     NULL };
	const char *const all[] = { "ALL", NULL };
	const char *const admin[] = { "NET_ADMIN", NULL };
	struct container_plan plan;

	pod_open(&pod);
	plan = pod_container(&pod, "a.0", show);
	auto_free char *usual = pod_output_plan(&pod, &plan);
	CHECK(strstr(usual, "CapInh:\t0000000000000000\n") != NULL);
	CHECK(strstr(usual, "CapPrm:\t00000000a80425fb\n") != NULL);
	CHECK(strstr(usual, "CapEff:\t00000000a80425fb\n") != NULL);
	CHECK(strstr(usual, "CapBnd:\t00000000a80425fb\n") != NULL);
	CHECK(strstr(usual, "CapAmb:\t0000000000000000\n") != NULL);
	CHECK(strstr(usual, "NoNewPrivs:\t1\n") != NULL);
	CHECK(strstr(usual, "Seccomp:\t2\n") != NULL);
	plan = pod_container(&pod, "b.0", show);
	plan.caps_drop = all;
	plan.caps_add = admin;
	plan.no_new_privs = false;
	auto_free char *few = pod_output_plan(&pod, &plan);
	CHECK(strstr(few, "CapEff:\t0000000000001000\n") != NULL);
	CHECK(strstr(few, "CapBnd:\t0000000000001000\n") != NULL);
	CHECK(strstr(few, "NoNewPrivs:\t0\n") != NULL);
	CHECK(strstr(few, "Seccomp:\t2\n") != NULL);
	plan = pod_container(&pod, "c.0", show);
	plan.uid = 1234;
	auto_free char *user = pod_output_plan(&pod, &plan);
	CHECK(strstr(user, "CapEff:\t0000000000000000\n") != NULL);
	plan = pod_container(&pod, "d.0", show);
	plan.privileged = true;
	plan.no_new_privs = false;
	auto_free char *privileged = pod_output_plan(&pod, &plan);
	CHECK(strstr(privileged, "Seccomp:\t0\n") != NULL);
	CHECK(strstr(privileged, "CapEff:\t00000000a80425fb\n") == NULL);
	pod_close(&pod);
}

static void knows_users(void)
{
	struct pod pod;
	const char *const who[] = { "sh", "-c",
				    "id -u; id -g; id -G; echo $HOME; echo ok > /dev/stdout",
				    NULL };
	const uint32_t groups[] = { 4000 };
	struct container_plan plan;

	pod_open(&pod);
	plan = pod_container(&pod, "a.0", who);
	plan.user = "web";
	plan.run_as_non_root = true;
	auto_free char *named = pod_output_plan(&pod, &plan);
	CHECK_STR(named, "101\n102\n102 777\n/srv\nok\n");
	plan = pod_container(&pod, "b.0", who);
	plan.user = "web";
	plan.uid = 5000;
	plan.gid = 6000;
	plan.groups = groups;
	plan.group_count = 1;
	auto_free char *forced = pod_output_plan(&pod, &plan);
	CHECK_STR(forced, "5000\n6000\n6000 4000\n/\nok\n");
	plan = pod_container(&pod, "c.0", who);
	plan.run_as_non_root = true;
	pod_run_plan(&pod, &plan);
	CHECK_STR(pod_wait_exit(&pod, "c.0")->message,
		  "the container must not run as root, but its user is root");
	plan = pod_container(&pod, "d.0", who);
	plan.user = "4294967296";
	pod_run_plan(&pod, &plan);
	CHECK_STR(pod_wait_exit(&pod, "d.0")->message, "user id 4294967296 is out of range");
	pod_close(&pod);
}

static void filters_calls(void)
{
	struct pod pod;
	const char *const argv[] = {
		"sh", "-c",
		"unshare -n true; mknod /tmp/disk b 254 0 && cat /tmp/disk | head -c 1;"
		"mount -t tmpfs x /tmp; echo h > /proc/sysrq-trigger; echo end",
		NULL
	};
	struct container_plan plan;

	pod_open(&pod);
	plan = pod_container(&pod, "a.0", argv);
	auto_free char *output = pod_output_plan(&pod, &plan);
	CHECK(strstr(output, "unshare: unshare(0x40000000): Operation not permitted\n") != NULL);
	CHECK(strstr(output, "can't open '/tmp/disk': Operation not permitted\n") != NULL);
	CHECK(strstr(output, "mount: permission denied") != NULL ||
	      strstr(output, "mount: mounting x on /tmp failed: Operation not permitted") != NULL);
	/* Not every kernel has one. */
	CHECK(strstr(output, "/proc/sysrq-trigger: Read-only file system") != NULL ||
	      strstr(output, "/proc/sysrq-trigger: nonexistent") != NULL);
	CHECK(strstr(output, "end\n") != NULL);
	pod_close(&pod);
}

static void hides_the_host(void)
{
	struct pod pod;

	pod_open(&pod);
	auto_free char *output = pod_output(
		&pod, "a.0",
		"for f in kcore keys timer_list interrupts; do [ -e /proc/$f ] || continue; wc -c "
		"< /proc/$f; done;"
		"for d in acpi scsi; do [ -e /proc/$d ] && ls /proc/$d; done; ls /sys/firmware;"
		"echo 1 > /proc/sys/kernel/panic; echo 1 > /sys/kernel/profiling; touch "
		"/sys/fs/cgroup/x;"
		"for f in /sys/fs/cgroup/*/release_agent; do echo x > $f; done;"
		"echo $$ > /sys/fs/cgroup/memory/cgroup.procs");
	struct str rest = str_of(output);
	while (rest.len > 0) {
		struct str line = str_cut(&rest, '\n');

		if (!str_is(line, "0") && str_search(line, STR("Read-only file system")) < 0 &&
		    str_search(line, STR("nonexistent directory")) < 0 &&
		    str_search(line, STR("Permission denied")) < 0)
			harness_fail(__FILE__, __LINE__, "it says: " STR_FMT, STR_ARG(line));
	}
	pod_close(&pod);
}

static void keeps_the_root_read_only(void)
{
	struct pod pod;
	const char *const argv[] = {
		"sh", "-c", "touch /x; touch /dev/x && echo dev; touch /data/x && echo data", NULL
	};
	const struct container_mount mounts[] = {
		{ .type = "tmpfs", .target = "/data", .options = "size=1m" }
	};
	struct container_plan plan;

	pod_open(&pod);
	plan = pod_container(&pod, "a.0", argv);
	plan.read_only_root = true;
	plan.mounts = mounts;
	plan.mount_count = 1;
	auto_free char *output = pod_output_plan(&pod, &plan);
	CHECK_STR(output, "touch: /x: Read-only file system\ndev\ndata\n");
	pod_close(&pod);
}

static void write_file(const char *folder, const char *name, const char *text)
{
	char path[600];
	struct error err;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	CHECK_OK(file_replace(path, str_of(text), 0644, &err), &err);
}

static void mounts_volumes(void)
{
	struct pod pod;
	const char *const argv[] = {
		"sh", "-c",
		/* One pipe for all: what comes through two has no order. */
		"exec 2>&1; cat /vol/a /one/file /deep/sub/b; echo w > /vol/w && echo written;"
		"echo w > /ro/w; ls /tmp/t; cat /nest/in/a",
		NULL
	};
	char volume[400], file[500];
	struct container_plan plan;

	pod_open(&pod);
	snprintf(volume, sizeof(volume), "%s/volume", pod.folder);
	mkdir(volume, 0755);
	snprintf(file, sizeof(file), "%s/sub", volume);
	mkdir(file, 0755);
	write_file(volume, "a", "A\n");
	write_file(file, "b", "B\n");
	snprintf(file, sizeof(file), "%s/a", volume);
	const struct container_mount mounts[] = {
		{ .type = "bind", .source = volume, .target = "/nest/in" },
		{ .type = "tmpfs", .target = "/nest" },
		{ .type = "bind", .source = volume, .target = "/vol" },
		{ .type = "bind", .source = file, .target = "/one/file" },
		{ .type = "bind", .source = volume, .target = "/ro", .read_only = true },
		{ .type = "bind", .source = volume, .target = "/deep/sub", .sub_path = "sub" },
		{ .type = "bind", .source = volume, .target = "/new", .sub_path = "made/here" },
		{ .type = "tmpfs", .target = "/tmp/t", .options = "size=1m,mode=700" },
	};
	plan = pod_container(&pod, "a.0", argv);
	plan.mounts = mounts;
	plan.mount_count = ARRAY_LENGTH(mounts);
	auto_free char *output = pod_output_plan(&pod, &plan);
	CHECK_STR(output, "A\nA\nB\nwritten\nsh: can't create /ro/w: Read-only file system\nA\n");
	snprintf(file, sizeof(file), "%s/w", volume);
	auto_free char *written = pod_read(file);
	CHECK_STR(written, "w\n");
	snprintf(file, sizeof(file), "%s/made/here", volume);
	CHECK(file_exists(file));
	pod_close(&pod);
}

/* Links in the image must not lead a mount out of the root, and those at the places of /proc, /dev
 * and /sys must not be followed at all. */
static void resists_evil_links(void)
{
	struct pod pod;
	const char *const argv[] = { "sh", "-c", "ls -d /evil/* /made/*; cat /esc/a", NULL };
	char path[600], volume[400], outside[400];
	struct container_plan plan;

	pod_open(&pod);
	snprintf(outside, sizeof(outside), "%s/outside", pod.folder);
	snprintf(volume, sizeof(volume), "%s/volume", pod.folder);
	mkdir(outside, 0755);
	mkdir(volume, 0755);
	write_file(volume, "a", "A\n");
	snprintf(path, sizeof(path), "%s/evil", pod.layer);
	CHECK(symlink(outside, path) == 0); /* absolute, to a real folder of the host */
	snprintf(path, sizeof(path), "%s/esc", pod.layer);
	CHECK(symlink("../../../../../../../../srv", path) == 0);
	const struct container_mount mounts[] = {
		{ .type = "bind", .source = volume, .target = "/esc" },
	};
	plan = pod_container(&pod, "a.0", argv);
	plan.mounts = mounts;
	plan.mount_count = 1;
	auto_free char *output = pod_output_plan(&pod, &plan);
	CHECK(strstr(output, "A\n") != NULL); /* /srv of the container */
	const struct container_mount dangling[] = {
		{ .type = "bind", .source = volume, .target = "/evil/deep" },
	};
	plan = pod_container(&pod, "b.0", argv);
	plan.mounts = dangling;
	plan.mount_count = 1;
	pod_run_plan(&pod, &plan);
	CHECK_STR(pod_wait_exit(&pod, "b.0")->reason, "StartError");
	snprintf(path, sizeof(path), "%s/deep", outside);
	CHECK(!file_exists(path));
	pod_close(&pod);
}

static void refuses_linked_places(void)
{
	static const char *const places[] = { "dev", "proc", "sys" };
	struct pod pod;
	char path[600];

	pod_open(&pod);
	for (size_t i = 0; i < ARRAY_LENGTH(places); i++) {
		char id[16];

		snprintf(path, sizeof(path), "%s/%s", pod.layer, places[i]);
		CHECK(symlink("/srv", path) == 0);
		snprintf(id, sizeof(id), "%s.0", places[i]);
		pod_run(&pod, id, "true");
		CHECK_STR(pod_wait_exit(&pod, id)->reason, "StartError");
		CHECK(strstr(pod_wait_exit(&pod, id)->message, "link") != NULL);
		CHECK(unlink(path) == 0);
	}
	pod_close(&pod);
}

static void refuses_mounts_in_proc_and_sub_paths_outside(void)
{
	struct pod pod;
	const char *const argv[] = { "true", NULL };
	char volume[400], path[600];
	struct container_plan plan;

	pod_open(&pod);
	snprintf(volume, sizeof(volume), "%s/volume", pod.folder);
	mkdir(volume, 0755);
	const struct container_mount in_proc[] = {
		{ .type = "bind", .source = volume, .target = "/proc/self" }
	};
	plan = pod_container(&pod, "a.0", argv);
	plan.mounts = in_proc;
	plan.mount_count = 1;
	pod_run_plan(&pod, &plan);
	CHECK(strstr(pod_wait_exit(&pod, "a.0")->message, "nothing may be mounted in /proc") !=
	      NULL);
	snprintf(path, sizeof(path), "%s/out", volume);
	CHECK(symlink("/etc", path) == 0);
	const struct container_mount escaping[] = {
		{ .type = "bind", .source = volume, .target = "/vol", .sub_path = "out" },
	};
	plan = pod_container(&pod, "b.0", argv);
	plan.mounts = escaping;
	plan.mount_count = 1;
	pod_run_plan(&pod, &plan);
	CHECK(strstr(pod_wait_exit(&pod, "b.0")->message, "leads outside") != NULL);
	pod_close(&pod);
}

static void refuses_a_working_folder_outside(void)
{
	struct pod pod;
	const char *const argv[] = { "pwd", NULL };
	struct container_plan plan;

	pod_open(&pod);
	for (int fd = 0; fd < 12; fd++) {
		char id[16], cwd[64];

		snprintf(id, sizeof(id), "fd%d.0", fd);
		snprintf(cwd, sizeof(cwd), "/proc/self/fd/%d/../../..", fd);
		plan = pod_container(&pod, id, argv);
		plan.cwd = cwd;
		pod_run_plan(&pod, &plan);
		CHECK_STR(pod_wait_exit(&pod, id)->reason, "StartError");
	}
	plan = pod_container(&pod, "new.0", argv);
	plan.cwd = "/work/here";
	auto_free char *output = pod_output_plan(&pod, &plan);
	CHECK_STR(output, "/work/here\n");
	pod_close(&pod);
}

static void tells_last_words(void)
{
	struct pod pod;
	const char *const argv[] = { "sh", "-c", "echo because > /dev/termination-log; exit 1",
				     NULL };
	struct container_plan plan;

	pod_open(&pod);
	plan = pod_container(&pod, "a.0", argv);
	plan.termination_path = "/dev/termination-log";
	plan.uid = 1000;
	pod_run_plan(&pod, &plan);
	CHECK_STR(pod_wait_exit(&pod, "a.0")->message, "because\n");
	pod_close(&pod);
}

static void survives_the_agent(void)
{
	struct pod pod;
	const struct container_state *state;

	pod_open(&pod);
	pod_run(&pod, "a.0", "echo begin; sleep 0.5; echo end; exit 5");
	pod_run(&pod, "b.0", "exit 4");
	pod_wait_running(&pod, "a.0");
	pod_wait_exit(&pod, "b.0");
	pod_adopt(&pod);
	CHECK_INT(pod.ready_error.kind, ERROR_NONE);
	CHECK_INT(sandbox_container(pod.sandbox, "b.0")->exit_code, 4);
	CHECK_INT(sandbox_container(pod.sandbox, "a.0")->phase, CONTAINER_RUNNING);
	state = pod_wait_exit(&pod, "a.0");
	CHECK_INT(state->exit_code, 5);
	auto_free char *output = pod_log_text(&pod, "a.0");
	CHECK_STR(output, "begin\nend\n");
	pod_close(&pod);
}

/* One that has ended and only waits for its parent is not alive. */
static bool is_alive(pid_t pid)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	auto_free char *text = pod_read(path);
	return strstr(text, ") ") != NULL && strstr(text, ") Z") == NULL;
}

static void tells_the_monitor_s_death(void)
{
	struct pod pod;
	const struct container_state *state;

	pod_open(&pod);
	pod_run(&pod, "done.0", "exit 4");
	pod_wait_exit(&pod, "done.0");
	pod_run(&pod, "a.0", "sleep 1000");
	pod_wait_running(&pod, "a.0");
	pid_t victim = sandbox_container(pod.sandbox, "a.0")->pid;
	kill(pod_monitor(&pod), SIGKILL);
	pod_wait_gone(&pod);
	state = sandbox_container(pod.sandbox, "a.0");
	CHECK_INT(state->exit_code, 137);
	CHECK_STR(state->reason, "MonitorLost");
	/* An agent that comes later learns the same from the folder. */
	pod_adopt(&pod);
	CHECK_INT(pod.ready_error.kind, ERROR_NOT_FOUND);
	CHECK_STR(sandbox_container(pod.sandbox, "a.0")->reason, "MonitorLost");
	CHECK_INT(sandbox_container(pod.sandbox, "done.0")->exit_code, 4);
	for (int i = 0; i < 100 && is_alive(victim); i++)
		usleep(10 * 1000);
	CHECK(!is_alive(victim));
	pod_close(&pod);
}

/* The owner hears of the container first, and wants the end before it hears of the monitor's. */
static void destroys_between_two_words_of_a_death(void)
{
	struct pod pod;

	pod_open(&pod);
	pod_run(&pod, "a.0", "sleep 1000");
	pod_wait_running(&pod, "a.0");
	int told = pod.change_count;
	kill(pod_monitor(&pod), SIGKILL);
	while (pod.change_count == told)
		loop_once(pod.loop, 50);
	CHECK_INT(pod.gone_count, 0);
	pod_close(&pod); /* checks that cgroups and files are gone when it is told so */
}

static void starts_over_a_dead_monitor(void)
{
	struct pod pod;

	pod_open(&pod);
	pod_run(&pod, "a.0", "sleep 1000");
	pod_wait_running(&pod, "a.0");
	kill(pod_monitor(&pod), SIGKILL);
	pod_wait_gone(&pod);
	sandbox_close(pod.sandbox);
	pod.ready_count = 0;
	pod_start(&pod);
	auto_free char *output = pod_output(&pod, "a.0", "echo again");
	CHECK_STR(output, "again\n");
	pod_close(&pod);
}

/* The loop goes on meanwhile, and the handle may be closed before the files are gone. */
static void a_servant_cleans_up_after_a_dead_monitor(void)
{
	struct work_pool *pool;
	struct pod pod;
	struct error err;

	for (int early = 0; early < 2; early++) {
		pod_open(&pod);
		CHECK_OK(work_open(pod.loop, 1, &pool, &err), &err);
		sandbox_remove_by(pod.sandbox, pool);
		pod_run(&pod, "a.0", "sleep 1000");
		pod_wait_running(&pod, "a.0");
		auto_free char *folder = memory_print("%s/sandbox", pod.folder);
		kill(pod_monitor(&pod), SIGKILL);
		pod_wait_gone(&pod);
		CHECK(file_exists(folder));
		pod.gone_count = 0;
		sandbox_destroy(pod.sandbox);
		if (early)
			loop_once(pod.loop, 1000);
		else
			pod_wait_gone(&pod);
		sandbox_close(pod.sandbox);
		work_close(pool);
		CHECK(early || !file_exists(folder));
		pod.ready_count = 0;
		pod_start(&pod);
		pod_close(&pod);
	}
}

static bool is_forgotten(struct pod *pod, const void *what)
{
	return !sandbox_container(pod->sandbox, what);
}

static void forgets_removed_containers(void)
{
	struct pod pod;
	char upper[600];

	pod_open(&pod);
	pod_run(&pod, "a.0", "mkdir /big; for i in 1 2 3; do echo x > /big/$i; done");
	pod_wait_exit(&pod, "a.0");
	sandbox_writable_folder(pod.sandbox, "a.0", upper, sizeof(upper));
	CHECK(file_exists(upper));
	pod_run(&pod, "b.0", "sleep 1000");
	pod_wait_running(&pod, "b.0");
	sandbox_remove_container(pod.sandbox, "a.0");
	sandbox_remove_container(pod.sandbox, "b.0");
	pod_until(&pod, is_forgotten, "a.0");
	pod_until(&pod, is_forgotten, "b.0");
	CHECK(!file_exists(upper));
	auto_free char *output = pod_output(&pod, "a.0", "ls /big 2>&1; echo new");
	CHECK_STR(output, "ls: /big: No such file or directory\nnew\n");
	pod_close(&pod);
}

static void counts_usage(void)
{
	struct pod pod;
	struct usage one, whole;
	struct error err;

	pod_open(&pod);
	pod_run(&pod, "a.0",
		"i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done; echo ready; sleep 1000");
	pod_wait_running(&pod, "a.0");
	usleep(700 * 1000);
	CHECK_OK(sandbox_usage(pod.sandbox, "a.0", &one, &err), &err);
	CHECK_OK(sandbox_usage(pod.sandbox, "", &whole, &err), &err);
	CHECK(one.cpu_ns > 1000 * 1000);
	CHECK(one.memory_bytes > 0);
	CHECK(one.memory_working_set <= one.memory_bytes);
	CHECK(whole.cpu_ns >= one.cpu_ns);
	CHECK(one.pids >= 1);
	CHECK(!sandbox_usage(pod.sandbox, "nobody.0", &one, &err));
	CHECK_INT(err.kind, ERROR_NOT_FOUND);
	pod_close(&pod);
}

static void sets_sysctls(void)
{
	struct pod pod;
	const char *const good[] = { "net.ipv4.ip_forward=1", "kernel.shmmax=65536", NULL };

	pod_prepare(&pod);
	pod.plan.sysctls = good;
	pod_start(&pod);
	auto_free char *output =
		pod_output(&pod, "a.0",
			   "cat /proc/sys/net/ipv4/ip_forward /proc/sys/kernel/shmmax; ip addr "
			   "show lo | grep -c LOOPBACK,UP");
	CHECK_STR(output, "1\n65536\n1\n");
	pod_close(&pod);
}

static void refuses_sysctls_of_the_host(void)
{
	struct pod pod;
	const char *const bad[] = { "kernel.panic=1", NULL };

	pod_prepare(&pod);
	pod.plan.sysctls = bad;
	pod_start_anyhow(&pod);
	CHECK(strstr(pod.ready_error.text, "kernel.panic") != NULL);
	pod_wait_gone(&pod);
	pod_close(&pod);
}

static int tests_main(int argc, char **argv)
{
	static const struct test tests[] = {
		{ "tells the exit code", tells_exit_code },
		{ "tells the signal", tells_signal },
		{ "stops with grace", stops_with_grace },
		{ "tells why it did not start", tells_why_it_did_not_start },
		{ "refuses a bad plan", refuses_a_bad_plan },
		{ "kills memory hogs", kills_memory_hogs },
		{ "limits processes", limits_processes },
		{ "writes logs", writes_logs },
		{ "loses no line", loses_no_line },
		{ "rotates logs", rotates_logs },
		{ "has namespaces", has_namespaces },
		{ "leaks no descriptor", leaks_no_descriptor },
		{ "shares processes", shares_processes },
		{ "drops rights", drops_rights },
		{ "knows users", knows_users },
		{ "filters calls", filters_calls },
		{ "hides the host", hides_the_host },
		{ "keeps the root read-only", keeps_the_root_read_only },
		{ "mounts volumes", mounts_volumes },
		{ "resists evil links", resists_evil_links },
		{ "refuses linked places", refuses_linked_places },
		{ "refuses mounts in /proc and sub-paths outside",
		  refuses_mounts_in_proc_and_sub_paths_outside },
		{ "refuses a working folder outside", refuses_a_working_folder_outside },
		{ "tells last words", tells_last_words },
		{ "survives the agent", survives_the_agent },
		{ "tells the monitor's death", tells_the_monitor_s_death },
		{ "destroys between two words of a death", destroys_between_two_words_of_a_death },
		{ "starts over a dead monitor", starts_over_a_dead_monitor },
		{ "forgets removed containers", forgets_removed_containers },
		{ "a servant cleans up after a dead monitor",
		  a_servant_cleans_up_after_a_dead_monitor },
		{ "counts usage", counts_usage },
		{ "sets sysctls", sets_sysctls },
		{ "refuses sysctls of the host", refuses_sysctls_of_the_host },
	};

	return harness_main(tests, ARRAY_LENGTH(tests), argc, argv);
}

int main(int argc, char **argv)
{
	return pod_fixture_main(argc, argv, tests_main);
}
