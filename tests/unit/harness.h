/*
 * harness.h - what a unit test file is made of: functions in a table, each run in its own process.
 *
 *	static void splits_at_slash(void) { CHECK_INT(...); }
 *
 *	static const struct test tests[] = {
 *		{ "splits at slash", splits_at_slash },
 *		{ "takes long", takes_long, .time_limit_s = 30 },
 *	};
 *	TEST_MAIN(tests)
 *
 * A failed check ends its test at once.  What a test prints is shown only if it fails.  Processes
 * that a test leaves behind are killed.  A sanitizer's finding, a leak included, fails the test.
 *
 * usage of the program: test_x [-v] [WORD...]    runs the tests whose name contains a WORD.
 */
#ifndef TESTS_UNIT_HARNESS_H
#define TESTS_UNIT_HARNESS_H

#include <inttypes.h>
#include <stdbool.h>
#include <stddef.h>

struct test {
	const char *name;
	void (*run)(void);
	unsigned time_limit_s; /* 0: the usual 10 seconds */
};

/* The whole main(): the exit status is 0 only if every test passed. */
int harness_main(const struct test *tests, size_t count, int argc, char **argv);

#define TEST_MAIN(table)                                                                           \
	int main(int argc, char **argv)                                                            \
	{                                                                                          \
		return harness_main(table, sizeof(table) / sizeof((table)[0]), argc, argv);        \
	}

/* An empty folder of the running test's own; made at the first call, removed after the test. */
const char *harness_folder(void);

/* End the running test as failed, with a message. */
_Noreturn void harness_fail(const char *file, int line, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* End the running test without a verdict: this machine cannot run it (no root, no qemu...). */
_Noreturn void harness_skip(const char *format, ...) __attribute__((format(printf, 1, 2)));

/*
 * From here on the test has mounts of its own: nobody else sees what it mounts, and what others
 * mount does not show.  Skips the test where that is not allowed.  Again: nothing is done.
 */
void harness_own_mounts(void);

/* How long a test waits for what must come, where that is usual: longer on emulated processors, as
 * its own time limit is (HARNESS_TIME_FACTOR). */
int64_t harness_patience_ms(int64_t usual_ms);

/* The work behind CHECK_STR and CHECK_BYTES; NULL equals only NULL. */
void harness_check_str(const char *file, int line, const char *what, const char *have,
		       const char *want);
void harness_check_bytes(const char *file, int line, const char *what, const void *have,
			 const void *want, size_t len);
void harness_check_int(const char *file, int line, const char *what, intmax_t have, intmax_t want);

#define CHECK(condition)                                                                           \
	do {                                                                                       \
		if (!(condition))                                                                  \
			harness_fail(__FILE__, __LINE__, "not true: %s", #condition);              \
	} while (0)

/* have first, then what it should be. */
#define CHECK_INT(have, want)                                                                      \
	harness_check_int(__FILE__, __LINE__, #have, (intmax_t)(have), (intmax_t)(want))
#define CHECK_STR(have, want) harness_check_str(__FILE__, __LINE__, #have, (have), (want))
#define CHECK_BYTES(have, want, len)                                                               \
	harness_check_bytes(__FILE__, __LINE__, #have, (have), (want), (len))

/* For calls that fill a struct error: on failure its text is shown. */
#define CHECK_OK(call, err)                                                                        \
	do {                                                                                       \
		if (!(call))                                                                       \
			harness_fail(__FILE__, __LINE__, "%s failed: %s", #call, (err)->text);     \
	} while (0)

#endif
