/*
 * volume_index.h - which persistent volume fits a claim: what matters of every volume, kept apart,
 * so that looking through thousands of them reads no JSON.
 *
 * Owner: the binder of claims; loop thread only.
 */
#ifndef SERVER_CONTROL_VOLUME_INDEX_H
#define SERVER_CONTROL_VOLUME_INDEX_H

#include "client/cache.h"

struct volume_index;
struct volume_index *volume_index_new(const struct cache *volumes);
void volume_index_free(struct volume_index *index); /* NULL is fine */

/* A change of the cache; either state may be NULL. */
void volume_index_note(struct volume_index *index, const struct object *before,
		       const struct object *after);

/*
 * The volume for an unbound claim: one that is reserved for it, else of the available ones that fit
 * that with the fewest access modes, of these the smallest.  delayed: only a reserved one, as who
 * chooses is the scheduler.  STR_NONE: none; borrowed until the next change.
 */
struct str volume_index_match(const struct volume_index *index, const struct object *claim,
			      bool delayed);

/* Why a volume that a claim asks for by name is not for it, in the real server's words; NULL: it is
 * fine. */
const char *volume_index_mismatch(const struct object *volume, const struct object *claim);

/* The volume whose claimRef names the claim ("namespace/name"); STR_NONE: none.  Borrowed. */
struct str volume_index_of(const struct volume_index *index, struct str claim);

/* Does a bound claim ask for more than it has? */
bool volume_index_wants_more(const struct object *claim);

/* Is the volume reserved for the claim, or bound to it? */
bool volume_index_is_for(const struct object *volume, const struct object *claim);

#endif
