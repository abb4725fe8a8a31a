/*
 * test_sandbox_modes.c - pods and containers that ask for more of the host, or have a terminal.
 *
 * This program is its own monitor (see main), as mote is.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "tests/unit/harness.h"
#include "tests/unit/runtime/pod_fixture.h"

static void check_link(const char *text, const char *name, bool same)
{
	char path[64], link[64] = "";

	snprintf(path, sizeof(path), "/proc/self/ns/%s", name);
	CHECK(readlink(path, link, sizeof(link) - 1) > 0);
	if ((strstr(text, link) != NULL) != same)
		harness_fail(__FILE__, __LINE__, "%s of the host: %s, of the container: %s", name,
			     link, text);
}

#define SHOW_NAMESPACES "for n in net ipc uts pid mnt cgroup; do readlink /proc/self/ns/$n; done"

static void has_its_own_namespaces(void)
{
	struct pod pod;

	pod_open(&pod);
	auto_free char *output = pod_output(&pod, "a.0", SHOW_NAMESPACES);
	static const char *const all[] = { "net", "ipc", "uts", "pid", "mnt", "cgroup" };
	for (size_t i = 0; i < ARRAY_LENGTH(all); i++)
		check_link(output, all[i], false);
	/* The containers of a pod share three. */
	auto_free char *other = pod_output(&pod, "b.0", SHOW_NAMESPACES);
	struct str one = str_of(output), two = str_of(other);
	for (int i = 0; i < 3; i++)
		CHECK(str_equal(str_cut(&one, '\n'), str_cut(&two, '\n')));
	pod_close(&pod);
}

static void shares_the_host_s(void)
{
	struct pod pod;

	pod_prepare(&pod);
	pod.plan.host_network = pod.plan.host_pid = pod.plan.host_ipc = true;
	pod_start(&pod);
	auto_free char *output =
		pod_output(&pod, "a.0", SHOW_NAMESPACES "; [ $$ -gt 1 ] && echo not first");
	check_link(output, "net", true);
	check_link(output, "ipc", true);
	check_link(output, "uts", true);
	check_link(output, "pid", true);
	check_link(output, "mnt", false);
	CHECK(strstr(output, "not first\n") != NULL);
	/* Without a PID namespace all of a container's processes must end with it nevertheless. */
	pod_run(&pod, "b.0", "(sleep 4321 &) ; sleep 4321 & exec sleep 4321");
	pod_wait_running(&pod, "b.0");
	usleep(100 * 1000);
	sandbox_stop_container(pod.sandbox, "b.0", 100);
	pod_wait_exit(&pod, "b.0");
	auto_free char *list = pod_output(&pod, "c.0", "ps");
	CHECK(strstr(list, "sleep 4321") == NULL);
	pod_close(&pod);
}

static void cleans_up_after_a_monitor_with_host_processes(void)
{
	struct pod pod;

	pod_prepare(&pod);
	pod.plan.host_pid = true;
	pod_start(&pod);
	pod_run(&pod, "a.0", "(sleep 5432 &) ; exec sleep 5432");
	pod_wait_running(&pod, "a.0");
	usleep(100 * 1000);
	kill(pod_monitor(&pod), SIGKILL);
	pod_wait_gone(&pod);
	pod_adopt(&pod);
	CHECK_INT(pod.ready_error.kind, ERROR_NOT_FOUND);
	pod_close(&pod); /* checks that cgroups are gone, and so all processes in them */
}

static void gives_the_privileged_all(void)
{
	struct pod pod;
	const char *const argv[] = {
		"sh", "-c",
		"ls /dev; mount -t tmpfs x /tmp && echo mounted; ls -d /proc/timer_list;"
		"touch /sys/fs/cgroup/memory 2>/dev/null; [ -c /dev/kmsg ] && head -c 1 /dev/kmsg "
		"| wc -c",
		NULL
	};
	struct container_plan plan;

	pod_open(&pod);
	plan = pod_container(&pod, "a.0", argv);
	plan.privileged = true;
	plan.no_new_privs = false;
	auto_free char *output = pod_output_plan(&pod, &plan);
	CHECK(strstr(output, "kmsg\n") != NULL);
	CHECK(strstr(output, "mounted\n") != NULL);
	/* Its /dev is a copy: what it does there does not reach the host. */
	const char *const wreck[] = { "rm", "-f", "/dev/kmsg", "/dev/null", NULL };
	plan = pod_container(&pod, "b.0", wreck);
	plan.privileged = true;
	pod_run_plan(&pod, &plan);
	CHECK_INT(pod_wait_exit(&pod, "b.0")->exit_code, 0);
	CHECK(access("/dev/null", F_OK) == 0);
	CHECK(access("/dev/kmsg", F_OK) == 0);
	pod_close(&pod);
}

static void has_a_terminal(void)
{
	struct pod pod;
	const char *const argv[] = { "sh", "-c",
				     "tty; echo to console > /dev/console; ls -l /dev/console "
				     "/dev/pts/0; test -t 0 && test -t 2 && echo all",
				     NULL };
	struct container_plan plan;

	pod_open(&pod);
	plan = pod_container(&pod, "a.0", argv);
	plan.tty = true;
	auto_free char *output = pod_output_plan(&pod, &plan);
	CHECK(strstr(output, "to console\r\n") != NULL);
	CHECK(strstr(output, "all\r\n") != NULL);
	pod_close(&pod);
}

static void lets_users_have_a_terminal(void)
{
	struct pod pod;
	const char *const argv[] = { "sh", "-c", "echo x > /dev/stdout; echo y > $(tty)", NULL };
	struct container_plan plan;

	pod_open(&pod);
	plan = pod_container(&pod, "a.0", argv);
	plan.tty = true;
	plan.uid = 1000;
	auto_free char *output = pod_output_plan(&pod, &plan);
	CHECK_STR(output, "x\r\ny\r\n");
	pod_close(&pod);
}

/* Mounts made by the host later come through to those who ask for it; to others they do not. */
static void passes_mounts_on(void)
{
	struct pod pod;
	const char *const argv[] = {
		"sh", "-c",
		"until [ -e /open/in/mark ]; do sleep 0.05; done; ls /open/in /closed/in; umount "
		"/both/made 2>/dev/null;"
		"mkdir -p /both/made; mount -t tmpfs x /both/made; touch /both/made/mine",
		NULL
	};
	char volume[400], inner[500];
	struct container_plan plan;
	struct error err;

	pod_prepare(&pod);
	harness_own_mounts(); /* to play with */
	snprintf(volume, sizeof(volume), "%s/volume", pod.folder);
	CHECK_OK(file_make_dirs(volume, 0755, &err), &err);
	CHECK(mount("tmpfs", volume, "tmpfs", 0, NULL) == 0);
	CHECK(mount(NULL, volume, NULL, MS_SHARED, NULL) == 0);
	snprintf(inner, sizeof(inner), "%s/in", volume);
	CHECK(mkdir(inner, 0755) == 0);
	pod_start(&pod);
	const struct container_mount mounts[] = {
		{ .type = "bind", .source = volume, .target = "/open", .propagation = 1 },
		{ .type = "bind", .source = volume, .target = "/closed", .propagation = 0 },
		{ .type = "bind", .source = volume, .target = "/both", .propagation = 2 },
	};
	plan = pod_container(&pod, "a.0", argv);
	plan.mounts = mounts;
	plan.mount_count = ARRAY_LENGTH(mounts);
	plan.privileged = true;
	pod_run_plan(&pod, &plan);
	pod_wait_running(&pod, "a.0");
	CHECK(mount("tmpfs", inner, "tmpfs", 0, NULL) == 0);
	snprintf(inner, sizeof(inner), "%s/in/mark", volume);
	CHECK_OK(file_replace(inner, STR("x"), 0644, &err), &err);
	pod_wait_exit(&pod, "a.0");
	auto_free char *output = pod_log_text(&pod, "a.0");
	CHECK(strstr(output, "/open/in:\nmark\n") != NULL);
	CHECK(strstr(output, "/closed/in:\nmark") == NULL);
	snprintf(inner, sizeof(inner), "%s/made/mine", volume);
	CHECK(file_exists(inner));
	snprintf(inner, sizeof(inner), "%s/made", volume);
	CHECK(umount(inner) == 0);
	snprintf(inner, sizeof(inner), "%s/in", volume);
	CHECK(umount(inner) == 0);
	CHECK(umount(volume) == 0);
	buf_clear(&pod.before);
	auto_free char *mounts_now = pod_read("/proc/self/mountinfo");
	CHECK(strstr(mounts_now, pod.folder) == NULL);
	sandbox_destroy(pod.sandbox);
	pod_wait_gone(&pod);
	CHECK_INT(pod.gone_count, 1);
	sandbox_close(pod.sandbox);
	loop_close(pod.loop);
}

static void has_many_layers(void)
{
	enum { LAYERS = 60 };
	static const char *layers[LAYERS + 1];
	struct pod pod;
	const char *const argv[] = { "sh", "-c", "exec 2>&1; cat /top /l0 /l59", NULL };
	struct container_plan plan;
	struct error err;

	pod_open(&pod);
	layers[0] = pod.layer;
	for (int i = 1; i < LAYERS; i++) {
		char *layer = memory_print("%s/layer-with-a-rather-long-name-as-digests-are-%d",
					   pod.folder, i);
		char path[600];
		char text[16];

		layers[i] = layer;
		CHECK(mkdir(layer, 0755) == 0);
		snprintf(text, sizeof(text), "%d\n", i);
		snprintf(path, sizeof(path), "%s/top", layer);
		CHECK_OK(file_replace(path, str_of(text), 0644, &err), &err);
		snprintf(path, sizeof(path), "%s/l%d", layer, i);
		CHECK_OK(file_replace(path, str_of(text), 0644, &err), &err);
	}
	plan = pod_container(&pod, "a.0", argv);
	plan.layers = layers;
	auto_free char *output = pod_output_plan(&pod, &plan);
	CHECK_STR(output, "59\ncat: can't open '/l0': No such file or directory\n59\n");
	for (int i = 1; i < LAYERS; i++)
		free((char *)(uintptr_t)layers[i]);
	pod_close(&pod);
}

/* The pod folder on an overlay: nothing to be done, but it must be said. */
static void says_why_an_overlay_cannot_be_stacked(void)
{
	struct pod pod;
	char lower[400], upper[400], work[400], options[1400];
	struct error err;

	pod_prepare(&pod);
	snprintf(lower, sizeof(lower), "%s/lower", pod.folder);
	snprintf(upper, sizeof(upper), "%s/upper", pod.folder);
	snprintf(work, sizeof(work), "%s/work", pod.folder);
	CHECK_OK(file_make_dirs(lower, 0755, &err), &err);
	CHECK_OK(file_make_dirs(upper, 0755, &err), &err);
	CHECK_OK(file_make_dirs(work, 0755, &err), &err);
	snprintf(options, sizeof(options), "lowerdir=%s,upperdir=%s,workdir=%s", lower, upper,
		 work);
	harness_own_mounts();
	CHECK(mount("overlay", pod.folder, "overlay", 0, options) == 0);
	pod_start(&pod);
	pod_run(&pod, "a.0", "true");
	CHECK(strstr(pod_wait_exit(&pod, "a.0")->message, "overlay") != NULL);
	CHECK(strstr(pod_wait_exit(&pod, "a.0")->message, "move the data folder") != NULL);
	sandbox_destroy(pod.sandbox);
	pod_wait_gone(&pod);
	CHECK_INT(pod.gone_count, 1);
	sandbox_close(pod.sandbox);
	loop_close(pod.loop);
	buf_clear(&pod.before);
	CHECK(umount2(pod.folder, MNT_DETACH) == 0);
}

static void many_at_once(void)
{
	struct pod pod;
	char id[16];

	pod_open(&pod);
	for (int i = 0; i < 20; i++) {
		snprintf(id, sizeof(id), "c%d.0", i);
		pod_run(&pod, id, "echo $$; exit 2");
	}
	for (int i = 0; i < 20; i++) {
		snprintf(id, sizeof(id), "c%d.0", i);
		CHECK_INT(pod_wait_exit(&pod, id)->exit_code, 2);
	}
	pod_close(&pod);
}

static int tests_main(int argc, char **argv)
{
	static const struct test tests[] = {
		{ "has its own namespaces", has_its_own_namespaces },
		{ "shares the host's", shares_the_host_s },
		{ "cleans up after a monitor with host processes",
		  cleans_up_after_a_monitor_with_host_processes },
		{ "gives the privileged all", gives_the_privileged_all },
		{ "has a terminal", has_a_terminal },
		{ "lets users have a terminal", lets_users_have_a_terminal },
		{ "passes mounts on", passes_mounts_on },
		{ "has many layers", has_many_layers },
		{ "says why an overlay cannot be stacked", says_why_an_overlay_cannot_be_stacked },
		{ "many at once", many_at_once },
	};

	return harness_main(tests, ARRAY_LENGTH(tests), argc, argv);
}

int main(int argc, char **argv)
{
	return pod_fixture_main(argc, argv, tests_main);
}
