/*
 * test_volume_mounts.c - shares are mounted by mount(8): a program of the test stands for it.
 */
#include "agent/volume_mounts.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "tests/unit/agent/agent_fixture.h"
#include "tests/unit/harness.h"

static const struct downward_facts facts;

static struct {
	struct loop *loop;
	struct node node;
	struct json_doc *pod;
	struct sources *sources;
	struct volumes_work work;
	struct volume_mounts *mounts;
	bool changed;
} scene;

static void on_change(void *of)
{
	(void)of;
	scene.changed = true;
}

/* mount_program: the body of a shell script; $@ are its arguments. */
static void begin(const char *volume, const char *mount_program)
{
	auto_free char *text = memory_print("{'metadata':{'name':'web','namespace':'shop'},"
					    "'spec':{'volumes':[{'name':'v',%s}]}}",
					    volume);
	auto_free char *folder = fixture_path("bin"), *program = fixture_path("bin/mount");
	auto_free char *script = memory_print("#!/bin/sh\necho \"$@\" >> %s/asked\n%s\n",
					      harness_folder(), mount_program);
	auto_free char *path = memory_print("%s:%s", folder, getenv("PATH"));
	struct error err;

	if (geteuid() != 0)
		harness_skip("needs root");
	harness_own_mounts();
	CHECK_OK(file_make_dirs(folder, 0755, &err), &err);
	fixture_write(program, script);
	CHECK_INT(chmod(program, 0755), 0);
	CHECK_INT(setenv("PATH", path, 1), 0);
	CHECK_OK(loop_open(&scene.loop, &err), &err);
	scene.node.loop = scene.loop;
	scene.pod = fixture_json(text);
	scene.sources = fixture_sources(NULL, json_root(scene.pod));
	scene.work = (struct volumes_work){ .folder = harness_folder(),
					    .pod = json_root(scene.pod),
					    .sources = scene.sources,
					    .facts = &facts };
	scene.mounts = volume_mounts_new(&scene.node, harness_folder(), on_change, NULL);
}

static void end(void)
{
	volume_mounts_free(scene.mounts);
	sources_free(scene.sources);
	json_doc_free(scene.pod);
	loop_close(scene.loop);
}

static void check_asked(const char *want)
{
	auto_free char *path = fixture_path("asked"), *have = fixture_read(path);

	CHECK_STR(have ? have : "", want);
}

static void step_to_the_end(enum volume_mounts_state want, struct error *err)
{
	scene.changed = false;
	CHECK_INT(volume_mounts_step(scene.mounts, &scene.work, err), VOLUME_MOUNTS_BUSY);
	CHECK_INT(volume_mounts_step(scene.mounts, &scene.work, err), VOLUME_MOUNTS_BUSY);
	fixture_until(scene.loop, &scene.changed);
	CHECK_INT(volume_mounts_step(scene.mounts, &scene.work, err), want);
}

static void a_share_is_mounted_once(void)
{
	auto_free char *place = fixture_path("volumes/v");
	auto_free char *asked = memory_print("-t nfs -o ro nas.test:/share %s\n", place);
	struct error err;

	begin("'nfs':{'server':'nas.test','path':'/share','readOnly':true}",
	      "/bin/mount -t tmpfs t \"$6\"");
	step_to_the_end(VOLUME_MOUNTS_READY, &err);
	CHECK(volume_is_mounted(place));
	CHECK_OK(volumes_prepare(&scene.work, &err), &err);
	CHECK(volumes_is_read_only(&scene.work, STR("v")));
	check_asked(asked);
	/* the next agent finds it */
	volume_mounts_free(scene.mounts);
	scene.mounts = volume_mounts_new(&scene.node, harness_folder(), on_change, NULL);
	CHECK_INT(volume_mounts_step(scene.mounts, &scene.work, &err), VOLUME_MOUNTS_READY);
	check_asked(asked);
	volumes_release(harness_folder());
	CHECK(!volume_is_mounted(place));
	end();
}

static void a_failure_is_told_once_and_tried_again(void)
{
	auto_free char *again = fixture_path("again");
	auto_free char *program = memory_print("[ -e %s ] && exec /bin/mount -t tmpfs t \"$4\"\n"
					       "printf 'access\\ndenied' >&2; exit 32",
					       again);
	struct error err;

	begin("'nfs':{'server':'nas.test','path':'/share'}", program);
	CHECK(!volumes_prepare(&scene.work, &err));
	step_to_the_end(VOLUME_MOUNTS_FAILED, &err);
	CHECK_STR(err.text, "MountVolume.SetUp failed for volume \"v\" : mount failed: exit status "
			    "32: access denied");
	fixture_write(again, "");
	step_to_the_end(VOLUME_MOUNTS_READY, &err);
	volumes_release(harness_folder());
	end();
}

static void what_is_under_way_is_ended(void)
{
	auto_free char *asked = fixture_path("asked"), *seen = NULL;
	int64_t before = clock_now_ms();
	struct error err;

	begin("'nfs':{'server':'nas.test','path':'/share'}", "exec sleep 60");
	CHECK_INT(volume_mounts_step(scene.mounts, &scene.work, &err), VOLUME_MOUNTS_BUSY);
	while (!(seen = fixture_read(asked)) || !strchr(seen, '\n'))
		free(seen);
	CHECK_INT(volume_mounts_step(NULL, &scene.work, &err), VOLUME_MOUNTS_READY);
	end();
	CHECK(clock_now_ms() - before < 30000);
}

/* mount(8) waits for its helper; the helper does not end with it. */
static void its_helper_is_ended_too(void)
{
	auto_free char *started = fixture_path("helper");
	auto_free char *program = memory_print("sleep 60 & echo $! > %s.new\n"
					       "mv %s.new %s; wait",
					       started, started, started);
	auto_free char *pid = NULL, *path = NULL, *command = NULL;
	struct error err;

	begin("'nfs':{'server':'nas.test','path':'/share'}", program);
	CHECK_INT(volume_mounts_step(scene.mounts, &scene.work, &err), VOLUME_MOUNTS_BUSY);
	while (!(pid = fixture_read(started)))
		usleep(1000);
	pid[strcspn(pid, "\n")] = '\0';
	path = memory_print("/proc/%s/cmdline", pid);
	end();
	/* What is dead and not yet reaped has no words. */
	command = fixture_read(path);
	CHECK_STR(command ? command : "", "");
}

static void options_of_a_persistent_volume(void)
{
	auto_json_doc doc = fixture_json("['nfsvers=4.2','hard']");
	struct volume_nfs share = { .server = STR("10.0.0.1"),
				    .path = STR("/a b"),
				    .read_only = true,
				    .options = json_root(doc) };
	auto_arena arena = arena_new();
	const char *const *argv = volume_nfs_arguments(&share, "/place", arena);

	CHECK_STR(argv[0], "mount");
	CHECK_STR(argv[3], "-o");
	CHECK_STR(argv[4], "ro,nfsvers=4.2,hard");
	CHECK_STR(argv[5], "10.0.0.1:/a b");
	CHECK_STR(argv[6], "/place");
	CHECK(argv[7] == NULL);
}

static const struct test tests[] = {
	{ "a share is mounted once", a_share_is_mounted_once },
	{ "a failure is told once and tried again", a_failure_is_told_once_and_tried_again },
	{ "what is under way is ended", what_is_under_way_is_ended },
	{ "its helper is ended, too", its_helper_is_ended_too },
	{ "options of a persistent volume", options_of_a_persistent_volume },
};

TEST_MAIN(tests)
