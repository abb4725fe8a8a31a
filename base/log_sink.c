/*
 * log_sink.c - the file is opened again when another process has moved it away.
 */
#include "base/log_sink.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int file = -1;
static char *file_path;
static bool to_stderr = true;

static int open_file(const char *path)
{
	return open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
}

/* Is the file at the path still the one that we have open? */
static bool is_ours(struct stat *out)
{
	struct stat now;

	return fstat(file, out) == 0 && stat(file_path, &now) == 0 && now.st_dev == out->st_dev &&
	       now.st_ino == out->st_ino;
}

static void open_again(void)
{
	int again = open_file(file_path);

	if (again < 0)
		return;
	close(file);
	file = again;
}

/* Of several processes that find the file full, one moves it: who has the lock and still finds it
 * at its place. */
static void turn_over(void)
{
	auto_free char *old = memory_print("%s.1", file_path);
	struct stat facts;

	if (flock(file, LOCK_EX) == 0 && is_ours(&facts))
		(void)!rename(file_path, old);
	flock(file, LOCK_UN);
	open_again();
}

static void write_to_file(struct str line)
{
	struct stat facts;

	if (!is_ours(&facts))
		open_again();
	else if (facts.st_size > 0 && (size_t)facts.st_size + line.len > LOG_SINK_MAX)
		turn_over();
	(void)!write(file, line.at, line.len);
}

bool log_sink_open(const char *path, bool stderr_too, struct error *err)
{
	int made = open_file(path);

	if (made < 0)
		return error_os(err, "cannot open the log %s", path);
	pthread_mutex_lock(&lock);
	if (file >= 0)
		close(file);
	free(file_path);
	file = made;
	file_path = memory_string(path);
	to_stderr = stderr_too;
	pthread_mutex_unlock(&lock);
	return true;
}

void log_sink_write(struct str line)
{
	pthread_mutex_lock(&lock);
	if (to_stderr)
		(void)!write(STDERR_FILENO, line.at, line.len);
	if (file >= 0)
		write_to_file(line);
	pthread_mutex_unlock(&lock);
}
