/*
 * aggregate_pass.h - requests for the APIs of other servers, led to their services.
 *
 * comes from: the gates, which have judged them as any other request (front/route_remote.c).  goes
 * to: a pod of the APIService's service, over TLS through a node (front/proxy_call.h).  We show a
 * certificate that tells that we ask, and headers tell for whom.
 */
#ifndef SERVER_AGGREGATE_AGGREGATE_PASS_H
#define SERVER_AGGREGATE_AGGREGATE_PASS_H

#include "server/road.h"

enum step aggregate_pass(struct request *req, struct error *err);

#endif
