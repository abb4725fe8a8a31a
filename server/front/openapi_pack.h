/*
 * openapi_pack.h - the OpenAPI documents that were made when the program was built, ready to send
 * (docs/decisions/0014-openapi.md).
 *
 * Constant bytes of the binary; any thread.
 */
#ifndef SERVER_FRONT_OPENAPI_PACK_H
#define SERVER_FRONT_OPENAPI_PACK_H

#include "base/text.h"

struct openapi_entry {
	struct str name;   /* "v2.json", "v2.pb", "v3/apis/apps/v1.json" */
	struct str hash;   /* SHA-512 of the plain document, upper case hex */
	struct str packed; /* gzip */
};

bool openapi_pack_find(struct str name, struct openapi_entry *out);
/* All of them: *at from 0 until false. */
bool openapi_pack_next(size_t *at, struct openapi_entry *out);

#endif
