/*
 * test_pathfd.c - that no path, however prepared, leads out of its folder.
 */
#include "runtime/pathfd.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/memory.h"
#include "tests/unit/harness.h"

static int root;
static char outside[128];

static void link_in(const char *target, const char *name)
{
	CHECK(symlinkat(target, root, name) == 0);
}

static void prepare(void)
{
	struct error err;
	char path[256];

	snprintf(path, sizeof(path), "%s/root/a/b", harness_folder());
	CHECK_OK(file_make_dirs(path, 0755, &err), &err);
	snprintf(outside, sizeof(outside), "%s/outside", harness_folder());
	CHECK_OK(file_make_dirs(outside, 0755, &err), &err);
	snprintf(path, sizeof(path), "%s/root", harness_folder());
	root = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	CHECK(root >= 0);
	link_in(outside, "abs");
	link_in("../outside", "rel");
	link_in("/a", "inner");
	link_in("loop", "loop");
	link_in("/proc/self/root", "magic");
	link_in("nowhere", "dangling");
}

static struct error why;

static bool opens(const char *path, enum pathfd_how how)
{
	int fd = -1;
	bool fine = pathfd_open(root, path, how, O_PATH, &fd, &why);

	if (fine)
		close(fd);
	return fine;
}

static bool makes(const char *path, enum pathfd_how how, enum pathfd_kind kind)
{
	int fd = -1;
	bool fine = pathfd_make(root, path, how, kind, &fd, &why);

	if (fine)
		close(fd);
	return fine;
}

static void opens_inside_only(void)
{
	prepare();
	CHECK(opens("/a/b", PATHFD_IN_ROOT));
	CHECK(opens("inner/b", PATHFD_IN_ROOT));
	CHECK(opens("../../a/../a/b", PATHFD_IN_ROOT));
	CHECK(!opens("abs", PATHFD_IN_ROOT)); /* its target does not exist inside */
	CHECK_INT(why.kind, ERROR_NOT_FOUND);
	CHECK(!opens("rel", PATHFD_IN_ROOT));
	CHECK(!opens("loop", PATHFD_IN_ROOT));
	CHECK(opens("a/b", PATHFD_BELOW));
	CHECK(!opens("abs", PATHFD_BELOW));
	CHECK_INT(why.kind, ERROR_INVALID);
	CHECK(!opens("rel", PATHFD_BELOW));
	CHECK(!opens("a/../../outside", PATHFD_BELOW));
	CHECK(!opens("inner", PATHFD_NO_LINKS));
	CHECK(opens("/a/b", PATHFD_NO_LINKS));
}

static void makes_what_is_missing(void)
{
	prepare();
	CHECK_OK(makes("/x/y/z", PATHFD_IN_ROOT, PATHFD_FOLDER), &why);
	CHECK(opens("x/y/z", PATHFD_NO_LINKS));
	CHECK_OK(makes("x/f", PATHFD_IN_ROOT, PATHFD_FILE), &why);
	struct stat facts;
	CHECK(fstatat(root, "x/f", &facts, 0) == 0);
	CHECK(S_ISREG(facts.st_mode));
	CHECK_OK(makes("inner/new", PATHFD_IN_ROOT, PATHFD_FOLDER), &why);
	CHECK(opens("a/new", PATHFD_NO_LINKS));
	CHECK_OK(makes("//x//y///w/", PATHFD_IN_ROOT, PATHFD_FOLDER), &why);
	CHECK(opens("x/y/w", PATHFD_NO_LINKS));
}

static void makes_nothing_outside(void)
{
	char path[4400];

	prepare();
	CHECK(!makes("abs/evil", PATHFD_BELOW, PATHFD_FOLDER));
	CHECK(!makes("abs/evil", PATHFD_IN_ROOT, PATHFD_FOLDER));
	CHECK(!makes("rel/evil", PATHFD_BELOW, PATHFD_FOLDER));
	CHECK(!makes("dangling", PATHFD_IN_ROOT, PATHFD_FOLDER));
	CHECK(!makes("dangling", PATHFD_IN_ROOT, PATHFD_FILE));
	CHECK(!makes("new/../../evil", PATHFD_IN_ROOT, PATHFD_FOLDER));
	CHECK(!makes("a/b/../../../evil", PATHFD_BELOW, PATHFD_FOLDER));
	snprintf(path, sizeof(path), "%s/evil", outside);
	CHECK(!file_exists(path));
	CHECK(faccessat(root, "nowhere", F_OK, 0) != 0);
	memset(path, 'a', sizeof(path) - 1);
	path[sizeof(path) - 1] = '\0';
	CHECK(!makes(path, PATHFD_IN_ROOT, PATHFD_FOLDER));
}

/* Magic links jump over every root: as links of another kind they are never followed. */
static void follows_no_magic(void)
{
	int proc = open("/proc/self", O_PATH | O_DIRECTORY | O_CLOEXEC);
	int fd = -1;

	CHECK(!pathfd_open(proc, "root/etc", PATHFD_IN_ROOT, O_PATH, &fd, &why));
	CHECK(!pathfd_open(proc, "cwd", PATHFD_BELOW, O_PATH | O_DIRECTORY, &fd, &why));
	close(proc);
}

static void finds_dotdot(void)
{
	CHECK(pathfd_has_dotdot(".."));
	CHECK(pathfd_has_dotdot("/a/../b"));
	CHECK(pathfd_has_dotdot("a/.."));
	CHECK(!pathfd_has_dotdot("/a..b/..c/d.."));
	CHECK(!pathfd_has_dotdot("..."));
	CHECK(!pathfd_has_dotdot(""));
}

static volatile bool over;

/* A folder and a link to the outside change places all the time. */
static void *swap_places(void *unused)
{
	(void)unused;
	while (!over)
		syscall(SYS_renameat2, root, "swap", root, "trap", 2 /* RENAME_EXCHANGE */);
	return NULL;
}

static void wins_every_race(void)
{
	pthread_t attacker;
	int64_t late;
	const char *text = getenv("MOTE_TEST_RACES"); /* the long form: 1000000 */
	long rounds = 0, wanted = text ? strtol(text, NULL, 10) : 1001;
	struct stat real;
	struct stat there;
	char path[256];

	prepare();
	CHECK(mkdirat(root, "swap", 0755) == 0);
	CHECK(symlinkat(outside, root, "trap") == 0);
	CHECK(stat(outside, &real) == 0);
	CHECK_INT(pthread_create(&attacker, NULL, swap_places, NULL), 0);
	for (late = clock_now_ms() + 1500; clock_now_ms() < late || rounds < wanted; rounds++) {
		int fd = -1;

		if (!pathfd_make(root, "swap/evil", rounds % 2 ? PATHFD_BELOW : PATHFD_IN_ROOT,
				 PATHFD_FOLDER, &fd, &why))
			continue;
		CHECK(fstatat(fd, "..", &there, 0) == 0); /* where it was made */
		close(fd);
		CHECK(there.st_ino != real.st_ino);
		unlinkat(root, "swap/evil", AT_REMOVEDIR);
		unlinkat(root, "trap/evil", AT_REMOVEDIR);
	}
	over = true;
	pthread_join(attacker, NULL);
	CHECK(rounds > 1000);
	snprintf(path, sizeof(path), "%s/evil", outside);
	CHECK(!file_exists(path));
}

static const struct test tests[] = {
	{ "opens inside only", opens_inside_only },
	{ "makes what is missing", makes_what_is_missing },
	{ "makes nothing outside", makes_nothing_outside },
	{ "follows no magic", follows_no_magic },
	{ "finds dot-dot", finds_dotdot },
	{ "wins every race", wins_every_race, .time_limit_s = 300 },
};
TEST_MAIN(tests)
