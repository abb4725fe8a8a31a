/*
 * network_probe.c - makes one of each.
 */
#include "flannel-lite/network_probe.h"

#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include "flannel-lite/netlink.h"
#include "flannel-lite/service_rules.h"

#define VXLAN_ID 1

bool network_probe_device(const char *kind, struct error *err)
{
	auto_netlink netlink = NULL;
	auto_netlink_batch batch = NETLINK_BATCH_INIT;
	struct ifinfomsg head = { .ifi_family = AF_UNSPEC };
	size_t info, data;

	if (!netlink_open(NETLINK_ROUTE, &netlink, err))
		return false;
	netlink_start(&batch, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL | NLM_F_ACK, &head,
		      sizeof(head));
	netlink_add_text(&batch, IFLA_IFNAME, "mote-probe");
	info = netlink_nest(&batch, IFLA_LINKINFO);
	netlink_add_text(&batch, IFLA_INFO_KIND, kind);
	if (strcmp(kind, "vxlan") == 0) {
		data = netlink_nest(&batch, IFLA_INFO_DATA);
		netlink_add_u32(&batch, IFLA_VXLAN_ID, VXLAN_ID);
		netlink_nest_end(&batch, data);
	}
	netlink_nest_end(&batch, info);
	return netlink_send(netlink, &batch, err);
}

/* One service at random, one by the client's address, one that nobody answers, one host port. */
bool network_probe_rules(struct error *err)
{
	static const uint32_t addresses[] = { 0x0a2b0001, 0x0a2b0002, 0x0a2b0003 };
	static const struct service_endpoint ends[] = { { 0x0a2a0002, 80 }, { 0x0a2a0003, 80 } };
	const struct service_port ports[] = {
		{ .protocol = SERVICE_TCP,
		  .addresses = &addresses[0],
		  .address_count = 1,
		  .port = 80,
		  .node_port = 30000,
		  .endpoints = ends,
		  .endpoint_count = 2 },
		{ .protocol = SERVICE_UDP,
		  .addresses = &addresses[1],
		  .address_count = 1,
		  .port = 53,
		  .endpoints = ends,
		  .endpoint_count = 2,
		  .affinity_s = 60 },
		{ .protocol = SERVICE_TCP,
		  .addresses = &addresses[2],
		  .address_count = 1,
		  .port = 443 },
	};
	const struct host_port host = { .protocol = SERVICE_TCP, .port = 8080, .pod = ends[0] };
	struct service_rules_plan plan = { .cluster_cidr = "10.42.0.0/16",
					   .pod_cidr = "10.42.0.0/24",
					   .ports = ports,
					   .port_count = ARRAY_LENGTH(ports),
					   .host_ports = &host,
					   .host_port_count = 1 };

	return service_rules_replace(&plan, err);
}
