/*
 * protobuf.h - Kubernetes' protobuf form ("k8s\0" envelope) to JSON and back, driven by the field
 * tables.
 *
 *  Unknown fields are skipped.  Pure functions; limits: LIMIT_BODY,
 * LIMIT_JSON_DEPTH.
 */
#ifndef API_PROTOBUF_H
#define API_PROTOBUF_H

#include "api/field.h"
#include "base/json.h"

/* Open an envelope: apiVersion, kind and the raw message (borrowed from bytes). */
MUST_CHECK bool protobuf_open(struct str bytes, struct str *out_api_version, struct str *out_kind,
			      struct str *out_raw, struct error *err);
/* A raw message of `type` as a JSON object; TypeMeta is not in it (put apiVersion and kind
 * yourself). */
MUST_CHECK bool protobuf_to_json(const struct type *type, struct str raw, struct json_doc *doc,
				 struct json **out, struct error *err);
/* A JSON object as an enveloped message. */
MUST_CHECK bool protobuf_from_json(const struct type *type, const struct json *object,
				   struct buf *out, struct error *err);

#endif
