/*
 * kinds.c - the one list of kinds.  Discovery names them in this order within their group.
 */
#include "api/kind.h"

extern const struct kind kind_event_events;
extern const struct kind kind_configmap, kind_endpointslice, kind_event, kind_lease, kind_namespace,
	kind_node, kind_pod, kind_replicaset, kind_secret, kind_service, kind_serviceaccount,
	kind_deployment;

const struct kind *const kind_list[] = {
	&kind_configmap,
	&kind_event,
	&kind_namespace,
	&kind_node,
	&kind_pod,
	&kind_secret,
	&kind_service,
	&kind_serviceaccount,
	&kind_deployment,
	&kind_replicaset,
	&kind_lease,
	&kind_endpointslice,
	&kind_event_events,
	NULL,
};
