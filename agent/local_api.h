/*
 * local_api.h - the agent's own socket, for `mote ctr` on this machine (HTTP, JSON).
 *
 *   GET    /node                       {name, connected, ready}
 *   GET    /images                     [{id, names, digests, size}]
 *   POST   /images/import              {"path": "/absolute/archive"}   -> {"names": [...]}
 *   POST   /images/pull                {"name": "..."}
 *   POST   /images/remove              {"name": "..."}
 *   GET    /pods                       [{namespace, name, uid, address, default, containers:
 *                                        [{name, state, image, id, restarts, startedMicros, ...}]}]
 *   POST   /pods/stop                  {"namespace", "name", "container" ("" = all)} -> {"names"}
 *   GET    /containerLogs/..., /exec/... as the server asks (node_service.h)
 *
 * The socket is <data>/agent/agent.sock, 0600: who may open it is root.  Loop thread only.
 */
#ifndef AGENT_LOCAL_API_H
#define AGENT_LOCAL_API_H

#include "agent/node_service.h"

struct local_api;
MUST_CHECK bool local_api_open(struct node *node, struct pods *pods, struct node_service *service,
			       struct local_api **out, struct error *err);
void local_api_close(struct local_api *api); /* NULL is fine */

#endif
