/*
 * patch.h - the three patches: JSON (RFC 6902), merge (RFC 7386), strategic merge (Kubernetes).
 *
 * Each changes `target` (inside doc) in place; after a failure target is in an unknown state: patch
 * a copy.
 */
#ifndef API_PATCH_H
#define API_PATCH_H

#include "api/field.h"
#include "base/json.h"

MUST_CHECK bool patch_json(struct json_doc *doc, struct json **target, const struct json *patch,
			   struct error *err);
void patch_merge(struct json_doc *doc, struct json **target, const struct json *patch);
MUST_CHECK bool patch_strategic(const struct type *type, struct json_doc *doc, struct json *target,
				const struct json *patch, struct error *err);

#endif
