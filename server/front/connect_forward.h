/*
 * connect_forward.h - port-forward: connections from a client's machine to ports of a pod.
 *
 * SPDY/3.1 (portforward.k8s.io): by upgrade, or inside WebSocket messages
 * (SPDY/3.1+portforward.k8s.io): two streams for a connection, "error" and "data".  WebSocket
 * channels (v4.channel.k8s.io and others) with ports=: two channels for a port, 2i and 2i+1, which
 * begin with the port's number.  Wire contract 5.4.
 */
#ifndef SERVER_FRONT_CONNECT_FORWARD_H
#define SERVER_FRONT_CONNECT_FORWARD_H

#include "server/road.h"

/* node: where the pod is. */
enum step forward_start(struct request *req, struct str node, struct error *err);

#endif
