/*
 * pull_secret.h - names and passwords for registries out of a pod's image pull secrets
 * (kubernetes.io/dockerconfigjson and dockercfg).
 */
#ifndef AGENT_PULL_SECRET_H
#define AGENT_PULL_SECRET_H

#include "agent/sources.h"
#include "runtime/images.h"

/* At most so many are tried for one image. */
#define PULL_LOGINS_MAX 8

struct pull_logins {
	struct image_login at[PULL_LOGINS_MAX]; /* point into `arena` */
	size_t count;
	struct arena *arena;
};
/* For the registry of `image`, in the order to try them: keys are hosts, with "*" in their parts,
 * and may go on with the beginning of a repository; the longest that fits is first, of equals the
 * first.  Clear it. */
void pull_secret_find(const struct json *pod, const struct sources *sources, struct str image,
		      struct pull_logins *out);
void pull_logins_clear(struct pull_logins *logins);

#endif
