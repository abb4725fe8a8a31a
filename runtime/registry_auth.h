/*
 * registry_auth.h - logging in to a registry: what it asks for, what we answer.
 *
 * A registry refuses with WWW-Authenticate.  "Basic" is answered with name and password, "Bearer"
 * sends us to a token service first (distribution's token specification).  Here are the pure
 * halves: reading the challenge, making the question to the token service, reading its answer.
 *
 * Any thread.
 */
#ifndef RUNTIME_REGISTRY_AUTH_H
#define RUNTIME_REGISTRY_AUTH_H

#include "base/text.h"

/* Texts that are known of us at one host; each may be empty. */
struct registry_login {
	struct buf username, password;
	struct buf identity_token; /* a refresh token, instead of name and password */
};
void registry_login_clear(struct registry_login *login);
#define auto_registry_login __attribute__((cleanup(registry_login_clear))) struct registry_login
bool registry_login_is_empty(const struct registry_login *login);

struct registry_challenge {
	bool basic, bearer;
	char realm[1024], service[256], scope[512]; /* of the first Bearer challenge */
};
/*
 * Read one WWW-Authenticate value, which may hold several challenges; what it offers is added to
 * *io.  Schemes that are not known are skipped.  False, and *io is as before, for a header that is
 * malformed, over 8 KiB, or whose Bearer parameters do not fit; it is then best ignored.
 */
bool registry_auth_challenge(struct str value, struct registry_challenge *io);

/* "Basic ..." of name and password. */
void registry_auth_basic(const struct registry_login *login, struct buf *out);

/* The question to a token service. */
struct registry_token_ask {
	const char *method; /* GET, or POST with a form when there is an identity token */
	struct buf url;
	struct buf form;
	struct buf authorization; /* empty: none */
};
void registry_token_ask_clear(struct registry_token_ask *ask);
#define auto_registry_token_ask                                                                    \
	__attribute__((cleanup(registry_token_ask_clear))) struct registry_token_ask
/* `repository` makes the scope when the challenge has none.  *out must be zeroed. */
void registry_auth_ask(const struct registry_challenge *challenge, const char *repository,
		       const struct registry_login *login, struct registry_token_ask *out);

/* The token service's answer: appends "Bearer ...".  ERROR_BROKEN when it holds no usable one. */
MUST_CHECK bool registry_auth_token(struct str body, struct buf *out, struct error *err);

#endif
