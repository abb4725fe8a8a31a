/*
 * past.c - two walks side by side: the current records, and what the keys that have changed since
 * held before, in order of their keys.
 */
#include "datastore/past.h"

#include "base/map.h"
#include "base/memory.h"

struct past {
	struct str prefix;
	const struct record *current; /* the next one */
	struct past_record *undone;   /* by key; item NULL: it was not there */
	size_t count, at;
};

/* --- what has changed since --- */

struct undoing {
	struct past *past;
	struct str after;
	struct map *seen;
};

static bool undo(void *of, const struct change *change)
{
	struct undoing *undoing = of;
	struct past *past = undoing->past;

	if (!str_starts(change->key, past->prefix) ||
	    (undoing->after.at && str_compare(change->key, undoing->after) <= 0) ||
	    map_put(undoing->seen, change->key, past))
		return true;                        /* the oldest change of a key counts */
	if ((past->count & (past->count + 1)) == 0) /* 0, 1, 3, 7, ...: doubles */
		past->undone =
			memory_grow(past->undone, (past->count + 1) * 2 * sizeof(*past->undone));
	past->undone[past->count++] = (struct past_record){ change->key, change->before };
	return true;
}

static int compare(const void *a, const void *b)
{
	const struct past_record *left = a, *right = b;

	return str_compare(left->key, right->key);
}

bool past_open(const struct datastore *store, uint64_t revision, struct str prefix,
	       struct str after, struct past **out, struct error *err)
{
	AUTO(past_close) struct past *past = memory_new(struct past);

	past->prefix = prefix;
	past->current = datastore_first(store, prefix, after);
	if (revision < datastore_revision(store)) {
		auto_map seen = map_new();
		struct undoing undoing = { past, after, seen };

		if (!datastore_replay(store, revision, undo, &undoing, err))
			return false;
		if (past->count > 0)
			qsort(past->undone, past->count, sizeof(*past->undone), compare);
	}
	*out = take_ptr(&past);
	return true;
}

void past_close(struct past *past)
{
	if (!past)
		return;
	free(past->undone);
	free(past);
}

/* --- the walk --- */

/* < 0: the current record comes first; 0: both are of one key. */
static int order(const struct past *past)
{
	if (past->at == past->count)
		return -1;
	return past->current ? str_compare(past->current->key, past->undone[past->at].key) : 1;
}

bool past_next(struct past *past, struct past_record *out)
{
	while (past->current || past->at < past->count) {
		int first = order(past);

		if (first < 0)
			*out = (struct past_record){ past->current->key, past->current->item };
		else
			*out = past->undone[past->at++];
		if (first <= 0)
			past->current = datastore_next(past->current, past->prefix);
		if (out->item)
			return true;
	}
	return false;
}
