/*
 * test_unpack.c - layers into folders: what they may do, and what they try to do to the machine.
 *
 * Every unpacking checks that a file and a folder beside the layer's folder are as they were.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/file.h"
#include "runtime/unpack.h"
#include "tests/unit/harness.h"
#include "tests/unit/runtime/tar_fixture.h"

#define OPAQUE "trusted.overlay.opaque"

static struct unpack_plan plan = { .folder = -1, .bytes_max = 1 << 20, .entries_max = 1000 };
static uint64_t bytes;

/* --- the layer and what is beside it --- */

static const char *at_home(const char *name)
{
	static char paths[8][4096];
	static unsigned next;
	char *path = paths[next++ % 8];

	snprintf(path, sizeof(paths[0]), "%s/%s", harness_folder(), name);
	return path;
}

static const char *in_layer(const char *name)
{
	char whole[4096];

	snprintf(whole, sizeof(whole), "layer/%s", name);
	return at_home(whole);
}

static int make_layer(const char *name)
{
	int fd;

	CHECK_INT(mkdir(at_home(name), 0755), 0);
	fd = open(at_home(name), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	CHECK(fd >= 0);
	return fd;
}

static void begin(void)
{
	if (geteuid() != 0)
		harness_skip("not root");
	umask(0077);
	tar_save(at_home("canary"), STR("alive"));
	CHECK_INT(chmod(at_home("canary"), 0640), 0);
	CHECK_INT(mkdir(at_home("outside"), 0) | chmod(at_home("outside"), 0750), 0);
	tar_save(at_home("outside/canary"), STR("alive"));
	plan.folder = make_layer("layer");
}

static void check_canaries(void)
{
	static const char *const names[] = { "canary", "outside/canary" };
	struct stat st;
	struct error err;
	DIR *folder;
	size_t count = 0;

	for (size_t i = 0; i < ARRAY_LENGTH(names); i++) {
		auto_buf text = BUF_INIT;

		CHECK_OK(file_read(at_home(names[i]), 64, &text, &err), &err);
		CHECK_STR(buf_text(&text), "alive");
		CHECK_INT(lstat(at_home(names[i]), &st), 0);
		CHECK(S_ISREG(st.st_mode));
		CHECK_INT(st.st_mode & 07777, i == 0 ? 0640 : 0600);
		CHECK_INT(st.st_nlink, 1);
		CHECK_INT(st.st_uid, 0);
	}
	CHECK_INT(lstat(at_home("outside"), &st), 0);
	CHECK_INT(st.st_mode, S_IFDIR | 0750);
	CHECK(getxattr(at_home("outside"), OPAQUE, NULL, 0) < 0);
	folder = opendir(at_home("outside"));
	while (readdir(folder))
		count++;
	closedir(folder);
	CHECK_INT(count, 3);
}

static bool unpack(const struct buf *tar, struct error *err)
{
	struct tar_source_text source;
	bool done;

	tar_source_text_init(&source, buf_str(tar));
	done = unpack_layer(&plan, &source.source, &bytes, err);
	check_canaries();
	return done;
}

static void unpack_ok(struct buf *tar)
{
	struct error err;

	tar_end(tar);
	CHECK_OK(unpack(tar, &err), &err);
}

/* Refused as the layer's fault; the layer's folder is emptied for the next one. */
static void unpack_fails(struct buf *tar, enum error_kind kind, const char *word)
{
	struct error err;

	tar_end(tar);
	if (unpack(tar, &err))
		harness_fail(__FILE__, __LINE__, "not refused: %s", word);
	if (err.kind != kind || str_search(str_of(err.text), str_of(word)) < 0)
		harness_fail(__FILE__, __LINE__, "kind %d: %s", err.kind, err.text);
	close(plan.folder);
	CHECK_OK(file_remove_tree(at_home("layer"), &err), &err);
	plan.folder = make_layer("layer");
	buf_reset(tar);
}

static struct stat look(const char *name)
{
	struct stat st;

	if (lstat(in_layer(name), &st) != 0)
		harness_fail(__FILE__, __LINE__, "%s is not in the layer", name);
	return st;
}

static bool is_there(const char *name)
{
	struct stat st;

	return lstat(in_layer(name), &st) == 0;
}

static void check_text(const char *name, const char *want)
{
	auto_buf text = BUF_INIT;
	struct error err;

	CHECK(S_ISREG(look(name).st_mode));
	CHECK_OK(file_read(in_layer(name), 4096, &text, &err), &err);
	CHECK_STR(buf_text(&text), want);
}

static void check_target(const char *name, const char *want)
{
	char target[4096];
	ssize_t len = readlink(in_layer(name), target, sizeof(target) - 1);

	CHECK(len >= 0);
	target[len] = '\0';
	CHECK_STR(target, want);
}

static bool is_opaque(const char *name)
{
	char value[8];

	return getxattr(in_layer(name), OPAQUE, value, sizeof(value)) == 1 && value[0] == 'y';
}

static bool is_whiteout(const char *name)
{
	struct stat st = look(name);

	return S_ISCHR(st.st_mode) && st.st_rdev == makedev(0, 0);
}

/* --- what layers are made of --- */

static void makes_every_kind(void)
{
	auto_buf tar = BUF_INIT, records = BUF_INIT;
	struct stat st;

	begin();
	tar_put(&tar, &(struct tar_item){ .type = '5', .path = "./", .mode = 0711, .uid = 5 });
	tar_put(&tar, &(struct tar_item){ .type = '5', .path = "etc/", .mode = 01770, .gid = 6 });
	tar_add_record(&records, "mtime", STR("1234567890.125"));
	tar_add_record(&records, "uid", STR("4000000000"));
	tar_put_records(&tar, 'x', buf_str(&records));
	tar_put(&tar, &(struct tar_item){
			      .type = '0', .path = "etc/file", .mode = 0604, .data = STR("text") });
	tar_put_link(&tar, '2', "etc/soft", "file");
	tar_put_link(&tar, '1', "hard", "./etc/file");
	tar_put_link(&tar, '1', "hardsoft", "etc/soft");
	tar_put_device(&tar, '3', "null", 1, 3);
	tar_put_device(&tar, '4', "disk", 259, 70000);
	tar_put(&tar, &(struct tar_item){ .type = '6', .path = "pipe", .mode = 0622, .uid = 7 });
	unpack_ok(&tar);
	CHECK_INT(bytes, 4);
	st = look(".");
	CHECK_INT(st.st_mode & 07777, 0711);
	CHECK_INT(st.st_uid, 5);
	st = look("etc");
	CHECK_INT(st.st_mode & 07777, 01770);
	CHECK_INT(st.st_gid, 6);
	st = look("etc/file");
	CHECK_INT(st.st_mode, S_IFREG | 0604);
	CHECK_INT(st.st_uid, 4000000000);
	CHECK_INT(st.st_mtim.tv_sec, 1234567890);
	CHECK_INT(st.st_mtim.tv_nsec, 125000000);
	CHECK_INT(st.st_nlink, 2);
	CHECK_INT(look("hard").st_ino, st.st_ino);
	check_text("etc/file", "text");
	check_target("etc/soft", "file");
	CHECK_INT(look("hardsoft").st_ino, look("etc/soft").st_ino);
	CHECK_INT(look("etc/soft").st_mtim.tv_sec, TAR_FIXTURE_TIME);
	CHECK(S_ISCHR(look("null").st_mode) && look("null").st_rdev == makedev(1, 3));
	CHECK(S_ISBLK(look("disk").st_mode) && look("disk").st_rdev == makedev(259, 70000));
	CHECK_INT(look("pipe").st_mode, S_IFIFO | 0622);
	CHECK_INT(look("pipe").st_uid, 7);
}

/* Times of folders are those of the archive though they were filled after. */
static void keeps_times_of_folders(void)
{
	auto_buf tar = BUF_INIT;

	begin();
	tar_put_folder(&tar, "./");
	tar_put(&tar, &(struct tar_item){ .type = '5', .path = "a", .mtime = 1000 });
	tar_put(&tar, &(struct tar_item){ .type = '5', .path = "a/b", .mtime = 2000 });
	tar_put_file(&tar, "a/b/file", "x");
	tar_put_file(&tar, "a/.wh.gone", "");
	tar_put_file(&tar, "a/b/.wh..wh..opq", "");
	tar_put(&tar, &(struct tar_item){ .type = '5', .path = "a/b/c", .mtime = -3000 });
	unpack_ok(&tar);
	CHECK_INT(look(".").st_mtim.tv_sec, TAR_FIXTURE_TIME);
	CHECK_INT(look("a").st_mtim.tv_sec, 1000);
	CHECK_INT(look("a/b").st_mtim.tv_sec, 2000);
	CHECK_INT(look("a/b/c").st_mtim.tv_sec, -3000);
	CHECK_INT(look("a/b/file").st_mtim.tv_sec, TAR_FIXTURE_TIME);
}

static void later_entries_replace(void)
{
	auto_buf tar = BUF_INIT;

	begin();
	tar_put_file(&tar, "one", "first");
	tar_put_link(&tar, '1', "other", "one");
	tar_put_file(&tar, "one", "second"); /* not into the link's file */
	tar_put_file(&tar, "tree/deep/file", "x");
	tar_put_file(&tar, "tree", "flat");
	tar_put_file(&tar, "flat", "x");
	tar_put_folder(&tar, "flat");
	tar_put_file(&tar, "flat/file", "inner");
	tar_put_folder(&tar, "keeps");
	tar_put_file(&tar, "keeps/file", "kept");
	tar_put(&tar, &(struct tar_item){ .type = '5', .path = "keeps", .mode = 0700 });
	tar_put_link(&tar, '2', "link", "keeps");
	tar_put_folder(&tar, "link");
	tar_put_file(&tar, "full/file", "x");
	tar_put_link(&tar, '2', "full", "keeps");
	tar_put_file(&tar, "node", "x");
	tar_put_device(&tar, '3', "node", 5, 6);
	tar_put_link(&tar, '1', "one", "one");
	unpack_ok(&tar);
	check_text("one", "second");
	check_text("other", "first");
	check_text("tree", "flat");
	check_text("flat/file", "inner");
	check_text("keeps/file", "kept");
	CHECK_INT(look("keeps").st_mode & 07777, 0700);
	CHECK(S_ISDIR(look("link").st_mode) && !is_there("link/file"));
	check_target("full", "keeps");
	CHECK(S_ISCHR(look("node").st_mode));
}

/* Folders that the layer does not describe. */
static void parents_come_from_below(void)
{
	int lowers[3];
	auto_buf tar = BUF_INIT;

	begin();
	for (int i = 0; i < 3; i++)
		lowers[i] = make_layer(i == 0 ? "low0" : i == 1 ? "low1" : "low2");
	CHECK_INT(mkdir(at_home("low0/srv"), 0) | chmod(at_home("low0/srv"), 01777), 0);
	CHECK_INT(mkdir(at_home("low0/srv/own"), 0) | chmod(at_home("low0/srv/own"), 0705), 0);
	CHECK_INT(chown(at_home("low0/srv/own"), 33, 44), 0);
	CHECK_INT(mkdir(at_home("low1/srv"), 0) | chmod(at_home("low1/srv"), 02751), 0);
	CHECK_INT(symlink("/", at_home("low2/srv")), 0);
	CHECK_INT(chmod(at_home("low2"), 0751) | chown(at_home("low2"), 12, 13), 0);
	plan.lowers = lowers;
	plan.lower_count = 2;
	tar_put_file(&tar, "srv/own/new/file", "x");
	unpack_ok(&tar);
	CHECK_INT(look("srv").st_mode & 07777, 02751);
	CHECK_INT(look("srv/own").st_mode & 07777, 0705);
	CHECK_INT(look("srv/own").st_uid, 33);
	CHECK_INT(look("srv/own").st_gid, 44);
	CHECK_INT(look("srv/own/new").st_mode & 07777, 0755);
	close(plan.folder);
	plan.folder = make_layer("layer/next");
	plan.lower_count = 3;
	unpack_ok(&tar);
	CHECK_INT(look("next").st_mode & 07777, 0751); /* the root's, of the topmost */
	CHECK_INT(look("next").st_gid, 13);
	CHECK(S_ISDIR(look("next/srv").st_mode));
}

/* --- names that lead away --- */

static void refuses_dotdot(void)
{
	static const char *const paths[] = {
		"..",           "../canary",      "../../../../canary", "a/../../canary",
		"a/..",         "./../outside/x", "/../canary",         "a/../b",
		".//..//canary"
	};
	auto_buf tar = BUF_INIT;

	begin();
	for (size_t i = 0; i < ARRAY_LENGTH(paths); i++) {
		for (const char *type = "0123456"; *type; type++) {
			tar_put_folder(&tar, "a");
			tar_put(&tar,
				&(struct tar_item){ .type = *type, .path = paths[i], .link = "a" });
			unpack_fails(&tar, ERROR_INVALID, "leaves the layer");
		}
		/* The header looks fine, PAX says otherwise; GNU as well. */
		tar_put_pax(&tar, "path", str_of(paths[i]));
		tar_put_file(&tar, "fine", "dead");
		unpack_fails(&tar, ERROR_INVALID, "leaves the layer");
		tar_put_long(&tar, 'L', paths[i]);
		tar_put_file(&tar, "fine", "dead");
		unpack_fails(&tar, ERROR_INVALID, "leaves the layer");
	}
	tar_put(&tar, &(struct tar_item){ .type = '0', .path = "canary", .prefix = ".." });
	unpack_fails(&tar, ERROR_INVALID, "leaves the layer");
}

/* An absolute path begins at the layer's root. */
static void absolute_stays_inside(void)
{
	auto_buf tar = BUF_INIT;
	auto_free char *canary = NULL;

	begin();
	canary = memory_string(at_home("canary"));
	tar_put_file(&tar, canary, "inner");
	tar_put_link(&tar, '1', "hard", canary);
	unpack_ok(&tar);
	check_text(canary, "inner");
	check_text("hard", "inner");
}

static void refuses_names_that_cannot_be(void)
{
	auto_buf tar = BUF_INIT, name = BUF_INIT;

	begin();
	tar_put_pax(&tar, "path", STR("fine\0/../../canary"));
	tar_put_file(&tar, "x", "dead");
	unpack_fails(&tar, ERROR_INVALID, "NUL");
	tar_put_pax(&tar, "linkpath", STR("fine\0x"));
	tar_put_link(&tar, '2', "x", "y");
	unpack_fails(&tar, ERROR_INVALID, "NUL");
	for (int i = 0; i < 256; i++)
		buf_add_byte(&name, 'n');
	tar_put_pax(&tar, "path", buf_str(&name));
	tar_put_file(&tar, "x", "dead");
	unpack_fails(&tar, ERROR_INVALID, "255 bytes");
	buf_reset(&name);
	while (name.len < 4096)
		buf_add_text(&name, "ab/");
	tar_put_pax(&tar, "path", buf_str(&name));
	tar_put_file(&tar, "x", "dead");
	unpack_fails(&tar, ERROR_INVALID, "too long");
	tar_put_long(&tar, 'L', buf_text(&name));
	tar_put_file(&tar, "x", "dead");
	unpack_fails(&tar, ERROR_INVALID, "too long");
	tar_put_file(&tar, "", "dead");
	unpack_fails(&tar, ERROR_INVALID, "without a name");
	tar_put_file(&tar, ".", "dead");
	unpack_fails(&tar, ERROR_INVALID, "root is no folder");
	tar_put_link(&tar, '2', "./", "outside");
	unpack_fails(&tar, ERROR_INVALID, "root is no folder");
	tar_put_link(&tar, '2', "x", "");
	unpack_fails(&tar, ERROR_INVALID, "without a target");
}

static void takes_long_names(void)
{
	auto_buf tar = BUF_INIT, name = BUF_INIT;

	begin();
	while (name.len < 600)
		buf_add_text(&name, "a-part-of-a-long-path/");
	buf_add_text(&name, "file");
	tar_put_pax(&tar, "path", buf_str(&name));
	tar_put_file(&tar, "x", "one");
	tar_put_long(&tar, 'K', buf_text(&name));
	tar_put_long(&tar, 'L', "second");
	tar_put_link(&tar, '1', "y", "z");
	unpack_ok(&tar);
	check_text(buf_text(&name), "one");
	check_text("second", "one");
	CHECK(!is_there("x") && !is_there("y"));
}

/* --- links --- */

static void nothing_goes_through_links(void)
{
	auto_buf tar = BUF_INIT;
	const char *targets[] = { NULL, "../outside", "../../../../outside", "/proc/self/cwd",
				  "..", "/" };

	begin();
	targets[0] = at_home("outside");
	for (size_t i = 0; i < 4; i++) {
		static const char *const below[] = { "link/canary", "link/new", "link/new/deep",
						     "link/.wh.canary", "link/.wh..wh..opq" };

		for (size_t k = 0; k < ARRAY_LENGTH(below); k++) {
			tar_put_link(&tar, '2', "link", targets[i]);
			tar_put_file(&tar, below[k], "dead");
			unpack_fails(&tar, ERROR_INVALID, "no folder of the layer");
		}
	}
	/* The root of the world is the layer's. */
	for (size_t i = 4; i < ARRAY_LENGTH(targets); i++) {
		char name[32], link[16];

		snprintf(link, sizeof(link), "link%zu", i);
		snprintf(name, sizeof(name), "link%zu/file%zu", i, i);
		tar_put_link(&tar, '2', link, targets[i]);
		tar_put_file(&tar, name, "in");
	}
	tar_put_folder(&tar, at_home("outside")); /* a folder of this name in the layer */
	tar_put_link(&tar, '2', "link", at_home("outside"));
	tar_put_file(&tar, "link/canary", "in");
	tar_put_file(&tar, "link/new", "in");
	unpack_ok(&tar);
	check_text("file4", "in");
	check_text("file5", "in");
	check_text(at_home("outside/canary"), "in");
}

/* An entry with the name of a link replaces the link, it does not write through it. */
static void replaces_links(void)
{
	auto_buf tar = BUF_INIT;
	const char *types = "01256";

	begin();
	tar_put_file(&tar, "target", "in");
	for (size_t i = 0; types[i]; i++) {
		char name[16], other[16];

		snprintf(name, sizeof(name), "link%zu", i);
		snprintf(other, sizeof(other), "other%zu", i);
		tar_put_link(&tar, '2', name, at_home(i % 2 ? "outside" : "canary"));
		tar_put_link(&tar, '1', other, name);
		tar_put(&tar, &(struct tar_item){ .type = types[i],
						  .path = name,
						  .link = "target",
						  .mode = 0777,
						  .uid = 99 });
		/* Also under the second name, and with a slash at the end. */
		snprintf(other, sizeof(other), "other%zu/", i);
		tar_put(&tar,
			&(struct tar_item){ .type = '5', .path = other, .mode = 0777, .uid = 99 });
	}
	tar_put_link(&tar, '2', "dirlink", at_home("outside"));
	tar_put_file(&tar, "dirlink", "flat");
	unpack_ok(&tar);
	check_text("link0", "in" + 2);
	check_text("link1", "in");
	check_target("link2", "target");
	CHECK(S_ISDIR(look("link3").st_mode) && S_ISFIFO(look("link4").st_mode));
	CHECK(S_ISDIR(look("other0").st_mode));
	check_text("dirlink", "flat");
}

static void hard_links_stay_inside(void)
{
	auto_buf tar = BUF_INIT;
	const char *const targets[] = { "../canary", "/../canary", "a/../../canary", "..", "." };

	begin();
	for (size_t i = 0; i < ARRAY_LENGTH(targets); i++) {
		tar_put_link(&tar, '1', "hard", targets[i]);
		unpack_fails(&tar, ERROR_INVALID, i == 4 ? "without a target" : "leaves the layer");
		tar_put_pax(&tar, "linkpath", str_of(targets[i]));
		tar_put_link(&tar, '1', "hard", "fine");
		unpack_fails(&tar, ERROR_INVALID, i == 4 ? "without a target" : "leaves the layer");
	}
	tar_put_link(&tar, '1', "hard", at_home("canary"));
	unpack_fails(&tar, ERROR_INVALID, "no folder of the layer");
	tar_put_link(&tar, '1', "hard", "missing");
	unpack_fails(&tar, ERROR_INVALID, "not in the layer");
	tar_put_link(&tar, '2', "out", at_home("outside"));
	tar_put_link(&tar, '1', "hard", "out/canary");
	unpack_fails(&tar, ERROR_INVALID, "no folder of the layer");
	tar_put_link(&tar, '2', "out", "../outside");
	tar_put_link(&tar, '1', "hard", "out/canary");
	unpack_fails(&tar, ERROR_INVALID, "no folder of the layer");
	tar_put_folder(&tar, "folder");
	tar_put_link(&tar, '1', "hard", "folder");
	unpack_fails(&tar, ERROR_INVALID, "is a folder");
	/* The target would go with what the link replaces. */
	tar_put_file(&tar, "tree/file", "x");
	tar_put_link(&tar, '1', "tree", "tree/file");
	unpack_fails(&tar, ERROR_INVALID, "");
	/* A hard link to a soft link that points out, then a file: the link alone is replaced. */
	tar_put_link(&tar, '2', "soft", at_home("canary"));
	tar_put_link(&tar, '1', "hard", "soft");
	tar_put_file(&tar, "hard", "in");
	unpack_ok(&tar);
	check_text("hard", "in");
	check_target("soft", at_home("canary"));
}

static void refuses_link_loops(void)
{
	auto_buf tar = BUF_INIT;
	char name[16], target[16];

	begin();
	tar_put_link(&tar, '2', "a", "b");
	tar_put_link(&tar, '2', "b", "a");
	tar_put_file(&tar, "a/file", "x");
	unpack_fails(&tar, ERROR_INVALID, "a");
	tar_put_link(&tar, '2', "self", "self");
	tar_put_link(&tar, '1', "hard", "self/file");
	unpack_fails(&tar, ERROR_INVALID, "self");
	for (int i = 0; i < 60; i++) { /* more than the kernel follows */
		snprintf(name, sizeof(name), "l%d", i);
		snprintf(target, sizeof(target), "l%d", i + 1);
		tar_put_link(&tar, '2', name, target);
	}
	tar_put_folder(&tar, "l60");
	tar_put_file(&tar, "l0/file", "x");
	unpack_fails(&tar, ERROR_INVALID, "l0");
	/* A loop that ends well: each "here" is the folder itself. */
	tar_put_folder(&tar, "d");
	tar_put_link(&tar, '2', "d/here", ".");
	tar_put_file(&tar, "d/here/here/here/file", "in");
	tar_put_link(&tar, '2', "d/here/here/here", "/d");
	tar_put_file(&tar, "d/here/two", "in");
	unpack_ok(&tar);
	check_text("d/file", "in");
	check_text("d/two", "in");
}

/* Through links folders get deeper than a path shows; what is too deep cannot be removed. */
static void refuses_too_deep_folders(void)
{
	auto_buf tar = BUF_INIT, deep = BUF_INIT;
	char name[32], next[32];

	begin();
	plan.entries_max = 100000;
	for (int i = 0; i < 300; i++) {
		buf_add_text(&deep, "d/");
		tar_put_pax(&tar, "path", buf_str(&deep));
		tar_put_folder(&tar, "x");
	}
	unpack_fails(&tar, ERROR_INVALID, "deep");
	tar_put_pax(&tar, "path", buf_str(&deep));
	tar_put_file(&tar, "x", "x");
	unpack_fails(&tar, ERROR_INVALID, "deep");
	tar_put_folder(&tar, "g0");
	for (int i = 0; i < 38; i++) {
		snprintf(name, sizeof(name), "g%d/a/a/a/a/a/a/a/a/a", i);
		tar_put_folder(&tar, name);
		snprintf(next, sizeof(next), "g%d", i + 1);
		tar_put_link(&tar, '2', next, name);
	}
	unpack_fails(&tar, ERROR_INVALID, "deep");
}

/* --- whiteouts --- */

static void makes_whiteouts(void)
{
	auto_buf tar = BUF_INIT;

	begin();
	tar_put_file(&tar, ".wh.gone", "content without meaning");
	tar_put_file(&tar, "a/.wh.b", "");
	tar_put_folder(&tar, "a/.wh.folder");
	tar_put_file(&tar, "a/.wh.c.wh.", "");
	tar_put_file(&tar, "a/.wh....", "");
	tar_put_folder(&tar, "o");
	tar_put_file(&tar, "o/stays", "x");
	tar_put_file(&tar, "o/.wh..wh..opq", "");
	tar_put_file(&tar, ".wh..wh.plnk", "");
	tar_put_file(&tar, "o/.wh..wh.aufs", "");
	unpack_ok(&tar);
	CHECK(is_whiteout("gone") && is_whiteout("a/b") && is_whiteout("a/folder"));
	CHECK(is_whiteout("a/c.wh."));
	CHECK(is_whiteout("a/..."));
	CHECK(is_opaque("o") && !is_opaque("a") && !is_opaque("."));
	check_text("o/stays", "x");
	CHECK(!is_there(".wh.gone") && !is_there(".wh..wh.plnk") && !is_there("o/.wh..wh..opq"));
}

static void refuses_whiteouts_of_nothing(void)
{
	static const char *const paths[] = { ".wh.",   "a/.wh.",   ".wh..",   "a/.wh..",
					     ".wh...", "a/.wh...", "a/.wh./", ".wh../." };
	static const char *const away[] = { ".wh../../canary", ".wh../x/../../canary",
					    ".wh...//../../outside" };
	auto_buf tar = BUF_INIT;

	begin();
	for (size_t i = 0; i < ARRAY_LENGTH(paths); i++) {
		tar_put_file(&tar, "a/file", "x");
		tar_put_file(&tar, paths[i], "");
		unpack_fails(&tar, ERROR_INVALID, "whiteout of no name");
	}
	for (size_t i = 0; i < ARRAY_LENGTH(away); i++) {
		tar_put_file(&tar, away[i], "");
		unpack_fails(&tar, ERROR_INVALID, "leaves the layer");
	}
	/* With more below it is a folder of an odd name. */
	tar_put_file(&tar, ".wh../x", "in");
	unpack_ok(&tar);
	check_text(".wh../x", "in");
}

/* What the layer has itself wins over its whiteouts, and hides what is below. */
static void whiteouts_and_things_of_one_name(void)
{
	auto_buf tar = BUF_INIT;

	begin();
	tar_put_file(&tar, ".wh.f1", "");
	tar_put_file(&tar, "f1", "one");
	tar_put_file(&tar, "f2", "two");
	tar_put_file(&tar, ".wh.f2", "");
	tar_put_file(&tar, ".wh.d1", "");
	tar_put_folder(&tar, "d1");
	tar_put_folder(&tar, "d2");
	tar_put_file(&tar, "d2/kept", "x");
	tar_put_file(&tar, ".wh.d2", "");
	tar_put_file(&tar, ".wh.d3", "");
	tar_put_file(&tar, "d3/new/file", "three");
	tar_put_file(&tar, ".wh.l", "");
	tar_put_link(&tar, '2', "l", at_home("outside"));
	tar_put_link(&tar, '2', "l2", at_home("outside"));
	tar_put_file(&tar, ".wh.l2", "");
	unpack_ok(&tar);
	check_text("f1", "one");
	check_text("f2", "two");
	CHECK(is_opaque("d1") && is_opaque("d2") && is_opaque("d3") && !is_opaque("d3/new"));
	check_text("d2/kept", "x");
	check_text("d3/new/file", "three");
	check_target("l", at_home("outside"));
	check_target("l2", at_home("outside"));
}

static void opaque_on_a_link_stays_inside(void)
{
	auto_buf tar = BUF_INIT;

	begin();
	tar_put_folder(&tar, "real");
	tar_put_link(&tar, '2', "in", "real");
	tar_put_file(&tar, "in/.wh..wh..opq", "");
	tar_put_link(&tar, '2', "up", "../../..");
	tar_put_file(&tar, "up/.wh.canary", "");
	tar_put_file(&tar, "up/.wh.outside", "");
	unpack_ok(&tar);
	CHECK(is_opaque("real"));
	CHECK(is_whiteout("canary") && is_whiteout("outside"));
}

/* --- what files are given --- */

static void keeps_set_id_bits_and_owners(void)
{
	auto_buf tar = BUF_INIT;
	struct stat st;

	begin();
	tar_put(&tar, &(struct tar_item){ .type = '0',
					  .path = "su",
					  .mode = 04755,
					  .uid = 3,
					  .gid = 4,
					  .data = STR("x") });
	tar_put(&tar, &(struct tar_item){ .type = '5', .path = "sg", .mode = 02775, .gid = 4 });
	unpack_ok(&tar);
	st = look("su");
	CHECK_INT(st.st_mode, S_IFREG | 04755);
	CHECK_INT(st.st_uid, 3);
	CHECK_INT(st.st_gid, 4);
	CHECK_INT(look("sg").st_mode, S_IFDIR | 02775);
}

static void refuses_owners_that_cannot_be(void)
{
	static const int64_t ids[] = { -1, UINT32_MAX, 1ll << 32, INT64_MAX };
	auto_buf tar = BUF_INIT;

	begin();
	for (size_t i = 0; i < ARRAY_LENGTH(ids); i++) {
		tar_put(&tar, &(struct tar_item){ .type = '0', .path = "x", .uid = ids[i] });
		unpack_fails(&tar, ERROR_INVALID, "owner");
		tar_put(&tar, &(struct tar_item){ .type = '5', .path = "x", .gid = ids[i] });
		unpack_fails(&tar, ERROR_INVALID, "owner");
	}
	tar_put_pax(&tar, "uid", STR("18446744073709551616"));
	tar_put_file(&tar, "x", "");
	unpack_fails(&tar, ERROR_INVALID, "number");
}

static void drops_attributes_with_meaning(void)
{
	static const char capability[] = "\x01\x00\x00\x02\x00\x04\x00\x00\x00\x00\x00\x00"
					 "\x00\x00\x00\x00\x00\x00\x00";
	static const char *const dropped[] = {
		OPAQUE,
		"trusted.overlay.redirect",
		"trusted.x",
		"user.overlay.opaque",
		"user.overlay.metacopy",
		"security.selinux",
		"security.ima",
		"system.posix_acl_access",
		"security.apparmor",
	};
	auto_buf tar = BUF_INIT;
	char value[64];

	begin();
	for (int i = 0; i < 2; i++) {
		auto_buf records = BUF_INIT;

		for (size_t k = 0; k < ARRAY_LENGTH(dropped); k++) {
			auto_free char *key = memory_print("SCHILY.xattr.%s", dropped[k]);

			tar_add_record(&records, key, STR("y"));
		}
		tar_add_record(&records, "SCHILY.xattr.user.kept", STR("a\0b"));
		if (i == 0)
			tar_add_record(&records, "SCHILY.xattr.security.capability",
				       str_from(capability, 20));
		tar_put_records(&tar, 'x', buf_str(&records));
		tar_put(&tar, &(struct tar_item){ .type = i == 0 ? '0' : '5',
						  .path = i == 0 ? "file" : "folder",
						  .uid = 9 });
	}
	tar_put_file(&tar, "next", "has none");
	unpack_ok(&tar);
	CHECK_INT(getxattr(in_layer("file"), "security.capability", value, 64), 20);
	CHECK_BYTES(value, capability, 20);
	for (int i = 0; i < 2; i++) {
		const char *path = in_layer(i == 0 ? "file" : "folder");

		CHECK_INT(getxattr(path, "user.kept", value, 64), 3);
		CHECK_BYTES(value, "a\0b", 3);
		for (size_t k = 0; k < ARRAY_LENGTH(dropped); k++)
			if (getxattr(path, dropped[k], value, 64) >= 0)
				harness_fail(__FILE__, __LINE__, "%s was kept", dropped[k]);
	}
	CHECK(getxattr(in_layer("next"), "user.kept", value, 64) < 0);
}

static void devices_are_only_made(void)
{
	auto_buf tar = BUF_INIT;

	begin();
	tar_put_device(&tar, '3', "console", 5, 1);
	tar_put_link(&tar, '1', "second", "console");
	tar_put_file(&tar, "console", "in"); /* not into the device */
	tar_put(&tar, &(struct tar_item){ .type = '6', .path = "pipe" });
	tar_put_file(&tar, "pipe", "in"); /* does not wait for a reader */
	unpack_ok(&tar);
	check_text("console", "in");
	check_text("pipe", "in");
	CHECK(S_ISCHR(look("second").st_mode));
	buf_reset(&tar);
	tar_put(&tar, &(struct tar_item){ .type = '3', .path = "far", .major = 077777777 });
	tar.at[329] = (char)0x80;
	tar.at[332] = 1; /* base 256, 2^32 and more */
	tar_sign(&tar, 0);
	unpack_fails(&tar, ERROR_INVALID, "device number");
	tar_put_file(&tar, "node", "x");
	tar_put_file(&tar, "node/below", "x");
	unpack_fails(&tar, ERROR_INVALID, "no folder of the layer");
}

/* --- bombs and cut archives --- */

static void bombs_stop(void)
{
	static const int64_t sizes[] = { INT64_MAX, (1ll << 62) + 1, 1ll << 62, 1ll << 40,
					 (1 << 20) + 1 };
	auto_buf tar = BUF_INIT;
	auto_free char *large = memory_zero(700 * 1024);
	char name[32];

	begin();
	for (size_t i = 0; i < ARRAY_LENGTH(sizes); i++) {
		tar_put(&tar, &(struct tar_item){ .type = '0', .path = "x", .size = sizes[i] });
		unpack_fails(&tar, i < 2 ? ERROR_INVALID : ERROR_TOO_LARGE,
			     i < 2 ? "size" : "bytes");
		tar_put_pax(&tar, "size", STR("8000000000"));
		tar_put_file(&tar, "x", "");
		unpack_fails(&tar, ERROR_TOO_LARGE, "bytes");
	}
	for (int i = 0; i < 2; i++) {
		snprintf(name, sizeof(name), "file%d", i);
		tar_put(&tar, &(struct tar_item){
				      .type = '0', .path = name, .data = { large, 700 * 1024 } });
	}
	unpack_fails(&tar, ERROR_TOO_LARGE, "bytes");
	for (int i = 0; i < 1001; i++)
		tar_put_file(&tar, "same", "");
	unpack_fails(&tar, ERROR_TOO_LARGE, "entries");
	for (int i = 0; i < 20; i++) { /* 20 entries, 2020 folders */
		auto_buf path = BUF_INIT;

		buf_add_print(&path, "t%d/", i);
		for (int k = 0; k < 100; k++)
			buf_add_text(&path, "d/");
		buf_add_text(&path, "file");
		tar_put_pax(&tar, "path", buf_str(&path));
		tar_put_file(&tar, "x", "");
	}
	unpack_fails(&tar, ERROR_TOO_LARGE, "entries");
	tar_put(&tar, &(struct tar_item){ .type = 'S', .path = "x", .gnu = true });
	unpack_fails(&tar, ERROR_INVALID, "sparse");
	tar_put_pax(&tar, "GNU.sparse.major", STR("1"));
	tar_put_file(&tar, "x", "");
	unpack_fails(&tar, ERROR_INVALID, "sparse");
}

/* Cut anywhere: an error, or - between entries - what there was. */
static void cut_archives_end_well(void)
{
	auto_buf tar = BUF_INIT;

	begin();
	tar_put_folder(&tar, "a");
	tar_put_pax(&tar, "path", STR("a/long"));
	tar_put_file(&tar, "x", "content");
	tar_put_link(&tar, '1', "a/hard", "a/long");
	tar_put_file(&tar, ".wh.gone", "");
	for (size_t len = 0; len <= tar.len; len += 64) {
		auto_buf cut = BUF_INIT;
		struct error err;
		bool done;

		buf_add(&cut, tar.at, len);
		done = unpack(&cut, &err);
		if (done && len % 512 != 0)
			harness_fail(__FILE__, __LINE__, "cut at %zu and taken", len);
		CHECK(done || err.kind == ERROR_INVALID);
		close(plan.folder);
		CHECK_OK(file_remove_tree(at_home("layer"), &err), &err);
		plan.folder = make_layer("layer");
	}
	tar_put_pax(&tar, "path", STR("without"));
	unpack_fails(&tar, ERROR_INVALID, "cut short");
}

static const struct test tests[] = {
	{ "makes every kind", makes_every_kind },
	{ "keeps times of folders", keeps_times_of_folders },
	{ "later entries replace", later_entries_replace },
	{ "parents come from below", parents_come_from_below },
	{ "refuses dotdot", refuses_dotdot },
	{ "absolute stays inside", absolute_stays_inside },
	{ "refuses names that cannot be", refuses_names_that_cannot_be },
	{ "takes long names", takes_long_names },
	{ "nothing goes through links", nothing_goes_through_links },
	{ "replaces links", replaces_links },
	{ "hard links stay inside", hard_links_stay_inside },
	{ "refuses link loops", refuses_link_loops },
	{ "refuses too deep folders", refuses_too_deep_folders },
	{ "makes whiteouts", makes_whiteouts },
	{ "refuses whiteouts of nothing", refuses_whiteouts_of_nothing },
	{ "whiteouts and things of one name", whiteouts_and_things_of_one_name },
	{ "opaque on a link stays inside", opaque_on_a_link_stays_inside },
	{ "keeps set-id bits and owners", keeps_set_id_bits_and_owners },
	{ "refuses owners that cannot be", refuses_owners_that_cannot_be },
	{ "drops attributes with meaning", drops_attributes_with_meaning },
	{ "devices are only made", devices_are_only_made },
	{ "bombs stop", bombs_stop, .time_limit_s = 30 },
	{ "cut archives end well", cut_archives_end_well },
};
TEST_MAIN(tests)
