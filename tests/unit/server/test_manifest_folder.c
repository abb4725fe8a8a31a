/*
 * test_manifest_folder.c - what counts as a manifest, when a folder has no list, how changes are
 * heard.
 */
#include "server/control/manifest_folder.h"

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/limits.h"
#include "tests/unit/harness.h"

static const char *path_of(const char *name)
{
	static char room[4][512];
	static unsigned at;

	snprintf(room[++at % 4], sizeof(room[0]), "%s/%s", harness_folder(), name);
	return room[at % 4];
}

static void put(const char *name, const char *text)
{
	struct error err;

	CHECK_OK(file_put(path_of(name), str_of(text), 0600, &err), &err);
}

static void make(const char *name)
{
	struct error err;

	CHECK_OK(file_make_dirs(path_of(name), 0700, &err), &err);
}

/* "a.yaml b.yml- " where - is a skip and ? a file that is not there. */
static void check_list(const char *wanted)
{
	struct manifest_listing listing;
	auto_buf out = BUF_INIT;
	struct error err;

	CHECK_OK(manifest_folder_list(harness_folder(), &listing, &err), &err);
	for (size_t i = 0; i < listing.count; i++) {
		const struct manifest_entry *entry = &listing.entries[i];

		buf_add_print(&out, "%s%s%s ", entry->name, entry->skip ? "-" : "",
			      entry->mark ? "" : "?");
		CHECK(manifest_folder_find(&listing, entry->name) == entry);
	}
	CHECK(!manifest_folder_find(&listing, "nothing"));
	manifest_folder_list_clear(&listing);
	CHECK_STR(buf_text(&out), wanted);
}

/* Goal: manifests of all folders in order; what editors and people leave beside them does not
 * count. */
static void what_counts(void)
{
	check_list("");
	make("b/c");
	put("z.json", "");
	put("b/c/x.yaml", "");
	put("b/a.yml", "");
	put("a.yaml", "");
	put("a.yaml~", "");
	put(".a.yaml.swp", "");
	put(".hidden.yaml", "");
	put("a.yaml.bak", "");
	put("new\nline.yaml", "");
	put("b\xff.yaml", "");
	make(".git");
	put(".git/x.yaml", "");
	make("folder.yaml");
	put("b/a.yml.skip", "");
	put("gone.yaml.skip", "");
	put("readme.txt.skip", "");
	CHECK(symlink(path_of("a.yaml"), path_of("link.yaml")) == 0);
	CHECK(symlink("nowhere", path_of("dead.yaml")) == 0);
	CHECK(symlink(".", path_of("loop")) == 0);
	CHECK(mkfifo(path_of("pipe.yaml"), 0600) == 0);
	check_list("a.yaml b/a.yml- b/c/x.yaml gone.yaml-? link.yaml z.json ");
}

/* Goal: a part that cannot be read means no list at all, not a shorter one. */
static void no_half_lists(void)
{
	struct manifest_listing listing = { 0 };
	auto_buf deep = BUF_INIT;
	struct error err;

	put("a.yaml", "");
	CHECK(!manifest_folder_list(path_of("none"), &listing, &err));
	CHECK(!manifest_folder_list(path_of("a.yaml"), &listing, &err));
	for (int i = 0; i <= LIMIT_MANIFEST_DEPTH; i++)
		buf_add_text(&deep, i > 0 ? "/d" : "d");
	make(buf_text(&deep));
	CHECK(!manifest_folder_list(harness_folder(), &listing, &err));
	CHECK_INT(err.kind, ERROR_TOO_LARGE);
	CHECK(rmdir(path_of(buf_text(&deep))) == 0);
	check_list("a.yaml ");
	for (int i = 0; i < LIMIT_MANIFEST_FILES; i++) {
		char name[40];

		snprintf(name, sizeof(name), "m%d.yaml", i);
		put(name, "");
	}
	CHECK(!manifest_folder_list(harness_folder(), &listing, &err));
	CHECK_INT(err.kind, ERROR_TOO_LARGE);
	CHECK_INT(listing.count, 0);
}

static char *mark_now(void)
{
	struct manifest_listing listing;
	struct error err;
	char *mark;

	CHECK_OK(manifest_folder_list(harness_folder(), &listing, &err), &err);
	CHECK_INT(listing.count, 1);
	mark = memory_string(listing.entries[0].mark);
	manifest_folder_list_clear(&listing);
	return mark;
}

/* Goal: only a file that is as it was listed, and that nobody writes, is read. */
static void reads_whole_files(void)
{
	auto_free char *first = NULL;
	auto_free char *second = NULL;
	auto_buf text = BUF_INIT;
	struct error err;
	FILE *writer;

	put("a.yaml", "one");
	first = mark_now();
	CHECK_OK(manifest_folder_read(harness_folder(), "a.yaml", first, &text, &err), &err);
	CHECK_STR(buf_text(&text), "one");
	writer = fopen(path_of("a.yaml"), "ae");
	CHECK(writer && fputs(" two", writer) >= 0 && fflush(writer) == 0);
	second = mark_now();
	CHECK(strcmp(first, second) != 0);
	CHECK(!manifest_folder_read(harness_folder(), "a.yaml", second, &text, &err));
	CHECK_INT(err.kind, ERROR_UNAVAILABLE);
	CHECK(fclose(writer) == 0);
	CHECK(!manifest_folder_read(harness_folder(), "a.yaml", first, &text, &err));
	CHECK_INT(err.kind, ERROR_UNAVAILABLE);
	buf_reset(&text);
	CHECK_OK(manifest_folder_read(harness_folder(), "a.yaml", second, &text, &err), &err);
	CHECK_STR(buf_text(&text), "one two");
}

static void count_up(void *of)
{
	++*(int *)of;
}

static void turn(struct loop *loop, const int *calls, int wanted)
{
	for (int i = 0; i < 400 && *calls < wanted; i++)
		loop_once(loop, 10);
	CHECK_INT(*calls, wanted);
}

/* Goal: many changes are one call; new folders are watched from the next look on. */
static void hears_changes(void)
{
	struct manifest_watch *watch;
	struct loop *loop;
	struct error err;
	int calls = 0;

	CHECK_OK(loop_open(&loop, &err), &err);
	watch = manifest_watch_open(loop, harness_folder(), count_up, &calls);
	manifest_watch_renew(watch);
	for (int i = 0; i < 20; i++)
		put("a.yaml", "x");
	turn(loop, &calls, 1);
	make("sub");
	turn(loop, &calls, 2);
	manifest_watch_renew(watch);
	put("sub/b.yaml", "x");
	turn(loop, &calls, 3);
	CHECK(remove(path_of("sub/b.yaml")) == 0);
	turn(loop, &calls, 4);
	put("c.yaml", "x");
	manifest_watch_close(watch);
	loop_once(loop, 200);
	CHECK_INT(calls, 4);
	loop_close(loop);
}

static const struct test tests[] = {
	{ "what counts", what_counts },
	{ "no half lists", no_half_lists },
	{ "reads whole files", reads_whole_files },
	{ "hears changes", hears_changes },
};
TEST_MAIN(tests)
