/*
 * deployment_sets.h - what a pass knows of one deployment: its replica sets, old to young, which of
 * them is the new one, and the bounds of its strategy.
 *
 * Borrows from the caches: for one pass, on the loop thread.
 */
#ifndef SERVER_CONTROL_DEPLOYMENT_SETS_H
#define SERVER_CONTROL_DEPLOYMENT_SETS_H

#include "server/control/family.h"

#define DEPLOYMENT_REVISION "deployment.kubernetes.io/revision"
#define DEPLOYMENT_HISTORY  "deployment.kubernetes.io/revision-history"
#define DEPLOYMENT_DESIRED  "deployment.kubernetes.io/desired-replicas"
#define DEPLOYMENT_MAX      "deployment.kubernetes.io/max-replicas"
#define DEPLOYMENT_HASH     "pod-template-hash"

struct deployment_set {
	const struct object *object;
	int64_t size; /* spec.replicas, or what this pass made it */
	int64_t has, ready, available;
	int64_t revision;
	int64_t created_s;
};

struct deployment_sets {
	const struct object *deployment;
	const struct json *spec;
	int64_t wanted, surge, missing; /* the last two are 0 for Recreate */
	bool rolling, paused;
	struct deployment_set *items; /* oldest first */
	size_t count;
	struct deployment_set *fresh; /* of the wished template, or NULL */
};

void deployment_sets_look(struct deployment_sets *sets, const struct object *deployment,
			  const struct family *family);
void deployment_sets_clear(struct deployment_sets *sets);

/* The greatest revision among the old sets. */
int64_t deployment_sets_old_revision(const struct deployment_sets *sets);
int64_t deployment_sets_size(const struct deployment_sets *sets);      /* what they all want */
int64_t deployment_sets_available(const struct deployment_sets *sets); /* what they all have */
/* An annotation of the set as a number; false when it is absent or none. */
bool deployment_set_number(const struct deployment_set *set, const char *annotation, int64_t *out);
/* Does this object, a ReplicaSet, have the deployment's template? */
bool deployment_sets_is_same_template(const struct json *set, const struct json *template);

#endif
