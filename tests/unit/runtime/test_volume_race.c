/*
 * test_volume_race.c - sub-paths of volumes whose folders somebody swaps for links (attack case
 * 33).
 *
 * Goal: what is mounted is in the volume, whoever does what meanwhile.  Method: the steps that make
 * a mount of a sub-path against a thread that swaps, MOTE_TEST_RACES times in the long form; then
 * whole containers of a pod, one of which swaps while the other starts again and again.
 */
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "runtime/mountfd.h"
#include "runtime/pathfd.h"
#include "tests/unit/harness.h"
#include "tests/unit/runtime/pod_fixture.h"

static long races(void)
{
	const char *text = getenv("MOTE_TEST_RACES");

	return text ? strtol(text, NULL, 10) : 1001;
}

/* --- the steps --- */

static int volume = -1;
static atomic_bool over;

static void swap(const char *a, const char *b)
{
	syscall(SYS_renameat2, volume, a, volume, b, 2 /* RENAME_EXCHANGE */);
}

/* The folder, its parent, and what lies in it change places with links that lead out. */
static void *swap_places(void *unused)
{
	(void)unused;
	while (!over) {
		swap("in", "trap");
		swap("in/sub", "in/trap");
	}
	return NULL;
}

static void make_volume(const char *outside)
{
	char path[400];

	snprintf(path, sizeof(path), "%s/volume", harness_folder());
	CHECK_INT(mkdir(path, 0755), 0);
	volume = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	CHECK(volume >= 0);
	CHECK_INT(mkdirat(volume, "in", 0755), 0);
	CHECK_INT(mkdirat(volume, "in/sub", 0755), 0);
	CHECK_INT(symlinkat(outside, volume, "trap"), 0);
	CHECK_INT(symlinkat("../../outside/sub", volume, "in/trap"), 0);
}

static bool has_canary(int fd)
{
	struct stat facts;

	return fstatat(fd, "canary", &facts, AT_SYMLINK_NOFOLLOW) == 0;
}

static void make_outside(char path[400])
{
	char inner[440];
	struct error err;

	snprintf(path, 400, "%s/outside", harness_folder());
	snprintf(inner, sizeof(inner), "%s/sub", path);
	CHECK_OK(file_make_dirs(inner, 0755, &err), &err);
	snprintf(inner, sizeof(inner), "%s/sub/canary", path);
	CHECK_OK(file_put(inner, STR("x"), 0644, &err), &err);
	snprintf(inner, sizeof(inner), "%s/canary", path);
	CHECK_OK(file_put(inner, STR("x"), 0644, &err), &err);
}

static void sub_paths_win_every_race(void)
{
	static const char *const paths[] = { "in/sub", "in", "in/sub/new", "trap/sub" };
	long rounds = 0, mounted = 0, wanted = races();
	int64_t late = clock_now_ms() + 1500;
	pthread_t attacker;
	char outside[400], made[440];
	struct error why;

	if (geteuid() != 0)
		harness_skip("not root");
	harness_own_mounts();
	make_outside(outside);
	make_volume(outside);
	CHECK_INT(pthread_create(&attacker, NULL, swap_places, NULL), 0);
	for (; clock_now_ms() < late || rounds < wanted; rounds++) {
		auto_fd below = -1, copy = -1;

		if (!pathfd_make(volume, paths[rounds % 4], PATHFD_BELOW, PATHFD_FOLDER, &below,
				 &why))
			continue;
		CHECK(!has_canary(below));
		if (rounds % 16 > 3) /* mounts are dear */
			continue;
		CHECK_OK(mountfd_copy(below, "", MOUNTFD_TREE, &copy, &why), &why);
		CHECK(!has_canary(copy));
		mounted++;
	}
	over = true;
	pthread_join(attacker, NULL);
	CHECK(rounds > 1000);
	CHECK(mounted > 10);
	snprintf(made, sizeof(made), "%s/sub/new", outside);
	CHECK(!file_exists(made));
}

/* --- whole containers --- */

static struct container_plan script_of(struct pod *pod, const char *id, const char *script)
{
	const char *argv[] = { "sh", "-c", script, NULL };
	static const char *kept[4];

	memcpy(kept, argv, sizeof(argv));
	return pod_container(pod, id, kept);
}

/* "one" swaps, and "two" is started again and again as after crashes. */
static void a_neighbour_swaps_while_it_restarts(void)
{
	struct pod pod;
	char source[400], id[32];
	long wanted = races() / 5000 > 30 ? races() / 5000 : 30;
	struct error err;

	pod_open(&pod);
	snprintf(source, sizeof(source), "%s/volume", pod.folder);
	CHECK_OK(file_make_dirs(source, 0777, &err), &err);
	const struct container_mount whole[] = {
		{ .type = "bind", .source = source, .target = "/v" }
	};
	const struct container_mount part[] = {
		{ .type = "bind", .source = source, .target = "/p", .sub_path = "a/b" }
	};
	struct container_plan plan =
		script_of(&pod, "one.0",
			  "cd /v; while :; do mkdir -p a/b; ln -s / l; mv -T a x; mv -T l a; rm a;"
			  "mv -T x a; ln -s / a/l; rmdir a/b; mv -T a/l a/b; rm a/b; done "
			  "2>/dev/null");
	plan.mounts = whole;
	plan.mount_count = 1;
	pod_run_plan(&pod, &plan);
	pod_wait_running(&pod, "one.0");
	for (long i = 0; i < wanted; i++) {
		snprintf(id, sizeof(id), "two.%ld", i);
		plan = script_of(&pod, id, "ls -d /p/etc /p/root /p/proc /p/usr 2>/dev/null; :");
		plan.mounts = part;
		plan.mount_count = 1;
		pod_run_plan(&pod, &plan);
		if (strcmp(pod_wait_exit(&pod, id)->reason, "StartError") != 0) {
			auto_free char *output = pod_log_text(&pod, id);

			CHECK_STR(output, "");
		}
		sandbox_remove_container(pod.sandbox, id);
	}
	pod_close(&pod);
}

/* A file of the host that says "File" is a file, also when it becomes a link after the look. */
static void host_paths_keep_their_type(void)
{
	struct pod pod;
	char source[400], folder[400], id[32];
	pthread_t attacker;
	struct error err;
	int failed = 0;

	pod_open(&pod);
	snprintf(folder, sizeof(folder), "%s/volume", pod.folder);
	CHECK_INT(mkdir(folder, 0777), 0);
	volume = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
	snprintf(source, sizeof(source), "%s/in", folder);
	CHECK_OK(file_put(source, STR("x"), 0644, &err), &err);
	CHECK_INT(symlinkat("/etc", volume, "trap"), 0);
	const struct container_mount mount[] = {
		{ .type = "bind", .source = source, .source_kind = S_IFREG, .target = "/p" }
	};
	CHECK_INT(pthread_create(&attacker, NULL, swap_places, NULL), 0);
	for (int i = 0; i < 24; i++) {
		struct container_plan plan;

		if (i == 20) { /* nobody swaps any more: the link it is */
			over = true;
			pthread_join(attacker, NULL);
			if (faccessat(volume, "in/passwd", F_OK, 0) != 0)
				swap("in", "trap");
		}
		snprintf(id, sizeof(id), "c%d.0", i);
		plan = script_of(&pod, id, "[ ! -d /p ] || echo a folder");
		plan.mounts = mount;
		plan.mount_count = 1;
		pod_run_plan(&pod, &plan);
		if (strcmp(pod_wait_exit(&pod, id)->reason, "StartError") != 0) {
			auto_free char *output = pod_log_text(&pod, id);

			CHECK_STR(output, "");
			CHECK(i < 20);
		} else {
			failed++;
			CHECK(strstr(pod_wait_exit(&pod, id)->message, "another type") != NULL);
		}
		sandbox_remove_container(pod.sandbox, id);
	}
	CHECK(failed >= 4);
	close(volume);
	pod_close(&pod);
}

static int tests_main(int argc, char **argv)
{
	static const struct test tests[] = {
		{ "sub-paths win every race", sub_paths_win_every_race, .time_limit_s = 600 },
		{ "a neighbour swaps while it restarts", a_neighbour_swaps_while_it_restarts,
		  .time_limit_s = 300 },
		{ "host paths keep their type", host_paths_keep_their_type, .time_limit_s = 60 },
	};

	return harness_main(tests, ARRAY_LENGTH(tests), argc, argv);
}

int main(int argc, char **argv)
{
	return pod_fixture_main(argc, argv, tests_main);
}
