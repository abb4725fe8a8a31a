/*
 * test_unmounter.c - shares are unmounted by umount(8): a program of the test stands for it, and a
 * file for the kernel's list of mounts.
 */
#include "agent/unmounter.h"

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

static struct {
	struct loop *loop;
	struct unmounter *unmounter;
	struct unmounter_wait wait;
	bool done, ended;
} scene;

static void on_done(struct unmounter_wait *wait, bool ended)
{
	CHECK(wait == &scene.wait);
	CHECK(!scene.done);
	scene.done = true;
	scene.ended = ended;
}

/* What is mounted, and the body of a shell script; $2 is the place. */
static void begin(const char *mounts, const char *program)
{
	auto_free char *list = fixture_path("list"), *place = fixture_path("bin/umount");
	auto_free char *folder = fixture_path("bin");
	auto_free char *path = memory_print("%s:%s", folder, getenv("PATH"));
	auto_free char *script =
		memory_print("#!/bin/sh\necho \"$@\" >> %s/asked\n%s\n", harness_folder(), program);
	struct error err;

	if (geteuid() != 0)
		harness_skip("needs root");
	harness_own_mounts();
	CHECK_OK(file_make_dirs(folder, 0755, &err), &err);
	fixture_write(place, script);
	CHECK_INT(chmod(place, 0755), 0);
	CHECK_INT(setenv("PATH", path, 1), 0);
	fixture_write(list, mounts);
	if (mount(list, "/proc/self/mountinfo", NULL, MS_BIND, NULL) != 0)
		harness_skip("the list of mounts cannot be covered");
	CHECK_OK(loop_open(&scene.loop, &err), &err);
	scene.unmounter = unmounter_new(scene.loop);
	scene.wait.on_done = on_done;
}

static void end(void)
{
	unmounter_free(scene.unmounter);
	loop_close(scene.loop);
}

static void check_asked(const char *want)
{
	auto_free char *path = fixture_path("asked"), *have = fixture_read(path);

	CHECK_STR(have ? have : "", want);
}

static void shares_alone(void)
{
	begin("31 23 0:31 / /p/1/volumes/t rw - tmpfs tmpfs rw\n"
	      "32 23 8:1 /x /p/1/volumes/l rw - ext4 /dev/sda rw\n"
	      "33 23 0:33 / /p/2/volumes/n rw - nfs4 s:/ rw\n",
	      "");
	CHECK(!unmounter_start(scene.unmounter, "/p/1", &scene.wait));
	CHECK(unmounter_start(scene.unmounter, "/p/2", &scene.wait));
	fixture_until(scene.loop, &scene.done);
	CHECK(scene.ended);
	check_asked("-l /p/2/volumes/n\n");
	end();
}

/* What lies upon another goes first; who waits does so for all. */
static void all_of_them(void)
{
	auto_free char *first = fixture_path("first");
	auto_free char *program =
		memory_print("[ \"$2\" = /p/b ] && touch %s && exit\n"
			     "while [ ! -e %s ]; do sleep 0.01; done; rm %s; exit 1",
			     first, first, first);

	begin("31 23 0:31 / /p/a\\040a rw - nfs s:/ rw\n32 23 0:32 / /p/b rw - fuse.s3 s:/ rw\n",
	      program);
	CHECK(unmounter_start(scene.unmounter, "/p", &scene.wait));
	fixture_until(scene.loop, &scene.done);
	CHECK(scene.ended);
	CHECK(!file_exists(first));
	end();
}

static char *wait_for(const char *name)
{
	auto_free char *path = fixture_path(name);
	char *seen;

	while (!(seen = fixture_read(path)) || !strchr(seen, '\n')) {
		free(seen);
		usleep(1000);
	}
	seen[strcspn(seen, "\n")] = '\0';
	return seen;
}

/* The process goes on for its time, and is killed with what it started. */
static void nobody_waits_long(void)
{
	auto_free char *pid = NULL, *path = NULL;
	auto_free char *program =
		memory_print("sleep 60 & echo $! > %s/helper; wait", harness_folder());

	begin("31 23 0:31 / /p/a rw - nfs4 s:/ rw\n", program);
	CHECK(unmounter_start(scene.unmounter, "/p", &scene.wait));
	pid = wait_for("helper");
	path = memory_print("/proc/%s/cmdline", pid);
	fixture_turn(scene.loop, 3);
	CHECK(!scene.done);
	clock_shift(5100);
	fixture_until(scene.loop, &scene.done);
	CHECK(scene.ended);
	clock_shift(110000);
	fixture_turn(scene.loop, 3);
	CHECK(file_exists(path));
	clock_shift(5100);
	for (bool lives = true; lives;) {
		auto_free char *command = fixture_read(path);

		lives = command && *command;
		loop_once(scene.loop, 10);
	}
	end();
}

static void the_end_is_told(void)
{
	begin("31 23 0:31 / /p/a rw - nfs4 s:/ rw\n", "exec sleep 1");
	CHECK(unmounter_start(scene.unmounter, "/p", &scene.wait));
	end();
	CHECK(scene.done);
	CHECK(!scene.ended);
}

/* A share that another pod has mounted is not given up for both. */
static void force_is_for_those_alone(void)
{
	auto_free char *asked = NULL;

	begin("31 23 0:31 / /p/1/a rw - nfs4 s:/ rw\n32 23 0:31 /x /p/1/b rw - nfs4 s:/x rw\n"
	      "33 23 0:33 / /p/1/c rw - nfs4 t:/ rw\n34 23 0:33 / /p/2/c rw - nfs4 t:/ rw\n",
	      "exec sleep 1");
	unmounter_force(scene.unmounter, "/p/2");
	unmounter_force(scene.unmounter, "/p/1");
	unmounter_force(scene.unmounter, "/p/1"); /* under way */
	for (size_t lines = 0; lines < 2;) {
		auto_free char *path = fixture_path("asked");

		free(asked);
		asked = fixture_read(path);
		lines = 0;
		for (const char *at = asked; at && *at; at++)
			lines += *at == '\n';
		usleep(1000);
	}
	CHECK(strstr(asked, "-f /p/1/a\n"));
	CHECK(strstr(asked, "-f /p/1/b\n"));
	CHECK_INT(strlen(asked), 2 * strlen("-f /p/1/a\n"));
	end();
}

static const struct test tests[] = {
	{ "shares alone", shares_alone },
	{ "all of them", all_of_them },
	{ "nobody waits long", nobody_waits_long },
	{ "the end is told", the_end_is_told },
	{ "force is for those alone", force_is_for_those_alone },
};

TEST_MAIN(tests)
