/*
 * test_log_sink.c - lines in a file that stays small, also when somebody else writes to it.
 */
#include "base/log_sink.h"

#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "tests/unit/harness.h"

static struct error err;

static size_t size_of(const char *path)
{
	struct stat facts;

	return stat(path, &facts) == 0 ? (size_t)facts.st_size : 0;
}

static void lines(void)
{
	auto_free char *path = memory_print("%s/log", harness_folder());
	auto_buf text = BUF_INIT;

	CHECK_OK(log_sink_open(path, false, &err), &err);
	log_info("test", "one", "a=%d", 1);
	log_info("test", "two", "b=2");
	CHECK_OK(file_read(path, 4096, &text, &err), &err);
	CHECK(str_search(buf_str(&text), STR("one  a=1\n")) > 0);
	CHECK(str_search(buf_str(&text), STR("two  b=2\n")) > 0);
	CHECK(!log_sink_open("/nonexistent/log", false, &err));
	log_info("test", "three", "c=3");
	buf_reset(&text);
	CHECK_OK(file_read(path, 4096, &text, &err), &err);
	CHECK(str_search(buf_str(&text), STR("three  c=3\n")) > 0);
}

/* Goal: somebody who moves the file away (logrotate) gets a new one at the next line. */
static void moved_away(void)
{
	auto_free char *path = memory_print("%s/log", harness_folder());
	auto_free char *old = memory_print("%s/old", harness_folder());

	CHECK_OK(log_sink_open(path, false, &err), &err);
	log_sink_write(STR("first\n"));
	CHECK(rename(path, old) == 0);
	log_sink_write(STR("second\n"));
	CHECK_INT(size_of(path), 7);
	CHECK_INT(size_of(old), 6);
}

/* Goal: two processes that write much keep two files of bounded size, and lose nothing of the end.
 */
static void stays_small(void)
{
	auto_free char *path = memory_print("%s/log", harness_folder());
	auto_free char *old = memory_print("%s.1", path);
	char line[1024];
	pid_t child;
	int status;

	memset(line, 'x', sizeof(line));
	line[sizeof(line) - 1] = '\n';
	CHECK_OK(log_sink_open(path, false, &err), &err);
	child = fork();
	for (size_t written = 0; written < LOG_SINK_MAX; written += sizeof(line))
		log_sink_write(str_from(line, sizeof(line)));
	if (child == 0)
		_exit(0);
	CHECK(waitpid(child, &status, 0) == child);
	/* one line more of the other process */
	CHECK((size_t)size_of(path) <= LOG_SINK_MAX + sizeof(line));
	CHECK((size_t)size_of(old) <= LOG_SINK_MAX + sizeof(line));
	CHECK(size_of(path) + size_of(old) >= LOG_SINK_MAX);
}

static const struct test tests[] = {
	{ "lines", lines },
	{ "moved away", moved_away },
	{ "stays small", stays_small, .time_limit_s = 30 },
};
TEST_MAIN(tests)
