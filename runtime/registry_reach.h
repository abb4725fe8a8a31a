/*
 * registry_reach.h - which addresses the registry of an image may make this node call.
 *
 * The name of an image is a pod author's word, and a redirect or a token service is its registry's:
 * neither may send the node to what only it can reach, its own services and the metadata of its
 * machine (link-local, and the few addresses where clouds keep it).  The administrator's word is
 * registries.yaml: a host that it names is called wherever it is.  An image whose registry is named
 * as this machine ("localhost:5000/web", "127.0.0.1/web") may come from there.
 *
 * Addresses are judged, not names: a name that resolves to such an address helps nobody.
 *
 * Pure functions, any thread.
 */
#ifndef RUNTIME_REGISTRY_REACH_H
#define RUNTIME_REGISTRY_REACH_H

#include "base/json.h"
#include "net/socket_lookup.h"

enum registry_reach {
	REGISTRY_REACH_FAR,      /* other machines */
	REGISTRY_REACH_MACHINE,  /* this machine too */
	REGISTRY_REACH_ANYWHERE, /* the administrator has named it */
};

/* A call to `authority` on behalf of an image whose endpoint is `endpoint`. */
enum registry_reach registry_reach_of(const struct json *registries, const char *authority,
				      const char *endpoint);

bool registry_reach_allows(enum registry_reach reach, const struct socket_address *address);

#endif
