/*
 * test_container_attack.c - containers and images that want out, each by a way that worked once
 * with some runtime.
 *
 * Goal: nothing of the host is reached, and what cannot be done safely is not done.  Method: real
 * pods with evil images, volumes and programs.  This program is its own monitor (see main).
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "tests/unit/harness.h"
#include "tests/unit/runtime/attack_program.h"
#include "tests/unit/runtime/pod_fixture.h"

/* How many containers are started in a race: a thousandth of MOTE_TEST_RACES in the long form. */
static int races(int usual)
{
	const char *text = getenv("MOTE_TEST_RACES");
	int wanted = text ? (int)(strtol(text, NULL, 10) / 1000) : 0;

	return wanted > usual ? wanted : usual;
}

static const struct container_state *run_to_end(struct pod *pod, const struct container_plan *plan)
{
	pod_run_plan(pod, plan);
	return pod_wait_exit(pod, plan->id);
}

/* A plan that runs a script, with a log of its own. */
static struct container_plan script_of(struct pod *pod, const char *id, const char *script)
{
	static const char *argv[4];
	struct container_plan plan;

	argv[0] = "sh";
	argv[1] = "-c";
	argv[2] = script;
	plan = pod_container(pod, id, argv);
	return plan;
}

static void check_output(struct pod *pod, const struct container_plan *plan, const char *want)
{
	auto_free char *output = pod_output_plan(pod, plan);

	CHECK_STR(output, want);
}

static void layer_path(const struct pod *pod, const char *name, char out[512])
{
	snprintf(out, 512, "%s/%s", pod->layer, name);
}

static void layer_link(const struct pod *pod, const char *target, const char *name)
{
	char path[512];

	layer_path(pod, name, path);
	CHECK(symlink(target, path) == 0);
}

/* The container must not start, or at least leave this folder of the host empty. */
static void check_not_started(struct pod *pod, const char *id)
{
	const char *const argv[] = { "true", NULL };
	struct container_plan plan = pod_container(pod, id, argv);
	const struct container_state *state = run_to_end(pod, &plan);

	if (strcmp(state->reason, "StartError") != 0)
		harness_fail(__FILE__, __LINE__, "%s ran", id);
}

/* --- our own program --- */

static void check_program(const struct buf *before)
{
	auto_buf after = BUF_INIT;
	struct error err;

	CHECK_OK(file_read("/proc/self/exe", 64 * 1024 * 1024, &after, &err), &err);
	CHECK_INT(after.len, before->len);
	CHECK(memcmp(after.at, before->at, after.len) == 0);
}

static void proc_exe_is_no_way_to_write_our_program(void)
{
	struct pod pod;
	auto_buf before = BUF_INIT;
	struct error err;
	char id[16];

	CHECK_OK(file_read("/proc/self/exe", 64 * 1024 * 1024, &before, &err), &err);
	pod_prepare(&pod);
	pod.plan.share_process_namespace = true;
	pod_start(&pod);
	pod_run(&pod, "evil.0",
		"while [ ! -e /tmp/end ]; do for p in /proc/[0-9]*; do"
		" ( : >> $p/exe ) 2>/dev/null && echo WROTE $p $(readlink $p/exe);"
		" ( : >> $p/cwd/bin/busybox ) 2>/dev/null; done; done");
	pod_wait_running(&pod, "evil.0");
	for (int i = 0; i < races(15); i++) {
		snprintf(id, sizeof(id), "b%d.0", i);
		pod_run(&pod, id, "true");
		pod_wait_exit(&pod, id);
		sandbox_remove_container(pod.sandbox, id);
	}
	sandbox_stop_container(pod.sandbox, "evil.0", 0);
	pod_wait_exit(&pod, "evil.0");
	auto_free char *output = pod_log_text(&pod, "evil.0");
	CHECK_STR(output, "");
	check_program(&before);
	pod_close(&pod);
}

/* --- descriptors and working folders --- */

static void working_folder_through_a_descriptor_is_refused(void)
{
	static const struct {
		const char *before, *after;
	} forms[] = {
		{ "/proc/self/fd/", "" },
		{ "/proc/self/fd/", "/../../.." },
		{ "/proc/1/fd/", "/.." },
		{ "/fd/", "" },
	};
	struct pod pod;
	char id[32], cwd[64];

	pod_prepare(&pod);
	layer_link(&pod, "/proc/self/fd", "fd");
	pod_start(&pod);
	for (size_t form = 0; form < ARRAY_LENGTH(forms); form++)
		for (int fd = 3; fd < 12; fd += 2) {
			struct container_plan plan;
			const struct container_state *state;

			snprintf(id, sizeof(id), "c%zu-%d.0", form, fd);
			snprintf(cwd, sizeof(cwd), "%s%d%s", forms[form].before, fd,
				 forms[form].after);
			plan = script_of(&pod, id, "ls -d $PWD/layer* $PWD/pod* 2>/dev/null");
			plan.cwd = cwd;
			state = run_to_end(&pod, &plan);
			if (strcmp(state->reason, "StartError") != 0)
				harness_fail(__FILE__, __LINE__, "started in %s", cwd);
			sandbox_remove_container(pod.sandbox, id);
		}
	pod_close(&pod);
}

static void no_descriptor_is_inherited(void)
{
	struct pod pod;
	struct container_plan plan;

	pod_open(&pod);
	plan = script_of(&pod, "a.0",
			 "cd /proc/self/fd; for f in *; do [ -e $f ] && echo $f; done");
	check_output(&pod, &plan, "0\n1\n2\n");
	pod_close(&pod);
}

/* --- evil images --- */

static void dev_proc_and_sys_as_links_are_refused(void)
{
	static const char *const names[] = { "dev", "proc", "sys" };
	static const char *const targets[] = { "/host", "../../../../../..", "/proc/1/root",
					       "srv" };

	for (size_t i = 0; i < ARRAY_LENGTH(names); i++) {
		struct pod pod;
		char outside[512], id[32], path[512];

		pod_prepare(&pod);
		snprintf(outside, sizeof(outside), "%s/outside", harness_folder());
		CHECK(mkdir(outside, 0777) == 0 || errno == EEXIST);
		pod_start(&pod);
		for (size_t j = 0; j <= ARRAY_LENGTH(targets); j++) {
			layer_link(&pod, j < ARRAY_LENGTH(targets) ? targets[j] : outside,
				   names[i]);
			snprintf(id, sizeof(id), "c%zu.0", j);
			check_not_started(&pod, id);
			layer_path(&pod, names[i], path);
			CHECK(unlink(path) == 0);
		}
		CHECK(rmdir(outside) == 0); /* it is empty */
		pod_close(&pod);
	}
}

/* What the image has in /dev is never part of the container's: masks are the real null device. */
static void null_and_terminals_of_the_image_are_not_used(void)
{
	struct pod pod;
	struct container_plan plan;
	char path[512];

	pod_prepare(&pod);
	layer_path(&pod, "dev", path);
	CHECK(mkdir(path, 0755) == 0);
	layer_link(&pod, "/etc/passwd", "dev/null");
	layer_link(&pod, "/etc/passwd", "dev/console");
	layer_link(&pod, "/etc", "dev/pts");
	layer_link(&pod, "/etc", "dev/shm");
	pod_start(&pod);
	plan = script_of(&pod, "a.0",
			 "stat -c %t:%T /dev/null; stat -c %t:%T /proc/timer_list;"
			 "wc -c < /proc/timer_list; stat -f -c %T /dev/shm");
	check_output(&pod, &plan, "1:3\n1:3\n0\ntmpfs\n");
	plan = script_of(&pod, "b.0", "stat -c %t $(tty); stat -f -c %t /dev/pts");
	plan.tty = true;
	check_output(&pod, &plan, "88\r\n1cd1\r\n");
	pod_close(&pod);
}

static void volumes_over_proc_are_refused(void)
{
	static const char *const targets[] = { "/proc",    "/proc/self/attr",
					       "/proc/..", "/proc/sys/kernel",
					       "/p/self",  "/up/proc" };
	struct pod pod;
	char id[32];

	pod_prepare(&pod);
	layer_link(&pod, "/proc", "p");
	layer_link(&pod, "/", "up");
	pod_start(&pod);
	for (size_t i = 0; i < ARRAY_LENGTH(targets); i++) {
		const struct container_mount mount = { .type = "tmpfs", .target = targets[i] };
		const char *const argv[] = { "true", NULL };
		struct container_plan plan;
		struct error err;

		snprintf(id, sizeof(id), "c%zu.0", i);
		plan = pod_container(&pod, id, argv);
		plan.mounts = &mount;
		plan.mount_count = 1;
		if (!sandbox_run(pod.sandbox, &plan, &err))
			continue;
		if (strcmp(pod_wait_exit(&pod, id)->reason, "StartError") != 0)
			harness_fail(__FILE__, __LINE__, "a volume at %s", targets[i]);
	}
	pod_close(&pod);
}

/* --- races --- */

/*
 * Two containers share a volume; one swaps a folder in it for a link to the root while the others
 * get a volume mounted there.  Wherever that lands it is in the container's own tree, and no file
 * of the host is seen there.
 */
static void swapped_volume_targets_lead_nowhere(void)
{
	struct pod pod;
	char volume[400], inner[400], id[32];
	struct error err;

	pod_open(&pod);
	snprintf(volume, sizeof(volume), "%s/volume", pod.folder);
	snprintf(inner, sizeof(inner), "%s/inner", pod.folder);
	CHECK_OK(file_make_dirs(volume, 0777, &err), &err);
	CHECK_OK(file_make_dirs(inner, 0777, &err), &err);
	const struct container_mount mounts[] = {
		{ .type = "bind", .source = volume, .target = "/v" },
		{ .type = "bind", .source = inner, .target = "/v/x/y" },
	};
	struct container_plan plan = script_of(
		&pod, "evil.0",
		"while :; do ln -s /proc /v/l; mv -T /v/l /v/x; rm -f /v/x; ln -s /../../.. /v/x;"
		"rm -f /v/x; mkdir -p /v/x/y; rm -rf /v/x; ln -s / /v/x; rm -f /v/x; done "
		"2>/dev/null");
	plan.mounts = mounts;
	plan.mount_count = 1;
	pod_run_plan(&pod, &plan);
	pod_wait_running(&pod, "evil.0");
	for (int i = 0; i < races(40); i++) {
		snprintf(id, sizeof(id), "b%d.0", i);
		plan = script_of(&pod, id,
				 "ls -d /root/* /boot /lib /usr 2>/dev/null; ls /bin/busybox");
		plan.mounts = mounts;
		plan.mount_count = 2;
		pod_run_plan(&pod, &plan);
		if (strcmp(pod_wait_exit(&pod, id)->reason, "StartError") != 0) {
			auto_free char *output = pod_log_text(&pod, id);

			CHECK_STR(output, "/bin/busybox\n");
		}
		sandbox_remove_container(pod.sandbox, id);
	}
	pod_close(&pod);
}

/* --- what the kernel shows --- */

static void what_tells_of_the_host_is_hidden(void)
{
	struct pod pod;
	struct container_plan plan;

	pod_open(&pod);
	plan = script_of(
		&pod, "a.0",
		"for f in kcore keys timer_list timer_stats sched_debug latency_stats interrupts; "
		"do"
		" [ -e /proc/$f ] && head -c 1 /proc/$f; done;"
		"for d in acpi asound scsi; do [ -e /proc/$d ] && ls -A /proc/$d; done;"
		"ls -A /sys/firmware /sys/devices/virtual/powercap 2>/dev/null | grep -v :;"
		"for f in sysrq-trigger sys/kernel/core_pattern sys/kernel/modprobe "
		"sys/vm/drop_caches"
		" irq/default_smp_affinity; do (echo b > /proc/$f) 2>/dev/null && echo wrote $f; "
		"done;"
		"mount -o remount,rw /proc/sys 2>/dev/null && echo remounted;"
		"umount /proc/timer_list 2>/dev/null && echo uncovered; true");
	check_output(&pod, &plan, "");
	/* The hidden ones do exist on this machine. */
	CHECK(access("/proc/timer_list", F_OK) == 0);
	pod_close(&pod);
}

static void cgroups_cannot_be_changed_from_inside(void)
{
	static const char *const caps[] = { "DAC_OVERRIDE", "SYS_CHROOT", NULL };
	struct pod pod;
	struct container_plan plan;

	pod_open(&pod);
	plan = script_of(
		&pod, "a.0",
		"for g in /sys/fs/cgroup /sys/fs/cgroup/*; do [ -d $g ] || continue;"
		" for f in release_agent notify_on_release cgroup.procs devices.allow memory.max"
		" memory.limit_in_bytes pids.max cgroup.subtree_control cgroup.freeze; do"
		"  (echo 1 > $g/$f) 2>/dev/null && echo wrote $g/$f; done;"
		" mkdir $g/mine 2>/dev/null && echo made $g/mine; done;"
		"(echo 1 > /sys/kernel/uevent_helper) 2>/dev/null && echo helper;"
		"cut -d : -f 3 /proc/self/cgroup | sort -u | head -1");
	plan.caps_add = caps;
	check_output(&pod, &plan, "/\n");
	pod_close(&pod);
}

/* --- rights --- */

static void no_capability_is_inherited(void)
{
	static const char *const caps[] = { "NET_ADMIN", "SYS_TIME", NULL };
	struct pod pod;
	struct container_plan plan;

	pod_open(&pod);
	for (int uid = 0; uid <= 1000; uid += 1000) {
		char id[16];

		snprintf(id, sizeof(id), "u%d.0", uid);
		plan = script_of(&pod, id, "grep -E 'Cap(Inh|Amb)' /proc/self/status");
		plan.caps_add = caps;
		plan.uid = uid;
		check_output(&pod, &plan, "CapInh:\t0000000000000000\nCapAmb:\t0000000000000000\n");
	}
	pod_close(&pod);
}

static void run_probe(struct pod *pod, const char *id, const struct container_plan *like, int want)
{
	const char *const argv[] = { "/bin/probe", NULL };
	struct container_plan plan = pod_container(pod, id, argv);
	const struct container_state *state;

	plan.uid = like->uid;
	plan.no_new_privs = like->no_new_privs;
	state = run_to_end(pod, &plan);
	if (state->exit_code != want || strcmp(state->reason, "StartError") == 0)
		harness_fail(__FILE__, __LINE__, "%s: %s %d, not %d; %s", id, state->reason,
			     state->exit_code, want, state->message);
}

static void setuid_programs_give_nothing(void)
{
	struct pod pod;
	char path[512];

	pod_prepare(&pod);
	layer_path(&pod, "bin/probe", path);
	if (!attack_program_write(path, DOOR_NATIVE, SYS_geteuid, 04755))
		harness_skip("no program for this processor");
	pod_start(&pod);
	run_probe(&pod, "may.0", &(struct container_plan){ .uid = 77 }, 0);
	run_probe(&pod, "may-not.0", &(struct container_plan){ .uid = 77, .no_new_privs = true },
		  77);
	pod_close(&pod);
}

static void other_doors_to_system_calls_are_shut(void)
{
	static const struct {
		const char *id;
		enum attack_door door;
		long number;
		int want;
	} rows[] = {
		{ "getuid.0", DOOR_NATIVE, SYS_getuid, 0 },
		{ "clone3.0", DOOR_NATIVE, SYS_clone3, ENOSYS },
		{ "io-uring.0", DOOR_NATIVE, SYS_io_uring_setup, EPERM },
		{ "keyctl.0", DOOR_NATIVE, SYS_keyctl, EPERM },
		{ "bpf.0", DOOR_NATIVE, SYS_bpf, EPERM },
		{ "young.0", DOOR_NATIVE, 900, ENOSYS },
		{ "beyond.0", DOOR_NATIVE, 5000, ENOSYS },
		{ "x32.0", DOOR_X32, 39, ENOSYS },
		{ "x32-exec.0", DOOR_X32, 520, ENOSYS },
		{ "i386-mount.0", DOOR_32BIT, 21, EPERM },
		{ "i386-keyctl.0", DOOR_32BIT, 288, EPERM },
		{ "i386-clone3.0", DOOR_32BIT, 435, ENOSYS },
	};
	struct pod pod;
	char path[512];

	pod_open(&pod);
	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		layer_path(&pod, "bin/probe", path);
		unlink(path);
		if (attack_program_write(path, rows[i].door, rows[i].number, 0755))
			run_probe(&pod, rows[i].id,
				  &(struct container_plan){ .no_new_privs = true }, rows[i].want);
	}
	pod_close(&pod);
}

static void disks_of_the_host_cannot_be_opened(void)
{
	struct pod pod;
	struct stat facts;
	struct container_plan plan;
	char script[256];

	CHECK(stat("/", &facts) == 0);
	if (major(facts.st_dev) == 0)
		CHECK(stat(harness_folder(), &facts) == 0);
	if (major(facts.st_dev) == 0)
		harness_skip("neither the root nor this test's folder is on a disk");
	pod_open(&pod);
	snprintf(script, sizeof(script),
		 "mknod /tmp/disk b %u %u && head -c 1 /tmp/disk 2>&1 | sed 's/.*: //';"
		 "mknod /tmp/mem c 1 1 && head -c 1 /tmp/mem 2>&1 | sed 's/.*: //'",
		 major(facts.st_dev), minor(facts.st_dev));
	plan = script_of(&pod, "a.0", script);
	auto_free char *output = pod_output_plan(&pod, &plan);
	CHECK_STR(output, "Operation not permitted\nOperation not permitted\n");
	pod_close(&pod);
}

static void no_user_becomes_root_by_its_number(void)
{
	static const char *const users[] = {
		"4294967296", "-1",  "2147483648",          "0x0", "00x", "4294967295", "+0", " 0",
		"0 ",         "1e0", "18446744073709551616"
	};
	struct pod pod;
	char id[32];

	pod_open(&pod);
	for (size_t i = 0; i < ARRAY_LENGTH(users); i++) {
		struct container_plan plan;

		snprintf(id, sizeof(id), "c%zu.0", i);
		plan = script_of(&pod, id, "[ $(id -u) = 0 ] && exit 9; exit 0");
		plan.user = users[i];
		if (run_to_end(&pod, &plan)->exit_code == 9)
			harness_fail(__FILE__, __LINE__, "\"%s\" is root", users[i]);
	}
	pod_close(&pod);
}

/* --- using it up --- */

static void bombs_are_held_by_their_limits(void)
{
	static const struct resources_plan few = { .pids = 20 };
	static const struct resources_plan small = { .memory_bytes = 16 << 20 };
	struct pod pod;
	struct container_plan plan;

	pod_open(&pod);
	plan = script_of(&pod, "forks.0", "bomb() { bomb | bomb & }; bomb; sleep 0.3; exit 5");
	plan.resources = &few;
	CHECK(run_to_end(&pod, &plan)->exit_code != 0);
	plan = script_of(&pod, "memory.0", "tail /dev/zero");
	plan.resources = &small;
	CHECK(run_to_end(&pod, &plan)->oom_killed);
	plan = script_of(&pod, "files.0",
			 "i=3; while [ $i -lt 5000 ]; do eval \"exec $i</dev/null\" || exit 4;"
			 "i=$((i + 1)); done");
	run_to_end(&pod, &plan);
	/* Others are not touched by that. */
	plan = script_of(&pod, "after.0", "echo fine");
	check_output(&pod, &plan, "fine\n");
	pod_close(&pod);
}

/* --- going in --- */

struct visit {
	struct exec_session exec;
	bool over;
	int code;
};

static void on_started(struct exec_session *exec, const struct error *err)
{
	struct visit *visit = exec->owner;

	if (err) {
		visit->over = true;
		visit->code = -1;
	}
}

static void on_exit_(struct exec_session *exec, int code)
{
	struct visit *visit = exec->owner;

	visit->over = true;
	visit->code = code;
}

static int visit(struct pod *pod, const char *id)
{
	static const char *const argv[] = { "true", NULL };
	struct visit visit = { .exec = { .on_started = on_started, .on_exit = on_exit_ } };
	struct exec_plan plan = { .container = id, .argv = argv };
	int64_t late = clock_now_ms() + harness_patience_ms(5000);

	visit.exec.owner = &visit;
	visit.exec.stdin_fd = visit.exec.stdout_fd = visit.exec.stderr_fd = -1;
	sandbox_exec(pod->sandbox, &plan, &visit.exec);
	while (!visit.over && clock_now_ms() < late)
		loop_once(pod->loop, 50);
	CHECK(visit.over);
	for (int i = 0; i < 2; i++) {
		int *fd = i ? &visit.exec.stderr_fd : &visit.exec.stdout_fd;

		if (*fd >= 0)
			close(*fd);
	}
	return visit.code;
}

/* Whoever is first in the PID namespace sees the one that comes in, but cannot look into it before
 * it is the container's own program. */
static void who_comes_in_cannot_be_looked_into(void)
{
	struct pod pod;

	pod_open(&pod);
	pod_run(&pod, "evil.0",
		"while :; do for p in /proc/[0-9]*; do e=$(readlink $p/exe 2>/dev/null);"
		" case $e in ''|/bin/busybox) ;; *) echo SAW $e;; esac;"
		" f=$(ls -l $p/fd 2>/dev/null | grep -e mote -e ns); [ \"$f\" ] && echo FD $f;"
		" done; done");
	pod_wait_running(&pod, "evil.0");
	for (int i = 0; i < races(25); i++)
		CHECK_INT(visit(&pod, "evil.0"), 0);
	sandbox_stop_container(pod.sandbox, "evil.0", 0);
	pod_wait_exit(&pod, "evil.0");
	auto_free char *output = pod_log_text(&pod, "evil.0");
	CHECK_STR(output, "");
	pod_close(&pod);
}

static bool is_there(struct pod *pod, const void *what)
{
	(void)pod;
	return file_exists(what);
}

/* Going in writes to nothing that the container may have put where /proc was. */
static void a_false_proc_is_not_written_to(void)
{
	struct pod pod;
	struct container_plan plan;
	char volume[400], end[450];
	struct error err;

	pod_open(&pod);
	snprintf(volume, sizeof(volume), "%s/volume", pod.folder);
	CHECK_OK(file_make_dirs(volume, 0777, &err), &err);
	const struct container_mount mount = { .type = "bind", .source = volume, .target = "/v" };
	plan = script_of(
		&pod, "evil.0",
		"umount -l /proc; mount -t tmpfs x /proc && mkdir -p /proc/self/attr/apparmor"
		" /proc/thread-self/attr/apparmor && for f in oom_score_adj attr/exec"
		" attr/apparmor/exec setgroups uid_map; do : > /proc/self/$f;"
		" : > /proc/thread-self/$f; done; touch /v/ready;"
		"while [ ! -e /v/end ]; do sleep 0.02; done;"
		"find /proc -type f | wc -l; find /proc -type f -size +0");
	plan.privileged = true;
	plan.no_new_privs = false;
	plan.mounts = &mount;
	plan.mount_count = 1;
	pod_run_plan(&pod, &plan);
	snprintf(end, sizeof(end), "%s/ready", volume);
	pod_until(&pod, is_there, end);
	for (int i = 0; i < 5; i++)
		CHECK_INT(visit(&pod, "evil.0"), 0);
	snprintf(end, sizeof(end), "%s/end", volume);
	CHECK_OK(file_replace(end, STR(""), 0644, &err), &err);
	pod_wait_exit(&pod, "evil.0");
	auto_free char *output = pod_log_text(&pod, "evil.0");
	CHECK_STR(output, "10\n");
	pod_close(&pod);
}

static void the_monitor_s_death_is_told_and_leaves_nothing(void)
{
	struct pod pod;
	const struct container_state *state;

	pod_open(&pod);
	pod_run(&pod, "a.0", "sleep 1000 & sleep 1000");
	pod_wait_running(&pod, "a.0");
	kill(pod_monitor(&pod), SIGKILL);
	pod_wait_gone(&pod);
	pod_adopt(&pod);
	CHECK_INT(pod.ready_error.kind, ERROR_NOT_FOUND);
	state = sandbox_container(pod.sandbox, "a.0");
	CHECK(state && state->phase == CONTAINER_EXITED);
	CHECK_STR(state->reason, "MonitorLost");
	pod_close(&pod);
}

static const struct test tests[] = {
	{ "/proc/pid/exe is no way to write our program", proc_exe_is_no_way_to_write_our_program,
	  .time_limit_s = 300 },
	{ "a working folder through a descriptor is refused",
	  working_folder_through_a_descriptor_is_refused },
	{ "no descriptor is inherited", no_descriptor_is_inherited },
	{ "swapped volume targets lead nowhere", swapped_volume_targets_lead_nowhere,
	  .time_limit_s = 300 },
	{ "/dev, /proc and /sys as links are refused", dev_proc_and_sys_as_links_are_refused },
	{ "null and terminals of the image are not used",
	  null_and_terminals_of_the_image_are_not_used },
	{ "volumes over /proc are refused", volumes_over_proc_are_refused },
	{ "what tells of the host is hidden", what_tells_of_the_host_is_hidden },
	{ "cgroups cannot be changed from inside", cgroups_cannot_be_changed_from_inside },
	{ "no capability is inherited", no_capability_is_inherited },
	{ "setuid programs give nothing", setuid_programs_give_nothing },
	{ "other doors to system calls are shut", other_doors_to_system_calls_are_shut },
	{ "disks of the host cannot be opened", disks_of_the_host_cannot_be_opened },
	{ "no user becomes root by its number", no_user_becomes_root_by_its_number },
	{ "bombs are held by their limits", bombs_are_held_by_their_limits, .time_limit_s = 30 },
	{ "who comes in cannot be looked into", who_comes_in_cannot_be_looked_into,
	  .time_limit_s = 300 },
	{ "a false /proc is not written to", a_false_proc_is_not_written_to },
	{ "the monitor's death is told and leaves nothing",
	  the_monitor_s_death_is_told_and_leaves_nothing },
};

static int tests_main(int argc, char **argv)
{
	return harness_main(tests, ARRAY_LENGTH(tests), argc, argv);
}

int main(int argc, char **argv)
{
	return pod_fixture_main(argc, argv, tests_main);
}
