/*
 * proxy_target.h - where a proxied request goes: a node, and an address that it reaches.
 */
#ifndef SERVER_FRONT_PROXY_TARGET_H
#define SERVER_FRONT_PROXY_TARGET_H

#include "server/request.h"
#include "tunnel/tunnel.h"

struct proxy_target {
	struct tunnel *tunnel; /* of the node that dials */
	bool of_node;          /* the node's own service; no address */
	bool tls;
	char address[64];
	unsigned port;
};

/* From a request for proxy of pods, services or nodes, in the words of the real server. */
MUST_CHECK bool proxy_target_find(struct request *req, struct proxy_target *out, struct error *err);

/* One of the ready pods behind a service's port, which is its number or its name. */
struct proxy_service {
	struct str namespace, name, port;
	struct str called; /* in refusals */
};
MUST_CHECK bool proxy_target_of_service(struct server *server, const struct proxy_service *service,
					struct proxy_target *out, struct error *err);

#endif
