/*
 * test_file.c - whole files, folders, and the removal of trees that somebody made to be difficult.
 */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/harness.h"

/* harness_folder()/name, in a buffer of which there are a few. */
static const char *path_of(const char *name)
{
	static char rooms[4][512];
	static unsigned at;
	char *room = rooms[at++ % 4];

	snprintf(room, sizeof(rooms[0]), "%s/%s", harness_folder(), name);
	return room;
}

static void put(const char *name, const char *text)
{
	struct error err;

	CHECK_OK(file_replace(path_of(name), str_of(text), 0600, &err), &err);
}

static void make(const char *name)
{
	struct error err;

	CHECK_OK(file_make_dirs(path_of(name), 0700, &err), &err);
}

/* Goal: a file is appended to what is there; missing and too large ones are told apart. */
static void reads_files(void)
{
	auto_buf text = BUF_INIT;
	struct error err;

	put("a", "bytes");
	buf_add_text(&text, "some ");
	CHECK_OK(file_read(path_of("a"), 5, &text, &err), &err);
	CHECK_STR(buf_text(&text), "some bytes");
	CHECK(!file_read(path_of("a"), 4, &text, &err));
	CHECK_INT(err.kind, ERROR_TOO_LARGE);
	CHECK(!file_read(path_of("b"), 4, &text, &err));
	CHECK_INT(err.kind, ERROR_NOT_FOUND);
	CHECK(!file_read(harness_folder(), 4, &text, &err));
	CHECK_INT(err.os_code, EISDIR);
	CHECK(file_exists(path_of("a")) && !file_exists(path_of("b")));
}

/* Goal: a file is replaced as a whole, with the mode asked for, and nothing lies beside it. */
static void replaces_files(void)
{
	auto_buf text = BUF_INIT;
	struct stat facts;
	struct error err;

	umask(077);
	put("a", "long before");
	CHECK_OK(file_replace(path_of("a"), STR("new"), 0644, &err), &err);
	CHECK_OK(file_read(path_of("a"), 100, &text, &err), &err);
	CHECK_STR(buf_text(&text), "new");
	CHECK(stat(path_of("a"), &facts) == 0);
	CHECK_INT(facts.st_mode & 07777, 0644);
	CHECK(!file_exists(path_of("a.tmp")));
	CHECK(!file_replace(path_of("none/a"), STR("x"), 0644, &err));
	CHECK_INT(err.os_code, ENOENT);
	CHECK(symlink("a", path_of("b.tmp")) == 0);
	CHECK(!file_replace(path_of("b"), STR("x"), 0644, &err)); /* not through a link */
}

/* Goal: folders are made with all above them, existing ones are fine, files in the way are not. */
static void makes_folders(void)
{
	struct error err;

	make("a/b/c");
	make("a/b/c");
	make("a/b//d/");
	CHECK(file_exists(path_of("a/b/c")) && file_exists(path_of("a/b/d")));
	put("a/file", "");
	CHECK(!file_make_dirs(path_of("a/file"), 0700, &err));
	CHECK(!file_make_dirs(path_of("a/file/x"), 0700, &err));
}

/* Goal: all bytes are written, though the pipe takes a part at a time. */
static void writes_all(void)
{
	auto_free char *bytes = memory_zero(300000);
	struct error err;
	int ends[2];
	pid_t pid;

	CHECK(pipe2(ends, O_CLOEXEC) == 0);
	pid = fork();
	CHECK(pid >= 0);
	if (pid == 0) {
		close(ends[0]);
		_exit(file_write_all(ends[1], bytes, 300000, &err) ? 0 : 1);
	}
	close(ends[1]);
	for (size_t left = 300000; left > 0;) {
		ssize_t got = read(ends[0], bytes, 1000);

		CHECK(got > 0 && (size_t)got <= left);
		left -= (size_t)got;
	}
	CHECK_INT(read(ends[0], bytes, 1), 0);
	CHECK(!file_write_all(-1, "x", 1, &err));
	CHECK_INT(err.os_code, EBADF);
}

/* Goal: files, links and folders go; what links point to stays. */
static void removes_trees(void)
{
	struct error err;

	make("outside/kept");
	make("tree/a/b/c");
	make("tree/empty");
	put("tree/a/file", "x");
	CHECK(symlink("../../outside", path_of("tree/a/link")) == 0);
	CHECK(symlink("nowhere", path_of("tree/dangling")) == 0);
	CHECK(mkfifo(path_of("tree/fifo"), 0600) == 0);
	for (int i = 0; i < 300; i++) {
		char name[32];

		snprintf(name, sizeof(name), "tree/many/%d/x", i);
		make(name);
	}
	CHECK_OK(file_remove_tree(path_of("tree"), &err), &err);
	CHECK(!file_exists(path_of("tree")));
	CHECK_OK(file_remove_tree(path_of("tree"), &err), &err);
	CHECK(symlink("outside", path_of("link")) == 0);
	CHECK_OK(file_remove_tree(path_of("link"), &err), &err);
	CHECK(access(path_of("outside/kept"), F_OK) == 0);
	put("file", "x");
	CHECK_OK(file_remove_tree(path_of("file"), &err), &err);
	CHECK(!file_exists(path_of("file")));
}

static int step_down(int folder, const char *name)
{
	int fd;

	CHECK(mkdirat(folder, name, 0700) == 0);
	fd = openat(folder, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	CHECK(fd >= 0);
	return fd;
}

/* Makes a chain of folders; beside each one a file, and at each tenth a second, shorter chain. */
static void make_chain(int folder, int depth, int side)
{
	int at = dup(folder);

	for (int i = 0; i < depth; i++) {
		int next = step_down(at, "a-folder");

		CHECK(mknodat(at, i % 2 ? "file" : "0file", S_IFREG | 0600, 0) == 0);
		if (side > 0 && i % 100 == 0) {
			int aside = step_down(at, "side");

			make_chain(aside, side, 0);
			close(aside);
		}
		close(at);
		at = next;
	}
	close(at);
}

/* Goal: a tree far deeper than paths and descriptors reach is removed, with few descriptors. */
static void removes_deep_trees(void)
{
	struct rlimit few = { 64, 64 };
	struct error err;
	int top, after;

	make("tree");
	top = open(path_of("tree"), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	make_chain(top, 2000, 70);
	close(top);
	CHECK(setrlimit(RLIMIT_NOFILE, &few) == 0);
	CHECK_OK(file_remove_tree(path_of("tree"), &err), &err);
	CHECK(!file_exists(path_of("tree")));
	after = dup(0);
	CHECK_INT(after, top); /* none is left open */
	close(after);
}

/* Goal: a mount stops the removal and keeps what is in it, also one of the same device, of a file,
 * or the tree itself, and leaves no descriptor open. */
static void stops_at_mounts(void)
{
	static const char *const places[] = { "tree/a/mount", "tree/a/file", "tree" };
	struct error err;

	harness_own_mounts();
	make("precious");
	put("precious/file", "x");
	make("tree/a/mount");
	put("tree/a/file", "");
	for (size_t i = 0; i < 3; i++) {
		const char *from = i == 1 ? path_of("precious/file") : path_of("precious");
		int open_before = dup(0), open_after;

		CHECK(mount(from, path_of(places[i]), NULL, MS_BIND, NULL) == 0);
		CHECK(!file_remove_tree(path_of("tree"), &err));
		CHECK(strstr(err.text, "mount point") != NULL);
		CHECK(umount2(path_of(places[i]), 0) == 0);
		CHECK(file_exists(path_of("precious/file")));
		open_after = dup(0);
		CHECK_INT(open_after, open_before + 1);
		close(open_before);
		close(open_after);
		make("tree/a/mount");
		put("tree/a/file", "");
	}
	CHECK(mount("none", path_of("tree/a/mount"), "tmpfs", 0, NULL) == 0);
	CHECK(!file_remove_tree(path_of("tree"), &err));
	CHECK(umount2(path_of("tree/a/mount"), 0) == 0);
	CHECK_OK(file_remove_tree(path_of("tree"), &err), &err);
}

/* Goal: a file that is being written is told from one that is not, by links too. */
static void knows_writers(void)
{
	auto_fd reader = -1, writer = -1;

	put("a", "x");
	reader = open(path_of("a"), O_RDONLY | O_CLOEXEC);
	CHECK(!file_has_writer(path_of("a")));
	writer = open(path_of("a"), O_WRONLY | O_CLOEXEC);
	CHECK(writer >= 0);
	CHECK(file_has_writer(path_of("a")));
	CHECK(symlink("a", path_of("link")) == 0);
	CHECK(file_has_writer(path_of("link")));
	close(take_fd(&writer));
	CHECK(!file_has_writer(path_of("a")));
	CHECK(!file_has_writer(path_of("none")));
	CHECK(!file_has_writer(harness_folder()));
}

static const struct test tests[] = {
	{ "reads files", reads_files },         { "replaces files", replaces_files },
	{ "makes folders", makes_folders },     { "writes all", writes_all },
	{ "removes trees", removes_trees },     { "removes deep trees", removes_deep_trees },
	{ "stops at mounts", stops_at_mounts }, { "knows writers", knows_writers },
};
TEST_MAIN(tests)
