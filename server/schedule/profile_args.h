/*
 * profile_args.h - pluginConfig of a profile: the arguments of single plugins.
 */
#ifndef SERVER_SCHEDULE_PROFILE_ARGS_H
#define SERVER_SCHEDULE_PROFILE_ARGS_H

#include "server/schedule/profile.h"

/* Every key of the object is one of the names (ends with NULL).  ERROR_INVALID names the other. */
MUST_CHECK bool profile_knows(const struct json *object, const char *path, const char *const *names,
			      struct error *err);
/* A number in its range; absent leaves *value alone. */
MUST_CHECK bool profile_number(const struct json *object, const char *field, int64_t least,
			       int64_t most, int64_t *value, struct error *err);
/* One entry {name, args}; path says where it is. */
MUST_CHECK bool profile_args_apply(struct profile *profile, const struct json *entry,
				   const char *path, struct error *err);
void profile_set_weights(struct resource_weights *weights, const struct json *list);
void profile_clear_weights(struct resource_weights *weights);

#endif
