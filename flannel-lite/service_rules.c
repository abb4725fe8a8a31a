/*
 * service_rules.c - the plan, checked, and as the elements of nf_tables maps.
 *
 * The maps hold all that differs from service to service; the rules that ask them are in
 * service_chains.c and are about as many for one service as for a thousand.  The kernel checks
 * every rule that uses a map against the whole of it, so a rule of its own for each service would
 * cost the square of their number.
 *
 * An endpoint is found by what the packet asked for, and a slot.  So it lies in the map once for
 * each address of its service, and once more for the node port.  A number for "the endpoints of
 * this service" would save that, but nft(8) up to 1.0.6 dies when it lists a map whose key comes
 * from another map.
 */
#include "flannel-lite/service_rules.h"

#include <assert.h>
#include <endian.h>
#include <linux/netfilter.h>

#include "flannel-lite/service_rules_inside.h"

#define TABLE "mote"

enum {
	PORTS_MAX = SERVICE_RULES_PORTS_MAX,
	ELEMENTS_MAX = 1000000, /* in one map: 40 MiB for the kernel to read */
};

/* What nft(8) calls the parts of keys, 6 bits each. */
enum { SHOW_ADDRESS = 7, SHOW_PROTOCOL = 12, SHOW_PORT = 13, SHOW_NUMBER = 19 };
#define SHOW(list, part) ((list) << 6 | (part))
#define SHOW_BY_PORT     SHOW(SHOW_PROTOCOL, SHOW_PORT)
#define SHOW_BY_ADDRESS  SHOW(SHOW(SHOW_ADDRESS, SHOW_PROTOCOL), SHOW_PORT)

static_assert(sizeof(struct address_port_key) == 12, "each part of a key is padded to 4 bytes");
static_assert(sizeof(struct port_key) == 8, "each part of a key is padded to 4 bytes");
static_assert(sizeof(struct endpoint_value) == 8, "each part of a value is padded to 4 bytes");

#define BY_ADDRESS      .key_type = SHOW_BY_ADDRESS, .key_len = 12
#define BY_ADDRESS_SLOT .key_type = SHOW(SHOW_BY_ADDRESS, SHOW_NUMBER), .key_len = 16
#define BY_PORT         .key_type = SHOW_BY_PORT, .key_len = 8
#define BY_PORT_SLOT    .key_type = SHOW(SHOW_BY_PORT, SHOW_NUMBER), .key_len = 12
#define BY_LOOP         .key_type = SHOW(SHOW_ADDRESS, SHOW_ADDRESS), .key_len = 8
#define TO_VERDICT      .value_type = NFT_DATA_VERDICT
#define TO_ENDPOINT     .value_type = SHOW(SHOW_ADDRESS, SHOW_PORT), .value_len = 8

static const struct nft_set set_rows[SETS] = {
	[SET_SERVICES] = { .name = "services", BY_ADDRESS, TO_VERDICT },
	[SET_ENDPOINTS] = { .name = "endpoints", BY_ADDRESS_SLOT, TO_ENDPOINT },
	[SET_NODE_PORTS] = { .name = "node_ports", BY_PORT, TO_VERDICT },
	[SET_NODE_ENDPOINTS] = { .name = "node_endpoints", BY_PORT_SLOT, TO_ENDPOINT },
	[SET_HOST_PORTS] = { .name = "host_ports", BY_PORT, TO_ENDPOINT },
	[SET_HOST_PORTS_AT] = { .name = "host_ports_at", BY_ADDRESS, TO_ENDPOINT },
	[SET_REFUSED] = { .name = "refused", BY_ADDRESS, TO_VERDICT },
	[SET_NODE_REFUSED] = { .name = "node_refused", BY_PORT, TO_VERDICT },
	[SET_LOOPS] = { .name = "loops", BY_LOOP },
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

	*out = (struct range){ .address = value & mask, .mask = mask };
	return true;
}

/*
 * How many places the endpoints of a pool are dealt to.  By chance: one each.  By client: many,
 * each given to the endpoint that bids highest for it, so that an endpoint that comes or goes
 * moves its own share of clients only; that holds while the number of places is the same, hence
 * few steps, each at least 16 places an endpoint.  Bidding is dear for very many endpoints: those
 * have one place each.
 */
static size_t slot_count(size_t endpoints, bool sticky)
{
	static const size_t steps[][2] = { { 4, 64 }, { 32, 512 }, { 128, 2048 } };

	if (!sticky)
		return endpoints;
	for (size_t i = 0; i < ARRAY_LENGTH(steps); i++) {
		if (endpoints <= steps[i][0])
			return steps[i][1];
	}
	return endpoints;
}

/* The endpoints of port `place`: all, or those of this machine for its node port. */
static struct pool pool_of(const struct rules *rules, size_t place, bool local)
{
	const struct service_port *port = &rules->plan->ports[place];
	struct pool pool = {
		.endpoints = local ? port->local_endpoints : port->endpoints,
		.count = local ? port->local_endpoint_count : port->endpoint_count,
	};

	if (local && (!port->local_only || port->node_port == 0))
		pool.count = 0;
	pool.sticky = port->affinity_s > 0 && pool.count > 1;
	pool.slots = slot_count(pool.count, pool.sticky);
	return pool;
}

static bool is_protocol(int protocol)
{
	return protocol == SERVICE_TCP || protocol == SERVICE_UDP || protocol == SERVICE_SCTP;
}

/* One more than allowed stands for all that is more. */
static void count(struct rules *rules, enum set_place place, size_t entries, size_t times)
{
	uint32_t *size = &rules->sets[place].size;
	uint64_t sum = *size + (uint64_t)entries * times;

	*size = sum > ELEMENTS_MAX ? ELEMENTS_MAX + 1 : (uint32_t)sum;
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
	struct pool node = pool_of(rules, place, port->local_only);

	count(rules, all.count > 0 ? SET_SERVICES : SET_REFUSED, port->address_count, 1);
	count(rules, SET_ENDPOINTS, all.slots, port->address_count);
	count(rules, SET_LOOPS, all.count, 1);
	if (port->node_port > 0) {
		count(rules, node.count > 0 ? SET_NODE_PORTS : SET_NODE_REFUSED, 1, 1);
		count(rules, SET_NODE_ENDPOINTS, node.slots, 1);
		count(rules, SET_LOOPS, node.count, 1);
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

/* Put the pool's endpoints into `place` behind this key; the slot follows it. */
static void add_endpoints(struct rules *rules, enum set_place place, const void *key,
			  const struct pool *pool)
{
	uint8_t bytes[sizeof(struct address_port_key) + sizeof(uint32_t)];
	size_t len = rules->sets[place].key_len - sizeof(uint32_t);

	assert(len + sizeof(uint32_t) <= sizeof(bytes));
	memcpy(bytes, key, len);
	for (uint32_t slot = 0; slot < pool->slots; slot++) {
		struct endpoint_value value = value_of(owner_of_slot(pool, slot));

		memcpy(bytes + len, &slot, sizeof(slot));
		nft_message_element(rules->batch, &rules->sets[place], bytes, &value);
	}
}

/* Only our own pods can come back to themselves through us. */
static void add_loop(struct rules *rules, const struct service_endpoint *endpoint)
{
	struct loop_key key = {
		.source = htobe32(endpoint->address),
		.destination = htobe32(endpoint->address),
	};

	if ((endpoint->address & rules->pods.mask) == rules->pods.address)
		add_value(rules, SET_LOOPS, &key, NULL);
}

static void add_loops(struct rules *rules, const struct pool *pool)
{
	for (size_t i = 0; i < pool->count; i++)
		add_loop(rules, &pool->endpoints[i]);
}

/* The way of a packet with this key: to the chain that picks, and there to an endpoint. */
static void add_pool(struct rules *rules, enum way way, const void *key, const struct pool *pool)
{
	enum set_place from = way == WAY_SERVICE ? SET_SERVICES : SET_NODE_PORTS;
	enum set_place to = way == WAY_SERVICE ? SET_ENDPOINTS : SET_NODE_ENDPOINTS;
	char chain[PICK_NAME];

	if (!take_key(rules, from, key))
		return;
	service_chains_pick(rules, pool, way, chain);
	nft_message_element_verdict(rules->batch, &rules->sets[from], key, NFT_GOTO, chain);
	add_endpoints(rules, to, key, pool);
}

static void add_addresses(struct rules *rules, size_t place)
{
	const struct service_port *port = &rules->plan->ports[place];
	struct pool pool = pool_of(rules, place, false);

	add_loops(rules, &pool);
	for (size_t i = 0; i < port->address_count; i++) {
		struct address_port_key key =
			key_by_address(port->addresses[i], port->protocol, port->port);

		if (pool.count > 0)
			add_pool(rules, WAY_SERVICE, &key, &pool);
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
	add_loops(rules, &pool);
	if (pool.count > 0)
		add_pool(rules, port->local_only ? WAY_LOCAL : WAY_NODE, &key, &pool);
	else if (port->endpoint_count > 0)
		add_verdict(rules, SET_NODE_REFUSED, &key, NF_DROP, NULL);
	else
		add_verdict(rules, SET_NODE_REFUSED, &key, NFT_GOTO, "refuse");
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

static void add_elements(struct rules *rules)
{
	const struct service_rules_plan *plan = rules->plan;

	for (size_t i = 0; i < plan->port_count; i++) {
		add_addresses(rules, i);
		add_node_port(rules, i);
	}
	for (size_t i = 0; i < plan->host_port_count; i++) {
		add_loop(rules, &plan->host_ports[i].pod);
		add_host_port(rules, &plan->host_ports[i]);
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
	service_chains_add(&rules);
	add_elements(&rules);
	return nft_message_send(&batch, err) || error_context(err, "service rules");
}

bool service_rules_remove(struct error *err)
{
	auto_nft_batch batch = nft_message_batch(TABLE);

	delete_table(&batch);
	return nft_message_send(&batch, err) || error_context(err, "remove service rules");
}
