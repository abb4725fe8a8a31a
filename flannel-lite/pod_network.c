/*
 * pod_network.c - this machine's part of the pod network: the plan, opening, taking away.
 *
 * How a packet finds the pod 10.42.2.7 on another machine, when we are 10.42.1.0/24:
 *
 *	route		10.42.2.0/24 via 10.42.2.0 dev flannel.1 onlink
 *	neighbour	10.42.2.0 is 0a:58:0a:2a:02:00
 *	forwarding	0a:58:0a:2a:02:00 is behind 192.168.1.12 (UDP 8472, VXLAN 1)
 *
 * and there cni0 delivers it.  Everything that is needed for that is known from the peer's range
 * and its address, so nothing is ever asked or learned on the wire.
 */
#include "flannel-lite/pod_network.h"

#include <assert.h>
#include <linux/rtnetlink.h>

#include "base/file.h"
#include "flannel-lite/pod_network_inside.h"

enum { RANGE_PREFIX_MIN = 16, RANGE_PREFIX_MAX = 30 };

bool pod_address_parse(const char *text, uint32_t *out)
{
	struct in_addr address;

	if (text == NULL || inet_pton(AF_INET, text, &address) != 1)
		return false;
	*out = ntohl(address.s_addr);
	return true;
}

uint32_t pod_range_mask(uint8_t prefix)
{
	assert(prefix <= 32);
	return prefix == 0 ? 0 : UINT32_MAX << (32 - prefix);
}

bool pod_range_parse(const char *text, struct pod_range *out)
{
	char address[INET_ADDRSTRLEN];
	struct str rest = str_of(text);
	struct str front = str_cut(&rest, '/');
	struct pod_range range;
	uint64_t prefix;

	if (front.len == 0 || front.len >= sizeof(address) || !str_to_u64(rest, 32, &prefix))
		return false;
	memcpy(address, front.at, front.len);
	address[front.len] = '\0';
	if (!pod_address_parse(address, &range.address))
		return false;
	range.prefix = (uint8_t)prefix;
	if (range.address & ~pod_range_mask(range.prefix))
		return false;
	*out = range;
	return true;
}

bool pod_range_overlap(struct pod_range a, struct pod_range b)
{
	uint32_t mask = pod_range_mask(a.prefix < b.prefix ? a.prefix : b.prefix);

	return (a.address & mask) == (b.address & mask);
}

const char *pod_address_print(uint32_t address, char text[INET_ADDRSTRLEN])
{
	struct in_addr bytes = { htonl(address) };

	return inet_ntop(AF_INET, &bytes, text, INET_ADDRSTRLEN);
}

void pod_mac(uint32_t address, unsigned char mac[POD_MAC])
{
	uint32_t bytes = htonl(address);

	mac[0] = 0x0a;
	mac[1] = 0x58;
	memcpy(mac + 2, &bytes, sizeof(bytes));
}

MUST_CHECK static bool parse_plan(const struct pod_network_plan *plan, struct pod_network *network,
				  struct error *err)
{
	struct pod_range cluster;

	if (!pod_range_parse(plan->pod_cidr, &network->range) ||
	    network->range.prefix < RANGE_PREFIX_MIN || network->range.prefix > RANGE_PREFIX_MAX)
		return error_set(
			err, ERROR_INVALID, "\"%s\" is no range of pod addresses from /%d to /%d",
			plan->pod_cidr ? plan->pod_cidr : "", RANGE_PREFIX_MIN, RANGE_PREFIX_MAX);
	if (!pod_range_parse(plan->cluster_cidr, &cluster) ||
	    cluster.prefix > network->range.prefix || !pod_range_overlap(cluster, network->range))
		return error_set(err, ERROR_INVALID, "\"%s\" is no range of addresses around %s",
				 plan->cluster_cidr ? plan->cluster_cidr : "", plan->pod_cidr);
	if (plan->service_cidr && (!pod_range_parse(plan->service_cidr, &network->services) ||
				   pod_range_overlap(cluster, network->services)))
		return error_set(err, ERROR_INVALID,
				 "\"%s\" is no range of addresses outside of %s",
				 plan->service_cidr, plan->cluster_cidr);
	if (!pod_address_parse(plan->node_address, &network->node_address))
		return error_set(err, ERROR_INVALID, "\"%s\" is no IPv4 address",
				 plan->node_address ? plan->node_address : "");
	if (plan->mtu != 0 && (plan->mtu < POD_MTU_MIN || plan->mtu > POD_MTU_MAX))
		return error_set(err, ERROR_INVALID, "an mtu of %d is not from %d to %d", plan->mtu,
				 POD_MTU_MIN, POD_MTU_MAX);
	network->plan_mtu = (uint32_t)plan->mtu;
	pod_address_print(pod_gateway(network), network->gateway);
	return true;
}

/* The pods' addresses: all of the range but its own, the gateway's and the broadcast address. */
MUST_CHECK static bool open_book(struct pod_network *network, struct error *err)
{
	auto_free char *path = memory_print("%s/addresses.json", network->folder);
	uint32_t last = network->range.address | ~pod_range_mask(network->range.prefix);

	if (!file_make_dirs(network->folder, 0700, err))
		return false;
	return pod_address_open(path, pod_gateway(network) + 1, last - 1, &network->book, err);
}

DEFINE_AUTO(struct pod_network *, pod_network_close)

bool pod_network_open(const struct pod_network_plan *plan, struct pod_network **out,
		      struct error *err)
{
	AUTO(pod_network_close) struct pod_network *network = memory_new(struct pod_network);

	if (!parse_plan(plan, network, err))
		return error_context(err, "pod network");
	network->folder = memory_string(plan->folder);
	if (!open_book(network, err) || !netlink_open(NETLINK_ROUTE, &network->netlink, err) ||
	    !pod_device_vxlan(network, err) || !pod_device_bridge(network, err) ||
	    !pod_device_forwarding(err) || !pod_peers_restore(network, err))
		return error_context(err, "pod network");
	*out = take_ptr(&network);
	return true;
}

void pod_network_close(struct pod_network *network)
{
	if (network == NULL)
		return;
	pod_address_close(network->book);
	netlink_close(network->netlink);
	buf_clear(&network->peers_saved);
	free(network->folder);
	free(network);
}

bool pod_network_remove(struct pod_network *network, struct error *err)
{
	struct pod_link bridge;

	if (!pod_link_find(network->netlink, POD_BRIDGE, &bridge, err))
		return false;
	if (bridge.index != 0 && !pod_link_delete_ports(network->netlink, bridge.index, err))
		return false;
	return pod_link_delete(network->netlink, POD_BRIDGE, err) &&
	       pod_link_delete(network->netlink, POD_VXLAN, err) &&
	       file_remove_tree(network->folder, err);
}

const char *pod_network_gateway(const struct pod_network *network)
{
	return network->gateway;
}
