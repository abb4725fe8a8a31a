/*
 * test_log_file.c - lines whole and in parts, and files that change at a size.
 */
#include "runtime/log_file.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/memory.h"
#include "tests/unit/harness.h"

static struct log_file *file;
static char path[256];

static void open_log(uint64_t size_max, unsigned files_max)
{
	struct error err;

	snprintf(path, sizeof(path), "%s/0.log", harness_folder());
	CHECK_OK(log_file_open(path, size_max, files_max, &file, &err), &err);
}

/* The file's lines without their times, '|' for line ends. */
static char *shown(const char *from)
{
	auto_buf text = BUF_INIT;
	struct buf out = BUF_INIT;
	struct error err;
	struct str rest;

	CHECK_OK(file_read(from, 1 << 20, &text, &err), &err);
	rest = buf_str(&text);
	while (rest.len > 0) {
		struct str line = str_cut(&rest, '\n');
		struct str when = str_cut(&line, ' ');

		CHECK_INT(when.len, 30);
		CHECK(when.at[29] == 'Z');
		buf_add_str(&out, line);
		buf_add_byte(&out, '|');
	}
	return buf_take(&out);
}

static void check_shown(const char *want)
{
	char *have = shown(path);

	CHECK_STR(have, want);
	free(have);
}

static void writes_lines(void)
{
	struct log_stream out, err;

	open_log(0, 0);
	out = (struct log_stream){ .file = file, .name = "stdout" };
	err = (struct log_stream){ .file = file, .name = "stderr" };
	log_stream_add(&out, STR("one\ntwo\nth"));
	log_stream_add(&err, STR("bad\n"));
	log_stream_add(&out, STR("ree\n\n"));
	log_stream_add(&out, STR("open"));
	log_stream_end(&out);
	log_stream_end(&err);
	log_file_close(file);
	check_shown(
		"stdout F one|stdout F two|stderr F bad|stdout F three|stdout F |stdout P open|");
}

static void cuts_long_lines(void)
{
	struct log_stream out;
	struct buf text = BUF_INIT;
	char *have;

	open_log(0, 0);
	out = (struct log_stream){ .file = file, .name = "stdout" };
	for (unsigned i = 0; i < LOG_FILE_LINE_MAX * 2 + 5; i++)
		buf_add_byte(&text, 'x');
	buf_add_byte(&text, '\n');
	for (size_t at = 0; at < text.len; at += 1000)
		log_stream_add(&out,
			       str_from(text.at + at, text.len - at < 1000 ? text.len - at : 1000));
	log_stream_end(&out);
	log_file_close(file);
	have = shown(path);
	CHECK_INT(strlen(have), 3 * strlen("stdout P |") + LOG_FILE_LINE_MAX * 2 + 5);
	CHECK(strncmp(have, "stdout P xxx", 12) == 0);
	CHECK(strncmp(have + LOG_FILE_LINE_MAX + 10, "stdout P xxx", 12) == 0);
	CHECK_STR(have + (LOG_FILE_LINE_MAX + 10) * 2, "stdout F xxxxx|");
	free(have);
	buf_clear(&text);
}

static void rotates(void)
{
	struct log_stream out;
	char name[160];

	open_log(200, 3);
	out = (struct log_stream){ .file = file, .name = "stdout" };
	for (int i = 0; i < 40; i++) {
		char line[32];

		snprintf(line, sizeof(line), "line %d\n", i);
		log_stream_add(&out, str_of(line));
	}
	log_stream_end(&out);
	log_file_close(file);
	for (int i = 1; i <= 2; i++) {
		snprintf(name, sizeof(name), "%s.%d", path, i);
		char *have = shown(name);
		CHECK(strstr(have, "stdout F line ") == have);
		free(have);
	}
	snprintf(name, sizeof(name), "%s.3", path);
	CHECK(!file_exists(name));
}

static void keeps_one_file(void)
{
	struct log_stream out;
	char name[160];

	open_log(64, 1);
	out = (struct log_stream){ .file = file, .name = "stdout" };
	for (int i = 0; i < 5; i++)
		log_stream_add(&out, STR("some words\n"));
	log_file_close(file);
	snprintf(name, sizeof(name), "%s.1", path);
	CHECK(!file_exists(name));
}

static void goes_on_where_it_was(void)
{
	struct log_stream out;

	for (int i = 0; i < 2; i++) {
		open_log(0, 0);
		out = (struct log_stream){ .file = file, .name = "stdout" };
		log_stream_add(&out, STR("again\n"));
		log_file_close(file);
	}
	check_shown("stdout F again|stdout F again|");
}

static void follows_no_link(void)
{
	struct error err;

	snprintf(path, sizeof(path), "%s/0.log", harness_folder());
	CHECK(symlink("/etc/passwd", path) == 0);
	CHECK(!log_file_open(path, 0, 0, &file, &err));
}

static char *made_path(const char *name)
{
	snprintf(path, sizeof(path), "%s/%s", harness_folder(), name);
	return path;
}

/* A pod that may write to /var/log (attack case 36): links in place of the log, of the container's
 * folder and of the pod's, a pipe, a folder; and links above, which are the administrator's. */
static void only_files_are_logs(void)
{
	static const char *const refused[] = {
		"log/pod/web/link.log", "log/pod/evil/0.log",     "log/evil/web/0.log",
		"log/pod/web/pipe.log", "log/pod/web/folder.log", "log/pod/web/../web/0.log"
	};
	struct error err;
	int fd;

	CHECK_OK(file_make_dirs(made_path("log/pod/web/folder.log"), 0755, &err), &err);
	CHECK_OK(file_put(made_path("log/pod/web/0.log"), STR("x"), 0600, &err), &err);
	CHECK(symlink("0.log", made_path("log/pod/web/link.log")) == 0);
	CHECK(symlink("web", made_path("log/pod/evil")) == 0);
	CHECK(symlink("pod", made_path("log/evil")) == 0);
	CHECK(mkfifo(made_path("log/pod/web/pipe.log"), 0600) == 0);
	CHECK(symlink("log", made_path("moved")) == 0);
	for (size_t i = 0; i < ARRAY_LENGTH(refused); i++)
		if (log_file_open_plain(made_path(refused[i]), O_RDONLY) >= 0)
			harness_fail(__FILE__, __LINE__, "%s is opened", refused[i]);
	fd = log_file_open_plain(made_path("moved/pod/web/0.log"), O_RDONLY);
	CHECK(fd >= 0);
	close(fd);
	CHECK(log_file_open_plain(made_path("log/pod/web/1.log"), O_RDONLY) < 0);
	CHECK_INT(errno, ENOENT);
}

static void survives_a_full_disk(void)
{
	struct log_stream out;
	struct error err;

	/* A file may not grow at all. */
	CHECK(signal(SIGXFSZ, SIG_IGN) != SIG_ERR);
	CHECK_INT(setrlimit(RLIMIT_FSIZE, &(struct rlimit){ 0, 0 }), 0);
	made_path("full");
	CHECK_OK(log_file_open(path, 0, 0, &file, &err), &err);
	out = (struct log_stream){ .file = file, .name = "stdout" };
	for (int i = 0; i < 1000; i++)
		log_stream_add(&out, STR("lost\n"));
	log_stream_end(&out);
	log_file_close(file);
}

static const struct test tests[] = {
	{ "writes lines", writes_lines },
	{ "cuts long lines", cuts_long_lines },
	{ "rotates", rotates },
	{ "keeps one file", keeps_one_file },
	{ "goes on where it was", goes_on_where_it_was },
	{ "follows no link", follows_no_link },
	{ "only files are logs", only_files_are_logs },
	{ "survives a full disk", survives_a_full_disk },
};
TEST_MAIN(tests)
