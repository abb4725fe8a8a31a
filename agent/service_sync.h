/*
 * service_sync.h - the services and endpoint slices of the API as this node's packet rules.
 *
 * Changes are gathered for a moment and written as one table (flannel-lite/service_rules.h).  The
 * service default/kubernetes leads to this node's own relay to the API, wherever the server is.
 * The last table stays when the agent goes, and after a reboot without the server it is made of
 * what both lists said last (agent/kept_list.h).  Loop thread only.
 */
#ifndef AGENT_SERVICE_SYNC_H
#define AGENT_SERVICE_SYNC_H

#include "agent/pods.h"
#include "flannel-lite/service_rules.h"

struct service_sync_plan {
	struct node *node;
	struct pods *pods; /* their host ports */
	const char *cluster_cidr;
	const char *service_address; /* of default/kubernetes */
};
struct service_sync;
struct service_sync *service_sync_start(const struct service_sync_plan *plan);
void service_sync_stop(struct service_sync *sync); /* NULL is fine */
/* The network is up: rules can be written, and pods sent to the API at `relay`. */
void service_sync_network(struct service_sync *sync, const char *pod_cidr,
			  const struct service_endpoint *relay);
/* The server is reached (again). */
void service_sync_poke(struct service_sync *sync);
/* Pods came or went. */
void service_sync_again(struct service_sync *sync);

#endif
