/*
 * service_chains.c - the rules that packets meet, and the order in which they do.
 *
 *   nat prerouting, output --> services: a cluster address?   --> service-2: pick one of two
 *                              node:     a host port?         --> new destination
 *                                        a node port?         --> node-2, or local-2
 *   filter forward, input, output --> refusals: nobody there? --> refuse: reset, unreachable
 *   nat postrouting: masquerade
 *
 * nat chains see the first packet of a connection only; refusals are asked for new ones only.  So
 * the connections that live cost nothing, and a new table leaves them alone.
 *
 * Who is to be masqueraded is known in the nat chains before the packet's new destination, and done
 * after it: one bit of the packet's mark says so meanwhile.  It is set before a map is asked, since
 * a hit leaves for good, and taken back after a miss.
 *
 * Each nat chain is there twice, a step of priority apart.  At the moment when the kernel changes
 * from the old table to the new a packet may be between the two: past the new one's first chain
 * when that did not count yet, then in the old one's whose maps are void.  Without an address that
 * connection would be lost.  The new table's second chain comes after both and finds it.
 */
#include "flannel-lite/service_rules_inside.h"

#include <assert.h>
#include <endian.h>
#include <linux/netfilter.h>
#include <linux/netfilter_ipv4.h>
#include <linux/rtnetlink.h>
#include <stdio.h>

#include "flannel-lite/nft_expression.h"

enum {
	MASQUERADE_BIT = SERVICE_RULES_MARK,
	STATE_NEW = 8, /* NF_CT_STATE_BIT(IP_CT_NEW), which the kernel's headers keep inside */
};

static const struct range loopback = { .address = 127u << 24, .mask = 255u << 24 };
static const struct range multicast = { .address = 224u << 24, .mask = 240u << 24 };

/* --- parts of rules --- */

/* Go on if the address is (not) in the range. */
static void match_range(struct nft_batch *batch, enum nft_field field, int op,
			const struct range *range)
{
	uint32_t address = htobe32(range->address);

	nft_expression_load(batch, field, 0);
	nft_expression_mask(batch, 0, htobe32(range->mask), 0);
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

/* --- the chains --- */

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

	/* Host ports keep the client's address. */
	nft_message_rule(batch, "node");
	load_address_port(batch);
	nft_expression_map(batch, &rules->sets[SET_HOST_PORTS_AT], 0, 4);
	nft_expression_destination_nat(batch, 4, 5);
	nft_message_rule(batch, "node");
	load_port(batch);
	nft_expression_map(batch, &rules->sets[SET_HOST_PORTS], 0, 4);
	nft_expression_destination_nat(batch, 4, 5);

	rule_change_mark(batch, "node", true);
	nft_message_rule(batch, "node");
	load_port(batch);
	nft_expression_decide(batch, &rules->sets[SET_NODE_PORTS], 0);
	rule_change_mark(batch, "node", false);
}

/*
 * Host ports at an address of 127.0.0.0/8, for the machine's own packets: packets from elsewhere to
 * there are forged.  The kernel lets nothing out of a device that comes from 127.0.0.0/8, so only
 * who connects from another of the machine's addresses gets through.
 */
static void add_loopback_rule(struct rules *rules, const char *chain)
{
	struct nft_batch *batch = rules->batch;

	nft_message_rule(batch, chain);
	match_range(batch, NFT_FIELD_DESTINATION, NFT_CMP_EQ, &loopback);
	match_range(batch, NFT_FIELD_SOURCE, NFT_CMP_NEQ, &loopback);
	load_address_port(batch);
	nft_expression_map(batch, &rules->sets[SET_HOST_PORTS_AT], 0, 4);
	nft_expression_destination_nat(batch, 4, 5);
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
	nft_expression_decide(batch, &rules->sets[SET_NODE_REFUSED], 0);

	/* A reset ends a client's wait at once; "unreachable" is sent once a second at most. */
	nft_message_rule(batch, "refuse");
	nft_expression_load_protocol(batch, 0);
	nft_expression_compare(batch, 0, NFT_CMP_EQ, &tcp, sizeof(tcp));
	nft_expression_reject(batch, true);
	nft_message_rule(batch, "refuse");
	nft_expression_reject(batch, false);
}

static void add_masquerade_rules(struct rules *rules, const char *chain)
{
	struct nft_batch *batch = rules->batch;
	uint32_t zero = 0;

	/* The bit goes: the same packet passes here again inside VXLAN. */
	nft_message_rule(batch, chain);
	nft_expression_load_mark(batch, 0);
	nft_expression_mask(batch, 0, MASQUERADE_BIT, 0);
	nft_expression_compare(batch, 0, NFT_CMP_NEQ, &zero, sizeof(zero));
	change_mark(batch, false);
	nft_expression_masquerade(batch);

	/* A pod would answer itself directly, with an address that it did not ask. */
	nft_message_rule(batch, chain);
	nft_expression_load(batch, NFT_FIELD_SOURCE, 0);
	nft_expression_load(batch, NFT_FIELD_DESTINATION, 1);
	nft_expression_lookup(batch, &rules->sets[SET_LOOPS], 0);
	nft_expression_masquerade(batch);

	nft_message_rule(batch, chain);
	match_range(batch, NFT_FIELD_SOURCE, NFT_CMP_EQ, &rules->pods);
	match_range(batch, NFT_FIELD_DESTINATION, NFT_CMP_NEQ, &rules->cluster);
	match_range(batch, NFT_FIELD_DESTINATION, NFT_CMP_NEQ, &multicast);
	nft_expression_masquerade(batch);
}

static void add_refusal_jump(struct nft_batch *batch, const char *chain)
{
	uint32_t zero = 0;

	nft_message_rule(batch, chain);
	nft_expression_load_state(batch, 0);
	nft_expression_mask(batch, 0, STATE_NEW, 0);
	nft_expression_compare(batch, 0, NFT_CMP_NEQ, &zero, sizeof(zero));
	nft_expression_verdict(batch, NFT_JUMP, "refusals");
}

static void add_hooks(struct rules *rules)
{
	static const struct nft_hook rows[] = {
		{ "prerouting", "nat", NF_INET_PRE_ROUTING, NF_IP_PRI_NAT_DST },
		{ "prerouting_again", "nat", NF_INET_PRE_ROUTING, NF_IP_PRI_NAT_DST + 1 },
		{ "output", "nat", NF_INET_LOCAL_OUT, NF_IP_PRI_NAT_DST },
		{ "output_again", "nat", NF_INET_LOCAL_OUT, NF_IP_PRI_NAT_DST + 1 },
		{ "postrouting", "nat", NF_INET_POST_ROUTING, NF_IP_PRI_NAT_SRC },
		{ "postrouting_again", "nat", NF_INET_POST_ROUTING, NF_IP_PRI_NAT_SRC + 1 },
		{ "filter_forward", "filter", NF_INET_FORWARD, NF_IP_PRI_FILTER },
		{ "filter_input", "filter", NF_INET_LOCAL_IN, NF_IP_PRI_FILTER },
		{ "filter_output", "filter", NF_INET_LOCAL_OUT, NF_IP_PRI_FILTER },
	};

	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		nft_message_base_chain(rules->batch, &rows[i]);
		if (rows[i].hook == NF_INET_POST_ROUTING) {
			add_masquerade_rules(rules, rows[i].chain);
		} else if (rows[i].priority == NF_IP_PRI_FILTER) {
			add_refusal_jump(rules->batch, rows[i].chain);
		} else {
			if (rows[i].hook == NF_INET_LOCAL_OUT)
				add_loopback_rule(rules, rows[i].chain);
			nft_message_rule(rules->batch, rows[i].chain);
			nft_expression_verdict(rules->batch, NFT_JUMP, "services");
		}
	}
}

void service_chains_add(struct rules *rules)
{
	static const char *const names[] = { "services", "node", "refusals", "node_refusals",
					     "refuse" };

	for (size_t i = 0; i < ARRAY_LENGTH(names); i++)
		nft_message_chain(rules->batch, names[i]);
	add_service_rules(rules);
	add_refuse_rules(rules);
	add_hooks(rules);
}

/* --- picking --- */

/* What the packet asks for, a slot: whose it is. */
static void add_pick_rules(struct rules *rules, const struct pool *pool, enum way way,
			   const char *chain)
{
	struct nft_batch *batch = rules->batch;
	uint32_t slots = (uint32_t)pool->slots;
	enum set_place place = way == WAY_SERVICE ? SET_ENDPOINTS : SET_NODE_ENDPOINTS;
	unsigned slot = way == WAY_SERVICE ? 3 : 2; /* register behind the key's */

	if (way == WAY_LOCAL)
		rule_change_mark(batch, chain, false);
	nft_message_rule(batch, chain);
	if (way == WAY_SERVICE)
		load_address_port(batch);
	else
		load_port(batch);
	if (pool->sticky) {
		nft_expression_load(batch, NFT_FIELD_SOURCE, 4);
		nft_expression_hash(batch, 4, slots, slot);
	} else {
		nft_expression_random(batch, slots, slot);
	}
	nft_expression_map(batch, &rules->sets[place], 0, 4);
	nft_expression_destination_nat(batch, 4, 5);
}

void service_chains_pick(struct rules *rules, const struct pool *pool, enum way way,
			 char out_chain[PICK_NAME])
{
	static const char *const ways[] = {
		[WAY_SERVICE] = "service", [WAY_NODE] = "node", [WAY_LOCAL] = "local"
	};

	assert(pool->slots > 0);
	snprintf(out_chain, PICK_NAME, "%s-%zu%s", ways[way], pool->slots,
		 pool->sticky ? "-by-client" : "");
	if (map_put(rules->taken, str_of(out_chain), rules) != NULL)
		return;
	nft_message_chain(rules->batch, out_chain);
	add_pick_rules(rules, pool, way, out_chain);
}
