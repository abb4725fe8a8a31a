/*
 * fields_set.h - sets of fields of an object, as managedFields keep them ("fieldsV1").
 *
 * A set is a tree.  An element of a path is a field name (f), an entry of a list by its keys (k), a
 * value of a set (v) or a place in a list (i); each may be a member itself and may have more below.
 *
 *   {"f:spec":{"f:ports":{".":{},"k:{\"port\":80,\"protocol\":\"TCP\"}":{".":{},"f:port":{}}}}}
 *
 * Everything lives in the arena that the functions are given; texts of elements are borrowed.  A
 * finished set (sorted, nothing empty in it) is never changed: the results of the operations share
 * their parts.  Any thread, one at a time for an arena.
 */
#ifndef API_FIELDS_SET_H
#define API_FIELDS_SET_H

#include "base/json.h"

struct fields_set;
struct fields_element {
	char form;       /* 'f', 'k', 'v', 'i'                                      */
	struct str text; /* name; {"port":80,"protocol":"TCP"}; "a"; 3 (JSON texts) */
};
struct fields_entry {
	struct fields_element element;
	bool member;
	const struct fields_set *below; /* NULL: nothing */
};
struct fields_set {
	struct fields_entry *items;
	size_t count, room;
};

#define FIELDS_EMPTY ((struct fields_set){ NULL, 0, 0 })
static inline struct fields_element fields_name(struct str name)
{
	return (struct fields_element){ 'f', name };
}

/* Build: append in any order, then finish once.  An entry that is no member and has nothing below
 * is left out; equal elements become one. */
void fields_append(struct fields_set *set, struct arena *arena, struct fields_element element,
		   bool member, const struct fields_set *below);
/* The set in the arena, to be below an entry; NULL when it is empty, as most are. */
const struct fields_set *fields_keep(const struct fields_set *set, struct arena *arena);
/* Room for so many in an empty set, where the number is known before: growing leaves the old room
 * in the arena. */
void fields_reserve(struct fields_set *set, struct arena *arena, size_t count);
void fields_finish(struct fields_set *set, struct arena *arena);
/* Put one path in, its elements from outside to inside. */
void fields_put_path(struct fields_set *set, struct arena *arena, const char *const *names);

/* Names before keys before values before places; numbers by value, texts by bytes. */
int fields_compare(struct fields_element a, struct fields_element b);
const struct fields_entry *fields_find(const struct fields_set *set, struct fields_element element);
/* More than one manager can own: more than LIMIT_FIELDS members, or some so deep that the object
 * which keeps them would be deeper than LIMIT_JSON_DEPTH, which nobody could read again. */
bool fields_are_beyond(const struct fields_set *set);
/* Is a member of one a member of the other? */
bool fields_meet(const struct fields_set *a, const struct fields_set *b);
bool fields_equal(const struct fields_set *a, const struct fields_set *b);

struct fields_set fields_union(const struct fields_set *a, const struct fields_set *b,
			       struct arena *arena);
/* Of many sets at once; NULLs are fine, the array is used up. */
struct fields_set fields_union_all(const struct fields_set **sets, size_t count,
				   struct arena *arena);
/* Members of a that are not members of b; what is below is looked at by itself. */
struct fields_set fields_difference(const struct fields_set *a, const struct fields_set *b,
				    struct arena *arena);
/* The same, but a member of b takes everything below it along. */
struct fields_set fields_difference_deep(const struct fields_set *a, const struct fields_set *b,
					 struct arena *arena);
struct fields_set fields_intersection(const struct fields_set *a, const struct fields_set *b,
				      struct arena *arena);

/*
 * fieldsV1 to a set (texts borrowed from `value`, or in the arena) and back.  ERROR_BAD_REQUEST for
 * what is no fieldsV1; LIMIT_FIELDS members at most.  An empty set is printed as {}.
 */
MUST_CHECK bool fields_parse(const struct json *value, struct arena *arena, struct fields_set *out,
			     struct error *err);
struct json *fields_print(const struct fields_set *set, struct json_doc *doc);

/* An element as in messages: .name, [name="c"], [="value"], [3]. */
void fields_print_element(struct fields_element element, struct buf *out);
/* Every member's path, in order: .spec.containers[name="c"].image.  visit gives false to end. */
void fields_each(const struct fields_set *set, bool (*visit)(void *of, struct str path), void *of);

#endif
