/*
 * test_volume_group.c - groups of volumes: all files, no links, and only when it is needed.
 */
#include "agent/volume_group.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "tests/unit/harness.h"

#define GROUP 4321

static char volume[300];

static void path_of(const char *name, char out[512])
{
	snprintf(out, 512, "%s/%s", volume, name);
}

static void put(const char *name, mode_t mode)
{
	char path[512];
	struct error err;

	path_of(name, path);
	if (S_ISDIR(mode)) {
		CHECK(mkdir(path, 0700) == 0);
	} else {
		CHECK_OK(file_replace(path, STR("x"), 0600, &err), &err);
	}
	CHECK(chmod(path, mode & 07777) == 0);
}

static void check(const char *name, gid_t group, mode_t mode)
{
	char path[512];
	struct stat facts;

	path_of(name, path);
	CHECK(lstat(path, &facts) == 0);
	CHECK_INT(facts.st_gid, group);
	CHECK_INT(facts.st_mode & 07777, mode);
}

static void prepare(void)
{
	char path[512], outside[512];
	struct error err;

	if (geteuid() != 0)
		harness_skip("needs root: it gives files away");
	snprintf(volume, sizeof(volume), "%s/volume", harness_folder());
	CHECK(mkdir(volume, 0700) == 0);
	put("sub", S_IFDIR | 0700);
	put("sub/deep", S_IFDIR | 0755);
	put("sub/deep/file", S_IFREG | 0600);
	put("program", S_IFREG | 0755);
	put("tool", S_IFREG | 04711);
	snprintf(outside, sizeof(outside), "%s/outside", harness_folder());
	CHECK_OK(file_replace(outside, STR("x"), 0600, &err), &err);
	path_of("link", path);
	CHECK(symlink("../outside", path) == 0);
	path_of("up", path);
	CHECK(symlink("..", path) == 0);
	path_of("fifo", path);
	CHECK(mkfifo(path, 0600) == 0);
}

static struct loop *loop;
static struct work_pool *pool;
static bool is_done, is_fine;

static void on_done(void *of, const struct error *why)
{
	is_done = true;
	is_fine = !why;
	CHECK(of == &loop);
}

static void open_pool(void)
{
	struct error err;

	CHECK_OK(loop_open(&loop, &err), &err);
	CHECK_OK(work_open(loop, 1, &pool, &err), &err);
}

static void close_pool(void)
{
	work_close(pool);
	loop_close(loop);
}

static void apply(gid_t group, bool only_when_root_differs)
{
	open_pool();
	is_done = is_fine = false;
	volume_group_start(pool, volume, group, only_when_root_differs, on_done, &loop);
	CHECK(!is_done);
	while (!is_done)
		loop_once(loop, 1000);
	CHECK(is_fine);
	close_pool();
}

static void gives_all_to_the_group(void)
{
	struct stat facts;
	char outside[512];

	prepare();
	apply(GROUP, false);
	check("", GROUP, 02770);
	check("sub", GROUP, 02770);
	check("sub/deep", GROUP, 02775);
	check("sub/deep/file", GROUP, 0660);
	check("program", GROUP, 0775);
	check("tool", GROUP, 04771); /* a new group takes the bit away */
	check("fifo", GROUP, 0600);
	snprintf(outside, sizeof(outside), "%s/outside", harness_folder());
	CHECK(stat(outside, &facts) == 0);
	CHECK_INT(facts.st_gid, 0);
	CHECK_INT(facts.st_mode & 07777, 0600);
	CHECK(stat(harness_folder(), &facts) == 0);
	CHECK(facts.st_gid != GROUP);
}

static void looks_at_the_root_only(void)
{
	prepare();
	CHECK(chown(volume, (uid_t)-1, GROUP) == 0);
	CHECK(chmod(volume, 02770) == 0);
	apply(GROUP, true);
	check("program", 0, 0755);
	apply(GROUP, false);
	check("program", GROUP, 0775);
	apply(GROUP + 1, true);
	check("program", GROUP + 1, 0775);
}

static int gate[2];

/* The pool's thread is busy until the walk that comes after has been cancelled. */
static void hold(struct work_job *job)
{
	char room;

	(void)job;
	(void)!read(gate[0], &room, 1);
}

static void held(struct work_job *job)
{
	(void)job;
}

/* Goal: a walk that nobody waits for ends before it has changed anything, and tells nobody. */
static void ends_when_cancelled(void)
{
	struct work_job busy = { .run = hold, .on_done = held };

	prepare();
	open_pool();
	is_done = false;
	CHECK(pipe2(gate, O_CLOEXEC) == 0);
	work_start(pool, &busy);
	volume_group_cancel(volume_group_start(pool, volume, GROUP, false, on_done, &loop));
	CHECK(write(gate[1], "x", 1) == 1);
	close_pool();
	CHECK(!is_done);
	check("program", 0, 0755);
	volume_group_cancel(NULL);
}

static bool freeze(const char *name, bool frozen)
{
	char path[512];
	long flags = 0;
	auto_fd fd = -1;

	path_of(name, path);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (ioctl(fd, FS_IOC_GETFLAGS, &flags) != 0)
		return false;
	flags = frozen ? flags | FS_IMMUTABLE_FL : flags & ~FS_IMMUTABLE_FL;
	return ioctl(fd, FS_IOC_SETFLAGS, &flags) == 0;
}

/* Goal: one file that nobody may change does not keep the pod from its volume. */
static void passes_over_immutable_files(void)
{
	prepare();
	if (!freeze("program", true))
		harness_skip("no file can be made immutable here");
	apply(GROUP, false);
	CHECK(freeze("program", false));
	check("program", 0, 0755);
	check("sub/deep/file", GROUP, 0660);
	check("", GROUP, 02770);
}

static const struct test tests[] = {
	{ "gives all to the group", gives_all_to_the_group },
	{ "passes over immutable files", passes_over_immutable_files },
	{ "looks at the root only", looks_at_the_root_only },
	{ "ends when cancelled", ends_when_cancelled },
};
TEST_MAIN(tests)
