/*
 * pod_link.c - questions to the kernel about links and their addresses.
 */
#include <errno.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>

#include "flannel-lite/pod_network_inside.h"

/* A text attribute, cut to fit. */
static void copy_text(struct str value, char *out, size_t size)
{
	size_t len = value.len < size ? value.len : size - 1;

	if (len > 0)
		memcpy(out, value.at, len);
	out[len] = '\0';
}

static void parse_kind(struct str info, struct pod_link *out)
{
	struct str kind = netlink_find(info, IFLA_INFO_KIND);
	struct str about = netlink_find(info, IFLA_INFO_DATA);

	copy_text(kind, out->kind, sizeof(out->kind));
	if (strcmp(out->kind, "vxlan") != 0)
		return;
	out->vxlan.id = netlink_u32(netlink_find(about, IFLA_VXLAN_ID));
	out->vxlan.local = ntohl(netlink_u32(netlink_find(about, IFLA_VXLAN_LOCAL)));
	out->vxlan.underlay = netlink_u32(netlink_find(about, IFLA_VXLAN_LINK));
	out->vxlan.port = ntohs(netlink_u16(netlink_find(about, IFLA_VXLAN_PORT)));
	out->vxlan.learns = netlink_u8(netlink_find(about, IFLA_VXLAN_LEARNING)) != 0;
}

static bool parse_link(const struct netlink_message *message, struct pod_link *out)
{
	struct ifinfomsg head;
	struct str attributes;

	*out = (struct pod_link){ 0 };
	if (message->type != RTM_NEWLINK ||
	    !netlink_head(message->body, &head, sizeof(head), &attributes))
		return false;

	struct str mac = netlink_find(attributes, IFLA_ADDRESS);

	out->index = (uint32_t)head.ifi_index;
	out->flags = head.ifi_flags;
	out->mtu = netlink_u32(netlink_find(attributes, IFLA_MTU));
	out->master = netlink_u32(netlink_find(attributes, IFLA_MASTER));
	out->peer = netlink_u32(netlink_find(attributes, IFLA_LINK));
	if (mac.len == sizeof(out->mac))
		memcpy(out->mac, mac.at, sizeof(out->mac));
	copy_text(netlink_find(attributes, IFLA_IFNAME), out->name, sizeof(out->name));
	copy_text(netlink_find(attributes, IFLA_IFALIAS), out->alias, sizeof(out->alias));
	parse_kind(netlink_find(attributes, IFLA_LINKINFO), out);
	return true;
}

/* Ask with what the batch holds. */
MUST_CHECK static bool ask_link(struct netlink *netlink, struct netlink_batch *batch,
				struct pod_link *out, struct error *err)
{
	auto_buf answer = BUF_INIT;
	struct netlink_message message;

	*out = (struct pod_link){ 0 };
	if (!netlink_ask(netlink, batch, &answer, err)) {
		if (err->os_code != ENODEV)
			return false;
		error_clear(err);
		return true;
	}

	struct str rest = buf_str(&answer);

	if (!netlink_next(&rest, &message) || !parse_link(&message, out))
		return error_set(err, ERROR_BROKEN,
				 "the kernel's answer about a link makes no sense");
	return true;
}

bool pod_link_find(struct netlink *netlink, const char *name, struct pod_link *out,
		   struct error *err)
{
	auto_netlink_batch batch = NETLINK_BATCH_INIT;
	struct ifinfomsg head = { .ifi_family = AF_UNSPEC };

	netlink_start(&batch, RTM_GETLINK, NLM_F_ACK, &head, sizeof(head));
	netlink_add_text(&batch, IFLA_IFNAME, name);
	if (!ask_link(netlink, &batch, out, err))
		return error_context(err, "look for interface %s", name);
	return true;
}

bool pod_link_find_index(struct netlink *netlink, uint32_t index, struct pod_link *out,
			 struct error *err)
{
	auto_netlink_batch batch = NETLINK_BATCH_INIT;
	struct ifinfomsg head = { .ifi_family = AF_UNSPEC, .ifi_index = (int)index };

	netlink_start(&batch, RTM_GETLINK, NLM_F_ACK, &head, sizeof(head));
	if (!ask_link(netlink, &batch, out, err))
		return error_context(err, "look for interface %u", index);
	return true;
}

bool pod_link_delete(struct netlink *netlink, const char *name, struct error *err)
{
	auto_netlink_batch batch = NETLINK_BATCH_INIT;
	struct ifinfomsg head = { .ifi_family = AF_UNSPEC };

	netlink_start(&batch, RTM_DELLINK, NLM_F_ACK, &head, sizeof(head));
	netlink_add_text(&batch, IFLA_IFNAME, name);
	if (!netlink_send(netlink, &batch, err)) {
		if (err->os_code != ENODEV)
			return error_context(err, "delete interface %s", name);
		error_clear(err);
	}
	return true;
}

bool pod_link_delete_ports(struct netlink *netlink, uint32_t bridge, struct error *err)
{
	auto_netlink_batch batch = NETLINK_BATCH_INIT;
	auto_buf answer = BUF_INIT;
	struct ifinfomsg head = { .ifi_family = AF_UNSPEC };
	struct netlink_message message;

	netlink_start(&batch, RTM_GETLINK, NLM_F_DUMP, &head, sizeof(head));
	if (!netlink_ask(netlink, &batch, &answer, err))
		return error_context(err, "list interfaces");
	for (struct str rest = buf_str(&answer); netlink_next(&rest, &message);) {
		struct pod_link link;

		if (!parse_link(&message, &link) || link.master != bridge ||
		    strcmp(link.kind, "veth") != 0)
			continue;
		if (!pod_link_delete(netlink, link.name, err))
			return false;
	}
	return true;
}

/* All IPv4 addresses of the machine. */
MUST_CHECK static bool ask_addresses(struct netlink *netlink, struct buf *answer, struct error *err)
{
	auto_netlink_batch batch = NETLINK_BATCH_INIT;
	struct ifaddrmsg head = { .ifa_family = AF_INET };

	netlink_start(&batch, RTM_GETADDR, NLM_F_DUMP, &head, sizeof(head));
	if (!netlink_ask(netlink, &batch, answer, err))
		return error_context(err, "list addresses");
	return true;
}

static bool parse_address(const struct netlink_message *message, uint32_t *out_index,
			  struct pod_range *out)
{
	struct ifaddrmsg head;
	struct str attributes;

	if (message->type != RTM_NEWADDR ||
	    !netlink_head(message->body, &head, sizeof(head), &attributes) ||
	    head.ifa_family != AF_INET)
		return false;
	*out_index = head.ifa_index;
	out->address = ntohl(netlink_u32(netlink_find(attributes, IFA_LOCAL)));
	out->prefix = head.ifa_prefixlen;
	return true;
}

bool pod_link_of_address(struct netlink *netlink, uint32_t address, uint32_t *out_index,
			 struct error *err)
{
	auto_buf answer = BUF_INIT;
	struct netlink_message message;
	struct pod_range found;
	uint32_t index;
	char text[INET_ADDRSTRLEN];

	if (!ask_addresses(netlink, &answer, err))
		return false;
	for (struct str rest = buf_str(&answer); netlink_next(&rest, &message);) {
		if (parse_address(&message, &index, &found) && found.address == address) {
			*out_index = index;
			return true;
		}
	}
	return error_set(err, ERROR_UNAVAILABLE, "no interface has the address %s",
			 pod_address_print(address, text));
}

static void add_address(struct netlink_batch *batch, uint16_t type, uint32_t index,
			struct pod_range address)
{
	struct ifaddrmsg head = {
		.ifa_family = AF_INET,
		.ifa_prefixlen = address.prefix,
		.ifa_scope = RT_SCOPE_UNIVERSE,
		.ifa_index = index,
	};
	uint16_t flags = NLM_F_ACK;

	if (type == RTM_NEWADDR)
		flags |= NLM_F_CREATE | NLM_F_REPLACE;
	netlink_start(batch, type, flags, &head, sizeof(head));
	netlink_add_be32(batch, IFA_LOCAL, address.address);
	netlink_add_be32(batch, IFA_ADDRESS, address.address);
	if (type == RTM_NEWADDR && address.prefix < 31)
		netlink_add_be32(batch, IFA_BROADCAST,
				 address.address | ~pod_range_mask(address.prefix));
}

bool pod_link_set_address(struct netlink *netlink, uint32_t index, struct pod_range address,
			  struct error *err)
{
	auto_netlink_batch batch = NETLINK_BATCH_INIT;
	auto_buf answer = BUF_INIT;
	struct netlink_message message;
	struct pod_range found;
	uint32_t at;
	bool have = false;

	if (!ask_addresses(netlink, &answer, err))
		return false;
	for (struct str rest = buf_str(&answer); netlink_next(&rest, &message);) {
		if (!parse_address(&message, &at, &found) || at != index)
			continue;
		if (found.address == address.address && found.prefix == address.prefix)
			have = true;
		else
			add_address(&batch, RTM_DELADDR, index, found);
	}
	/* An address takes those of its subnet along that came after it: so ours is set again. */
	if (!have || batch.count > 0)
		add_address(&batch, RTM_NEWADDR, index, address);
	if (batch.count > 0 && !netlink_send(netlink, &batch, err))
		return error_context(err, "set the address of interface %u", index);
	return true;
}
