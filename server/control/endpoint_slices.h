/*
 * endpoint_slices.h - the two kinds of objects that tell where a service's pods are: made equal to
 * a list of endpoints.
 *
 * Loop thread only.
 */
#ifndef SERVER_CONTROL_ENDPOINT_SLICES_H
#define SERVER_CONTROL_ENDPOINT_SLICES_H

#include "server/control/controller.h"
#include "server/control/endpoint_list.h"

#define SLICE_MANAGED_BY "endpointslice.kubernetes.io/managed-by"
#define SLICE_MANAGER    "endpointslice-controller.k8s.io"
#define ENDPOINTS_TIME   "endpoints.kubernetes.io/last-change-trigger-time"

/*
 * Endpoint slices: what stays keeps its slice, what is new goes where something changes anyway, and
 * no slice has more than 100.  `old`: the slices of the service that we manage, of all families.
 * Calls are added to the batch.
 */
void endpoint_slices_write(struct batch *batch, const struct object *service,
			   const struct endpoint_list *list, const struct object *const *old,
			   size_t old_count);

/* The metadata of a new slice: a name after its owner's, and the owner. */
void endpoint_slices_name(struct json_doc *doc, struct json *metadata, const struct object *owner);

/* The object Endpoints of the service's name; old: as it is now, or NULL. */
void endpoints_write(struct batch *batch, const struct object *service,
		     const struct endpoint_list *list, const struct object *old);

#endif
