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

/*
 * The tables lie in read-only pages of the file, which all processes share: texts are places in one
 * blob, types and fields are numbers, and there is no pointer that a start would have to write.
 * What has a function below is read through it alone (..._at: a place, 0 = none).
 */
struct field {
	uint32_t help_at;
	uint16_t name_at, fallback_at, values_at, list_keys_at, merge_key_at;
	uint16_t type_number; /* 1 and up; 0 = no FIELD_MESSAGE                              */
	uint8_t name_len;
	uint8_t form, shape, list_type, merge;
	uint8_t number; /* protobuf field number                                       */
	bool required : 1;
	bool inlined : 1;    /* a message of its own in protobuf, flattened in JSON         */
	bool map_atomic : 1; /* map or message changed as a whole by apply                  */
	bool omit_empty : 1; /* Go's omitempty: zero values are left out when decoded from protobuf
			      */
};
struct type {
	uint32_t help_at;
	uint16_t name_at;
	uint16_t first; /* field of fields_all */
	uint16_t field_count;
	bool atomic;
};

extern const char fields_texts[];        /* terminated texts, the first one empty */
extern const struct field fields_all[];  /* those of a type stand together        */
extern const struct type fields_types[]; /* sorted by name                        */
extern const size_t fields_type_count;

static inline const char *fields_text(uint32_t place) /* or NULL */
{
	return place ? fields_texts + place : NULL;
}

/* JSON name; "" for an inlined message (see inlined). */
static inline const char *field_name(const struct field *field)
{
	return fields_texts + field->name_at;
}
static inline struct str field_name_str(const struct field *field)
{
	return (struct str){ fields_texts + field->name_at, field->name_len };
}
/* FIELD_MESSAGE only, else NULL. */
static inline const struct type *field_type(const struct field *field)
{
	return field->type_number ? &fields_types[field->type_number - 1] : NULL;
}
/* Default as JSON text, or NULL. */
static inline const char *field_fallback(const struct field *field)
{
	return fields_text(field->fallback_at);
}
/* The first of the enum values, or NULL.  All:
 * for (const char *value = field_values(field); value; value = field_values_next(value)) */
static inline const char *field_values(const struct field *field)
{
	return fields_text(field->values_at);
}
static inline const char *field_values_next(const char *value)
{
	value += strlen(value) + 1;
	return *value ? value : NULL;
}
/* LIST_MAP: "port,protocol"; else NULL. */
static inline const char *field_list_keys(const struct field *field)
{
	return fields_text(field->list_keys_at);
}
/* Strategic merge key, or NULL (primitive merge lists have none). */
static inline const char *field_merge_key(const struct field *field)
{
	return fields_text(field->merge_key_at);
}
/* One line, or NULL. */
static inline const char *field_help(const struct field *field)
{
	return fields_text(field->help_at);
}

/* "io.k8s.api.core.v1.PodSpec" */
static inline const char *type_name(const struct type *type)
{
	return fields_texts + type->name_at;
}
static inline const char *type_help(const struct type *type) /* or NULL */
{
	return fields_text(type->help_at);
}
/* The first of its field_count fields, in JSON order = order of the Go struct. */
static inline const struct field *type_fields(const struct type *type)
{
	return &fields_all[type->first];
}

/* The field that JSON `name` means inside `type`, looking through inlined messages; NULL when
 * unknown. */
const struct field *field_find(const struct type *type, struct str name);
const struct type *type_find(struct str name); /* by full name, or NULL */

#endif
