/*
 * engine.h - what a storage engine must do for the datastore: load all rows, commit one group of
 * rows.
 *
 * The datastore owns order, comparison, memory and the feed; the engine only makes groups durable.
 * This one is SQLite (engine_sqlite.c); another one replaces that file.
 */
#ifndef DATASTORE_ENGINE_H
#define DATASTORE_ENGINE_H

#include "base/text.h"

struct engine;

struct engine_row {
	struct str key;
	uint64_t revision;
	struct str bytes; /* at == NULL: remove the key */
};

struct engine_group {
	const struct engine_row *rows;
	size_t count;
	uint64_t reserved; /* 0 = unchanged, else the new revision ceiling, committed with the rows
			    */
};

/* Blocking.  Locks the folder against a second process. */
MUST_CHECK bool engine_open(const char *folder, struct engine **out, struct error *err);
/* Keep some space, so that a full disk does not keep the next start from opening; and give it free
 * (false: it was not kept).  engine_open does the latter by itself. */
void engine_keep_reserve(const struct engine *engine);
bool engine_use_reserve(struct engine *engine);
/* All rows; visit gives false and fills err to stop. */
MUST_CHECK bool engine_load(struct engine *engine,
			    bool (*visit)(void *of, const struct engine_row *row,
					  struct error *err),
			    void *of, struct error *err);
/* The revision ceiling that was committed last; 0 in a new database. */
MUST_CHECK bool engine_reserved(struct engine *engine, uint64_t *out, struct error *err);
/* All of the group or nothing, on disk when it returns true.  ERROR_FULL: there is no space, or
 * only as much as removals may need.  One thread at a time, any thread. */
MUST_CHECK bool engine_commit(struct engine *engine, const struct engine_group *group,
			      struct error *err);
/* Housekeeping (checkpoint): blocks for long, so it is for moments when no write waits, or when the
 * log has grown so far that it cannot wait for one.  As engine_commit: one thread at a time. */
enum engine_need { ENGINE_TIDY_NOT, ENGINE_TIDY_IDLE, ENGINE_TIDY_NOW };
enum engine_need engine_need(const struct engine *engine);
void engine_tidy(struct engine *engine);
/* Write all anew into files without a past: what was there before is in none of them.  As
 * engine_commit: one thread at a time. */
MUST_CHECK bool engine_scrub(struct engine *engine, struct error *err);
/* Is every page and index in order?  ERROR_BROKEN says what is not.  Blocks as long as a full read.
 */
MUST_CHECK bool engine_check(struct engine *engine, struct error *err);
/* Made by this version, or scrubbed by it once; read when the database was opened. */
bool engine_is_scrubbed(const struct engine *engine);
void engine_close(struct engine *engine); /* NULL is fine */

#endif
