/*
 * field.h - the tables of types and fields that everything about a kind's shape is printed from.
 *
 * Written in api/schema/ *.fields (language described at the head of compile_fields.c), compiled by
 * a host tool into constant tables.  From them come: strict decoding, defaulting, enum and format
 * checks, strategic merge, list keys of server-side apply, protobuf, OpenAPI and explain.
 *
 * Constant data; any thread.
 */
#ifndef API_FIELD_H
#define API_FIELD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/text.h"

enum field_form {
	FIELD_STRING,
	FIELD_BOOL,
	FIELD_INT32,
	FIELD_INT64,
	FIELD_DOUBLE,
	FIELD_BYTES /* base64 text */,
	FIELD_QUANTITY,
	FIELD_INT_OR_STRING,
	FIELD_TIME,
	FIELD_MICRO_TIME,
	FIELD_DURATION,
	FIELD_ANY,     /* any JSON value: RawExtension, FieldsV1 */
	FIELD_STRINGS, /* a list of texts that is a message in protobuf: ExtraValue */
	FIELD_MESSAGE, /* type */
};
enum field_shape { FIELD_ONE, FIELD_LIST, FIELD_MAP /* string keys */ };
enum list_type { LIST_ATOMIC, LIST_SET, LIST_MAP };
enum merge_strategy { MERGE_REPLACE, MERGE_MERGE, MERGE_RETAIN_KEYS, MERGE_MERGE_RETAIN_KEYS };

struct type;
struct field {
	const char *name; /* JSON name; "" for an inlined message (see inlined)              */
	const struct type *type; /* FIELD_MESSAGE only */
	const char *fallback; /* default as JSON text, or NULL                                   */
	const char *const *values; /* enum values, NULL-terminated, or NULL */
	const char *list_keys; /* LIST_MAP: "port,protocol"                                       */
	const char *merge_key; /* strategic merge key, or NULL (primitive merge lists have none)  */
	const char *help;      /* one line, or NULL                                               */
	uint8_t form, shape, list_type, merge;
	uint8_t number; /* protobuf field number                                           */
	bool required;
	bool inlined;    /* a message of its own in protobuf, flattened in JSON             */
	bool map_atomic; /* map or message changed as a whole by apply                      */
	bool omit_empty; /* Go's omitempty: zero values are left out when decoded from protobuf */
};
struct type {
	const char *name; /* "io.k8s.api.core.v1.PodSpec"                                     */
	const char *help;
	const struct field *fields; /* JSON order = order of the Go struct */
	size_t field_count;
	bool atomic;
};

/* The field that JSON `name` means inside `type`, looking through inlined messages; NULL when
 * unknown. */
const struct field *field_find(const struct type *type, struct str name);
const struct type *type_find(struct str name); /* by full name, or NULL */
/* All types, for OpenAPI and tests. */
const struct type *const *type_list(size_t *out_count);

#endif
