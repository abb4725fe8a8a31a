/*
 * pod_peers.c - the other machines: the kernel's entries of flannel.1 are made equal to a list.
 *
 * What the kernel has is read each time and compared; nothing is flushed, so traffic to the peers
 * that stay goes on.  All three entries of a peer carry its range's address (as neighbour, as the
 * last bytes of the hardware address, as destination), by which they are found in the sorted list.
 */
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <stdio.h>

#include "base/file.h"
#include "base/json.h"
#include "base/log.h"
#include "flannel-lite/pod_network_inside.h"

enum {
	PEERS_FILE_MAX = POD_PEERS_MAX * 80 + 64,
	MATCH_TRIES = 3, /* somebody else may change the tables between our look and our change */
};

struct peer {
	struct pod_range range;
	uint32_t node_address;
	bool has_neighbour, has_forwarding, has_route;
};

struct peers {
	struct peer *at; /* by address of the range */
	size_t count;
};

static int compare(const void *a, const void *b)
{
	const struct peer *left = a;
	const struct peer *right = b;

	return (left->range.address > right->range.address) -
	       (left->range.address < right->range.address);
}

static struct peer *find(const struct peers *peers, uint32_t address)
{
	struct peer key = { .range.address = address };

	return peers->count == 0 ? NULL
				 : bsearch(&key, peers->at, peers->count, sizeof(key), compare);
}

static const char *print_range(struct pod_range range, char text[INET_ADDRSTRLEN + 3])
{
	size_t len = strlen(pod_address_print(range.address, text));

	snprintf(text + len, INET_ADDRSTRLEN + 3 - len, "/%u", range.prefix);
	return text;
}

/* --- the list: texts to sorted numbers --- */

MUST_CHECK static bool parse_peer(const struct pod_network *network,
				  const struct pod_network_peer *from, struct peer *out,
				  struct error *err)
{
	const char *range = from->pod_cidr ? from->pod_cidr : "";
	const char *node = from->node_address ? from->node_address : "";

	*out = (struct peer){ 0 };
	if (!pod_range_parse(range, &out->range))
		return error_set(err, ERROR_INVALID, "peer %s: \"%s\" is no range of addresses",
				 node, range);
	if (!pod_address_parse(node, &out->node_address))
		return error_set(err, ERROR_INVALID, "peer %s: \"%s\" is no IPv4 address", range,
				 node);
	if (pod_range_overlap(out->range, network->range))
		return error_set(err, ERROR_INVALID, "peer %s: the range %s overlaps ours", node,
				 range);
	return true;
}

/* `out` has room for `count`. */
MUST_CHECK static bool parse_peers(const struct pod_network *network,
				   const struct pod_network_peer *from, size_t count,
				   struct peers *out, struct error *err)
{
	char text[2][INET_ADDRSTRLEN + 3];

	out->count = count;
	for (size_t i = 0; i < count; i++) {
		if (!parse_peer(network, &from[i], &out->at[i], err))
			return false;
	}
	if (count > 1)
		qsort(out->at, count, sizeof(out->at[0]), compare);
	for (size_t i = 1; i < count; i++) {
		if (pod_range_overlap(out->at[i - 1].range, out->at[i].range))
			return error_set(err, ERROR_INVALID,
					 "the ranges of peers %s and %s overlap",
					 print_range(out->at[i - 1].range, text[0]),
					 print_range(out->at[i].range, text[1]));
	}
	return true;
}

/* --- what the kernel has: right ones are marked, strange ones get a message that deletes --- */

struct look {
	const struct pod_network *network;
	const struct peers *peers;
	struct netlink_batch *batch;
};

static uint32_t address_in(struct str attributes, uint16_t type)
{
	return ntohl(netlink_u32(netlink_find(attributes, type)));
}

static bool is_mac_of(struct str value, uint32_t address)
{
	unsigned char mac[POD_MAC];

	pod_mac(address, mac);
	return value.len == sizeof(mac) && memcmp(value.at, mac, sizeof(mac)) == 0;
}

static void look_at_neighbour(const struct look *look, const struct ndmsg *head,
			      struct str attributes)
{
	uint32_t address = address_in(attributes, NDA_DST);
	struct peer *peer = find(look->peers, address);

	/* What the kernel came to know by itself goes by itself. */
	if (!(head->ndm_state & NUD_PERMANENT))
		return;
	if (peer != NULL) {
		peer->has_neighbour = is_mac_of(netlink_find(attributes, NDA_LLADDR), address);
		return;
	}
	netlink_start(look->batch, RTM_DELNEIGH, NLM_F_ACK, head, sizeof(*head));
	netlink_add_be32(look->batch, NDA_DST, address);
}

static void look_at_forwarding(const struct look *look, const struct ndmsg *head,
			       struct str attributes)
{
	struct ndmsg away = { .ndm_family = AF_BRIDGE,
			      .ndm_ifindex = head->ndm_ifindex,
			      .ndm_state = NUD_PERMANENT,
			      .ndm_flags = NTF_SELF };
	struct str mac = netlink_find(attributes, NDA_LLADDR);
	struct str node = netlink_find(attributes, NDA_DST);
	struct peer *peer = NULL;

	if (mac.len != POD_MAC)
		return;

	uint32_t address = ntohl(netlink_u32(str_from(mac.at + 2, 4)));

	if (is_mac_of(mac, address))
		peer = find(look->peers, address);
	if (peer != NULL) {
		peer->has_forwarding = node.len == 4 &&
				       ntohl(netlink_u32(node)) == peer->node_address &&
				       (head->ndm_state & NUD_PERMANENT);
		return;
	}
	netlink_start(look->batch, RTM_DELNEIGH, NLM_F_ACK, &away, sizeof(away));
	netlink_add(look->batch, NDA_LLADDR, mac.at, mac.len);
	if (node.len > 0)
		netlink_add(look->batch, NDA_DST, node.at, node.len);
}

static void look_at_route(const struct look *look, const struct rtmsg *head, struct str attributes)
{
	uint32_t address = address_in(attributes, RTA_DST);
	struct peer *peer = find(look->peers, address);
	struct rtmsg away = { .rtm_family = AF_INET,
			      .rtm_dst_len = head->rtm_dst_len,
			      .rtm_table = RT_TABLE_MAIN,
			      .rtm_protocol = head->rtm_protocol,
			      .rtm_scope = head->rtm_scope,
			      .rtm_type = head->rtm_type };
	struct str metric = netlink_find(attributes, RTA_PRIORITY);

	if (peer != NULL && head->rtm_dst_len == peer->range.prefix && metric.len == 0) {
		peer->has_route = address_in(attributes, RTA_GATEWAY) == address &&
				  (head->rtm_flags & RTNH_F_ONLINK);
		return;
	}
	netlink_start(look->batch, RTM_DELROUTE, NLM_F_ACK, &away, sizeof(away));
	netlink_add_be32(look->batch, RTA_DST, address);
	netlink_add_u32(look->batch, RTA_OIF, look->network->vxlan);
	if (metric.len > 0)
		netlink_add(look->batch, RTA_PRIORITY, metric.at, metric.len);
}

/* `family` is AF_INET for neighbours, AF_BRIDGE for forwarding. */
MUST_CHECK static bool look_at_neighbours(const struct look *look, uint8_t family,
					  struct error *err)
{
	auto_netlink_batch batch = NETLINK_BATCH_INIT;
	auto_buf answer = BUF_INIT;
	struct netlink_message message;
	/* Longer than struct ndmsg: kernels before 4.12 want that for AF_BRIDGE. */
	struct ifinfomsg question = { .ifi_family = family };

	netlink_start(&batch, RTM_GETNEIGH, NLM_F_DUMP, &question,
		      family == AF_BRIDGE ? sizeof(question) : sizeof(struct ndmsg));
	if (!netlink_ask(look->network->netlink, &batch, &answer, err))
		return error_context(err, "list neighbours");
	for (struct str rest = buf_str(&answer); netlink_next(&rest, &message);) {
		struct ndmsg head;
		struct str attributes;

		if (message.type != RTM_NEWNEIGH ||
		    !netlink_head(message.body, &head, sizeof(head), &attributes) ||
		    (uint32_t)head.ndm_ifindex != look->network->vxlan || head.ndm_family != family)
			continue;
		if (family == AF_INET)
			look_at_neighbour(look, &head, attributes);
		else
			look_at_forwarding(look, &head, attributes);
	}
	return true;
}

MUST_CHECK static bool look_at_routes(const struct look *look, struct error *err)
{
	auto_netlink_batch batch = NETLINK_BATCH_INIT;
	auto_buf answer = BUF_INIT;
	struct netlink_message message;
	struct rtmsg question = { .rtm_family = AF_INET };

	netlink_start(&batch, RTM_GETROUTE, NLM_F_DUMP, &question, sizeof(question));
	if (!netlink_ask(look->network->netlink, &batch, &answer, err))
		return error_context(err, "list routes");
	for (struct str rest = buf_str(&answer); netlink_next(&rest, &message);) {
		struct rtmsg head;
		struct str attributes;

		if (message.type != RTM_NEWROUTE ||
		    !netlink_head(message.body, &head, sizeof(head), &attributes) ||
		    head.rtm_family != AF_INET || head.rtm_table != RT_TABLE_MAIN ||
		    netlink_u32(netlink_find(attributes, RTA_OIF)) != look->network->vxlan)
			continue;
		look_at_route(look, &head, attributes);
	}
	return true;
}

/* --- making equal --- */

static void add_neighbour(const struct look *look, const struct peer *peer)
{
	struct ndmsg head = { .ndm_family = AF_INET,
			      .ndm_ifindex = (int)look->network->vxlan,
			      .ndm_state = NUD_PERMANENT };
	unsigned char mac[POD_MAC];

	pod_mac(peer->range.address, mac);
	netlink_start(look->batch, RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_REPLACE | NLM_F_ACK, &head,
		      sizeof(head));
	netlink_add_be32(look->batch, NDA_DST, peer->range.address);
	netlink_add(look->batch, NDA_LLADDR, mac, sizeof(mac));
}

static void add_forwarding(const struct look *look, const struct peer *peer)
{
	struct ndmsg head = { .ndm_family = AF_BRIDGE,
			      .ndm_ifindex = (int)look->network->vxlan,
			      .ndm_state = NUD_PERMANENT,
			      .ndm_flags = NTF_SELF };
	unsigned char mac[POD_MAC];

	pod_mac(peer->range.address, mac);
	netlink_start(look->batch, RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_REPLACE | NLM_F_ACK, &head,
		      sizeof(head));
	netlink_add(look->batch, NDA_LLADDR, mac, sizeof(mac));
	netlink_add_be32(look->batch, NDA_DST, peer->node_address);
}

static void add_route(const struct look *look, const struct peer *peer)
{
	struct rtmsg head = { .rtm_family = AF_INET,
			      .rtm_dst_len = peer->range.prefix,
			      .rtm_table = RT_TABLE_MAIN,
			      .rtm_protocol = RTPROT_STATIC,
			      .rtm_scope = RT_SCOPE_UNIVERSE,
			      .rtm_type = RTN_UNICAST,
			      .rtm_flags = RTNH_F_ONLINK };

	netlink_start(look->batch, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE | NLM_F_ACK, &head,
		      sizeof(head));
	netlink_add_be32(look->batch, RTA_DST, peer->range.address);
	netlink_add_be32(look->batch, RTA_GATEWAY, peer->range.address);
	netlink_add_u32(look->batch, RTA_OIF, look->network->vxlan);
}

MUST_CHECK static bool match_once(struct pod_network *network, struct peers *peers,
				  struct error *err)
{
	auto_netlink_batch batch = NETLINK_BATCH_INIT;
	struct look look = { network, peers, &batch };

	for (size_t i = 0; i < peers->count; i++) {
		struct peer *peer = &peers->at[i];

		peer->has_neighbour = peer->has_forwarding = peer->has_route = false;
	}
	if (!look_at_neighbours(&look, AF_INET, err) ||
	    !look_at_neighbours(&look, AF_BRIDGE, err) || !look_at_routes(&look, err))
		return false;
	/* In this order, so that a route never leads to an unknown neighbour. */
	for (size_t i = 0; i < peers->count; i++) {
		if (!peers->at[i].has_neighbour)
			add_neighbour(&look, &peers->at[i]);
		if (!peers->at[i].has_forwarding)
			add_forwarding(&look, &peers->at[i]);
		if (!peers->at[i].has_route)
			add_route(&look, &peers->at[i]);
	}
	return batch.count == 0 || netlink_send(network->netlink, &batch, err);
}

MUST_CHECK static bool match(struct pod_network *network, struct peers *peers, struct error *err)
{
	bool done = false;

	for (int i = 0; i < MATCH_TRIES && !done; i++)
		done = match_once(network, peers, err);
	return done || error_context(err, "entries of peers");
}

/* --- remembering --- */

static void print_peers(const struct peers *peers, struct buf *out)
{
	auto_json_doc doc = json_doc_new();
	struct json *root = json_new_object(doc);
	struct json *list = json_sub_array(doc, root, "peers");
	char text[INET_ADDRSTRLEN + 3];

	for (size_t i = 0; i < peers->count; i++) {
		struct json *entry = json_new_object(doc);

		json_put(doc, entry, "range",
			 json_new_text(doc, print_range(peers->at[i].range, text)));
		json_put(doc, entry, "node",
			 json_new_text(doc, pod_address_print(peers->at[i].node_address, text)));
		json_append(list, entry);
	}
	json_print(root, out);
	buf_add_byte(out, '\n');
}

MUST_CHECK static bool save(struct pod_network *network, const struct peers *peers,
			    struct error *err)
{
	auto_free char *path = memory_print("%s/peers.json", network->folder);
	auto_buf bytes = BUF_INIT;

	print_peers(peers, &bytes);
	if (str_equal(buf_str(&bytes), buf_str(&network->peers_saved)))
		return true;
	if (!file_replace(path, buf_str(&bytes), 0600, err))
		return error_context(err, "remember the peers");
	buf_reset(&network->peers_saved);
	buf_add_str(&network->peers_saved, buf_str(&bytes));
	return true;
}

/* The peers of a file's text; `arena` keeps what they point to. */
MUST_CHECK static bool load(struct pod_network *network, struct json_doc *doc, struct peers *out,
			    struct arena *arena, struct error *err)
{
	const struct json *list = json_get(json_root(doc), "peers");
	size_t count = json_count(list);
	struct pod_network_peer *from = arena_zero(arena, (count + 1) * sizeof(*from));

	if (json_type(list) != JSON_ARRAY || count > POD_PEERS_MAX)
		return error_set(err, ERROR_BROKEN, "there is no list of peers");
	for (struct json_iter it = json_iter(list); json_next(&it);) {
		struct str range = json_str(json_get(it.value, "range"));
		struct str node = json_str(json_get(it.value, "node"));

		from[it.index].pod_cidr = str_copy_arena(range, arena);
		from[it.index].node_address = str_copy_arena(node, arena);
	}
	out->at = arena_zero(arena, (count + 1) * sizeof(out->at[0]));
	return parse_peers(network, from, count, out, err);
}

bool pod_peers_restore(struct pod_network *network, struct error *err)
{
	auto_free char *path = memory_print("%s/peers.json", network->folder);
	auto_arena arena = arena_new();
	auto_json_doc doc = NULL;
	struct peers peers = { 0 };
	struct error bad;

	if (!file_read(path, PEERS_FILE_MAX, &network->peers_saved, &bad) ||
	    !json_parse(buf_str(&network->peers_saved), &doc, NULL, &bad) ||
	    !load(network, doc, &peers, arena, &bad)) {
		/* They will be told again; until then we have none. */
		if (bad.kind != ERROR_NOT_FOUND)
			log_warn("network", "forgot the peers", "file=%s reason=\"%s\"", path,
				 bad.text);
		buf_reset(&network->peers_saved);
		return true;
	}
	return match(network, &peers, err);
}

bool pod_network_peers(struct pod_network *network, const struct pod_network_peer *peers,
		       size_t count, struct error *err)
{
	auto_arena arena = arena_new();
	struct peers wished = { 0 };

	if (count > POD_PEERS_MAX)
		return error_set(err, ERROR_TOO_LARGE, "%zu peers are over %d", count,
				 POD_PEERS_MAX);
	wished.at = arena_zero(arena, (count + 1) * sizeof(wished.at[0]));
	return parse_peers(network, peers, count, &wished, err) && pod_device_vxlan(network, err) &&
	       match(network, &wished, err) && save(network, &wished, err);
}
