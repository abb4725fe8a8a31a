/*
 * ota_database.c - a copy of a database that somebody writes.
 *
 * The database itself changes only when its log is moved into it.  So a copy of the database and
 * then of its log is whole if neither the database nor the log's head changed meanwhile; what is
 * only begun at the log's end is passed over by its checksums.
 */
#include "cli/ota_database.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "datastore/engine.h"

#define COPIES_MAX 5
#define LOG_HEAD   32
#define PIECE      (256u * 1024)

/* What tells that the database was written to. */
struct version {
	struct timespec changed;
	off_t size;
	char log_head[LOG_HEAD];
};

static bool look(const char *folder, struct version *out)
{
	auto_free char *db = memory_print("%s/state.db", folder);
	auto_free char *log = memory_print("%s/state.db-wal", folder);
	auto_fd fd = open(log, O_RDONLY | O_CLOEXEC);
	struct stat facts;

	*out = (struct version){ .size = 0 };
	if (stat(db, &facts) != 0)
		return false;
	out->changed = facts.st_mtim;
	out->size = facts.st_size;
	if (fd >= 0 && pread(fd, out->log_head, LOG_HEAD, 0) < 0)
		return false;
	return true;
}

static bool is_same(const struct version *a, const struct version *b)
{
	return a->changed.tv_sec == b->changed.tv_sec && a->changed.tv_nsec == b->changed.tv_nsec &&
	       a->size == b->size && memcmp(a->log_head, b->log_head, LOG_HEAD) == 0;
}

/* Missing is fine: a database without a log. */
static bool copy_file(const char *from_folder, const char *to_folder, const char *name,
		      struct error *err)
{
	auto_free char *from = memory_print("%s/%s", from_folder, name);
	auto_free char *to = memory_print("%s/%s", to_folder, name);
	auto_free char *piece = memory_get(PIECE);
	auto_fd in = open(from, O_RDONLY | O_CLOEXEC);
	auto_fd out = -1;
	ssize_t got;

	if (in < 0)
		return errno == ENOENT || error_os(err, "open %s", from);
	out = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (out < 0)
		return error_os(err, "create %s", to);
	while ((got = read(in, piece, PIECE)) != 0) {
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return error_os(err, "read %s", from);
		if (!file_write_all(out, piece, (size_t)got, err))
			return error_context(err, "%s", to);
	}
	return true;
}

static bool copy(const char *from, const char *to, struct error *err)
{
	for (int i = 0; i < COPIES_MAX; i++) {
		struct version before, after;

		if (!file_remove_tree(to, err) || !file_make_dirs(to, 0700, err))
			return false;
		if (!look(from, &before) || !copy_file(from, to, "state.db", err) ||
		    !copy_file(from, to, "state.db-wal", err))
			return false;
		if (look(from, &after) && is_same(&before, &after))
			return true;
	}
	return error_set(err, ERROR_UNAVAILABLE,
			 "the database changed %d times while it was copied", COPIES_MAX);
}

static bool count_row(void *of, const struct engine_row *row, struct error *err)
{
	size_t *bytes = of;

	(void)err;
	*bytes += row->bytes.len;
	return true;
}

static bool try_copy(const char *folder, struct error *err)
{
	struct engine *engine = NULL;
	uint64_t reserved;
	size_t bytes = 0;
	bool done = engine_open(folder, &engine, err) && engine_check(engine, err) &&
		    engine_reserved(engine, &reserved, err) &&
		    engine_load(engine, count_row, &bytes, err);

	engine_close(engine);
	return done;
}

uint64_t ota_database_size(const char *data_dir)
{
	static const char *const names[] = { "state.db", "state.db-wal" };
	uint64_t bytes = 0;

	for (size_t i = 0; i < ARRAY_LENGTH(names); i++) {
		auto_free char *path = memory_print("%s/server/db/%s", data_dir, names[i]);
		struct stat facts;

		if (stat(path, &facts) == 0)
			bytes += (uint64_t)facts.st_size;
	}
	return bytes;
}

static char *copy_path(const struct slots *slots)
{
	return memory_print("%s/database-copy", slots->root);
}

void ota_database_forget(const struct slots *slots)
{
	auto_free char *scratch = copy_path(slots);
	struct error ignored;

	(void)!file_remove_tree(scratch, &ignored);
}

bool ota_database_try(const char *data_dir, const struct slots *slots, struct error *err)
{
	auto_free char *folder = memory_print("%s/server/db", data_dir);
	auto_free char *scratch = copy_path(slots);
	struct error ignored;
	bool done;

	if (ota_database_size(data_dir) == 0)
		return true;
	done = copy(folder, scratch, err) && try_copy(scratch, err);
	return file_remove_tree(scratch, done ? err : &ignored) && done;
}
