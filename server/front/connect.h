/*
 * connect.h - streams to a pod's node: logs, commands, attaching, port-forwards, proxies.
 *
 * comes from: the gates.  goes to: a stream "node" of the tunnel, where the agent speaks HTTP/1.1
 * (agent/node_service.h).
 */
#ifndef SERVER_FRONT_CONNECT_H
#define SERVER_FRONT_CONNECT_H

#include "server/road.h"

enum step connect_pass(struct request *req, struct error *err);

#endif
