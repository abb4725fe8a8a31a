/*
 * service_index.h - which services select a pod, which pods a namespace has, which slices a service
 * has: kept by changes, so that no pass looks through all of a cluster.
 *
 * Owner: the controller of endpoints; loop thread only.
 */
#ifndef SERVER_CONTROL_SERVICE_INDEX_H
#define SERVER_CONTROL_SERVICE_INDEX_H

#include "api/object.h"

struct service_index;
struct service_index *service_index_new(void);
void service_index_free(struct service_index *index); /* NULL is fine */

/* Changes of the caches; either state may be NULL. */
void service_index_service(struct service_index *index, const struct object *before,
			   const struct object *after);
void service_index_pod(struct service_index *index, const struct object *before,
		       const struct object *after);
void service_index_slice(struct service_index *index, const struct object *before,
			 const struct object *after);

/* Names, borrowed until the next change: for (size_t i = 0; (name = ..._next(...)).len > 0;)
 * Services of the pod's namespace that select it; pods of a namespace; slices that say that they
 * are the service's. */
struct str service_index_next_service(const struct service_index *index, const struct object *pod,
				      size_t *at);
struct str service_index_next_pod(const struct service_index *index, struct str namespace,
				  size_t *at);
struct str service_index_next_slice(const struct service_index *index, struct str namespace,
				    struct str service, size_t *at);

/* The name of the service that a slice says it is of; "" when it says none. */
struct str service_index_of_slice(const struct object *slice);

#endif
