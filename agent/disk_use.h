/*
 * disk_use.h - how much files take below some folders, counted by a servant thread.
 *
 * Counting walks every file, so it is done at most once a minute for who asks, and not at all while
 * nobody does.  Blocks that are allocated count, as with `du`; other file systems below a folder do
 * not.  Loop thread only.
 */
#ifndef AGENT_DISK_USE_H
#define AGENT_DISK_USE_H

#include "base/text.h"
#include "base/work.h"

struct disk_use_figure {
	int64_t bytes, inodes;
};

struct disk_use;
struct disk_use *disk_use_new(struct work_pool *pool);
/* The pool must have been closed before; NULL is fine. */
void disk_use_free(struct disk_use *use);

/* Of whom the folders are asked before each count: call disk_use_add for each of them. */
void disk_use_plan(struct disk_use *use, void (*list)(void *of, struct disk_use *use), void *of);
void disk_use_add(struct disk_use *use, const char *folder);

/* Somebody who waits; embedded. */
struct disk_use_wait {
	struct list link;
	void (*on_ready)(struct disk_use_wait *wait);
};
/* True: what is known is not older than max_age_ms.  False: a count is under way, on_ready comes
 * later, once. */
bool disk_use_want(struct disk_use *use, int64_t max_age_ms, struct disk_use_wait *wait);
void disk_use_cancel(struct disk_use_wait *wait); /* harmless when it does not wait */
/* False: it has not been counted. */
bool disk_use_find(const struct disk_use *use, const char *folder, struct disk_use_figure *out);

/* The walk itself; any thread. */
struct disk_use_figure disk_use_count(const char *folder);

#endif
