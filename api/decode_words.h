/*
 * decode_words.h - what is said about values of the wrong type, in the words of the real server:
 * those of Go's encoding/json, time and base64.
 *
 * Each gives false with ERROR_BAD_REQUEST.
 */
#ifndef API_DECODE_WORDS_H
#define API_DECODE_WORDS_H

#include "api/field.h"
#include "base/json.h"

/* "v1.PodSpec" of "io.k8s.api.core.v1.PodSpec" */
const char *decode_type_name(const struct type *type);
/* The Go type of a whole field: "[]v1.Container", "map[string]string", "int32". */
void decode_print_type(const struct field *field, struct buf *out);

/* `path` has names of fields only; owner: the type that the last of them is in (NULL = none);
 * field may be NULL. */
bool decode_wrong_type(const struct field *field, const struct json *value,
		       const struct type *owner, const char *path, const char *type,
		       struct error *err);
bool decode_wrong_time(struct str text, bool micro, struct error *err);
bool decode_wrong_base64(struct str text, struct error *err);

#endif
