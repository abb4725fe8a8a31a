/*
 * body.h - a request's body (JSON, YAML or protobuf) as a checked JSON object of the wished type.
 */
#ifndef SERVER_REGISTRY_BODY_H
#define SERVER_REGISTRY_BODY_H

#include "api/decode.h"
#include "server/request.h"

struct body_wish {
	const char *type_name;   /* field table; NULL = not checked       */
	const char *api_version; /* what the body must say, or say nothing */
	const char *old_version; /* ... or this, which means the same; or NULL */
	const char *kind;
};

/* The wish of a kind's own objects. */
struct body_wish body_wish_of(const struct kind *kind, struct arena *arena);
/*
 * Decode and check req's body.  Unknown and duplicate fields follow the request's fieldValidation:
 * strict fails, warn adds Warning headers.  The root is arranged: apiVersion, kind, metadata, the
 * rest.  The caller owns *out.
 */
MUST_CHECK bool body_read(struct request *req, const struct body_wish *wish, struct json_doc **out,
			  struct error *err);
/* The same checks for an object that a patch has made (the doc's root); unknown fields as above,
 * but 422, after what body_parse has noted. */
MUST_CHECK bool body_check(struct request *req, const struct body_wish *wish,
			   const struct decode_notes *noted, struct json_doc *doc,
			   struct error *err);
/* A body of DeleteOptions, or an empty one: *out is NULL then. */
MUST_CHECK bool body_read_options(struct request *req, struct json_doc **out, struct error *err);
/* Only parsed: patches.  What is wrong with the patch itself (keys that come twice) is in
 * *out_noted for body_check, except in a configuration that is applied: it is refused (400) or
 * warned of. */
MUST_CHECK bool body_parse(struct request *req, struct json_doc **out,
			   struct decode_notes *out_noted, struct error *err);

#endif
