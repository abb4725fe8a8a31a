/*
 * remote_api.h - which APIs other servers answer for: APIServices that name a service.
 *
 * What this server answers itself is never another's, whatever an APIService says.
 */
#ifndef SERVER_AGGREGATE_REMOTE_API_H
#define SERVER_AGGREGATE_REMOTE_API_H

#include "api/object.h"
#include "server/road.h"

#define REMOTE_PORT 443 /* of a service where none is said */

/* This server asks for itself: whether the others answer, and what they have. */
#define REMOTE_ASKER "system:kube-aggregator"

/* Its APIService, borrowed until the loop goes round; NULL: nobody else answers. */
const struct object *remote_api_find(struct server *server, struct str group, struct str version);
/* The service of an APIService's spec; NULL: this server is to answer, or does so anyhow. */
const struct json *remote_api_service(const struct json *spec);

#endif
