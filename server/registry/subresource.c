/*
 * subresource.c - the list of subresources that are not a plain write of the object.
 *
 * The others (status, approval, finalize, ephemeralcontainers, resize) are ordinary updates and
 * patches of the object; api/kind_parts.c says which part each may change.
 */
#include "server/registry/subresource.h"

#include "server/gate/token.h"

static const struct {
	const char *name;
	unsigned verbs; /* 1 << enum request_verb */
	enum step (*pass)(struct request *req, struct error *err);
} rows[] = {
	{ "scale", 1u << REQUEST_GET | 1u << REQUEST_UPDATE | 1u << REQUEST_PATCH, scale_pass },
	{ "binding", 1u << REQUEST_CREATE, binding_pass },
	{ "eviction", 1u << REQUEST_CREATE, eviction_pass },
	{ "token", 1u << REQUEST_CREATE, token_request_pass },
};

bool subresource_pass(struct request *req, enum step *out, struct error *err)
{
	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		if (!str_is(req->subresource, rows[i].name) || !(rows[i].verbs & 1u << req->verb))
			continue;
		*out = rows[i].pass(req, err);
		return true;
	}
	return false;
}
