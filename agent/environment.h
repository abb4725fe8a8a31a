/*
 * environment.h - the environment of a container: the image's, the services', the pod's.
 */
#ifndef AGENT_ENVIRONMENT_H
#define AGENT_ENVIRONMENT_H

#include "agent/downward.h"
#include "agent/sources.h"
#include "base/map.h"
#include "client/cache.h"

struct environment_work {
	const struct json *pod, *container;
	const struct json *image_env; /* the image configuration's Env; may be NULL */
	const struct sources *sources;
	const struct downward_facts *facts;
	const struct cache *services; /* may be NULL or empty: the server was not reached yet */
	const char *api_address;      /* where pods find the API all the same; NULL = nowhere */
	const char *hostname;
};

/* Ordered names and values; texts live in the arena. */
struct environment {
	struct arena *arena;
	struct map *values; /* name -> text: all that the container gets              */
	struct map *known;  /* of these what $(NAME) means: the pod's and the services' */
	size_t *spent;      /* bytes of text made so far: environment_fits()             */
};
/* ERROR_NOT_FOUND or ERROR_INVALID names the source or key that is missing; ERROR_TOO_LARGE. */
MUST_CHECK bool environment_build(const struct environment_work *work, struct arena *arena,
				  struct environment *out, struct error *err);
void environment_clear(struct environment *env);
/* NULL-terminated "NAME=value" texts in the arena. */
const char *const *environment_list(const struct environment *env);
/* Was all that was made and expanded so far within the limit?  What was beyond it is missing. */
MUST_CHECK bool environment_fits(const struct environment *env, struct error *err);
/* $(NAME) replaced where the name is known; "$$" is one dollar.  In the arena. */
const char *environment_expand(const struct environment *env, struct str text);
/* The same, but ERROR_INVALID for a name that is not known (subPathExpr). */
MUST_CHECK bool environment_expand_all(const struct environment *env, struct str text,
				       const char **out, struct error *err);

#endif
