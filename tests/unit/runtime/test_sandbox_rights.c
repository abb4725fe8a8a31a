/*
 * test_sandbox_rights.c - users of a pod's own, devices by name, rules of system calls, groups.
 *
 * Goal: what a container is given it can use, and nothing else.  Method: real containers that try.
 * This program is its own monitor (see main), as mote is.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/file.h"
#include "tests/unit/harness.h"
#include "tests/unit/runtime/pod_fixture.h"

#define BASE 6553600u

static void open_with_users(struct pod *pod)
{
	pod_prepare(pod);
	pod->plan.user_base = BASE;
	pod_start(pod);
	pod_run(pod, "probe.0", "true");
	if (strstr(pod_wait_exit(pod, "probe.0")->message, "cannot map the ids")) {
		pod_close(pod);
		harness_skip("this kernel or file system maps no ids: the refusal is what is seen");
	}
	sandbox_remove_container(pod->sandbox, "probe.0");
}

/* Run a script as this plan says and compare what it prints. */
static void check_script(struct pod *pod, struct container_plan plan, const char *script,
			 const char *want)
{
	const char *const argv[] = { "sh", "-c", script, NULL };
	char log[300];

	plan.argv = argv;
	snprintf(log, sizeof(log), "%s/%s.log", pod->folder, plan.id);
	plan.log_path = log;
	auto_free char *output = pod_output_plan(pod, &plan);
	CHECK_STR(output, want);
}

static void users_are_others_outside(void)
{
	struct pod pod;
	struct container_plan plan;

	open_with_users(&pod);
	plan = pod_container(&pod, "a.0", NULL);
	check_script(&pod, plan,
		     "awk '{print $1,$2,$3}' /proc/self/uid_map /proc/self/gid_map; id -u;"
		     "stat -c %u:%g / /bin/busybox /dev/null /dev/shm /etc; pwd;"
		     "touch /new /dev/shm/x; stat -c %u /new /dev/shm/x; hostname",
		     "0 6553600 65536\n0 6553600 65536\n0\n0:0\n0:0\n0:0\n0:0\n0:0\n/\n0\n0\n"
		     "box\n");
	plan.id = "b.0";
	plan.uid = 1000;
	plan.cwd = "/made/for/it";
	check_script(&pod, plan, "id -u; stat -c %u .; touch x 2>/dev/null || echo no",
		     "1000\n0\nno\n");
	pod_close(&pod);
}

static void own_users_cannot_touch_the_host(void)
{
	struct pod pod;
	struct container_plan plan;
	char volume[400], secret[500];
	struct error err;
	struct stat facts;

	open_with_users(&pod);
	snprintf(volume, sizeof(volume), "%s/volume", pod.folder);
	snprintf(secret, sizeof(secret), "%s/secret", volume);
	CHECK_OK(file_make_dirs(volume, 0777, &err), &err);
	CHECK(chmod(volume, 0777) == 0);
	CHECK_OK(file_replace(secret, STR("of root\n"), 0600, &err), &err);
	const struct container_mount mounts[] = {
		{ .type = "bind", .source = volume, .target = "/mapped" },
		{ .type = "bind", .source = volume, .target = "/plain", .own_ids = true },
		{ .type = "tmpfs", .target = "/memory", .options = "mode=755" },
	};
	plan = pod_container(&pod, "a.0", NULL);
	plan.mounts = mounts;
	plan.mount_count = ARRAY_LENGTH(mounts);
	check_script(
		&pod, plan,
		"cat /mapped/secret; touch /mapped/mine; cat /plain/secret 2>/dev/null || echo no;"
		"stat -c %u /plain/secret /memory; cat /proc/slabinfo >/dev/null 2>&1 || echo no;"
		"cat /proc/1/environ >/dev/null && echo own;"
		"mount -t tmpfs x /srv 2>/dev/null || echo no mount",
		"of root\nno\n65534\n0\nno\nown\nno mount\n");
	/* On the disk it is root's, as if the pod had no users of its own. */
	snprintf(secret, sizeof(secret), "%s/mine", volume);
	CHECK(stat(secret, &facts) == 0);
	CHECK_INT(facts.st_uid, 0);
	pod_close(&pod);
}

/* Memory that belongs to the pod's ids as the host sees them: no kernel has to map it. */
static void own_memory_is_theirs(void)
{
	struct pod pod;
	struct container_plan plan;
	char volume[400], secret[500];
	struct error err;

	harness_own_mounts();
	open_with_users(&pod);
	snprintf(volume, sizeof(volume), "%s/volume", pod.folder);
	snprintf(secret, sizeof(secret), "%s/secret", volume);
	CHECK_OK(file_make_dirs(volume, 0777, &err), &err);
	CHECK(mount("tmpfs", volume, "tmpfs", 0, "mode=0755,uid=6553600,gid=6553600") == 0);
	CHECK_OK(file_replace(secret, STR("of root\n"), 0400, &err), &err);
	CHECK(chown(secret, BASE, BASE) == 0);
	const struct container_mount mounts[] = {
		{ .type = "bind", .source = volume, .target = "/m", .own_ids = true },
		{ .type = "bind",
		  .source = volume,
		  .target = "/s",
		  .sub_path = "sub/path",
		  .own_ids = true },
	};
	plan = pod_container(&pod, "a.0", NULL);
	plan.mounts = mounts;
	plan.mount_count = ARRAY_LENGTH(mounts);
	check_script(&pod, plan,
		     "cat /m/secret; stat -c %u:%g:%a /m /m/secret /m/sub /s; touch /s/x /m/y;"
		     "chown 1000 /s/x; stat -c %u /m/sub/path/x /m/y",
		     "of root\n0:0:755\n0:0:400\n0:0:755\n0:0:755\n1000\n0\n");
	CHECK(umount2(volume, MNT_DETACH) == 0);
	pod_close(&pod);
}

/* CAP_SYS_ADMIN counts in its own namespaces only; what is hidden stays hidden. */
static void root_of_own_users_rules_only_itself(void)
{
	static const char *const caps[] = { "SYS_ADMIN", "NET_ADMIN", "SYS_TIME", "SYS_BOOT",
					    NULL };
	struct pod pod;
	struct container_plan plan;

	open_with_users(&pod);
	plan = pod_container(&pod, "a.0", NULL);
	plan.caps_add = caps;
	plan.no_new_privs = false;
	plan.seccomp_unconfined = true;
	check_script(&pod, plan,
		     "mount -t tmpfs x /srv && echo mounts; ip link set lo down && echo net;"
		     "umount /proc/timer_list 2>/dev/null || echo hidden; wc -c < /proc/timer_list;"
		     "mount -o remount,rw /proc/sys 2>/dev/null || echo locked;"
		     "mknod /srv/x b 8 0 2>/dev/null || echo no node;"
		     "hostname other && hostname",
		     "mounts\nnet\nhidden\n0\nlocked\nno node\nother\n");
	pod_close(&pod);
}

static void own_users_can_be_joined(void)
{
	struct pod pod;
	const char *const argv[] = { "sleep", "1000", NULL };
	struct container_plan plan;
	char path[64], map[128];

	open_with_users(&pod);
	plan = pod_container(&pod, "a.0", argv);
	pod_run_plan(&pod, &plan);
	pod_wait_running(&pod, "a.0");
	snprintf(path, sizeof(path), "/proc/%d/uid_map",
		 sandbox_container(pod.sandbox, "a.0")->pid);
	auto_free char *text = pod_read(path);
	unsigned inside, outside, count;
	CHECK_INT(sscanf(text, "%u %u %u", &inside, &outside, &count), 3);
	CHECK_INT(outside, BASE);
	snprintf(map, sizeof(map), "/proc/%d/root", sandbox_container(pod.sandbox, "a.0")->pid);
	CHECK(access(map, F_OK) == 0);
	pod_close(&pod);
}

static void ids_beyond_the_pod_s_are_refused(void)
{
	struct pod pod;
	const char *const argv[] = { "true", NULL };
	struct container_plan plan;
	const struct container_state *state;

	open_with_users(&pod);
	plan = pod_container(&pod, "a.0", argv);
	plan.uid = 65536;
	pod_run_plan(&pod, &plan);
	state = pod_wait_exit(&pod, "a.0");
	CHECK_STR(state->reason, "StartError");
	CHECK(strstr(state->message, "ids up to 65535") != NULL);
	pod_close(&pod);
}

/* --- devices --- */

static void devices_are_given_by_name(void)
{
	static const struct container_device devices[] = {
		{ .path = "/dev/random-thing",
		  .link = "/dev/serial/by-id/usb-thing",
		  .major = 1,
		  .minor = 9,
		  .mode = 0660 },
	};
	struct pod pod;
	struct container_plan plan;

	pod_open(&pod);
	plan = pod_container(&pod, "a.0", NULL);
	plan.uid = 1000;
	plan.gid = 2000;
	plan.devices = devices;
	plan.device_count = 1;
	check_script(&pod, plan,
		     "stat -c %u:%g:%a /dev/random-thing; readlink /dev/serial/by-id/usb-thing;"
		     "head -c 4 /dev/serial/by-id/usb-thing | wc -c",
		     "1000:2000:660\n/dev/random-thing\n4\n");
	pod_close(&pod);
}

/* /dev/kmsg is c 1:11, which is not among those that everybody has. */
#define TRY "(: > /dev/box) 2>/dev/null && echo open || echo no"

static void others_cannot_use_the_device(void)
{
	static const struct container_device devices[] = {
		{ .path = "/dev/box", .major = 1, .minor = 11, .mode = 0600 },
	};
	struct pod pod;
	struct container_plan plan;
	const struct container_mount mounts[] = {
		{ .type = "bind", .source = "/dev/kmsg", .target = "/dev/box" },
	};

	pod_open(&pod);
	plan = pod_container(&pod, "without.0", NULL);
	plan.mounts = mounts;
	plan.mount_count = 1;
	check_script(&pod, plan, TRY, "no\n");
	plan.id = "volume-and-right.0";
	plan.devices = devices;
	plan.device_count = 1;
	check_script(&pod, plan, TRY, "open\n");
	plan.id = "right.0";
	plan.mount_count = 0;
	check_script(&pod, plan, TRY, "open\n");
	plan.id = "made-itself.0";
	plan.device_count = 0;
	check_script(&pod, plan, "mknod /dev/box c 1 11; " TRY, "no\n");
	pod_close(&pod);
}

static void devices_go_to_own_users(void)
{
	static const struct container_device devices[] = {
		{ .path = "/dev/box", .major = 1, .minor = 11, .mode = 0600 },
	};
	struct pod pod;
	struct container_plan plan;

	open_with_users(&pod);
	plan = pod_container(&pod, "a.0", NULL);
	plan.devices = devices;
	plan.device_count = 1;
	check_script(&pod, plan, "stat -c %u /dev/box; " TRY, "0\nopen\n");
	pod_close(&pod);
}

/* --- the rest --- */

static void own_rules_of_system_calls_hold(void)
{
	const char *const argv[] = { "true", NULL };
	struct pod pod;
	struct container_plan plan;
	struct error err;

	pod_open(&pod);
	plan = pod_container(&pod, "a.0", argv);
	plan.seccomp_profile = "{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[{\"names\":["
			       "\"mkdir\",\"mkdirat\"],\"action\":\"SCMP_ACT_ERRNO\","
			       "\"errnoRet\":28}]}";
	check_script(&pod, plan, "mkdir /x 2>&1; grep Seccomp: /proc/self/status",
		     "mkdir: can't create directory '/x': No space left on device\nSeccomp:\t2\n");
	plan.id = "b.0";
	plan.seccomp_profile = "{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[{\"names\":["
			       "\"mkdir\"],\"action\":\"SCMP_ACT_NOTIFY\"}]}";
	CHECK(!sandbox_run(pod.sandbox, &plan, &err));
	if (!strstr(err.text, "NOTIFY"))
		harness_fail(__FILE__, __LINE__, "%s", err.text);
	plan.seccomp_profile = "";
	CHECK(!sandbox_run(pod.sandbox, &plan, &err));
	pod_close(&pod);
}

static void groups_of_the_image_can_be_left_out(void)
{
	static const uint32_t groups[] = { 4000 };
	struct pod pod;
	struct container_plan plan;

	pod_open(&pod);
	plan = pod_container(&pod, "merge.0", NULL);
	plan.user = "web";
	plan.groups = groups;
	plan.group_count = 1;
	check_script(&pod, plan, "id -G", "102 777 4000\n");
	plan.id = "strict.0";
	plan.strict_groups = true;
	check_script(&pod, plan, "id -G", "102 4000\n");
	pod_close(&pod);
}

static void proc_can_be_shown_whole(void)
{
	struct pod pod;
	struct container_plan plan;

	open_with_users(&pod);
	plan = pod_container(&pod, "a.0", NULL);
	plan.proc_unmasked = true;
	check_script(&pod, plan, "grep -c ' /proc/' /proc/self/mounts", "0\n");
	plan.id = "b.0";
	plan.proc_unmasked = false;
	check_script(&pod, plan, "[ $(grep -c ' /proc/' /proc/self/mounts) -gt 3 ] && echo hidden",
		     "hidden\n");
	pod_close(&pod);
}

static void no_profile_without_apparmor(void)
{
	struct pod pod;
	const char *const argv[] = { "true", NULL };
	struct container_plan plan;

	if (access("/sys/kernel/security/apparmor", F_OK) == 0)
		harness_skip("this kernel has AppArmor");
	pod_open(&pod);
	plan = pod_container(&pod, "a.0", argv);
	plan.apparmor = "strict-one";
	pod_run_plan(&pod, &plan);
	CHECK(strstr(pod_wait_exit(&pod, "a.0")->message, "apparmor profile strict-one") != NULL);
	pod_close(&pod);
}

static const struct test tests[] = {
	{ "users are others outside", users_are_others_outside },
	{ "own users cannot touch the host", own_users_cannot_touch_the_host },
	{ "own memory is theirs", own_memory_is_theirs },
	{ "root of own users rules only itself", root_of_own_users_rules_only_itself },
	{ "own users can be joined", own_users_can_be_joined },
	{ "ids beyond the pod's are refused", ids_beyond_the_pod_s_are_refused },
	{ "devices are given by name", devices_are_given_by_name },
	{ "others cannot use the device", others_cannot_use_the_device },
	{ "devices go to own users", devices_go_to_own_users },
	{ "own rules of system calls hold", own_rules_of_system_calls_hold },
	{ "groups of the image can be left out", groups_of_the_image_can_be_left_out },
	{ "proc can be shown whole", proc_can_be_shown_whole },
	{ "no profile without AppArmor", no_profile_without_apparmor },
};

static int tests_main(int argc, char **argv)
{
	return harness_main(tests, ARRAY_LENGTH(tests), argc, argv);
}

int main(int argc, char **argv)
{
	return pod_fixture_main(argc, argv, tests_main);
}
