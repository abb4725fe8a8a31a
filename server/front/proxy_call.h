/*
 * proxy_call.h - one request handed on to another HTTP server, and its answer as it comes.
 *
 * comes from: connect_proxy (pods, services, nodes), server/aggregate (other API servers).  goes
 * to: an address behind a node's tunnel, so that the server needs no way into the pod network.
 *
 * What waits here: PENDING_MAX and a piece of the answer; the request's body, whole (LIMIT_BODY).
 * An upgrade that the other side accepts is spliced (net/stream.h says what that holds).
 */
#ifndef SERVER_FRONT_PROXY_CALL_H
#define SERVER_FRONT_PROXY_CALL_H

#include "server/front/proxy_target.h"

struct tls_config;

struct proxy_plan {
	struct proxy_target target;
	struct tls_config *tls; /* NULL: none; taken, whatever becomes of the call */
	const char *tls_name;   /* what its certificate must say; copied */
	const char *path;       /* with the query */
	/* Redirects to itself lead through here; NULL: none is passed on. */
	const char *prefix;
	const struct user *as; /* proxy_headers.h */
	int limit_ms;          /* for the whole answer; 0 = none */
	/* Nothing has been answered yet: say why.  NULL: a Status does. */
	void (*refuse)(struct request *req, const struct error *why);
};
/* Answers now or later.  Texts are needed until then, or copied. */
void proxy_call_start(struct request *req, const struct proxy_plan *plan);

#endif
