/*
 * gnostic.h - OpenAPI documents in gnostic's protobuf form, which client libraries read.
 *
 * One table of messages, openapi.v2 and openapi.v3 of github.com/google/gnostic-models.  Only what
 * our documents have is in it; anything else in the JSON is an error of ours (ERROR_BROKEN).
 */
#ifndef API_GNOSTIC_H
#define API_GNOSTIC_H

#include "base/json.h"

MUST_CHECK bool gnostic_from_v2(const struct json *document, struct buf *out, struct error *err);
MUST_CHECK bool gnostic_from_v3(const struct json *document, struct buf *out, struct error *err);

#endif
