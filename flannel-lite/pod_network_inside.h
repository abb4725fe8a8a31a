/*
 * pod_network_inside.h - what the files of the pod network share; nobody else includes it.
 *
 *	pod_network.c	the plan, opening, taking away
 *	pod_device.c	the bridge and the VXLAN device: made, taken over, repaired
 *	pod_attach.c	one pod's interface
 *	pod_peers.c	the other machines' entries
 *	pod_link.c	questions to the kernel about links and addresses
 *
 * IPv4 addresses are numbers in host byte order.
 */
#ifndef FLANNEL_LITE_POD_NETWORK_INSIDE_H
#define FLANNEL_LITE_POD_NETWORK_INSIDE_H

#include <arpa/inet.h>
#include <net/if.h>

#include "flannel-lite/netlink.h"
#include "flannel-lite/pod_address.h"
#include "flannel-lite/pod_network.h"

#define POD_BRIDGE "cni0"
#define POD_VXLAN  "flannel.1"

enum {
	POD_VXLAN_ID = 1,
	POD_VXLAN_PORT = 8472,
	POD_VXLAN_BYTES = 50, /* of headers around a packet: Ethernet 14, IP 20, UDP 8, VXLAN 8 */
	POD_MTU_MIN = 576,    /* what every IPv4 host must take */
	POD_MTU_MAX = 65485,  /* 65535 less the headers        */
	POD_MAC = 6,
	POD_PEERS_MAX = 10000,
};

struct pod_range {
	uint32_t address;
	uint8_t prefix;
};

struct pod_network {
	char *folder;
	struct netlink *netlink; /* in the namespace that called open */
	struct pod_address *book;
	struct pod_range range;
	struct pod_range services; /* prefix 0: no route to them is wished */
	bool services_routed;
	uint32_t node_address;
	uint32_t plan_mtu; /* 0 = the underlay's less POD_VXLAN_BYTES */
	uint32_t mtu;
	uint32_t bridge;        /* index */
	uint32_t vxlan;         /* index */
	struct buf peers_saved; /* what the file of peers holds */
	char gateway[INET_ADDRSTRLEN];
};

/* --- pod_network.c --- */

/* "10.42.1.0/24": nothing may be set behind the prefix. */
bool pod_range_parse(const char *text, struct pod_range *out);
bool pod_address_parse(const char *text, uint32_t *out);
uint32_t pod_range_mask(uint8_t prefix);
bool pod_range_overlap(struct pod_range a, struct pod_range b);
const char *pod_address_print(uint32_t address, char text[INET_ADDRSTRLEN]);
/* 0a:58 and the address. */
void pod_mac(uint32_t address, unsigned char mac[POD_MAC]);
static inline uint32_t pod_gateway(const struct pod_network *network)
{
	return network->range.address + 1;
}

/* --- pod_device.c: also finds the devices again when somebody took them away --- */

MUST_CHECK bool pod_device_bridge(struct pod_network *network, struct error *err);
MUST_CHECK bool pod_device_vxlan(struct pod_network *network, struct error *err);
MUST_CHECK bool pod_device_forwarding(struct error *err);

/* --- pod_attach.c --- */

/* Make the interfaces of all pods ports of the bridge again: it is a new one. */
MUST_CHECK bool pod_attach_ports(struct pod_network *network, struct error *err);

/* --- pod_peers.c --- */

/* Program the peers of the last run, if there is a file of them. */
MUST_CHECK bool pod_peers_restore(struct pod_network *network, struct error *err);

/* --- pod_link.c --- */

struct pod_link {
	uint32_t index; /* 0: there is no such link */
	uint32_t flags; /* IFF_UP ... */
	uint32_t mtu;
	uint32_t master;
	uint32_t peer; /* of a veth: the other end's index, in its own namespace */
	unsigned char mac[POD_MAC];
	char name[IFNAMSIZ];
	char kind[16]; /* "bridge", "veth", "vxlan" or what else; "" when it has none */
	char alias[POD_ADDRESS_ID_MAX + 1];
	struct {
		uint32_t id, local, underlay;
		uint16_t port;
		bool learns;
	} vxlan;
};

/* The link of this name; index 0 when there is none. */
MUST_CHECK bool pod_link_find(struct netlink *netlink, const char *name, struct pod_link *out,
			      struct error *err);
MUST_CHECK bool pod_link_find_index(struct netlink *netlink, uint32_t index, struct pod_link *out,
				    struct error *err);
/* None is fine. */
MUST_CHECK bool pod_link_delete(struct netlink *netlink, const char *name, struct error *err);
/* Delete all veth links that are ports of a bridge. */
MUST_CHECK bool pod_link_delete_ports(struct netlink *netlink, uint32_t bridge, struct error *err);
/* The link's IPv4 addresses become exactly this one. */
MUST_CHECK bool pod_link_set_address(struct netlink *netlink, uint32_t index,
				     struct pod_range address, struct error *err);
/* The index of the link that has this IPv4 address; none: ERROR_UNAVAILABLE. */
MUST_CHECK bool pod_link_of_address(struct netlink *netlink, uint32_t address, uint32_t *out_index,
				    struct error *err);

#endif
