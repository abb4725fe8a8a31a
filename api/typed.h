/*
 * typed.h - objects seen through their field tables, as server-side apply needs it: which fields
 * are set, what differs, a configuration merged in, fields taken out.
 *
 * Lists of type set and map and all maps go entry by entry, atomic ones as a whole; a key that has
 * a default is part of the key even when it is left out.  What the table calls `any` goes by the
 * values: maps entry by entry, lists as a whole.
 *
 * Pure functions; sets live in the arena and borrow texts from the objects.
 */
#ifndef API_TYPED_H
#define API_TYPED_H

#include "api/field.h"
#include "api/fields_set.h"

/* Problems of a configuration, as the real server words them:
 * `.spec.x: field not declared in schema`; several are told on lines of their own below "errors:".
 * True: none. */
bool typed_check(const struct type *type, const struct json *object, struct buf *out_problems);

/* All fields that are set in `object`. */
struct fields_set typed_fields(const struct type *type, const struct json *object,
			       struct arena *arena);

struct typed_changes {
	struct fields_set changed; /* added or of another value */
	struct fields_set removed;
	bool many; /* more than `most` were added: the sets are not whole */
};
/* An object of the store or of a decoded body is whole: parts that its type always has count as
 * present though empty, and zero values as absent where its type leaves them out.  A configuration
 * is plain: it has what it says.  Merged: what it says, and the parts that its type always has. */
enum typed_view { TYPED_PLAIN, TYPED_WHOLE, TYPED_MERGED };
struct typed_pair {
	const struct json *old;
	const struct json *new;
	enum typed_view old_view, new_view;
	size_t most; /* a map that got more than so many entries ends it; 0: none does */
};
/* What the server writes in metadata (name, uid, resourceVersion, managedFields, ...) and
 * apiVersion and kind are not looked at. */
struct typed_changes typed_compare(const struct type *type, struct typed_pair pair,
				   struct arena *arena);

/* `live` with `config` laid over it, in doc; entries of lists keep live's order as far as config
 * does not say another. */
struct json *typed_merge(const struct type *type, struct json_doc *doc, const struct json *live,
			 const struct json *config, struct arena *arena);
/* `object` without the members of the set, in doc. */
struct json *typed_remove(const struct type *type, struct json_doc *doc, const struct json *object,
			  const struct fields_set *set, struct arena *arena);
/* The set with the named fields on the way to its members: they go when all below them goes. */
struct fields_set typed_named(const struct type *type, const struct fields_set *set,
			      struct arena *arena);

#endif
