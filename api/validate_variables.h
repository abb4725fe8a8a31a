/*
 * validate_variables.h - environment variables of containers and where they come from.
 */
#ifndef API_VALIDATE_VARIABLES_H
#define API_VALIDATE_VARIABLES_H

#include "api/kind.h"

void variables_list(const struct kind_work *work, const struct json *env, const char *path);
void variables_sources(const struct kind_work *work, const struct json *sources, const char *path);

#endif
