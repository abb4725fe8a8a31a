/*
 * test_payload.c - folders that change as a whole: what readers see, modes, owners, hostile paths.
 */
#include "agent/payload.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/file.h"
#include "tests/unit/agent/agent_fixture.h"
#include "tests/unit/harness.h"

static void add(struct payload *payload, const char *path, const char *text, unsigned mode)
{
	struct error err;

	CHECK_OK(payload_add(payload, str_of(path), str_of(text), mode, &err), &err);
}

static void write_all(const struct payload *payload)
{
	auto_free char *folder = fixture_path("v");
	struct error err;

	CHECK_OK(payload_write(payload, folder, &err), &err);
}

/* The files a and b; NULL: not that one. */
static void write_two(const char *a, const char *b)
{
	struct payload payload;

	payload_init(&payload, -1);
	if (a)
		add(&payload, "a", a, 0644);
	if (b)
		add(&payload, "b", b, 0644);
	write_all(&payload);
	payload_clear(&payload);
}

static void check_file(const char *name, const char *want)
{
	auto_free char *below = memory_print("v/%s", name);
	auto_free char *path = fixture_path(below);
	auto_free char *text = fixture_read(path);

	CHECK_STR(text, want);
}

static struct stat stat_of(const char *name)
{
	auto_free char *below = memory_print("v/%s", name);
	auto_free char *path = fixture_path(below);
	struct stat st = { 0 };

	CHECK(stat(path, &st) == 0);
	return st;
}

/* Entries of the volume's folder, hidden ones too. */
static size_t count_entries(void)
{
	auto_free char *path = fixture_path("v");
	DIR *open = opendir(path);
	size_t count = 0;

	CHECK(open);
	while (readdir(open))
		count++;
	closedir(open);
	return count - 2;
}

static char *data_target(void)
{
	auto_free char *path = fixture_path("v/..data");
	char target[64] = "";

	CHECK(readlink(path, target, sizeof(target) - 1) > 0);
	return memory_string(target);
}

/* --- what is shown --- */

static void files_are_shown(void)
{
	struct payload payload;

	payload_init(&payload, -1);
	add(&payload, "a", "1", 0644);
	add(&payload, "deep/er/b", "2", 0400);
	add(&payload, "deep/c", "", 0644);
	add(&payload, ".hidden", "h", 0644);
	add(&payload, "a", "one", 0600); /* the later one wins */
	CHECK_INT(payload.count, 4);
	write_all(&payload);
	payload_clear(&payload);
	check_file("a", "one");
	check_file("deep/er/b", "2");
	check_file("deep/c", "");
	check_file(".hidden", "h");
	CHECK_INT(stat_of("a").st_mode & 07777, 0600);
	CHECK_INT(stat_of("deep/er/b").st_mode & 07777, 0400);
	CHECK_INT(stat_of("..data").st_mode & 07777, 0755);
}

static void an_empty_volume_is_a_folder(void)
{
	write_two(NULL, NULL);
	CHECK_INT(count_entries(), 2); /* ..data and what it means */
	write_two("1", NULL);
	write_two(NULL, NULL);
	CHECK_INT(count_entries(), 2);
}

/* A reader that has opened the old folder keeps all of it as it was. */
static void a_change_is_one_step(void)
{
	auto_free char *data = fixture_path("v/..data");
	auto_fd folder = -1, file = -1;
	char text[8] = "";

	write_two("old", "old");
	folder = open(data, O_RDONLY | O_DIRECTORY);
	file = openat(folder, "b", O_RDONLY);
	CHECK(folder >= 0 && file >= 0);
	write_two("new", "new");
	CHECK_INT(read(file, text, sizeof(text)), 3);
	CHECK_BYTES(text, "old", 3);
	CHECK(openat(folder, "a", O_RDONLY) < 0); /* never the new one in the old folder */
	CHECK_INT(errno, ENOENT);
	check_file("a", "new");
	check_file("b", "new");
}

static void old_names_go(void)
{
	write_two("1", "2");
	CHECK_INT(count_entries(), 4);
	write_two(NULL, "3");
	CHECK_INT(count_entries(), 3);
	check_file("a", NULL);
	check_file("b", "3");
}

static void what_is_there_is_left_alone(void)
{
	auto_free char *before = NULL, *after = NULL, *last = NULL;

	write_two("1", "2");
	before = data_target();
	write_two("1", "2");
	after = data_target();
	CHECK_STR(after, before);
	write_two("1", "changed");
	last = data_target();
	CHECK(strcmp(last, before) != 0);
}

static void a_mode_is_a_change(void)
{
	struct payload payload;

	write_two("1", NULL);
	payload_init(&payload, -1);
	add(&payload, "a", "1", 0400);
	write_all(&payload);
	payload_clear(&payload);
	CHECK_INT(stat_of("a").st_mode & 07777, 0400);
}

static int users_seen, groups_seen;

static int look(const char *path, const struct stat *st, int type, struct FTW *at)
{
	(void)path;
	(void)type;
	if (at->level > 0 && st->st_uid == 65536)
		users_seen++;
	if (at->level > 0 && st->st_gid == 65536)
		groups_seen++;
	return 0;
}

/* Links and folders too: where no mount maps the ids, nothing may be left to the host's root.  The
 * same goes for what comes later. */
static void all_belongs_to_the_pod(void)
{
	auto_free char *folder = fixture_path("v");
	struct payload payload;

	if (geteuid() != 0)
		harness_skip("needs root");
	for (int round = 0; round < 2; round++) {
		payload_init(&payload, 33);
		payload.ids = 65536;
		add(&payload, "a", round ? "new" : "old", 0600);
		payload.owner = 1000;
		add(&payload, "deep/er/b", "2", 0400);
		write_all(&payload);
		payload_clear(&payload);
		users_seen = groups_seen = 0;
		CHECK(nftw(folder, look, 16, FTW_PHYS) == 0);
		/* ..data, its folder, deep, er, and the links a and deep are root's. */
		CHECK_INT(groups_seen, 6);
		CHECK_INT(users_seen, 7);
		CHECK_INT(stat_of("a").st_uid, 65536);
		CHECK_INT(stat_of("a").st_gid, 65536 + 33);
		CHECK_INT(stat_of("a").st_mode & 07777, 0640);
		CHECK_INT(stat_of("deep/er/b").st_uid, 65536 + 1000);
		CHECK_INT(stat_of("deep/er/b").st_gid, 65536 + 33);
	}
	check_file("a", "new");
}

/* Killed after ..data was changed and before the names were: the next time puts it right. */
static void an_earlier_life_is_completed(void)
{
	auto_free char *a = fixture_path("v/a"), *stale = fixture_path("v/..1_old");
	auto_free char *gone = fixture_path("v/gone"), *next = fixture_path("v/..data_tmp");

	write_two("1", "2");
	CHECK(unlink(a) == 0);
	CHECK(mkdir(stale, 0755) == 0);
	CHECK(symlink("..data/gone", gone) == 0);
	CHECK(symlink("..1_old", next) == 0);
	write_two("1", "2");
	check_file("a", "1");
	CHECK_INT(count_entries(), 4);
}

/* A file below a file cannot be: nothing changes, nothing piles up. */
static void a_failure_changes_nothing(void)
{
	auto_free char *folder = fixture_path("v");
	struct payload payload;
	struct error err;

	write_two("1", "2");
	payload_init(&payload, -1);
	add(&payload, "a", "new", 0644);
	add(&payload, "a/b", "new", 0644);
	for (int i = 0; i < 3; i++)
		CHECK(!payload_write(&payload, folder, &err));
	payload_clear(&payload);
	check_file("a", "1");
	CHECK_INT(count_entries(), 4);
}

/* --- who may read --- */

static void a_group_may_read(void)
{
	struct payload payload;

	if (geteuid() != 0)
		harness_skip("needs root");
	payload_init(&payload, 4242);
	add(&payload, "a", "1", 0600);
	payload.owner = 77;
	add(&payload, "mine", "2", 0600);
	write_all(&payload);
	CHECK_INT(stat_of("a").st_gid, 4242);
	CHECK_INT(stat_of("a").st_uid, 0);
	CHECK_INT(stat_of("a").st_mode & 07777, 0640);
	CHECK_INT(stat_of("mine").st_uid, 77);
	write_all(&payload); /* and that is no change */
	payload_clear(&payload);
	CHECK_INT(count_entries(), 4);
}

/* --- paths --- */

static void hostile_paths_are_refused(void)
{
	static const char *const paths[] = { "",       "/",    "/a",     "..",       "../a",
					     "a/../b", "a/..", "..data", "..data/a", "./..",
					     ".",      "./.",  "..x/y",  "./../../a" };
	struct payload payload;
	struct error err;

	payload_init(&payload, -1);
	for (size_t i = 0; i < ARRAY_LENGTH(paths); i++) {
		if (payload_add(&payload, str_of(paths[i]), STR("x"), 0644, &err))
			harness_fail(__FILE__, __LINE__, "taken: %s", paths[i]);
		CHECK_INT(err.kind, ERROR_INVALID);
	}
	CHECK(!payload_add(&payload, STR("a\0/../b"), STR("x"), 0644, &err));
	CHECK(!payload_add(&payload, STR_NONE, STR("x"), 0644, &err));
	CHECK_INT(payload.count, 0);
	payload_clear(&payload);
}

static void paths_are_cleaned(void)
{
	struct payload payload;

	payload_init(&payload, -1);
	add(&payload, "./a//b/", "1", 0644);
	add(&payload, "a/b", "2", 0644);
	add(&payload, "c/..d", "3", 0644);
	CHECK_INT(payload.count, 2);
	payload_clear(&payload);
}

/* --- limits --- */

static void sizes_are_limited(void)
{
	auto_free char *large = memory_zero(PAYLOAD_BYTES_MAX + 1);
	struct payload payload;
	struct error err;

	payload_init(&payload, -1);
	CHECK(!payload_add(&payload, STR("a"), str_from(large, PAYLOAD_BYTES_MAX + 1), 0644, &err));
	CHECK_INT(err.kind, ERROR_TOO_LARGE);
	CHECK_OK(payload_add(&payload, STR("a"), str_from(large, PAYLOAD_BYTES_MAX), 0644, &err),
		 &err);
	/* What is replaced does not count any more. */
	CHECK_OK(
		payload_add(&payload, STR("a"), str_from(large, PAYLOAD_BYTES_MAX - 1), 0644, &err),
		&err);
	CHECK_OK(payload_add(&payload, STR("b"), STR("x"), 0644, &err), &err);
	CHECK(!payload_add(&payload, STR("c"), STR("x"), 0644, &err));
	payload_clear(&payload);
}

static void counts_are_limited(void)
{
	struct payload payload;
	struct error err;

	payload_init(&payload, -1);
	for (int i = 0; i < PAYLOAD_FILES_MAX; i++) {
		auto_free char *name = memory_print("%d", i);

		add(&payload, name, "", 0644);
	}
	CHECK(!payload_add(&payload, STR("more"), STR(""), 0644, &err));
	CHECK_INT(err.kind, ERROR_TOO_LARGE);
	payload_clear(&payload);
}

static const struct test tests[] = {
	{ "files are shown", files_are_shown },
	{ "an empty volume is a folder", an_empty_volume_is_a_folder },
	{ "a change is one step", a_change_is_one_step },
	{ "old names go", old_names_go },
	{ "what is there is left alone", what_is_there_is_left_alone },
	{ "a mode is a change", a_mode_is_a_change },
	{ "all belongs to the pod", all_belongs_to_the_pod },
	{ "an earlier life is completed", an_earlier_life_is_completed },
	{ "a failure changes nothing", a_failure_changes_nothing },
	{ "a group may read", a_group_may_read },
	{ "hostile paths are refused", hostile_paths_are_refused },
	{ "paths are cleaned", paths_are_cleaned },
	{ "sizes are limited", sizes_are_limited },
	{ "counts are limited", counts_are_limited },
};

TEST_MAIN(tests)
