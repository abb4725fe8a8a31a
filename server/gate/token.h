/*
 * token.h - service account tokens: issued for TokenRequests and pods, verified for every bearer.
 *
 * JWTs signed with the server's service account key (ES256).  A verified token is remembered for 10
 * s by its hash, so that a busy client costs one signature check in that time; what it is bound to
 * (account, pod) is looked up each time.
 */
#ifndef SERVER_GATE_TOKEN_H
#define SERVER_GATE_TOKEN_H

#include "server/road.h"

struct tokens; /* key, issuer, cache */

MUST_CHECK bool tokens_open(struct str key_pem, const char *issuer, struct tokens **out,
			    struct error *err);
void tokens_close(struct tokens *tokens); /* NULL is fine */

/* The TokenRequest subresource of service accounts: answers it. */
enum step token_request_pass(struct request *req, struct error *err);
/* Who a bearer is; ERROR_UNAUTHORIZED when it is nobody (any more).  Texts live in the arena.
 * audience STR_NONE: the API server's own. */
MUST_CHECK bool token_verify(struct server *server, struct str bearer, struct str audience,
			     struct arena *arena, struct user *out, struct error *err);
/* The public half as a JWKS document. */
MUST_CHECK bool token_print_jwks(struct tokens *tokens, struct buf *out, struct error *err);
struct tokens *server_tokens(struct server *server);

#endif
