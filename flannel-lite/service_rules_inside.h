/*
 * service_rules_inside.h - what the two halves of service_rules share: service_rules.c checks the
 * plan and fills the maps, service_chains.c makes the rules that ask them.
 */
#ifndef FLANNEL_LITE_SERVICE_RULES_INSIDE_H
#define FLANNEL_LITE_SERVICE_RULES_INSIDE_H

#include "base/map.h"
#include "flannel-lite/nft_message.h"
#include "flannel-lite/service_rules.h"

/* The keys and values of the maps: packet fields, each padded to 4 bytes, in network order;
 * slots, which are ours, in host order.
 * Checklist: load_address_port, load_port in service_chains.c. */
struct address_port_key {
	uint32_t address;
	uint8_t protocol;
	uint8_t zeros[3];
	uint16_t port;
	uint16_t zero;
};
struct port_key {
	uint8_t protocol;
	uint8_t zeros[3];
	uint16_t port;
	uint16_t zero;
};
struct endpoint_value {
	uint32_t address;
	uint16_t port;
	uint16_t zero;
};
struct loop_key {
	uint32_t source;
	uint32_t destination;
};

enum set_place {
	SET_SERVICES,       /* address, protocol, port: chain that picks one of so many */
	SET_ENDPOINTS,      /* address, protocol, port, slot: endpoint */
	SET_NODE_PORTS,     /* protocol, port: chain that picks */
	SET_NODE_ENDPOINTS, /* protocol, port, slot: endpoint */
	SET_HOST_PORTS,     /* protocol, port: endpoint */
	SET_HOST_PORTS_AT,  /* address, protocol, port: endpoint */
	SET_REFUSED,        /* address, protocol, port: "refuse" */
	SET_NODE_REFUSED,   /* protocol, port: "refuse" or drop */
	SET_LOOPS,          /* a pod's own address as both ends: it met itself through a service */
	SETS
};

struct range {
	uint32_t address; /* host order, like the mask */
	uint32_t mask;
};

/* One replacement under way. */
struct rules {
	const struct service_rules_plan *plan;
	struct range cluster;
	struct range pods;
	struct nft_set sets[SETS];
	struct nft_batch *batch;
	struct map
		*taken; /* keys that are in a map already: the first one wins; pick chains made */
};

/* Endpoints to pick from, dealt to slots. */
struct pool {
	const struct service_endpoint *endpoints;
	size_t count;
	size_t slots;
	bool sticky; /* the client's address picks the slot, not chance */
};

/* How a packet comes to a pool. */
enum way {
	WAY_SERVICE, /* by a cluster address */
	WAY_NODE,    /* by a node port, to be masqueraded */
	WAY_LOCAL,   /* by a node port, keeping the client's address */
};

#define PICK_NAME 48 /* bytes of a chain's name */

/* All chains but those that pick, and their rules. */
void service_chains_add(struct rules *rules);
/* The chain that picks from pools like this one, made when it is the first of its sort. */
void service_chains_pick(struct rules *rules, const struct pool *pool, enum way way,
			 char out_chain[PICK_NAME]);

#endif
