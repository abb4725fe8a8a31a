/*
 * registry.h - the stop that does what a resource request asks: get, list, watch, create, update,
 * patch, delete.
 *
 * comes from: the gates, with who and what.  goes to: datastore, and server/front/reply.
 * Keys are "/<group or core>/<plural>/[<namespace>/]<name>"; objects are compact JSON with
 * apiVersion, kind and metadata first.  Changes run the change loop { read - patch - default -
 * admit - validate } and are written only if nobody changed the object in between.
 *
 * Loop thread only.
 */
#ifndef SERVER_REGISTRY_REGISTRY_H
#define SERVER_REGISTRY_REGISTRY_H

#include "datastore/datastore.h"
#include "server/request.h"
#include "server/road.h"

struct registry;

struct registry_plan {
	struct loop *loop;
	struct server *server;   /* asked for rights; NULL: everybody has all of them */
	const char *folder;      /* of the database */
	const char *key_file;    /* what its secrets are sealed with */
	struct str service_cidr; /* "10.43.0.0/16" */
	int node_port_min, node_port_max;
};
MUST_CHECK bool registry_open(const struct registry_plan *plan, struct registry **out,
			      struct error *err);
void registry_close(struct registry *registry);
struct datastore *registry_store(struct registry *registry);

/* The stop of the road; request's server gives the registry by server_registry(). */
enum step registry_pass(struct request *req, struct error *err);

/* Direct reads for gates and other stops: committed state, borrowed until the next loop round; NULL
 * = absent. */
const struct object *registry_find(struct registry *registry, const struct kind *kind,
				   struct str namespace, struct str name);
/* Walk a kind's objects (namespace STR_NONE = all) until visit gives false. */
void registry_each(struct registry *registry, const struct kind *kind, struct str namespace,
		   bool (*visit)(void *of, const struct object *object), void *of);
void registry_key(const struct kind *kind, struct str namespace, struct str name, struct buf *out);

/* Every few seconds: is there a new key for secrets? */
void registry_look(struct registry *registry);
/* Watches stop with the server: ends all streams cleanly. */
void registry_stop_watches(struct registry *registry);
size_t registry_watch_count(const struct registry *registry);

#endif
