/*
 * test_mount_list.c - lines as the kernel writes them, and lines that are none.
 */
#include <stdio.h>

#include "base/memory.h"
#include "runtime/mount_list.h"
#include "tests/unit/harness.h"

static void a_line(void)
{
	struct mount_line mount;

	CHECK(mount_line_read(STR("31 23 0:28 /a\\040b /sys/fs/c\\040d\\134 rw,nosuid shared:9 "
				  "master:1 - cgroup cgroup rw,cpu,cpuacct"),
			      &mount));
	CHECK(strcmp(mount.place, "/sys/fs/c d\\") == 0);
	CHECK(str_is(mount.device, "0:28"));
	CHECK(str_is(mount.root, "/a\\040b"));
	CHECK(str_is(mount.type, "cgroup"));
	CHECK(str_is(mount.options, "rw,cpu,cpuacct"));
	CHECK(mount.shared);
	free(mount.place);
}

static void without_tags(void)
{
	struct mount_line mount;

	CHECK(mount_line_read(STR("1 1 0:2 / / rw - rootfs none rw"), &mount));
	CHECK(strcmp(mount.place, "/") == 0);
	CHECK(str_is(mount.type, "rootfs"));
	CHECK(!mount.shared);
	free(mount.place);
}

static void what_is_none(void)
{
	struct mount_line mount;

	CHECK(!mount_line_read(STR(""), &mount));
	CHECK(!mount_line_read(STR("1 1 0:2 / / rw"), &mount));
	CHECK(!mount_line_read(STR("1 1 0:2 / - ext4 none rw"), &mount));
	CHECK(mount_line_read(STR("1 1 0:2 / /a\\04 rw - ext4 none rw"), &mount));
	CHECK(strcmp(mount.place, "/a\\04") == 0);
	free(mount.place);
}

static void below(void)
{
	CHECK(mount_is_below("/a/b", "/a"));
	CHECK(mount_is_below("/a", "/"));
	CHECK(!mount_is_below("/ab", "/a"));
	CHECK(!mount_is_below("/a", "/a"));
}

static void our_own(void)
{
	auto_buf text = BUF_INIT;
	struct mount_line mount;
	struct error err;
	size_t count = 0;
	bool has_root = false;

	CHECK_OK(mount_list_read(&text, &err), &err);
	for (struct str rest = buf_str(&text); rest.len > 0; count++) {
		CHECK(mount_line_read(str_cut(&rest, '\n'), &mount));
		has_root = has_root || strcmp(mount.place, "/") == 0;
		free(mount.place);
	}
	CHECK(count > 0);
	CHECK(has_root);
}

static const struct test tests[] = {
	{ "a line", a_line }, { "without tags", without_tags }, { "what is none", what_is_none },
	{ "below", below },   { "our own", our_own },
};
TEST_MAIN(tests)
