/*
 * log_file.c - lines with a head, gathered in a small buffer and written with few calls.
 *
 * Lines of one chunk carry one time: that of its arrival.
 */
#include "runtime/log_file.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>

#include "base/clock.h"
#include "runtime/pathfd.h"

#define SIZE_MAX_DEFAULT  (10u * 1024 * 1024)
#define FILES_MAX_DEFAULT 5
#define FILES_MAX_LIMIT   100

struct log_file {
	char *path;
	int fd;
	bool torn; /* the last write was cut off: the next begins with a line end */
	uint64_t size, size_max;
	unsigned files_max;
};

struct batch {
	struct log_file *file;
	size_t len;
	char room[4096];
};

/* Cut off the last part of the path; "" when there is none. */
static const char *cut_last(char *path)
{
	char *slash = strrchr(path, '/');

	if (!slash || slash == path)
		return "";
	*slash = '\0';
	return slash + 1;
}

int log_file_open_plain(const char *path, int flags)
{
	auto_free char *above = memory_string(path);
	const char *name = cut_last(above), *container = cut_last(above), *pod = cut_last(above);
	auto_free char *below = memory_print("%s/%s", pod, container);
	auto_fd base = open(*above ? above : "/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	auto_fd folder = -1, fd = -1;
	struct error why;
	struct stat facts;

	if (base < 0)
		return -1;
	if (!pathfd_open(base, below, PATHFD_NO_LINKS, O_PATH | O_DIRECTORY, &folder, &why)) {
		errno = why.kind == ERROR_NOT_FOUND ? ENOENT : ELOOP;
		return -1;
	}
	/* O_NONBLOCK: a pipe in its place must not make us wait. */
	fd = openat(folder, name, flags | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0640);
	if (fd >= 0 && (fstat(fd, &facts) != 0 || !S_ISREG(facts.st_mode))) {
		errno = EINVAL;
		return -1;
	}
	return take_fd(&fd);
}

static bool reopen(struct log_file *file, struct error *err)
{
	struct stat facts;
	int fd = log_file_open_plain(file->path, O_WRONLY | O_APPEND | O_CREAT);

	if (fd < 0 || fstat(fd, &facts) != 0) {
		if (fd >= 0)
			close(fd);
		return error_os(err, "open log %s", file->path);
	}
	if (file->fd >= 0)
		close(file->fd);
	file->fd = fd;
	file->size = (uint64_t)facts.st_size;
	return true;
}

bool log_file_open(const char *path, uint64_t size_max, unsigned files_max, struct log_file **out,
		   struct error *err)
{
	struct log_file *file = memory_new(struct log_file);

	file->path = memory_string(path);
	file->fd = -1;
	file->size_max = size_max > 0 ? size_max : SIZE_MAX_DEFAULT;
	file->files_max = files_max > 0 ? files_max : FILES_MAX_DEFAULT;
	if (file->files_max > FILES_MAX_LIMIT)
		file->files_max = FILES_MAX_LIMIT;
	if (!reopen(file, err)) {
		log_file_close(file);
		return false;
	}
	*out = file;
	return true;
}

void log_file_close(struct log_file *file)
{
	if (!file)
		return;
	if (file->fd >= 0)
		close(file->fd);
	free(file->path);
	free(file);
}

/* PATH.2 -> PATH.3, PATH.1 -> PATH.2, PATH -> PATH.1; what would be one too many is overwritten. */
static void rotate(struct log_file *file)
{
	struct error ignored;

	if (file->files_max == 1)
		unlink(file->path);
	for (unsigned i = file->files_max - 1; i > 0; i--) {
		auto_free char *newer = i > 1 ? memory_print("%s.%u", file->path, i - 1)
					      : memory_string(file->path);
		auto_free char *older = memory_print("%s.%u", file->path, i);

		(void)rename(newer, older); /* the newer one need not be there yet */
	}
	/* On failure the old file goes on growing, and the next batch tries again. */
	(void)!reopen(file, &ignored);
}

static void write_out(struct log_file *file, const char *at, size_t len)
{
	while (len > 0) {
		ssize_t put = write(file->fd, at, len);

		if (put < 0 && errno == EINTR)
			continue;
		file->torn = put < (ssize_t)len;
		if (put <= 0)
			return;
		file->size += (uint64_t)put;
		at += put;
		len -= (size_t)put;
	}
}

static void batch_flush(struct batch *batch)
{
	struct log_file *file = batch->file;

	if (batch->len == 0)
		return;
	if (file->torn)
		write_out(file, "\n", 1);
	write_out(file, batch->room, batch->len);
	batch->len = 0;
	if (file->size >= file->size_max)
		rotate(file);
}

static void batch_add(struct batch *batch, struct str bytes)
{
	while (bytes.len > 0) {
		size_t len = sizeof(batch->room) - batch->len;

		if (len > bytes.len)
			len = bytes.len;
		memcpy(batch->room + batch->len, bytes.at, len);
		batch->len += len;
		bytes = str_from(bytes.at + len, bytes.len - len);
		if (batch->len < sizeof(batch->room))
			return;
		/* Inside a line: no rotation here. */
		if (batch->file->torn)
			write_out(batch->file, "\n", 1);
		write_out(batch->file, batch->room, batch->len);
		batch->len = 0;
	}
}

static void batch_line(struct batch *batch, struct str head, struct str rest, struct str line)
{
	if (batch->len + head.len + rest.len + line.len + 1 > sizeof(batch->room))
		batch_flush(batch);
	batch_add(batch, head);
	batch_add(batch, rest);
	batch_add(batch, line);
	batch_add(batch, STR("\n"));
}

/* "TIME stdout F " */
static struct str print_head(const char *name, char tag, char *room, size_t size)
{
	char when[CLOCK_TEXT];
	int64_t now_us = clock_wall_us();
	int len;

	clock_print_nano(now_us / 1000000, (long)(now_us % 1000000) * 1000, when);
	len = snprintf(room, size, "%s %s %c ", when, name, tag);
	assert(len > 0);
	assert((size_t)len < size);
	return str_from(room, (size_t)len);
}

/* Whole pieces of LOG_FILE_LINE_MAX of a line that goes on. */
static void cut_pieces(struct log_stream *stream, struct batch *batch, struct str head,
		       struct str *line)
{
	while (stream->rest.len + line->len > LOG_FILE_LINE_MAX) {
		size_t len = LOG_FILE_LINE_MAX - stream->rest.len;

		batch_line(batch, head, buf_str(&stream->rest), str_from(line->at, len));
		buf_clear(&stream->rest);
		*line = str_from(line->at + len, line->len - len);
	}
}

void log_stream_add(struct log_stream *stream, struct str bytes)
{
	struct batch batch = { .file = stream->file, .len = 0 };
	char full_room[64];
	char part_room[64];
	struct str full, part;

	if (!stream->file)
		return;
	full = print_head(stream->name, 'F', full_room, sizeof(full_room));
	/* The same head, and so the same time, but for its letter. */
	memcpy(part_room, full_room, full.len);
	part_room[full.len - 2] = 'P';
	part = str_from(part_room, full.len);
	while (bytes.len > 0) {
		ptrdiff_t end = str_find(bytes, '\n');
		struct str line = str_from(bytes.at, end >= 0 ? (size_t)end : bytes.len);

		bytes = end >= 0 ? str_from(bytes.at + end + 1, bytes.len - (size_t)end - 1)
				 : str_from(bytes.at, 0);
		cut_pieces(stream, &batch, part, &line);
		if (end < 0) {
			buf_add_str(&stream->rest, line);
			break;
		}
		batch_line(&batch, full, buf_str(&stream->rest), line);
		buf_clear(&stream->rest);
	}
	batch_flush(&batch);
}

void log_stream_end(struct log_stream *stream)
{
	struct batch batch = { .file = stream->file, .len = 0 };
	char room[64];

	if (stream->file && stream->rest.len > 0) {
		batch_line(&batch, print_head(stream->name, 'P', room, sizeof(room)),
			   buf_str(&stream->rest), STR(""));
		batch_flush(&batch);
	}
	buf_clear(&stream->rest);
}
