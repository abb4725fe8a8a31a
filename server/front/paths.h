/*
 * paths.h - everything that is not an API resource: version, health, discovery, OpenAPI, metrics,
 * joining.
 */
#ifndef SERVER_FRONT_PATHS_H
#define SERVER_FRONT_PATHS_H

#include "server/road.h"

enum step paths_pass(struct request *req, struct error *err);

#endif
