/*
 * node_service.h - what the server asks this node for: logs, exec, attach, connections (HTTP over
 * the tunnel's service "node"; what clients ask through nodes/proxy comes by "node-proxy").
 *
 *   GET /containerLogs/NAMESPACE/POD/CONTAINER?follow=&tailLines=...   text
 *   GET /exec/NAMESPACE/POD/CONTAINER?command=...   Upgrade: mote-exec  (exec_bridge.h)
 *   GET /attach/NAMESPACE/POD/CONTAINER?stdin=...   Upgrade: mote-exec
 *   GET /portForward/NAMESPACE/POD/PORT             Upgrade: mote-forward  (port_forward.h)
 *   GET /dial/ADDRESS/PORT                          Upgrade: mote-forward
 *   GET /healthz   "ok"
 *   GET /pods      a PodList of what this node has
 *   GET /stats/..., /metrics..., /configz           (node_figures.h)
 *   POST /checkpoint/NAMESPACE/POD/CONTAINER        refused: nothing can restore one
 *   DELETE /storage?path=...   a folder of local storage (storage_removal.h)
 *   GET /neighbour/ADDRESS     is it on this node's network? (neighbour.h)
 *
 * Whoever can open the stream is the server: rights were checked there.  Loop thread only.
 */
#ifndef AGENT_NODE_SERVICE_H
#define AGENT_NODE_SERVICE_H

#include "agent/exec_bridge.h"
#include "agent/pods.h"
#include "base/work.h"

struct node_service;
/* pods, bridges and chores are borrowed */
struct node_service *node_service_new(struct loop *loop, struct pods *pods,
				      struct exec_bridges *bridges, struct work_pool *chores);
/* Further paths; borrowed. */
struct node_figures;
void node_service_figures(struct node_service *service, struct node_figures *figures);
void node_service_free(struct node_service *service); /* ends everything; NULL is fine */
/* One request that came in another way (agent/local_api.h). */
void node_service_request(struct node_service *service, struct http_request *req);
/* A stream that the server opened; taken.  proxied: requests of somebody with the right of
 * nodes/proxy; dial, storage and neighbour are not for him. */
void node_service_take(struct node_service *service, struct stream *stream, bool proxied);

#endif
