/*
 * service_rules.c - the plan as nf_tables rules.
 *
 *   nat prerouting, output --> services: cluster address? --> service-N: pick one, new destination
 *                                        host port?       --> new destination
 *                                        node port?       --> service-N, or local-N
 *   filter forward, input, output --> refusals: nobody there? --> refuse: reset, unreachable
 *   nat postrouting: masquerade
 *
 * nat chains see the first packet of a connection only; refusals are asked for new ones only.  So
 * the connections that live cost nothing, and a new table leaves them alone.
 *
 * A service port with endpoints has a chain, service-N by its place in the plan; with endpoints for
 * the node port of their own, local-N too.  All endpoints lie in one map: {pool, slot}.
 *
 * Who is to be masqueraded is known in the nat chains before the packet's new destination, and done
 * after it: one bit of the packet's mark says so meanwhile.  It is set before a map is asked, since
 * a hit leaves for good, and taken back after a miss.
 */
#include "flannel-lite/service_rules.h"

#include <assert.h>
#include <endian.h>
#include <linux/netfilter.h>
#include <linux/netfilter_ipv4.h>
#include <linux/rtnetlink.h>
#include <stdio.h>

#include "base/map.h"
#include "flannel-lite/nft_expression.h"
#include "flannel-lite/nft_message.h"

#define TABLE "mote"

enum {
	PORTS_MAX = SERVICE_RULES_PORTS_MAX,
	ELEMENTS_MAX = 1000000, /* endpoints and addresses in all: 40 MiB for the kernel to read */
	NAME_MAX_LEN = 32,
	SPREAD_MAX = 128,     /* endpoints; see slot_count */
	SLOTS_PER_SHARE = 16, /* an endpoint's share of clients is even to a quarter */
	MASQUERADE_BIT = SERVICE_RULES_MARK,
	STATE_NEW = 8, /* NF_CT_STATE_BIT(IP_CT_NEW), which the kernel's headers keep inside */
};

/* What nft(8) calls the parts of keys, 6 bits each. */
enum { SHOW_ADDRESS = 7, SHOW_PROTOCOL = 12, SHOW_PORT = 13, SHOW_NUMBER = 19 };
#define SHOW_PAIR(a, b)     ((a) << 6 | (b))
#define SHOW_THREE(a, b, c) ((a) << 12 | (b) << 6 | (c))

struct address_port_key {
	uint32_t address; /* network order, like the port */
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
struct endpoint_key {
	uint32_t pool;
	uint32_t slot;
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
static_assert(sizeof(struct address_port_key) == 12, "each part of a key is padded to 4 bytes");
static_assert(sizeof(struct port_key) == 8, "each part of a key is padded to 4 bytes");
static_assert(sizeof(struct endpoint_value) == 8, "each part of a value is padded to 4 bytes");

enum set_place {
	SET_SERVICES,
	SET_NODE_PORTS,
	SET_LOCAL_NODE_PORTS,
	SET_HOST_PORTS,
	SET_HOST_PORTS_AT,
	SET_ENDPOINTS,
	SET_REFUSED,
	SET_REFUSED_NODE_PORTS,
	SET_LOOPS,
	SETS
};

#define BY_ADDRESS  .key_type = SHOW_THREE(SHOW_ADDRESS, SHOW_PROTOCOL, SHOW_PORT), .key_len = 12
#define BY_PORT     .key_type = SHOW_PAIR(SHOW_PROTOCOL, SHOW_PORT), .key_len = 8
#define TO_VERDICT  .value_type = NFT_DATA_VERDICT
#define TO_ENDPOINT .value_type = SHOW_PAIR(SHOW_ADDRESS, SHOW_PORT), .value_len = 8

static const struct nft_set set_rows[SETS] = {
	[SET_SERVICES] = { .name = "services", BY_ADDRESS, TO_VERDICT },
	[SET_NODE_PORTS] = { .name = "node_ports", BY_PORT, TO_VERDICT },
	[SET_LOCAL_NODE_PORTS] = { .name = "local_node_ports", BY_PORT, TO_VERDICT },
	[SET_HOST_PORTS] = { .name = "host_ports", BY_PORT, TO_ENDPOINT },
	[SET_HOST_PORTS_AT] = { .name = "host_ports_at", BY_ADDRESS, TO_ENDPOINT },
	[SET_ENDPOINTS] = { .name = "endpoints",
			    .key_type = SHOW_PAIR(SHOW_NUMBER, SHOW_NUMBER),
			    .key_len = 8,
			    TO_ENDPOINT },
	[SET_REFUSED] = { .name = "refused", BY_ADDRESS, TO_VERDICT },
	[SET_REFUSED_NODE_PORTS] = { .name = "refused_node_ports", BY_PORT, TO_VERDICT },
	/* A pod's own address as both ends: it came back to itself through a service. */
	[SET_LOOPS] = { .name = "loops",
			.key_type = SHOW_PAIR(SHOW_ADDRESS, SHOW_ADDRESS),
			.key_len = 8 },
};

struct range {
	uint32_t address; /* network order, like the mask */
	uint32_t mask;
};

static const struct range loopback = { .address = 127, .mask = 255 };
static const struct range multicast = { .address = 224, .mask = 240 };

/* One replacement under way. */
struct rules {
	const struct service_rules_plan *plan;
	struct range cluster;
	struct range pods;
	struct nft_set sets[SETS];
	struct nft_batch *batch;
	struct map *taken; /* keys that are in a map already: the first one wins */
};

/* Endpoints that share a chain. */
struct pool {
	const struct service_endpoint *endpoints;
	size_t count;
	size_t slots;
	uint32_t number; /* unique in the table */
	bool sticky;
	char chain[NAME_MAX_LEN];
};

/* --- the plan, checked and counted --- */

/* "10.42.1.0/24" */
MUST_CHECK static bool parse_range(const char *what, const char *text, struct range *out,
				   struct error *err)
{
	struct str rest = str_of(text);
	struct str address = str_cut(&rest, '/');
	uint64_t bits = 0;
	uint32_t value = 0;
	bool good = str_to_u64(rest, 32, &bits);

	for (int i = 0; i < 4 && good; i++) {
		uint64_t byte = 0;

		good = str_to_u64(str_cut(&address, '.'), 255, &byte);
		value = value << 8 | (uint32_t)byte;
	}
	if (!good || address.len > 0)
		return error_set(err, ERROR_INVALID, "%s: \"%.40s\" is not address/bits", what,
				 text ? text : "");

	uint32_t mask = bits == 0 ? 0 : UINT32_MAX << (32 - bits);

	*out = (struct range){ .address = htobe32(value & mask), .mask = htobe32(mask) };
	return true;
}

/*
 * How many places the endpoints of a pool are dealt to.  By chance: one each.  By client: many,
 * each given to the endpoint that bids highest for it, so that an endpoint that comes or goes
 * moves its own share of clients only.  That is dear for very many endpoints: those have one each.
 */
static size_t slot_count(size_t endpoints, bool sticky)
{
	size_t slots = SLOTS_PER_SHARE;

	if (!sticky || endpoints < 2 || endpoints > SPREAD_MAX)
		return endpoints;
	while (slots < endpoints * SLOTS_PER_SHARE)
		slots *= 2;
	return slots;
}

/* The endpoints of port `place`: all, or those of this machine for its node port. */
static struct pool pool_of(const struct rules *rules, size_t place, bool local)
{
	const struct service_port *port = &rules->plan->ports[place];
	struct pool pool = {
		.endpoints = local ? port->local_endpoints : port->endpoints,
		.count = local ? port->local_endpoint_count : port->endpoint_count,
		.number = (uint32_t)(place * 2 + (local ? 1 : 0)),
		.sticky = port->affinity_s > 0,
	};

	if (local && (!port->local_only || port->node_port == 0))
		pool.count = 0;
	pool.slots = slot_count(pool.count, pool.sticky);
	snprintf(pool.chain, sizeof(pool.chain), "%s-%zu", local ? "local" : "service", place);
	return pool;
}

static bool is_protocol(int protocol)
{
	return protocol == SERVICE_TCP || protocol == SERVICE_UDP || protocol == SERVICE_SCTP;
}

/* Counts are summed for the sizes of the maps: no more than that goes into them. */
MUST_CHECK static bool count_port(struct rules *rules, size_t place, struct error *err)
{
	const struct service_port *port = &rules->plan->ports[place];
	const size_t counts[] = { port->address_count, port->endpoint_count,
				  port->local_endpoint_count };

	if (!is_protocol(port->protocol) || port->port == 0)
		return error_set(err, ERROR_INVALID, "service port %zu: protocol %d port %u", place,
				 port->protocol, port->port);
	for (size_t i = 0; i < ARRAY_LENGTH(counts); i++) {
		if (counts[i] > ELEMENTS_MAX)
			return error_set(err, ERROR_TOO_LARGE,
					 "service port %zu: more than %d entries", place,
					 ELEMENTS_MAX);
	}

	struct pool all = pool_of(rules, place, false);
	struct pool local = pool_of(rules, place, true);
	enum set_place answer = all.count > 0 ? SET_SERVICES : SET_REFUSED;

	rules->sets[answer].size += (uint32_t)port->address_count;
	rules->sets[SET_ENDPOINTS].size += (uint32_t)(all.slots + local.slots);
	rules->sets[SET_LOOPS].size += (uint32_t)(all.count + local.count);
	if (port->node_port > 0) {
		rules->sets[SET_NODE_PORTS].size++;
		rules->sets[SET_LOCAL_NODE_PORTS].size++;
		rules->sets[SET_REFUSED_NODE_PORTS].size++;
	}
	for (size_t i = 0; i < SETS; i++) {
		if (rules->sets[i].size > ELEMENTS_MAX)
			return error_set(err, ERROR_TOO_LARGE, "more than %d entries in map %s",
					 ELEMENTS_MAX, rules->sets[i].name);
	}
	return true;
}

MUST_CHECK static bool check_plan(struct rules *rules, struct error *err)
{
	const struct service_rules_plan *plan = rules->plan;

	if (!parse_range("cluster_cidr", plan->cluster_cidr, &rules->cluster, err) ||
	    !parse_range("pod_cidr", plan->pod_cidr, &rules->pods, err))
		return false;
	if (plan->port_count > PORTS_MAX || plan->host_port_count > PORTS_MAX)
		return error_set(err, ERROR_TOO_LARGE,
				 "%zu service ports and %zu host ports, over %d", plan->port_count,
				 plan->host_port_count, PORTS_MAX);
	memcpy(rules->sets, set_rows, sizeof(rules->sets));
	for (size_t i = 0; i < SETS; i++)
		rules->sets[i].id = (uint32_t)i + 1;
	for (size_t i = 0; i < plan->port_count; i++) {
		if (!count_port(rules, i, err))
			return false;
	}
	for (size_t i = 0; i < plan->host_port_count; i++) {
		if (!is_protocol(plan->host_ports[i].protocol) || plan->host_ports[i].port == 0)
			return error_set(err, ERROR_INVALID, "host port %zu: protocol %d port %u",
					 i, plan->host_ports[i].protocol, plan->host_ports[i].port);
	}
	rules->sets[SET_HOST_PORTS].size = (uint32_t)plan->host_port_count;
	rules->sets[SET_HOST_PORTS_AT].size = (uint32_t)plan->host_port_count;
	rules->sets[SET_LOOPS].size += (uint32_t)plan->host_port_count;
	return true;
}

/* --- the elements of the maps --- */

static struct address_port_key key_by_address(uint32_t address, int protocol, uint16_t port)
{
	return (struct address_port_key){
		.address = htobe32(address),
		.protocol = (uint8_t)protocol,
		.port = htobe16(port),
	};
}

static struct port_key key_by_port(int protocol, uint16_t port)
{
	return (struct port_key){ .protocol = (uint8_t)protocol, .port = htobe16(port) };
}

static struct endpoint_value value_of(const struct service_endpoint *endpoint)
{
	return (struct endpoint_value){
		.address = htobe32(endpoint->address),
		.port = htobe16(endpoint->port),
	};
}

/* Is it the first time that this key is put into this set? */
static bool take_key(struct rules *rules, enum set_place place, const void *key)
{
	char bytes[1 + sizeof(struct address_port_key)] = { (char)place };
	size_t len = rules->sets[place].key_len;
	struct str text = { bytes, 1 + len };

	assert(1 + len <= sizeof(bytes));
	memcpy(bytes + 1, key, len);
	return map_put(rules->taken, text, rules) == NULL;
}

static void add_verdict(struct rules *rules, enum set_place place, const void *key, int code,
			const char *chain)
{
	if (take_key(rules, place, key))
		nft_message_element_verdict(rules->batch, &rules->sets[place], key, code, chain);
}

static void add_value(struct rules *rules, enum set_place place, const void *key, const void *value)
{
	if (take_key(rules, place, key))
		nft_message_element(rules->batch, &rules->sets[place], key, value);
}

/* What an endpoint bids for a slot: any well mixed number that depends on these three only. */
static uint64_t bid(const struct service_endpoint *endpoint, size_t slot)
{
	uint64_t x = (uint64_t)endpoint->address << 16 ^ endpoint->port;

	x += (uint64_t)(slot + 1) * 0x9e3779b97f4a7c15u;
	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
	x = (x ^ x >> 27) * 0x94d049bb133111ebu;
	return x ^ x >> 31;
}

static const struct service_endpoint *owner_of_slot(const struct pool *pool, size_t slot)
{
	const struct service_endpoint *best = &pool->endpoints[0];

	if (pool->slots == pool->count)
		return &pool->endpoints[slot];
	for (size_t i = 1; i < pool->count; i++) {
		if (bid(&pool->endpoints[i], slot) > bid(best, slot))
			best = &pool->endpoints[i];
	}
	return best;
}

static void add_endpoints(struct rules *rules, const struct pool *pool)
{
	for (size_t slot = 0; slot < pool->slots; slot++) {
		struct endpoint_key key = { .pool = pool->number, .slot = (uint32_t)slot };
		struct endpoint_value value = value_of(owner_of_slot(pool, slot));

		nft_message_element(rules->batch, &rules->sets[SET_ENDPOINTS], &key, &value);
	}
}

/* Only our own pods can come back to themselves through us. */
static void add_loop(struct rules *rules, const struct service_endpoint *endpoint)
{
	struct loop_key key = {
		.source = htobe32(endpoint->address),
		.destination = htobe32(endpoint->address),
	};

	if ((key.source & rules->pods.mask) == rules->pods.address)
		add_value(rules, SET_LOOPS, &key, NULL);
}

static void add_loops(struct rules *rules, const struct pool *pool)
{
	for (size_t i = 0; i < pool->count; i++)
		add_loop(rules, &pool->endpoints[i]);
}

static void add_addresses(struct rules *rules, size_t place)
{
	const struct service_port *port = &rules->plan->ports[place];
	struct pool pool = pool_of(rules, place, false);

	for (size_t i = 0; i < port->address_count; i++) {
		struct address_port_key key =
			key_by_address(port->addresses[i], port->protocol, port->port);

		if (pool.count > 0)
			add_verdict(rules, SET_SERVICES, &key, NFT_GOTO, pool.chain);
		else
			add_verdict(rules, SET_REFUSED, &key, NFT_GOTO, "refuse");
	}
}

static void add_node_port(struct rules *rules, size_t place)
{
	const struct service_port *port = &rules->plan->ports[place];
	struct pool pool = pool_of(rules, place, port->local_only);
	struct port_key key = key_by_port(port->protocol, port->node_port);

	if (port->node_port == 0)
		return;
	if (pool.count > 0)
		add_verdict(rules, port->local_only ? SET_LOCAL_NODE_PORTS : SET_NODE_PORTS, &key,
			    NFT_GOTO, pool.chain);
	else if (port->local_only && port->endpoint_count > 0)
		add_verdict(rules, SET_REFUSED_NODE_PORTS, &key, NF_DROP, NULL);
	else
		add_verdict(rules, SET_REFUSED_NODE_PORTS, &key, NFT_GOTO, "refuse");
}

static void add_host_port(struct rules *rules, const struct host_port *port)
{
	struct endpoint_value value = value_of(&port->pod);
	struct port_key any = key_by_port(port->protocol, port->port);
	struct address_port_key at = key_by_address(port->host_address, port->protocol, port->port);

	if (port->host_address == 0)
		add_value(rules, SET_HOST_PORTS, &any, &value);
	else
		add_value(rules, SET_HOST_PORTS_AT, &at, &value);
}

/* Map by map, so that elements of one share messages. */
static void add_elements(struct rules *rules)
{
	const struct service_rules_plan *plan = rules->plan;

	for (size_t i = 0; i < plan->port_count * 2; i++) {
		struct pool pool = pool_of(rules, i / 2, i % 2 == 1);

		add_endpoints(rules, &pool);
	}
	for (size_t i = 0; i < plan->port_count * 2; i++) {
		struct pool pool = pool_of(rules, i / 2, i % 2 == 1);

		add_loops(rules, &pool);
	}
	for (size_t i = 0; i < plan->host_port_count; i++)
		add_loop(rules, &plan->host_ports[i].pod);
	for (size_t i = 0; i < plan->port_count; i++)
		add_addresses(rules, i);
	for (size_t i = 0; i < plan->port_count; i++)
		add_node_port(rules, i);
	for (size_t i = 0; i < plan->host_port_count; i++)
		add_host_port(rules, &plan->host_ports[i]);
}

/* --- the rules --- */

/* Go on if the address is (not) in the range. */
static void match_range(struct nft_batch *batch, enum nft_field field, int op,
			const struct range *range)
{
	uint32_t address = range->address;

	nft_expression_load(batch, field, 0);
	nft_expression_mask(batch, 0, range->mask, 0);
	nft_expression_compare(batch, 0, op, &address, sizeof(address));
}

/* Go on if the destination is an address of this machine that others can reach. */
static void match_node(struct nft_batch *batch)
{
	uint32_t kind = RTN_LOCAL;

	match_range(batch, NFT_FIELD_DESTINATION, NFT_CMP_NEQ, &loopback);
	nft_expression_load_destination_kind(batch, 0);
	nft_expression_compare(batch, 0, NFT_CMP_EQ, &kind, sizeof(kind));
}

/* The keys of packets, in the registers from 0 on; checklist: struct address_port_key, port_key. */
static void load_address_port(struct nft_batch *batch)
{
	nft_expression_load(batch, NFT_FIELD_DESTINATION, 0);
	nft_expression_load_protocol(batch, 1);
	nft_expression_load(batch, NFT_FIELD_DESTINATION_PORT, 2);
}

static void load_port(struct nft_batch *batch)
{
	nft_expression_load_protocol(batch, 0);
	nft_expression_load(batch, NFT_FIELD_DESTINATION_PORT, 1);
}

static void change_mark(struct nft_batch *batch, bool masquerade)
{
	nft_expression_load_mark(batch, 0);
	nft_expression_mask(batch, 0, ~(uint32_t)MASQUERADE_BIT, masquerade ? MASQUERADE_BIT : 0);
	nft_expression_store_mark(batch, 0);
}

static void rule_change_mark(struct nft_batch *batch, const char *chain, bool masquerade)
{
	nft_message_rule(batch, chain);
	change_mark(batch, masquerade);
}

static void rule_goto_if_node(struct nft_batch *batch, const char *chain, const char *then)
{
	nft_message_rule(batch, chain);
	match_node(batch);
	nft_expression_verdict(batch, NFT_GOTO, then);
}

/* Chain "services", then "node": where a first packet goes. */
static void add_service_rules(struct rules *rules)
{
	struct nft_batch *batch = rules->batch;

	/* From outside to a cluster address: the answer must come back through us. */
	nft_message_rule(batch, "services");
	match_range(batch, NFT_FIELD_SOURCE, NFT_CMP_NEQ, &rules->cluster);
	change_mark(batch, true);
	nft_message_rule(batch, "services");
	load_address_port(batch);
	nft_expression_decide(batch, &rules->sets[SET_SERVICES], 0);
	rule_change_mark(batch, "services", false);
	rule_goto_if_node(batch, "services", "node");

	/* The client's address is kept for host ports and local node ports. */
	nft_message_rule(batch, "node");
	load_address_port(batch);
	nft_expression_map(batch, &rules->sets[SET_HOST_PORTS_AT], 0, 4);
	nft_expression_destination_nat(batch, 4, 5);
	nft_message_rule(batch, "node");
	load_port(batch);
	nft_expression_map(batch, &rules->sets[SET_HOST_PORTS], 0, 4);
	nft_expression_destination_nat(batch, 4, 5);
	nft_message_rule(batch, "node");
	load_port(batch);
	nft_expression_decide(batch, &rules->sets[SET_LOCAL_NODE_PORTS], 0);

	rule_change_mark(batch, "node", true);
	nft_message_rule(batch, "node");
	load_port(batch);
	nft_expression_decide(batch, &rules->sets[SET_NODE_PORTS], 0);
	rule_change_mark(batch, "node", false);
}

/* Chains "refusals", "node_refusals", "refuse": new connections to where nobody answers. */
static void add_refuse_rules(struct rules *rules)
{
	struct nft_batch *batch = rules->batch;
	uint8_t tcp = SERVICE_TCP;

	nft_message_rule(batch, "refusals");
	load_address_port(batch);
	nft_expression_decide(batch, &rules->sets[SET_REFUSED], 0);
	rule_goto_if_node(batch, "refusals", "node_refusals");

	nft_message_rule(batch, "node_refusals");
	load_port(batch);
	nft_expression_decide(batch, &rules->sets[SET_REFUSED_NODE_PORTS], 0);

	/* A reset ends a client's wait at once; "unreachable" is sent once a second at most. */
	nft_message_rule(batch, "refuse");
	nft_expression_load_protocol(batch, 0);
	nft_expression_compare(batch, 0, NFT_CMP_EQ, &tcp, sizeof(tcp));
	nft_expression_reject(batch, true);
	nft_message_rule(batch, "refuse");
	nft_expression_reject(batch, false);
}

static void add_masquerade_rules(struct rules *rules)
{
	struct nft_batch *batch = rules->batch;
	uint32_t zero = 0;

	/* The bit goes: the same packet passes here again inside VXLAN. */
	nft_message_rule(batch, "postrouting");
	nft_expression_load_mark(batch, 0);
	nft_expression_mask(batch, 0, MASQUERADE_BIT, 0);
	nft_expression_compare(batch, 0, NFT_CMP_NEQ, &zero, sizeof(zero));
	change_mark(batch, false);
	nft_expression_masquerade(batch);

	/* A pod would answer itself directly, with an address that it did not ask. */
	nft_message_rule(batch, "postrouting");
	nft_expression_load(batch, NFT_FIELD_SOURCE, 0);
	nft_expression_load(batch, NFT_FIELD_DESTINATION, 1);
	nft_expression_lookup(batch, &rules->sets[SET_LOOPS], 0);
	nft_expression_masquerade(batch);

	nft_message_rule(batch, "postrouting");
	match_range(batch, NFT_FIELD_SOURCE, NFT_CMP_EQ, &rules->pods);
	match_range(batch, NFT_FIELD_DESTINATION, NFT_CMP_NEQ, &rules->cluster);
	match_range(batch, NFT_FIELD_DESTINATION, NFT_CMP_NEQ, &multicast);
	nft_expression_masquerade(batch);
}

/* A pool's chain: pick a slot, look up whose it is. */
static void add_pool(struct rules *rules, const struct pool *pool)
{
	struct nft_batch *batch = rules->batch;
	uint32_t slots = (uint32_t)pool->slots;

	if (pool->count == 0)
		return;
	nft_message_chain(batch, pool->chain);
	nft_message_rule(batch, pool->chain);
	nft_expression_set(batch, 0, &pool->number, sizeof(pool->number));
	if (pool->sticky) {
		nft_expression_load(batch, NFT_FIELD_SOURCE, 2);
		nft_expression_hash(batch, 2, slots, 1);
	} else {
		nft_expression_random(batch, slots, 1);
	}
	nft_expression_map(batch, &rules->sets[SET_ENDPOINTS], 0, 4);
	nft_expression_destination_nat(batch, 4, 5);
}

static void add_chains(struct rules *rules)
{
	static const struct nft_hook hooks[] = {
		{ "prerouting", "nat", NF_INET_PRE_ROUTING, NF_IP_PRI_NAT_DST },
		{ "output", "nat", NF_INET_LOCAL_OUT, NF_IP_PRI_NAT_DST },
		{ "postrouting", "nat", NF_INET_POST_ROUTING, NF_IP_PRI_NAT_SRC },
		{ "filter_forward", "filter", NF_INET_FORWARD, NF_IP_PRI_FILTER },
		{ "filter_input", "filter", NF_INET_LOCAL_IN, NF_IP_PRI_FILTER },
		{ "filter_output", "filter", NF_INET_LOCAL_OUT, NF_IP_PRI_FILTER },
	};
	static const char *const chains[] = { "services", "node", "refusals", "node_refusals",
					      "refuse" };
	struct nft_batch *batch = rules->batch;
	uint32_t zero = 0;

	for (size_t i = 0; i < ARRAY_LENGTH(chains); i++)
		nft_message_chain(batch, chains[i]);
	for (size_t i = 0; i < ARRAY_LENGTH(hooks); i++) {
		nft_message_base_chain(batch, &hooks[i]);
		if (hooks[i].hook == NF_INET_POST_ROUTING)
			continue;
		nft_message_rule(batch, hooks[i].chain);
		if (hooks[i].priority == NF_IP_PRI_NAT_DST) {
			nft_expression_verdict(batch, NFT_JUMP, "services");
			continue;
		}
		nft_expression_load_state(batch, 0);
		nft_expression_mask(batch, 0, STATE_NEW, 0);
		nft_expression_compare(batch, 0, NFT_CMP_NEQ, &zero, sizeof(zero));
		nft_expression_verdict(batch, NFT_JUMP, "refusals");
	}
}

/* --- the whole --- */

/* The table is there after these two whether it was before or not, so that it can be deleted. */
static void delete_table(struct nft_batch *batch)
{
	nft_message_table(batch, NFT_MSG_NEWTABLE);
	nft_message_table(batch, NFT_MSG_DELTABLE);
}

bool service_rules_replace(const struct service_rules_plan *plan, struct error *err)
{
	auto_nft_batch batch = nft_message_batch(TABLE);
	auto_map taken = map_new();
	struct rules rules = { .plan = plan, .batch = &batch, .taken = taken };

	if (!check_plan(&rules, err))
		return error_context(err, "service rules");
	delete_table(&batch);
	nft_message_table(&batch, NFT_MSG_NEWTABLE);
	for (size_t i = 0; i < SETS; i++)
		nft_message_set(&batch, &rules.sets[i]);
	for (size_t i = 0; i < plan->port_count * 2; i++) {
		struct pool pool = pool_of(&rules, i / 2, i % 2 == 1);

		add_pool(&rules, &pool);
	}
	add_chains(&rules);
	add_service_rules(&rules);
	add_refuse_rules(&rules);
	add_masquerade_rules(&rules);
	add_elements(&rules);
	return nft_message_send(&batch, err) || error_context(err, "service rules");
}

bool service_rules_remove(struct error *err)
{
	auto_nft_batch batch = nft_message_batch(TABLE);

	delete_table(&batch);
	return nft_message_send(&batch, err) || error_context(err, "remove service rules");
}
