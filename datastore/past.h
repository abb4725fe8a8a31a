/*
 * past.h - the records below a prefix as they were at an earlier revision.
 *
 * Made of the current state and the kept changes: of each key that has changed since, the oldest
 * kept change tells what was there before.  Costs one walk over the feed (which is bounded) and a
 * few words for each key that has changed; records are not copied.
 *
 * Loop thread only; keys and items are borrowed and stay valid until the loop's next round.
 */
#ifndef DATASTORE_PAST_H
#define DATASTORE_PAST_H

#include "datastore/datastore.h"

struct past;

/* Records whose key starts with `prefix` and lies behind `after` (may be STR_NONE), as of
 * `revision`.  prefix and after must outlive it.  ERROR_EXPIRED when the changes since `revision`
 * are not kept any more. */
MUST_CHECK bool past_open(const struct datastore *store, uint64_t revision, struct str prefix,
			  struct str after, struct past **out, struct error *err);
void past_close(struct past *past); /* NULL is fine */
DEFINE_AUTO(struct past *, past_close)
#define auto_past AUTO(past_close) struct past *

struct past_record {
	struct str key;
	void *item;
};
/* The next one in byte order of the keys; false behind the last. */
bool past_next(struct past *past, struct past_record *out);

#endif
