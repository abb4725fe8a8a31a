/*
 * registry_url.h - addresses of registries, token services and storage hosts.
 *
 * Pure functions, any thread.
 */
#ifndef RUNTIME_REGISTRY_URL_H
#define RUNTIME_REGISTRY_URL_H

#include "base/text.h"

#define REGISTRY_URL_MAX 8192 /* signed storage addresses reach 4 KiB */

struct registry_url {
	bool secure;
	char authority[264]; /* "host", "host:port", "[v6]:port"; lower case, no default port */
	struct buf target;   /* "/path?query" */
};
void registry_url_clear(struct registry_url *url);
#define auto_registry_url __attribute__((cleanup(registry_url_clear))) struct registry_url

/* An absolute http:// or https:// address without user names; what follows '#' is dropped.
 * ERROR_INVALID.  *out must be zeroed or filled; it is replaced on success. */
MUST_CHECK bool registry_url_parse(struct str text, struct registry_url *out, struct error *err);
/* A Location header: absolute, "//host/path", "/path" or relative to `base` (may be == out). */
MUST_CHECK bool registry_url_resolve(const struct registry_url *base, struct str location,
				     struct registry_url *out, struct error *err);
bool registry_url_same_origin(const struct registry_url *a, const struct registry_url *b);
/* "localhost", 127.0.0.0/8 or ::1, with or without a port. */
bool registry_url_is_local(struct str authority);

#endif
