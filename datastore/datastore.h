/*
 * datastore.h - the memory of the cluster: current state by key, revisions that only grow, a feed
 * of changes.
 *
 * Knows nothing of kinds: a value is an opaque counted item that can show its bytes.
 * Current state is kept whole in memory and on disk, one row a key.  A write is compared against
 * the newest state at once, joins the running group, and is told done after the group is on disk
 * (SQLite WAL, synchronous=FULL).  Readers, lists and the feed see committed state only.  Writes of
 * volatile keys share the order and the revisions but never touch the disk.  What the disk is
 * given may be sealed (items.seal); memory holds it open.
 *
 * Promises: an acknowledged write survives kill -9 and power cuts; revisions never go back, also
 * across restarts; the feed gives every change once, in order of revision.
 *
 * Loop thread only.  Records stay valid until the loop's next round.
 */
#ifndef DATASTORE_DATASTORE_H
#define DATASTORE_DATASTORE_H

#include "base/list.h"
#include "base/loop.h"
#include "base/text.h"

struct datastore;

/* What values are.  ref/unref may be called by the loop thread only. */
struct datastore_items {
	/* Make an item from stored bytes at start; NULL + err stops the start. */
	void *(*load)(void *of, struct str key, struct str bytes, struct error *err);
	struct str (*bytes)(const void *item); /* stable as long as the item lives */
	/* Append what the disk is given in place of `bytes`; false: the bytes themselves.  NULL:
	 * always those. */
	bool (*seal)(void *of, struct str key, struct str bytes, struct buf *out);
	void (*ref)(void *item);
	void (*unref)(void *item);
	void *of;
};

/* Opens or makes the database in `folder` (state.db).  Another process holding it:
 * ERROR_UNAVAILABLE with its pid. */
MUST_CHECK bool datastore_open(struct loop *loop, const char *folder,
			       const struct datastore_items *items, struct datastore **out,
			       struct error *err);
/* Commits what is queued, then closes.  NULL is fine. */
void datastore_close(struct datastore *store);

/* --- reading --- */
struct record {
	struct str key;
	uint64_t revision; /* of the last change */
	void *item;
	bool on_disk; /* some state of it is */
	bool behind;  /* and that is an older one */
};
/* Committed state; NULL when absent. */
const struct record *datastore_find(const struct datastore *store, struct str key);
/* The newest state, writes on their way included: what a change is based on. */
const struct record *datastore_find_latest(const struct datastore *store, struct str key);
/* Committed records whose key starts with prefix, in byte order; `after` (may be STR_NONE): keys
 * behind it. */
const struct record *datastore_first(const struct datastore *store, struct str prefix,
				     struct str after);
const struct record *datastore_next(const struct record *record, struct str prefix);
size_t datastore_count(const struct datastore *store);
/* The newest committed revision: what a list is "as of". */
uint64_t datastore_revision(const struct datastore *store);

/* --- writing --- */
/* Take the next revision, to be put into the item and given to the coming datastore_write.  One
 * that is not used is a harmless gap. */
uint64_t datastore_reserve(struct datastore *store);

#define DATASTORE_ABSENT 0 /* expected: the key must not exist */

struct datastore_write {
	struct str key;    /* copied */
	uint64_t expected; /* revision that the newest state must have   */
	uint64_t revision; /* from datastore_reserve, the last one taken */
	void *item;        /* NULL = remove; a reference is taken        */
	/* Not on the disk; of a key that is there: not before its next other write or a clean stop.
	 * No way to remove such a key. */
	bool in_memory;
	/* err NULL = it is on disk and published. */
	void (*on_done)(void *of, const struct error *err);
	void *of;
};
/* ERROR_CONFLICT (expected differs) or ERROR_UNAVAILABLE at once, with no on_done; else on_done
 * follows. */
MUST_CHECK bool datastore_write(struct datastore *store, const struct datastore_write *write,
				struct error *err);

/* Give the disk the newest state of a key again, as items.seal has it now: no revision, no change
 * in the feed.  False: the key is absent and on_done not called. */
bool datastore_write_again(struct datastore *store, struct str key,
			   void (*on_done)(void *of, const struct error *err), void *of);
/* Written by a version that knew no items.seal, and not scrubbed since. */
bool datastore_needs_scrub(const struct datastore *store);
/* Make the files anew, so that nothing is left in them of what was overwritten or removed; takes as
 * long as writing all of them.  Writes wait.  One at a time; on_done as above. */
void datastore_scrub(struct datastore *store, void (*on_done)(void *of, const struct error *err),
		     void *of);

/* --- the feed --- */
struct change {
	uint64_t revision;
	struct str key;
	void *before; /* NULL = it was made      */
	void *after;  /* NULL = it was removed   */
};
struct datastore_listener {
	void (*on_change)(struct datastore_listener *listener, const struct change *change);
	void (*on_batch)(
		struct datastore_listener *listener); /* after the last of a group; may be NULL */
	struct list link;
};
void datastore_listen(struct datastore *store, struct datastore_listener *listener);
void datastore_unlisten(struct datastore_listener *listener);
/* Walk the kept changes with a revision above `after`, oldest first, until visit gives false.
 * ERROR_EXPIRED when changes behind `after` are no longer kept. */
MUST_CHECK bool datastore_replay(const struct datastore *store, uint64_t after,
				 bool (*visit)(void *of, const struct change *change), void *of,
				 struct error *err);
/* The smallest `after` that datastore_replay still takes. */
uint64_t datastore_oldest(const struct datastore *store);

/* Figures for /metrics and debug. */
struct datastore_figures {
	uint64_t groups, writes, group_us_max, last_group_us;
	size_t records, feed_changes, feed_bytes;
};
void datastore_figures(const struct datastore *store, struct datastore_figures *out);

#endif
