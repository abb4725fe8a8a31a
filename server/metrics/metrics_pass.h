/*
 * metrics_pass.h - apis/metrics.k8s.io/v1beta1: NodeMetrics and PodMetrics, made at the moment that
 * they are asked for.
 *
 * comes from: the gates.  goes to: the registry for nodes and pods, the usage book for figures.
 * As with metrics-server: what has no figures yet is not in a list, and not found by its name.
 */
#ifndef SERVER_METRICS_METRICS_PASS_H
#define SERVER_METRICS_METRICS_PASS_H

#include "server/road.h"

/* Is the request for one of these? */
bool metrics_is_asked(const struct request *req);
enum step metrics_pass(struct request *req, struct error *err);

#endif
