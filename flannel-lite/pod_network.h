/*
 * pod_network.h - this machine's part of the pod network: a bridge, one veth pair a pod, addresses,
 * and VXLAN to the other machines.
 *
 *   pod eth0 --veth-- cni0 (our range's first address) --route-- flannel.1 (VXLAN 1, UDP 8472)
 *
 * Every machine has one range of pod addresses ("10.42.1.0/24").  Its VXLAN device has the range's
 * own address (10.42.1.0/32) and the hardware address 0a:58 followed by that address, so that two
 * numbers, the range and the underlay address, say all about a peer: exactly three permanent kernel
 * entries each (neighbour, forwarding, route), no learning.  IPv4.
 *
 * Names of interfaces and addresses of pods are kept below `folder`, so that a process that starts
 * again finds them; the kernel's own state outlives the process on purpose.  Calls speak rtnetlink
 * and wait for the kernel's answer (microseconds).  Needs CAP_NET_ADMIN.
 *
 * One thread at a time.
 */
#ifndef FLANNEL_LITE_POD_NETWORK_H
#define FLANNEL_LITE_POD_NETWORK_H

#include "base/text.h"

struct pod_network;

struct pod_network_plan {
	const char *folder;   /* made when missing: addresses and peers are remembered here    */
	const char *pod_cidr; /* of this machine, "10.42.1.0/24"; at most /30 and at least /16 */
	const char *cluster_cidr; /* of all pods, "10.42.0.0/16" */
	const char *node_address; /* our underlay address: of one of our interfaces */
	/* Of services, "10.43.0.0/16", or NULL: this machine itself reaches them by the bridge,
	 * also when nothing else leads there (no default route). */
	const char *service_cidr;
	int mtu; /* of the pods; 0 = the underlay's less 50                       */
};

/*
 * Make (or take over, or repair) the bridge, the VXLAN device, the forwarding switches
 * (net.ipv4.ip_forward, br_netfilter where the kernel has it).  A device of the right name with
 * other settings is made anew.  Addresses of the last run are kept.  No interface has
 * node_address: ERROR_UNAVAILABLE.  A damaged book of addresses: ERROR_BROKEN.
 */
MUST_CHECK bool pod_network_open(const struct pod_network_plan *plan, struct pod_network **out,
				 struct error *err);
/* Let go: what the kernel has stays.  NULL is fine. */
void pod_network_close(struct pod_network *network);
/* Take everything away that open and attach made: devices, addresses, peers, the folder. */
MUST_CHECK bool pod_network_remove(struct pod_network *network, struct error *err);

/* The bridge's address: the pods' gateway, where the machine itself answers. */
const char *pod_network_gateway(const struct pod_network *network);

#define POD_NETWORK_ADDRESS 46 /* bytes of an address as text */

/*
 * Give the namespace behind `netns` (a path to it) eth0 with an address, the default route, and lo.
 * `id` names the pod (any text up to 127 bytes without '/').  The same id gets the same address
 * again, so a half-done attach is finished by calling it once more.  All addresses in use:
 * ERROR_FULL.  The namespace has an eth0 that is not this pod's: ERROR_EXISTS.
 */
MUST_CHECK bool pod_network_attach(struct pod_network *network, const char *id, const char *netns,
				   char out_address[POD_NETWORK_ADDRESS], struct error *err);
/* Take the pod's interface and address away; an unknown id is fine. An address is not given out
 * again while others are free. */
MUST_CHECK bool pod_network_detach(struct pod_network *network, const char *id, struct error *err);
/* Free the addresses of all pods that are not in `ids` (NULL-terminated). */
MUST_CHECK bool pod_network_keep_only(struct pod_network *network, const char *const *ids,
				      struct error *err);

struct pod_network_peer {
	const char *pod_cidr;     /* "10.42.2.0/24"                      */
	const char *node_address; /* where its VXLAN packets go          */
};
/*
 * The other machines from now on: entries that are missing are made, wrong ones mended, others
 * taken away.  Remembered, so that open programs them before anybody is asked.  A peer whose
 * texts are no addresses, or whose range overlaps ours or another peer's, is an error that names it
 * (ERROR_INVALID; over 10000 peers: ERROR_TOO_LARGE); nothing is changed then.
 */
MUST_CHECK bool pod_network_peers(struct pod_network *network, const struct pod_network_peer *peers,
				  size_t count, struct error *err);

/* Bring lo up in the namespace behind `netns`: all that a pod without an address needs. */
MUST_CHECK bool pod_network_loopback(const char *netns, struct error *err);

#endif
