/*
 * openapi.h - OpenAPI documents of the kinds: Swagger 2 of all, version 3 of one group-version.
 *
 * Slow and large: they are made when the program is built (docs/decisions/0014-openapi.md).
 */
#ifndef API_OPENAPI_H
#define API_OPENAPI_H

#include "base/json.h"

/* The document becomes the root of `doc`. */
void openapi_make_v2(struct json_doc *doc);
/* `path` is "api", "api/v1", "apis", "apis/apps", "apis/apps/v1"; false = no such. */
bool openapi_make_v3(struct json_doc *doc, struct str path);
/* The paths of all version 3 documents, one at a time: i from 0 until false. */
bool openapi_path(size_t i, struct buf *out);

#endif
