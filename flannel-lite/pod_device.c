/*
 * pod_device.c - the bridge cni0 and the VXLAN device flannel.1: made, taken over, repaired.
 *
 * The bridge is kept whenever it is one, for pods hang on it: only its settings are put right.  A
 * VXLAN device cannot change most of its settings, and nothing hangs on it but entries that we
 * can write again: it is made anew.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <sys/wait.h>

#include "base/file.h"
#include "base/log.h"
#include "base/process.h"
#include "flannel-lite/pod_network_inside.h"

#define SERVICES_METRIC 4242

/* The settings that both devices have. */
static void add_settings(struct netlink_batch *batch, const char *name, uint32_t mtu,
			 uint32_t mac_of)
{
	unsigned char mac[POD_MAC];

	pod_mac(mac_of, mac);
	netlink_add_text(batch, IFLA_IFNAME, name);
	netlink_add_u32(batch, IFLA_MTU, mtu);
	netlink_add(batch, IFLA_ADDRESS, mac, sizeof(mac));
}

static bool has_settings(const struct pod_link *link, uint32_t mtu, uint32_t mac_of)
{
	unsigned char mac[POD_MAC];

	pod_mac(mac_of, mac);
	return link->mtu == mtu && memcmp(link->mac, mac, sizeof(mac)) == 0;
}

/* Find again what was just made. */
MUST_CHECK static bool find_made(struct pod_network *network, const char *name,
				 struct pod_link *out, struct error *err)
{
	if (!pod_link_find(network->netlink, name, out, err))
		return false;
	if (out->index == 0)
		return error_set(err, ERROR_UNAVAILABLE, "interface %s is gone again", name);
	return true;
}

static void make_bridge(struct pod_network *network, struct netlink_batch *batch)
{
	struct ifinfomsg head = { .ifi_family = AF_UNSPEC };

	netlink_start(batch, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL | NLM_F_ACK, &head,
		      sizeof(head));
	add_settings(batch, POD_BRIDGE, network->mtu, pod_gateway(network));

	size_t info = netlink_nest(batch, IFLA_LINKINFO);

	netlink_add_text(batch, IFLA_INFO_KIND, "bridge");
	netlink_nest_end(batch, info);
}

/* Set what may have changed, and bring it up. */
static void raise_link(struct netlink_batch *batch, const char *name, uint32_t mtu, uint32_t mac_of)
{
	struct ifinfomsg head = { .ifi_family = AF_UNSPEC,
				  .ifi_flags = IFF_UP,
				  .ifi_change = IFF_UP };

	netlink_start(batch, RTM_NEWLINK, NLM_F_ACK, &head, sizeof(head));
	add_settings(batch, name, mtu, mac_of);
}

/* Packets to services are turned elsewhere on their way out, but only if some route lets them begin
 * it. They come from the address that other machines know, if there is one.  A metric of our own:
 * nobody else's route is replaced. */
MUST_CHECK static bool route_services(struct pod_network *network, struct error *err)
{
	auto_netlink_batch batch = NETLINK_BATCH_INIT;
	struct rtmsg head = { .rtm_family = AF_INET,
			      .rtm_dst_len = network->services.prefix,
			      .rtm_table = RT_TABLE_MAIN,
			      .rtm_protocol = RTPROT_STATIC,
			      .rtm_scope = RT_SCOPE_LINK,
			      .rtm_type = RTN_UNICAST };
	bool is_alone = network->node_address >> 24 == 127;

	if (network->services.prefix == 0 || network->services_routed)
		return true;
	netlink_start(&batch, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE | NLM_F_ACK, &head,
		      sizeof(head));
	netlink_add_be32(&batch, RTA_DST, network->services.address);
	netlink_add_be32(&batch, RTA_PREFSRC,
			 is_alone ? pod_gateway(network) : network->node_address);
	netlink_add_u32(&batch, RTA_OIF, network->bridge);
	netlink_add_u32(&batch, RTA_PRIORITY, SERVICES_METRIC);
	if (!netlink_send(network->netlink, &batch, err))
		return error_context(err, "the route to services");
	network->services_routed = true;
	return true;
}

bool pod_device_bridge(struct pod_network *network, struct error *err)
{
	auto_netlink_batch batch = NETLINK_BATCH_INIT;
	struct pod_range address = { pod_gateway(network), network->range.prefix };
	struct pod_link link;
	bool is_new;

	if (!pod_link_find(network->netlink, POD_BRIDGE, &link, err))
		return false;
	if (link.index != 0 && strcmp(link.kind, "bridge") != 0) {
		if (!pod_link_delete(network->netlink, POD_BRIDGE, err))
			return false;
		link.index = 0;
	}
	is_new = link.index == 0;
	if (is_new)
		make_bridge(network, &batch);
	if (is_new || !(link.flags & IFF_UP) ||
	    !has_settings(&link, network->mtu, pod_gateway(network)))
		raise_link(&batch, POD_BRIDGE, network->mtu, pod_gateway(network));
	if (batch.count > 0 && !netlink_send(network->netlink, &batch, err))
		return error_context(err, "make the bridge " POD_BRIDGE);
	if (!find_made(network, POD_BRIDGE, &link, err))
		return false;
	network->bridge = link.index;
	network->services_routed = network->services_routed && !is_new;
	return pod_link_set_address(network->netlink, link.index, address, err) &&
	       route_services(network, err) && (!is_new || pod_attach_ports(network, err));
}

static void make_vxlan(struct pod_network *network, uint32_t underlay, struct netlink_batch *batch)
{
	struct ifinfomsg head = { .ifi_family = AF_UNSPEC };

	netlink_start(batch, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL | NLM_F_ACK, &head,
		      sizeof(head));
	add_settings(batch, POD_VXLAN, network->mtu, network->range.address);

	size_t info = netlink_nest(batch, IFLA_LINKINFO);

	netlink_add_text(batch, IFLA_INFO_KIND, "vxlan");

	size_t about = netlink_nest(batch, IFLA_INFO_DATA);

	netlink_add_u32(batch, IFLA_VXLAN_ID, POD_VXLAN_ID);
	netlink_add_be32(batch, IFLA_VXLAN_LOCAL, network->node_address);
	netlink_add_u32(batch, IFLA_VXLAN_LINK, underlay);
	netlink_add_be16(batch, IFLA_VXLAN_PORT, POD_VXLAN_PORT);
	netlink_add_u8(batch, IFLA_VXLAN_LEARNING, 0);
	netlink_nest_end(batch, about);
	netlink_nest_end(batch, info);
}

static bool is_our_vxlan(const struct pod_network *network, const struct pod_link *link,
			 uint32_t underlay)
{
	return strcmp(link->kind, "vxlan") == 0 && link->vxlan.id == POD_VXLAN_ID &&
	       link->vxlan.local == network->node_address && link->vxlan.underlay == underlay &&
	       link->vxlan.port == POD_VXLAN_PORT && !link->vxlan.learns &&
	       has_settings(link, link->mtu, network->range.address);
}

/* The link that carries our address, and by it the mtu, unless the plan says one. */
MUST_CHECK static bool find_underlay(struct pod_network *network, uint32_t *out_index,
				     struct error *err)
{
	struct pod_link link;
	uint32_t mtu = network->plan_mtu;

	if (!pod_link_of_address(network->netlink, network->node_address, out_index, err) ||
	    !pod_link_find_index(network->netlink, *out_index, &link, err))
		return false;
	if (mtu == 0) {
		mtu = link.mtu > POD_VXLAN_BYTES ? link.mtu - POD_VXLAN_BYTES : 0;
		if (mtu < POD_MTU_MIN)
			return error_set(err, ERROR_INVALID,
					 "interface %s carries %u bytes: too few for a pod network",
					 link.name, link.mtu);
	}
	network->mtu = mtu < POD_MTU_MAX ? mtu : POD_MTU_MAX;
	return true;
}

bool pod_device_vxlan(struct pod_network *network, struct error *err)
{
	auto_netlink_batch batch = NETLINK_BATCH_INIT;
	struct pod_range address = { network->range.address, 32 };
	struct pod_link link;
	uint32_t underlay;

	if (!find_underlay(network, &underlay, err) ||
	    !pod_link_find(network->netlink, POD_VXLAN, &link, err))
		return false;
	if (link.index != 0 && !is_our_vxlan(network, &link, underlay)) {
		if (!pod_link_delete(network->netlink, POD_VXLAN, err))
			return false;
		link.index = 0;
	}
	if (link.index == 0)
		make_vxlan(network, underlay, &batch);
	if (link.index == 0 || !(link.flags & IFF_UP) || link.mtu != network->mtu)
		raise_link(&batch, POD_VXLAN, network->mtu, network->range.address);
	if (batch.count > 0 && !netlink_send(network->netlink, &batch, err))
		return error_context(err, "make the VXLAN device " POD_VXLAN);
	if (!find_made(network, POD_VXLAN, &link, err))
		return false;
	network->vxlan = link.index;
	return pod_link_set_address(network->netlink, link.index, address, err);
}

/* Write "1" unless it says so already: the file may be read-only then.  Missing is the caller's
 * affair. */
MUST_CHECK static bool switch_on(const char *path, bool *out_missing, struct error *err)
{
	auto_fd reader = open(path, O_RDONLY | O_CLOEXEC);
	char now = '0';

	*out_missing = reader < 0 && errno == ENOENT;
	if (*out_missing || (reader >= 0 && read(reader, &now, 1) == 1 && now == '1'))
		return true;

	auto_fd fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return error_os(err, "open %s", path);
	if (!file_write_all(fd, "1\n", 2, err))
		return error_context(err, "write %s", path);
	return true;
}

/*
 * As the kernel itself does for what it misses: the program that /proc names.  Most kernels have
 * br_netfilter as a module that nothing asks for.  The others would be asked for, but one by one
 * while our thread waits, and the kernel begins a batch of rules again after each: dozens of calls.
 */
static void load_modules(void)
{
	auto_buf program = BUF_INIT;
	const char *argv[] = { "modprobe",
			       "-q",
			       "-a",
			       "--",
			       "br_netfilter",
			       "nft_ct",
			       "nft_fib_ipv4",
			       "nft_nat",
			       "nft_chain_nat",
			       "nft_masq",
			       "nft_reject_ipv4",
			       "nft_numgen",
			       "veth",
			       "overlay",
			       NULL };
	struct process_plan plan = { .argv = argv, .stdio = { -1, -1, -1 } };
	struct error ignored;
	int status;
	pid_t pid;

	if (!file_read("/proc/sys/kernel/modprobe", 4096, &program, &ignored))
		return;
	while (program.len > 0 && program.at[program.len - 1] == '\n')
		program.at[--program.len] = '\0';
	plan.path = buf_text(&program);
	if (*plan.path == '/' && process_start(&plan, &pid, &ignored))
		while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
			continue;
}

#define BRIDGE_SWITCH "/proc/sys/net/bridge/bridge-nf-call-iptables"

bool pod_device_forwarding(struct error *err)
{
	bool missing;

	if (!switch_on("/proc/sys/net/ipv4/ip_forward", &missing, err))
		return false;
	if (missing)
		return error_set(err, ERROR_BROKEN, "/proc/sys/net/ipv4/ip_forward is missing");
	/* Without it a pod that calls a service and is answered by a pod of the same bridge never
	 * sees the answer's address turned back.  A kernel without br_netfilter has no switch. */
	if (!switch_on(BRIDGE_SWITCH, &missing, err))
		return false;
	if (!missing)
		return true;
	load_modules();
	if (!switch_on(BRIDGE_SWITCH, &missing, err))
		return false;
	if (missing)
		log_warn("network",
			 "this kernel has no br_netfilter: pods of one node cannot reach each "
			 "other through a service",
			 "remedy=\"modprobe br_netfilter\"");
	return true;
}
