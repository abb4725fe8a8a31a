/*
 * api_relay.h - the pods' way to the API: a port on the bridge whose connections become streams of
 * the tunnel.  What flows is the pod's own TLS to the server; nobody looks into it.
 */
#ifndef AGENT_API_RELAY_H
#define AGENT_API_RELAY_H

#include "flannel-lite/service_rules.h"
#include "tunnel/redial.h"

struct api_relay;
/* Listens on a free port of `address` (the bridge's).  The redial is borrowed. */
MUST_CHECK bool api_relay_open(struct loop *loop, const char *address, struct redial *redial,
			       struct api_relay **out, struct error *err);
void api_relay_close(struct api_relay *relay); /* NULL is fine; connections that live go on */
struct service_endpoint api_relay_endpoint(const struct api_relay *relay);

#endif
