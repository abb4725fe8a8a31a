/*
 * connect_proxy.h - pods/proxy, services/proxy, nodes/proxy: requests handed on to what runs in the
 * cluster.
 *
 * comes from: the gates, with every method.  goes to: an address behind a node's tunnel, so that
 * the server needs no way into the pod network; nodes/proxy goes to the node's own service.
 *
 * NAME may be SCHEME:NAME:PORT.  What is of one hop only is left out, and so is what the client
 * told about itself (Authorization).  Upgrades become plain connections.  https is not verified.
 */
#ifndef SERVER_FRONT_CONNECT_PROXY_H
#define SERVER_FRONT_CONNECT_PROXY_H

#include "server/road.h"

enum step proxy_pass(struct request *req, struct error *err);

#endif
