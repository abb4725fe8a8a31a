/*
 * skiplist.h - records in byte order of their keys: find, put, remove in O(log n), walking in O(1).
 *
 * Owns its nodes and their keys, not the items.  One thread.  (Pugh, "Skip Lists", 1990.)
 */
#ifndef DATASTORE_SKIPLIST_H
#define DATASTORE_SKIPLIST_H

#include "datastore/datastore.h"

struct skiplist;

struct skiplist *skiplist_new(void);
void skiplist_free(struct skiplist *list); /* NULL is fine */
struct record *skiplist_find(const struct skiplist *list, struct str key);
/* The record of the key, made (item NULL, revision 0) when absent. */
struct record *skiplist_put(struct skiplist *list, struct str key);
void skiplist_remove(struct skiplist *list, struct str key);
/* The first record with a key >= `key`. */
struct record *skiplist_from(const struct skiplist *list, struct str key);
struct record *skiplist_next(const struct record *record);
size_t skiplist_count(const struct skiplist *list);

#endif
