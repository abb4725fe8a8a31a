/*
 * service_address.h - hands out cluster addresses and node ports, and knows which are taken.
 *
 * What committed Services hold is taken; what was handed out for a create that is still on its way
 * stays reserved for 30 s, so that a failed create gives its address back by itself.
 */
#ifndef SERVER_REGISTRY_SERVICE_ADDRESS_H
#define SERVER_REGISTRY_SERVICE_ADDRESS_H

#include "base/text.h"

struct addresses;
struct datastore;

MUST_CHECK bool addresses_open(struct datastore *store, struct str service_cidr, int port_min,
			       int port_max, struct addresses **out, struct error *err);
void addresses_close(struct addresses *addresses); /* NULL is fine */
/* A free cluster address.  ERROR_FULL-like INVALID when there is none. */
MUST_CHECK bool addresses_take_ip(struct addresses *addresses, struct buf *out, struct error *err);
/* A wished one: must be in the range and free, or held by `owner` ("namespace/name"). */
MUST_CHECK bool addresses_claim_ip(struct addresses *addresses, struct str ip, struct str owner,
				   struct error *err);
MUST_CHECK bool addresses_take_port(struct addresses *addresses, int *out, struct error *err);
MUST_CHECK bool addresses_claim_port(struct addresses *addresses, int port, struct str owner,
				     struct error *err);

#endif
