/*
 * decode.h - from a request's JSON to a checked object of a kind: unknown and duplicate fields,
 * types, defaults.
 *
 * Kubernetes API conventions; messages as k8s.io/apimachinery's strict decoder writes them (wire
 * contract 2.3, 2.5).
 */
#ifndef API_DECODE_H
#define API_DECODE_H

#include "api/field.h"
#include "base/json.h"

enum field_validation { VALIDATION_IGNORE, VALIDATION_WARN, VALIDATION_STRICT };

/* The real server tells no more than these. */
#define DECODE_NOTES_MAX 100
/* Collected problems in the text's order: `unknown field "spec.foo"`, `duplicate field
 * "metadata.name"`. */
struct decode_notes {
	struct arena *arena; /* given by the caller */
	const char **notes;
	size_t count;
	/* Look for duplicates, too: for a doc of json_parse_kept, which is only checked for its
	 * notes. */
	bool duplicates;
};

/*
 * Check `object` against the table in place: wrong types fail (ERROR_BAD_REQUEST, text as Go's
 * json: `json: cannot unmarshal string into Go struct field PodSpec.spec.containers of type
 * []v1.Container`); unknown fields are removed and noted; nulls are dropped, in lists and maps they
 * are zero values; quantities are checked and canonicalised; times are normalised to UTC.
 */
MUST_CHECK bool decode_check(const struct type *type, struct json_doc *doc, struct json *object,
			     struct decode_notes *notes, struct error *err);
/* What is wrong with a patch alone, before anybody knows of its fields: keys that come twice, at
 * any depth, and, in a JSON Patch, members that its operations do not have; each of those begins
 * with "json patch ".  The value is of json_parse_kept. */
void decode_check_patch(const struct json *patch, bool is_json_patch, struct decode_notes *notes);
/* Put the defaults of the table where fields are absent (recursively; only inside messages that are
 * present). */
void decode_default(const struct type *type, struct json_doc *doc, struct json *object);

#endif
