/*
 * pull_secret.h - names and passwords for registries out of a pod's image pull secrets
 * (kubernetes.io/dockerconfigjson and dockercfg).
 */
#ifndef AGENT_PULL_SECRET_H
#define AGENT_PULL_SECRET_H

#include "agent/sources.h"

struct pull_login {
	char *username, *password; /* NULL: none was found */
};
/* For the registry of `image`: keys are hosts, with "*" in their parts, and may go on with the
 * beginning of a repository; the longest that fits wins, of equals the first. */
void pull_secret_find(const struct json *pod, const struct sources *sources, struct str image,
		      struct pull_login *out);
void pull_login_clear(struct pull_login *login);

#endif
