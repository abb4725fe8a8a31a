/*
 * harness.c - runs a table of tests, each in its own process with a time limit.
 *
 * The parent blocks SIGCHLD and waits for it with a timeout, which works under emulation too.  Each
 * child is the leader of its own process group, writes into an unnamed file, and is swept away with
 * all that it started when it ends or is late.
 */
#include "tests/unit/harness.h"

#include <assert.h>
#include <errno.h>
#include <ftw.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { TIME_LIMIT_S = 10, EXIT_FAILED = 97, EXIT_SKIPPED = 98 };

static char folder[64]; /* the running test's, whether made yet or not */

_Noreturn void harness_fail(const char *file, int line, const char *format, ...)
{
	va_list args;

	fprintf(stderr, "%s:%d: ", file, line);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	fflush(NULL);
	_exit(EXIT_FAILED);
}

_Noreturn void harness_skip(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	fflush(NULL);
	_exit(EXIT_SKIPPED);
}

const char *harness_folder(void)
{
	if (mkdir(folder, 0700) < 0 && errno != EEXIST)
		harness_fail(__FILE__, __LINE__, "make folder %s: %s", folder, strerror(errno));
	return folder;
}

void harness_own_mounts(void)
{
	static bool done;

	if (!done &&
	    (unshare(CLONE_NEWNS) != 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0))
		harness_skip("no mounts of its own: %s", strerror(errno));
	done = true;
}

void harness_check_str(const char *file, int line, const char *what, const char *have,
		       const char *want)
{
	if (have == NULL || want == NULL) {
		if (have != want)
			harness_fail(file, line, "%s is %s, not %s", what, have ? have : "NULL",
				     want ? want : "NULL");
	} else if (strcmp(have, want) != 0) {
		harness_fail(file, line, "%s is\n\t\"%s\"\nnot\n\t\"%s\"", what, have, want);
	}
}

void harness_check_bytes(const char *file, int line, const char *what, const void *have,
			 const void *want, size_t len)
{
	const unsigned char *left = have;
	const unsigned char *right = want;

	for (size_t i = 0; i < len; i++) {
		if (left[i] != right[i])
			harness_fail(file, line, "%s: byte %zu of %zu is 0x%02x, not 0x%02x", what,
				     i, len, left[i], right[i]);
	}
}

void harness_check_int(const char *file, int line, const char *what, intmax_t have, intmax_t want)
{
	if (have != want)
		harness_fail(file, line, "%s is %" PRIdMAX ", not %" PRIdMAX, what, have, want);
}

static int remove_one(const char *path, const struct stat *about, int kind, struct FTW *place)
{
	(void)about;
	(void)kind;
	(void)place;
	(void)remove(path);
	return 0;
}

static void sweep(pid_t child)
{
	kill(-child, SIGKILL);
	nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

_Noreturn static void run_child(const struct test *test, FILE *output, const sigset_t *signals)
{
	setpgid(0, 0);
	dup2(fileno(output), STDOUT_FILENO);
	dup2(fileno(output), STDERR_FILENO);
	fclose(output);
	sigprocmask(SIG_SETMASK, signals, NULL);
	test->run();
	/* exit() and not _exit(): the leak check runs then. */
	exit(0);
}

/* Emulated processors are slow: HARNESS_TIME_FACTOR stretches every limit. */
static unsigned time_factor(void)
{
	const char *factor = getenv("HARNESS_TIME_FACTOR");
	unsigned long times = factor != NULL ? strtoul(factor, NULL, 10) : 1;

	return times < 1 || times > 1000 ? 1 : (unsigned)times;
}

static unsigned time_limit_s(const struct test *test)
{
	return (test->time_limit_s > 0 ? test->time_limit_s : TIME_LIMIT_S) * time_factor();
}

int64_t harness_patience_ms(int64_t usual_ms)
{
	return usual_ms * time_factor();
}

/* Waits for the child; false if it had to be killed for being late. */
static bool wait_child(pid_t child, unsigned limit_s, int *out_status)
{
	struct timespec now;
	struct timespec until;
	sigset_t child_ended;

	sigemptyset(&child_ended);
	sigaddset(&child_ended, SIGCHLD);
	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += (time_t)limit_s;
	for (;;) {
		struct timespec slice = { .tv_sec = 1 };

		if (waitpid(child, out_status, WNOHANG) == child)
			return true;
		clock_gettime(CLOCK_MONOTONIC, &now);
		if (now.tv_sec > until.tv_sec)
			break;
		sigtimedwait(&child_ended, NULL, &slice);
	}
	kill(child, SIGKILL);
	waitpid(child, out_status, 0);
	return false;
}

static void show(FILE *output)
{
	char chunk[4096];
	size_t len;

	rewind(output);
	while ((len = fread(chunk, 1, sizeof(chunk), output)) > 0)
		fwrite(chunk, 1, len, stderr);
}

/* One sentence on how the test ended, or NULL if it passed. */
static const char *verdict(bool in_time, int status, char *text, size_t size)
{
	if (!in_time)
		return "ran out of time";
	if (WIFSIGNALED(status))
		snprintf(text, size, "killed by signal %d (%s)", WTERMSIG(status),
			 strsignal(WTERMSIG(status)));
	else if (WEXITSTATUS(status) == 0)
		return NULL;
	else if (WEXITSTATUS(status) == EXIT_FAILED)
		return "failed";
	else
		snprintf(text, size, "ended with status %d", WEXITSTATUS(status));
	return text;
}

enum result { RESULT_PASSED, RESULT_FAILED, RESULT_SKIPPED };

static enum result run_one(const struct test *test, const char *program, bool verbose)
{
	sigset_t block;
	sigset_t before;
	char text[128];
	int status = 0;
	FILE *output = tmpfile();

	assert(output != NULL);
	snprintf(folder, sizeof(folder), "/tmp/mote-test-%ld", (long)getpid());
	sigemptyset(&block);
	sigaddset(&block, SIGCHLD);
	sigprocmask(SIG_BLOCK, &block, &before);
	fflush(NULL);

	pid_t child = fork();

	if (child == 0)
		run_child(test, output, &before);
	assert(child > 0);
	setpgid(child, child);

	bool in_time = wait_child(child, time_limit_s(test), &status);
	const char *why = verdict(in_time, status, text, sizeof(text));
	bool skipped = in_time && WIFEXITED(status) && WEXITSTATUS(status) == EXIT_SKIPPED;

	sweep(child);
	sigprocmask(SIG_SETMASK, &before, NULL);
	if (why != NULL || verbose) {
		fprintf(stderr, "%s: \"%s\" %s\n", program, test->name,
			skipped ? "skipped"
			: why   ? why
				: "passed");
		show(output);
	}
	fclose(output);
	return skipped ? RESULT_SKIPPED : why != NULL ? RESULT_FAILED : RESULT_PASSED;
}

static bool is_wanted(const struct test *test, int words, char **word)
{
	for (int i = 0; i < words; i++) {
		if (strstr(test->name, word[i]) != NULL)
			return true;
	}
	return words == 0;
}

int harness_main(const struct test *tests, size_t count, int argc, char **argv)
{
	const char *slash = strrchr(argv[0], '/');
	const char *program = slash != NULL ? slash + 1 : argv[0];
	bool verbose = argc > 1 && strcmp(argv[1], "-v") == 0;
	int skip = verbose ? 2 : 1;
	size_t results[3] = { 0 };

	for (size_t i = 0; i < count; i++) {
		if (is_wanted(&tests[i], argc - skip, argv + skip))
			results[run_one(&tests[i], program, verbose)]++;
	}
	printf("%s: %zu passed, %zu failed", program, results[RESULT_PASSED],
	       results[RESULT_FAILED]);
	if (results[RESULT_SKIPPED] > 0)
		printf(", %zu skipped", results[RESULT_SKIPPED]);
	printf("\n");
	return results[RESULT_FAILED] > 0 || results[RESULT_PASSED] + results[RESULT_SKIPPED] == 0;
}
