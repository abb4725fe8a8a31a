/*
 * test_volume_group.c - groups of volumes: all files, no links, and only when it is needed.
 */
#include "agent/volume_group.h"

#include <fcntl.h>
#include <stdio.h>
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
	snprintf(outside, sizeof(outside), "%s/outside", harness_folder());
	CHECK_OK(file_replace(outside, STR("x"), 0600, &err), &err);
	path_of("link", path);
	CHECK(symlink("../outside", path) == 0);
	path_of("up", path);
	CHECK(symlink("..", path) == 0);
	path_of("fifo", path);
	CHECK(mkfifo(path, 0600) == 0);
}

static void gives_all_to_the_group(void)
{
	struct error err;
	struct stat facts;
	char outside[512];

	prepare();
	CHECK_OK(volume_group_apply(volume, GROUP, false, &err), &err);
	check("", GROUP, 02770);
	check("sub", GROUP, 02770);
	check("sub/deep", GROUP, 02775);
	check("sub/deep/file", GROUP, 0660);
	check("program", GROUP, 0775);
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
	struct error err;

	prepare();
	CHECK(chown(volume, (uid_t)-1, GROUP) == 0);
	CHECK(chmod(volume, 02770) == 0);
	CHECK_OK(volume_group_apply(volume, GROUP, true, &err), &err);
	check("program", 0, 0755);
	CHECK_OK(volume_group_apply(volume, GROUP, false, &err), &err);
	check("program", GROUP, 0775);
	CHECK_OK(volume_group_apply(volume, GROUP + 1, true, &err), &err);
	check("program", GROUP + 1, 0775);
}

static const struct test tests[] = {
	{ "gives all to the group", gives_all_to_the_group },
	{ "looks at the root only", looks_at_the_root_only },
};
TEST_MAIN(tests)
