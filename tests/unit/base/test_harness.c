/*
 * test_harness.c - the harness itself: a bad test counts as failed, whatever way it goes wrong.
 *
 * Each test runs an inner table with its output hidden and looks at the exit status.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/harness.h"

/* Is the inner test counted as passed? */
static bool inner_passes(void (*run)(void), unsigned time_limit_s)
{
	const struct test inner[] = { { "inner", run, time_limit_s } };
	char *args[] = { (char *)"inner", NULL };
	int status = 0;

	fflush(NULL);

	pid_t child = fork();

	if (child == 0) {
		int hidden = open("/dev/null", O_WRONLY | O_CLOEXEC);

		dup2(hidden, STDOUT_FILENO);
		dup2(hidden, STDERR_FILENO);
		_exit(harness_main(inner, 1, 1, args));
	}
	CHECK_INT(waitpid(child, &status, 0), child);
	CHECK(WIFEXITED(status));
	return WEXITSTATUS(status) == 0;
}

static void good(void)
{
	CHECK(true);
	CHECK_INT(1 + 1, 2);
	CHECK_STR("a", "a");
	CHECK_STR(NULL, NULL);
	CHECK_BYTES("a\0b", "a\0b", 3);
}

static void wrong_condition(void)
{
	CHECK(1 + 1 == 3);
}

static void wrong_number(void)
{
	CHECK_INT(1 + 1, 3);
}

static void wrong_text(void)
{
	CHECK_STR("a", "b");
}

static void wrong_bytes(void)
{
	CHECK_BYTES("a\0b", "a\0c", 3);
}

static void null_text(void)
{
	CHECK_STR(NULL, "b");
}

static void killed(void)
{
	signal(SIGTERM, SIG_DFL);
	raise(SIGTERM);
}

static void exits(void)
{
	exit(3);
}

static void hangs(void)
{
	for (;;)
		pause();
}

static void skips(void)
{
	harness_skip("not here");
}

static void good_passes(void)
{
	CHECK(inner_passes(good, 0));
	CHECK(inner_passes(skips, 0));
}

static void bad_fails(void)
{
	CHECK(!inner_passes(wrong_condition, 0));
	CHECK(!inner_passes(wrong_number, 0));
	CHECK(!inner_passes(wrong_text, 0));
	CHECK(!inner_passes(wrong_bytes, 0));
	CHECK(!inner_passes(null_text, 0));
	CHECK(!inner_passes(killed, 0));
	CHECK(!inner_passes(exits, 0));
}

static void late_fails(void)
{
	CHECK(!inner_passes(hangs, 1));
}

static void folder_is_ours(void)
{
	char file[128];
	struct stat about;

	snprintf(file, sizeof(file), "%s/x", harness_folder());
	CHECK(stat(harness_folder(), &about) == 0);
	CHECK_INT(about.st_mode & 0777, 0700);
	close(open(file, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
	CHECK(access(file, F_OK) == 0);
}

static void folder_goes_away(void)
{
	CHECK(inner_passes(folder_is_ours, 0));
	/* The outer folder has this process's parent's name, so it is another one. */
	CHECK(access(harness_folder(), F_OK) == 0);
}

static const struct test tests[] = {
	{ "a good test passes", good_passes },
	{ "a bad test fails", bad_fails },
	{ "a late test fails", late_fails, .time_limit_s = 30 },
	{ "the folder is the test's own", folder_is_ours },
	{ "the folder goes away", folder_goes_away },
};
TEST_MAIN(tests)
