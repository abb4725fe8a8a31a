/*
 * test_user_lookup.c - names and numbers of users, from files that the image's author wrote.
 */
#include "runtime/user_lookup.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/memory.h"
#include "tests/unit/harness.h"

static int root_fd;
static struct user_found found;
static struct error why;

static void put(const char *name, const char *text)
{
	struct error err;
	char path[256];

	snprintf(path, sizeof(path), "%s/etc", harness_folder());
	mkdir(path, 0755);
	snprintf(path, sizeof(path), "%s/etc/%s", harness_folder(), name);
	CHECK_OK(file_replace(path, str_of(text), 0644, &err), &err);
	root_fd = open(harness_folder(), O_PATH | O_DIRECTORY | O_CLOEXEC);
}

static void put_usual(void)
{
	put("passwd", "root:x:0:0:root:/root:/bin/sh\n"
		      "broken line\nweb:x:101:102::/srv:/bin/false\n"
		      "wrap:x:4294967296:0::/:/bin/sh\nminus:x:-1:0::/:/bin/sh\n"
		      "nohome:x:7:7\nlast:x:9:9::/l:");
	put("group",
	    "root:x:0:\nweb:x:102:\nextra:x:777:other,web\nmore:x:778:web,\nno:x:779:webx");
}

static bool look(const char *text, int64_t uid, int64_t gid, bool not_root)
{
	struct user_wish wish = {
		.text = text, .uid = uid, .gid = gid, .must_not_be_root = not_root
	};

	return user_lookup(root_fd, &wish, &found, &why);
}

static void finds_names(void)
{
	put_usual();
	CHECK_OK(look("web", -1, -1, true), &why);
	CHECK_INT(found.uid, 101);
	CHECK_INT(found.gid, 102);
	CHECK_INT(found.group_count, 2);
	CHECK_INT(found.groups[0], 777);
	CHECK_INT(found.groups[1], 778);
	CHECK_STR(found.home, "/srv");
	CHECK_OK(look("web:extra", -1, -1, false), &why);
	CHECK_INT(found.gid, 777);
	CHECK_OK(look("last", -1, -1, false), &why); /* no line end at the end of the file */
	CHECK_INT(found.uid, 9);
}

static void takes_numbers(void)
{
	put_usual();
	CHECK_OK(look("", -1, -1, false), &why);
	CHECK_INT(found.uid, 0);
	CHECK_STR(found.home, "/root");
	CHECK_OK(look("101", -1, -1, false), &why);
	CHECK_INT(found.gid, 102);
	CHECK_INT(found.group_count, 2);
	CHECK_OK(look("5000", -1, -1, false), &why);
	CHECK_INT(found.uid, 5000);
	CHECK_INT(found.gid, 0);
	CHECK_STR(found.home, "/");
	CHECK_OK(look("5000:6000", -1, -1, false), &why);
	CHECK_INT(found.gid, 6000);
	CHECK_OK(look("2147483647:2147483647", -1, -1, false), &why);
	CHECK_OK(look("nobody:nogroup", 7, 8, true), &why); /* given numbers win */
	CHECK_INT(found.uid, 7);
	CHECK_INT(found.gid, 8);
}

static void refuses_what_could_become_root(void)
{
	static const char *const bad[] = {
		"4294967296", "2147483648", "-1", "0x0", "99999999999999999999", "wrap",
		"minus",      "nobody",     " 0", "+0",  "1000:4294967296",      "web:none",
		"1000:-1",    "root\n",
	};

	put_usual();
	for (size_t i = 0; i < ARRAY_LENGTH(bad); i++) {
		if (look(bad[i], -1, -1, false))
			harness_fail(__FILE__, __LINE__, "\"%s\" became %u", bad[i], found.uid);
		CHECK_INT(why.kind, ERROR_INVALID);
	}
	CHECK(!look("", -1, -1, true));
	CHECK(!look("root", -1, -1, true));
	CHECK(!look("web", 0, -1, true));
	CHECK(!look("00", -1, -1, true));
}

static void lives_without_files(void)
{
	root_fd = open(harness_folder(), O_PATH | O_DIRECTORY | O_CLOEXEC);
	CHECK_OK(look("1000:1000", -1, -1, true), &why);
	CHECK(!look("web", -1, -1, false));
}

/* A device, a pipe or a link out must neither hang nor leak. */
static void resists_evil_files(void)
{
	char path[256];

	put_usual();
	snprintf(path, sizeof(path), "%s/etc/passwd", harness_folder());
	CHECK(unlink(path) == 0);
	CHECK(symlink("/etc/passwd", path) == 0); /* inside the root: to itself */
	CHECK(!look("root", -1, -1, false));
	CHECK(unlink(path) == 0);
	CHECK(mkfifo(path, 0644) == 0);
	CHECK(!look("root", -1, -1, false));
	CHECK(strstr(why.text, "not a plain file") != NULL);
}

static void passes_over_long_lines(void)
{
	struct buf text = BUF_INIT;

	buf_add_text(&text, "long:x:1:1:");
	for (int i = 0; i < 10000; i++)
		buf_add_byte(&text, 'a');
	buf_add_text(&text, ":/:/bin/sh\nafter:x:55:55::/:/bin/sh\n");
	put("passwd", buf_text(&text));
	buf_clear(&text);
	CHECK_OK(look("after", -1, -1, false), &why);
	CHECK_INT(found.uid, 55);
	CHECK(!look("long", -1, -1, false));
}

static void limits_groups(void)
{
	uint32_t groups[USER_GROUPS_MAX + 1];
	struct user_wish wish = { .text = "0", .uid = -1, .gid = -1, .groups = groups };

	put_usual();
	for (size_t i = 0; i < ARRAY_LENGTH(groups); i++)
		groups[i] = (uint32_t)i;
	wish.group_count = USER_GROUPS_MAX;
	CHECK_OK(user_lookup(root_fd, &wish, &found, &why), &why);
	wish.group_count++;
	CHECK(!user_lookup(root_fd, &wish, &found, &why));
	CHECK_INT(why.kind, ERROR_TOO_LARGE);
}

static const struct test tests[] = {
	{ "finds names", finds_names },
	{ "takes numbers", takes_numbers },
	{ "refuses what could become root", refuses_what_could_become_root },
	{ "lives without files", lives_without_files },
	{ "resists evil files", resists_evil_files },
	{ "passes over long lines", passes_over_long_lines },
	{ "limits groups", limits_groups },
};
TEST_MAIN(tests)
