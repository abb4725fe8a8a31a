/*
 * feed.h - the ring of the newest changes, bounded by count and bytes: what watchers catch up from.
 *
 * Holds one reference on each item it keeps.  One thread.
 */
#ifndef DATASTORE_FEED_H
#define DATASTORE_FEED_H

#include "datastore/datastore.h"

struct feed;

/* Nothing is kept yet; changes up to `since` are unknown. */
struct feed *feed_new(const struct datastore_items *items, uint64_t since, size_t changes_max,
		      size_t bytes_max);
void feed_free(struct feed *feed); /* NULL is fine */
/* Revisions must grow.  The key is copied; items are referenced. */
void feed_add(struct feed *feed, const struct change *change);
/* As datastore_replay. */
MUST_CHECK bool feed_replay(const struct feed *feed, uint64_t after,
			    bool (*visit)(void *of, const struct change *change), void *of,
			    struct error *err);
uint64_t feed_oldest(const struct feed *feed);
size_t feed_count(const struct feed *feed);
size_t feed_bytes(const struct feed *feed);

#endif
