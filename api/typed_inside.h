/*
 * typed_inside.h - what the files of typed.h share; nobody outside includes it.
 */
#ifndef API_TYPED_INSIDE_H
#define API_TYPED_INSIDE_H

#include "api/typed.h"

/* A place of the field tables: a message (field NULL or its form), a field, or what is inside its
 * list or map. */
struct typed_node {
	const struct type *type;   /* of the message, when it is one */
	const struct field *field; /* NULL: the root, or anything    */
	bool inner;                /* an entry of field's list or map */
	bool any;                  /* below a field of form any       */
};
enum typed_form { TYPED_LEAF, TYPED_LIST, TYPED_MAP, TYPED_STRUCT, TYPED_ANY };

struct typed_node typed_root(const struct type *type);
struct typed_node typed_field_node(const struct field *field);
/* An entry of the node's list or map; of anything, anything. */
struct typed_node typed_entry_node(struct typed_node node);
/* A field of a message by name; false when it has none. */
bool typed_member_node(struct typed_node node, struct str name, struct typed_node *out);
enum typed_form typed_form_of(struct typed_node node);
bool typed_is_atomic(struct typed_node node);

/* Entries of a list or map, sorted by their elements; equal ones stay in order. */
struct typed_item {
	struct fields_element element;
	const struct json *value;
	size_t place; /* in the list or map */
};
struct typed_items {
	struct typed_item *items;
	size_t count;
};
/* The element of a list's entry; false: it has none, *out_why says so. */
bool typed_element(struct typed_node list, const struct json *entry, struct arena *arena,
		   struct fields_element *out, const char **out_why);
/* Entries without an element are left out. */
struct typed_items typed_gather(struct typed_node node, const struct json *container,
				struct arena *arena);
/* The first equal item, or NULL. */
const struct typed_item *typed_find(const struct typed_items *items, struct fields_element element);

#endif
