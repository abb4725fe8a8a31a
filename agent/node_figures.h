/*
 * node_figures.h - the paths by which a node tells figures about itself:
 *
 *   GET /stats/summary[?only_cpu_and_memory=true]
 *   GET /metrics  /metrics/resource  /metrics/cadvisor  /metrics/probes
 *   GET /configz
 *
 * They come as all requests to the node do (node_service.h): rights were checked by the server; on
 * the machine itself who may open the socket is root.  Loop thread only.
 */
#ifndef AGENT_NODE_FIGURES_H
#define AGENT_NODE_FIGURES_H

#include "agent/metrics_text.h"
#include "net/http_server.h"

struct node_figures;
/* What the plan points to is borrowed. */
struct node_figures *node_figures_new(const struct metrics_plan *plan);
void node_figures_free(struct node_figures *figures); /* NULL is fine */
/* False: the path is none of these. */
bool node_figures_request(struct node_figures *figures, struct http_request *req);

#endif
