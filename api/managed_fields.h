/*
 * managed_fields.h - metadata.managedFields: who set which fields of an object, and how.
 *
 * An entry belongs to a manager, an operation (Apply or Update), a subresource and, for updates, an
 * API version.  Two entries never have the same; applies stand before updates, older before newer.
 *
 * Values live in the arena and borrow texts from the JSON they were read from.
 */
#ifndef API_MANAGED_FIELDS_H
#define API_MANAGED_FIELDS_H

#include "api/field.h"
#include "api/fields_set.h"
#include "api/typed.h"

/* Updates kept apart; older ones become one entry "ancient-changes". */
#define MANAGED_UPDATES_MAX 10

struct managed_entry {
	struct str manager, api_version, subresource;
	struct str time; /* RFC 3339, or empty */
	bool applied;
	struct fields_set set;
	const struct json *printed; /* fieldsV1 as it came while the set is as it came; or NULL */
};
struct managed {
	struct managed_entry *items;
	size_t count, room;
};
/* Who writes now. */
struct managed_actor {
	struct str manager;     /* never empty */
	struct str api_version; /* "apps/v1" */
	struct str subresource; /* "" = the object itself */
	struct str now;         /* RFC 3339 */
	/* Fields that this way of writing cannot set (status of the object itself); may be empty.
	 */
	struct fields_set ignored;
};

/* ERROR_BAD_REQUEST when an entry is none (no FieldsV1, no operation, ...) or there are more than
 * LIMIT_MANAGERS.  NULL and null are an empty list. */
MUST_CHECK bool managed_parse(const struct json *value, struct arena *arena, struct managed *out,
			      struct error *err);
/* In its order; NULL when there is none. */
struct json *managed_print(struct managed *managed, struct json_doc *doc);
/* [] or [{}]: the wish that nobody owns anything. */
bool managed_is_reset(const struct json *value);

/* The actor's entry of this operation, or NULL; managed_put makes it. */
struct managed_entry *managed_find(const struct managed *managed, const struct managed_actor *actor,
				   bool applied);
struct managed_entry *managed_put(struct managed *managed, const struct managed_actor *actor,
				  bool applied, struct arena *arena);
/* Take fields from an entry; managed_sweep then drops the entries that have none left, or
 * more than one may own (fields_are_beyond). */
void managed_take(struct managed_entry *entry, const struct fields_set *fields,
		  struct arena *arena);
void managed_sweep(struct managed *managed);

/* What differs between two whole objects; old NULL: `new` was made.  `many` when a map got more
 * than LIMIT_FIELDS: nobody owns as much. */
struct typed_changes managed_compare(const struct type *type, const struct json *old,
				     const struct json *new, struct arena *arena);
/* What changed is the actor's now, what was removed is nobody's. */
void managed_record(struct managed *managed, const struct managed_actor *actor,
		    const struct typed_changes *changes, struct arena *arena);
/* Both; nothing when there were too many. */
void managed_update(struct managed *managed, const struct managed_actor *actor,
		    const struct type *type, const struct json *old, const struct json *new,
		    struct arena *arena);

#endif
