/*
 * bootstrap_token.h - tokens that let machines join for a time: "id.secret", each kept as a Secret
 * kube-system/bootstrap-token-<id> of type bootstrap.kubernetes.io/token, as kubeadm and k3s do.
 *
 * Data keys: token-id, token-secret, expiration (RFC 3339; none = never),
 * usage-bootstrap-authentication ("true", or the token lets nobody in), auth-extra-groups,
 * description.
 */
#ifndef SERVER_BOOTSTRAP_TOKEN_H
#define SERVER_BOOTSTRAP_TOKEN_H

#include "base/text.h"

#define BOOTSTRAP_TOKEN_ID     6
#define BOOTSTRAP_TOKEN_SECRET 16
#define BOOTSTRAP_TOKEN_TEXT   (BOOTSTRAP_TOKEN_ID + 1 + BOOTSTRAP_TOKEN_SECRET)
#define BOOTSTRAP_TOKEN_TYPE   "bootstrap.kubernetes.io/token"
#define BOOTSTRAP_TOKEN_PREFIX "bootstrap-token-"

struct registry;

/* [a-z0-9]{6}.[a-z0-9]{16}; the two parts, which may be NULL. */
bool bootstrap_token_parse(struct str token, struct str *out_id, struct str *out_secret);
/* Is there a Secret that lets this token in, now? */
bool bootstrap_token_check(struct registry *registry, struct str token);

#endif
