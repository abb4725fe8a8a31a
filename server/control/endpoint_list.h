/*
 * endpoint_list.h - the pods behind a service, as Endpoints and EndpointSlices tell of them.
 *
 * Made for one pass from the caches: one entry a pod that has an address, with what it offers under
 * each port of the service.  Borrows from the objects.
 *
 * Owner: one pass; loop thread only.
 */
#ifndef SERVER_CONTROL_ENDPOINT_LIST_H
#define SERVER_CONTROL_ENDPOINT_LIST_H

#include "api/object.h"

struct cache;

struct endpoint {
	const struct object *pod;
	struct str uid, node, hostname; /* hostname: "" unless it is one of this service's names */
	const struct json *ips;         /* status.podIPs, or NULL: podIP alone */
	struct str ip;
	bool ready, leaving; /* leaving: deleted */
	size_t ports;        /* its group of equal ports */
};

/* Pods with the same ports are one group: of named ports they may have different numbers. */
struct endpoint_list {
	struct json_doc *doc; /* owns the ports */
	struct endpoint *all;
	size_t count, room;
	struct json **ports; /* a group -> [{"name","port","protocol","appProtocol"}] */
	size_t group_count;
	bool all_ready; /* publishNotReadyAddresses */
};

void endpoint_list_init(struct endpoint_list *list, const struct object *service);
void endpoint_list_clear(struct endpoint_list *list);
/* One pod that the service selects; one that has nothing to tell is left out. */
void endpoint_list_add(struct endpoint_list *list, const struct object *service,
		       const struct object *pod);
/* The address of the family, "IPv4" or "IPv6"; "" when it has none. */
struct str endpoint_address(const struct endpoint *endpoint, const char *family);
/* {"kind":"Pod","namespace","name","uid"} */
struct json *endpoint_target(struct json_doc *doc, const struct endpoint *endpoint);
/* When the last of the pods became ready or not, else when the service was made: RFC 3339, "". */
struct str endpoint_list_time(const struct endpoint_list *list, const struct object *service);
bool endpoint_is_headless(const struct object *service);

#endif
