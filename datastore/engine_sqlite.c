/*
 * engine_sqlite.c - the SQLite engine: one row a key, WAL, synchronous=FULL, one transaction a
 * group.
 *
 * Checkpoints are ours (engine_tidy), so that their 6-40 ms never hit a commit unless the log has
 * grown far. The database is opened with incremental auto-vacuum: freed pages are given back in
 * small steps.
 *
 * The keys have an index beside the table of values, because a value inside an index may fill a
 * quarter of a page only and else takes a page of its own: that is 2.5 times the writing for
 * objects of the usual 1 to 4 KiB.
 */
#include "datastore/engine.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sqlite3.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/memory.h"

#define SCHEMA_VERSION     1
#define PAGE_BYTES         4096
#define WAL_PAGES_FEW      64   /* never moved for want of space      */
#define WAL_PAGES_WANTED   1000 /* 4 MiB: checkpoint when idle        */
#define WAL_PAGES_MAX      8000 /* 32 MiB: checkpoint also when busy  */
#define VACUUM_INCREMENTAL 2    /* as SQLite numbers it                */
#define VACUUM_PAGES       64   /* given back after a checkpoint      */
#define RESERVE_BYTES      (512 * 1024)
#define RESERVE_SPARE      (4u * 1024 * 1024) /* kept only where this much is free */
#define SPACE_SPARE        (128u * 1024)      /* left to removals                  */
#define FULL_BELOW         (128u * 1024)      /* too little for the log of one start */

struct engine {
	sqlite3 *db;
	sqlite3_stmt *put;
	sqlite3_stmt *remove;
	sqlite3_stmt *reserve;
	char *folder, *reserve_path; /* of the file that keeps space */
	int lock_fd;
	int wal_pages;
	bool scrubbed;
};

static bool fail(struct error *err, sqlite3 *db, const char *what)
{
	int code = db ? sqlite3_errcode(db) : SQLITE_NOMEM;
	enum error_kind kind = code == SQLITE_FULL ? ERROR_FULL : ERROR_BROKEN;

	return error_set(err, kind, "%s: %s", what, db ? sqlite3_errmsg(db) : "out of memory");
}

static bool run(struct engine *engine, const char *sql, struct error *err)
{
	if (sqlite3_exec(engine->db, sql, NULL, NULL, NULL) != SQLITE_OK)
		return fail(err, engine->db, "write the database");
	return true;
}

/* The lock file names its holder, so that the error can say who it is. */
static bool lock_folder(const char *folder, int *out_fd, struct error *err)
{
	auto_free char *path = memory_print("%s/lock", folder);
	auto_fd fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	char text[32] = { 0 };

	if (fd < 0)
		return error_os(err, "open %s", path);
	if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
		if (errno != EWOULDBLOCK)
			return error_os(err, "lock %s", path);
		if (read(fd, text, sizeof(text) - 1) <= 0)
			snprintf(text, sizeof(text), "unknown");
		return error_set(err, ERROR_UNAVAILABLE,
				 "the data in %s is in use by another server (process %s); stop "
				 "that one first",
				 folder, text);
	}
	snprintf(text, sizeof(text), "%ld", (long)getpid());
	if (ftruncate(fd, 0) != 0 || write(fd, text, strlen(text)) < 0)
		return error_os(err, "write %s", path);
	*out_fd = take_fd(&fd);
	return true;
}

static int on_wal(void *of, sqlite3 *db, const char *name, int pages)
{
	struct engine *engine = of;

	(void)db;
	(void)name;
	engine->wal_pages = pages;
	return SQLITE_OK;
}

static bool read_int(struct engine *engine, const char *sql, int64_t *out, struct error *err)
{
	sqlite3_stmt *query = NULL;
	bool done = sqlite3_prepare_v2(engine->db, sql, -1, &query, NULL) == SQLITE_OK &&
		    sqlite3_step(query) == SQLITE_ROW;

	if (done)
		*out = sqlite3_column_int64(query, 0);
	else
		fail(err, engine->db, sql);
	sqlite3_finalize(query);
	return done;
}

static bool prepare_schema(struct engine *engine, struct error *err)
{
	int64_t version = 0, vacuum = 0;

	/* First of all: one connection, so the index of the log is kept in memory and not in a
	 * file; and SQLite's own rule is to move a long log into the database at once, for which a
	 * full disk has no space.  The kind of vacuum is said before the first page is written;
	 * saying it again would write. */
	if (!run(engine, "PRAGMA locking_mode=EXCLUSIVE; PRAGMA wal_autocheckpoint=0;", err) ||
	    !read_int(engine, "PRAGMA auto_vacuum", &vacuum, err) ||
	    (vacuum != VACUUM_INCREMENTAL &&
	     !run(engine, "PRAGMA auto_vacuum=INCREMENTAL;", err)) ||
	    !run(engine,
		 "PRAGMA journal_mode=WAL;"
		 "PRAGMA synchronous=FULL;"
		 "PRAGMA cache_size=-512;" /* KiB: we read all once, later only upserts */
		 "PRAGMA temp_store=MEMORY;",
		 err) ||
	    !read_int(engine, "PRAGMA user_version", &version, err))
		return false;
	if (version > SCHEMA_VERSION)
		return error_set(
			err, ERROR_BROKEN,
			"the database was written by a newer version (schema %" PRId64
			", this program knows %d); run that version, or restore a snapshot",
			version, SCHEMA_VERSION);
	if (version == SCHEMA_VERSION)
		return true;
	return run(
		engine,
		"BEGIN IMMEDIATE;"
		"CREATE TABLE objects(key TEXT PRIMARY KEY, revision INTEGER NOT NULL,"
		" value BLOB NOT NULL);"
		"CREATE TABLE facts(name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;"
		"INSERT INTO facts VALUES('reserved', 0);"
		"INSERT INTO facts VALUES('scrubbed', 1);"
		"PRAGMA user_version=1;"
		"COMMIT",
		err);
}

static bool prepare_statements(struct engine *engine, struct error *err)
{
	const struct {
		sqlite3_stmt **slot;
		const char *sql;
	} rows[] = {
		{ &engine->put, "INSERT INTO objects(key, revision, value) VALUES(?1, ?2, ?3) "
				"ON CONFLICT(key) DO UPDATE SET revision=?2, value=?3" },
		{ &engine->remove, "DELETE FROM objects WHERE key=?1" },
		{ &engine->reserve, "UPDATE facts SET value=?1 WHERE name='reserved'" },
	};

	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++)
		if (sqlite3_prepare_v3(engine->db, rows[i].sql, -1, SQLITE_PREPARE_PERSISTENT,
				       rows[i].slot, NULL) != SQLITE_OK)
			return fail(err, engine->db, rows[i].sql);
	return true;
}

static void close_database(struct engine *engine)
{
	sqlite3_finalize(engine->put);
	sqlite3_finalize(engine->remove);
	sqlite3_finalize(engine->reserve);
	engine->put = engine->remove = engine->reserve = NULL;
	if (sqlite3_close(engine->db) != SQLITE_OK)
		assert(!"a statement was left open");
	engine->db = NULL;
}

static bool open_database(struct engine *engine, const char *folder, struct error *err)
{
	auto_free char *path = memory_print("%s/state.db", folder);
	int64_t scrubbed = 0;

	if (sqlite3_initialize() != SQLITE_OK)
		return error_set(err, ERROR_BROKEN, "SQLite does not start");
	if (sqlite3_open_v2(path, &engine->db,
			    SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX,
			    NULL) != SQLITE_OK)
		return fail(err, engine->db, path);
	sqlite3_busy_timeout(engine->db, 5000);
	if (!prepare_schema(engine, err) ||
	    !read_int(engine, "SELECT count(*) FROM facts WHERE name='scrubbed'", &scrubbed, err))
		return error_context(err, "open %s", path);
	engine->scrubbed = scrubbed > 0;
	sqlite3_wal_hook(engine->db, on_wal, engine);
	return prepare_statements(engine, err);
}

/* --- a disk that is full --- */

static bool has_less_than(const struct engine *engine, uint64_t bytes)
{
	struct statvfs fs;

	return statvfs(engine->folder, &fs) != 0 || (uint64_t)fs.f_bavail * fs.f_frsize < bytes;
}

/* Space that is kept, so that a full disk can be opened and recovered: once it is needed, it goes,
 * and comes back at a start with room to spare. */
void engine_keep_reserve(const struct engine *engine)
{
	auto_fd fd = -1;

	if (access(engine->reserve_path, F_OK) == 0 || has_less_than(engine, RESERVE_SPARE))
		return;
	fd = open(engine->reserve_path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	if (fd >= 0 && posix_fallocate(fd, 0, RESERVE_BYTES) != 0)
		unlink(engine->reserve_path);
}

bool engine_use_reserve(struct engine *engine)
{
	return unlink(engine->reserve_path) == 0;
}

static bool open_with_reserve(struct engine *engine, const char *folder, struct error *err)
{
	if (open_database(engine, folder, err))
		return true;
	/* SQLite calls some of it an I/O error. */
	if ((err->kind != ERROR_FULL && !has_less_than(engine, FULL_BELOW)) ||
	    !engine_use_reserve(engine))
		return false;
	/* Closing would move the log into the database, and use up the space that was just made. */
	sqlite3_db_config(engine->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
	close_database(engine);
	return open_database(engine, folder, err);
}

bool engine_open(const char *folder, struct engine **out, struct error *err)
{
	struct engine *engine = memory_new(struct engine);

	engine->lock_fd = -1;
	engine->folder = memory_string(folder);
	engine->reserve_path = memory_print("%s/state.reserve", folder);
	if (!lock_folder(folder, &engine->lock_fd, err) ||
	    !open_with_reserve(engine, folder, err)) {
		engine_close(engine);
		return false;
	}
	*out = engine;
	return true;
}

bool engine_load(struct engine *engine,
		 bool (*visit)(void *of, const struct engine_row *row, struct error *err), void *of,
		 struct error *err)
{
	sqlite3_stmt *query = NULL;
	bool done = true;
	int step = SQLITE_DONE;

	if (sqlite3_prepare_v2(engine->db, "SELECT key, revision, value FROM objects", -1, &query,
			       NULL) != SQLITE_OK)
		return fail(err, engine->db, "read all objects");
	while (done && (step = sqlite3_step(query)) == SQLITE_ROW) {
		struct engine_row row = {
			.key = str_from(sqlite3_column_text(query, 0),
					(size_t)sqlite3_column_bytes(query, 0)),
			.revision = (uint64_t)sqlite3_column_int64(query, 1),
			.bytes = str_from(sqlite3_column_blob(query, 2),
					  (size_t)sqlite3_column_bytes(query, 2)),
		};

		done = visit(of, &row, err);
	}
	if (done && step != SQLITE_DONE)
		done = fail(err, engine->db, "read all objects");
	sqlite3_finalize(query);
	return done;
}

bool engine_reserved(struct engine *engine, uint64_t *out, struct error *err)
{
	int64_t value = 0;

	if (!read_int(engine, "SELECT value FROM facts WHERE name='reserved'", &value, err))
		return false;
	*out = (uint64_t)value;
	return true;
}

static bool step_once(struct engine *engine, sqlite3_stmt *statement, struct error *err)
{
	bool done = sqlite3_step(statement) == SQLITE_DONE;

	if (!done)
		fail(err, engine->db, "write");
	sqlite3_reset(statement);
	return done;
}

static bool write_row(struct engine *engine, const struct engine_row *row, struct error *err)
{
	sqlite3_stmt *statement = row->bytes.at ? engine->put : engine->remove;

	sqlite3_bind_text(statement, 1, row->key.at, (int)row->key.len, SQLITE_STATIC);
	if (row->bytes.at) {
		sqlite3_bind_int64(statement, 2, (sqlite3_int64)row->revision);
		sqlite3_bind_blob(statement, 3, row->bytes.at, (int)row->bytes.len, SQLITE_STATIC);
	}
	return step_once(engine, statement, err);
}

static bool write_group(struct engine *engine, const struct engine_group *group, struct error *err)
{
	for (size_t i = 0; i < group->count; i++)
		if (!write_row(engine, &group->rows[i], err))
			return false;
	if (group->reserved > 0) {
		sqlite3_bind_int64(engine->reserve, 1, (sqlite3_int64)group->reserved);
		if (!step_once(engine, engine->reserve, err))
			return false;
	}
	return run(engine, "COMMIT", err);
}

/* What is added lies in the log first and then also in the database: space for one alone would end
 * in a log that cannot be emptied.  Removals go on to the last page: they make space. */
static bool has_space_for(const struct engine *engine, const struct engine_group *group)
{
	size_t bytes = 0;

	for (size_t i = 0; i < group->count; i++)
		bytes += group->rows[i].bytes.len;
	return bytes == 0 || !has_less_than(engine, 2 * (uint64_t)bytes + SPACE_SPARE);
}

bool engine_commit(struct engine *engine, const struct engine_group *group, struct error *err)
{
	if (!has_space_for(engine, group))
		return error_set(err, ERROR_FULL, "write the database: database or disk is full");
	if (!run(engine, "BEGIN IMMEDIATE", err))
		return false;
	if (write_group(engine, group, err))
		return true;
	if (!sqlite3_get_autocommit(engine->db))
		sqlite3_exec(engine->db, "ROLLBACK", NULL, NULL, NULL);
	return false;
}

/* The log must not become larger than what the database can still grow by. */
static bool is_scarce(const struct engine *engine)
{
	return engine->wal_pages >= WAL_PAGES_FEW &&
	       has_less_than(engine, 4 * (uint64_t)engine->wal_pages * PAGE_BYTES);
}

enum engine_need engine_need(const struct engine *engine)
{
	if (engine->wal_pages >= WAL_PAGES_MAX || is_scarce(engine))
		return ENGINE_TIDY_NOW;
	return engine->wal_pages >= WAL_PAGES_WANTED ? ENGINE_TIDY_IDLE : ENGINE_TIDY_NOT;
}

void engine_tidy(struct engine *engine)
{
	int how = is_scarce(engine) ? SQLITE_CHECKPOINT_TRUNCATE : SQLITE_CHECKPOINT_PASSIVE;
	char vacuum[48];

	snprintf(vacuum, sizeof(vacuum), "PRAGMA incremental_vacuum(%d)", VACUUM_PAGES);
	sqlite3_exec(engine->db, vacuum, NULL, NULL, NULL);
	/* A failure here costs only space: the next tidy tries again. */
	sqlite3_wal_checkpoint_v2(engine->db, NULL, how, NULL, NULL);
	engine->wal_pages = 0;
}

/* A database of one table is small beside the memory that its temporary copy would take: the copy
 * goes to a file.  It holds what is to stay, and nothing else. */
bool engine_scrub(struct engine *engine, struct error *err)
{
	bool done = run(engine,
			"PRAGMA temp_store=FILE;"
			"VACUUM;"
			"INSERT OR REPLACE INTO facts VALUES('scrubbed', 1);",
			err);

	sqlite3_exec(engine->db, "PRAGMA temp_store=MEMORY", NULL, NULL, NULL);
	if (!done)
		return false;
	if (sqlite3_wal_checkpoint_v2(engine->db, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL) !=
	    SQLITE_OK)
		return fail(err, engine->db, "empty the log of the database");
	engine->wal_pages = 0;
	engine->scrubbed = true;
	return true;
}

bool engine_check(struct engine *engine, struct error *err)
{
	sqlite3_stmt *query = NULL;
	const char *said = "nothing";
	bool done = false;

	if (sqlite3_prepare_v2(engine->db, "PRAGMA quick_check(1)", -1, &query, NULL) != SQLITE_OK)
		return fail(err, engine->db, "check the database");
	if (sqlite3_step(query) == SQLITE_ROW) {
		said = (const char *)sqlite3_column_text(query, 0);
		done = said && strcmp(said, "ok") == 0;
	}
	if (!done)
		error_set(err, ERROR_BROKEN, "the database is damaged: %s", said ? said : "?");
	sqlite3_finalize(query);
	return done;
}

bool engine_is_scrubbed(const struct engine *engine)
{
	return engine->scrubbed;
}

void engine_close(struct engine *engine)
{
	if (!engine)
		return;
	close_database(engine);
	if (engine->lock_fd >= 0)
		close(engine->lock_fd);
	free(engine->folder);
	free(engine->reserve_path);
	free(engine);
}
