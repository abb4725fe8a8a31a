/*
 * nft_expression.c - the steps of a rule as netlink attributes.
 *
 * Each is {name, attributes} in the rule's list of expressions; the kernel loads the module of that
 * name if it is one.
 */
#include "flannel-lite/nft_expression.h"

#include <assert.h>
#include <linux/icmp.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_nat.h>

struct expression {
	size_t entry;
	size_t content;
};

static struct expression begin(struct nft_batch *batch, const char *name)
{
	struct expression expression = { .entry = nft_message_entry(batch) };

	assert(batch->set == NULL); /* a rule's list, not a set's */
	nft_message_add_text(batch, NFTA_EXPR_NAME, name);
	expression.content = nft_message_nest(batch, NFTA_EXPR_DATA);
	return expression;
}

static void end(struct nft_batch *batch, struct expression expression)
{
	nft_message_nest_end(batch, expression.content);
	nft_message_entry_end(batch, expression.entry);
}

static void add_register(struct nft_batch *batch, uint16_t type, unsigned reg)
{
	assert(reg < NFT_REG32_COUNT);
	nft_message_add_u32(batch, type, NFT_REG32_00 + reg);
}

/* --- load --- */

void nft_expression_load(struct nft_batch *batch, enum nft_field field, unsigned reg)
{
	static const struct {
		uint32_t base;
		uint32_t offset;
		uint32_t len;
	} rows[] = {
		[NFT_FIELD_SOURCE] = { NFT_PAYLOAD_NETWORK_HEADER, 12, 4 },
		[NFT_FIELD_DESTINATION] = { NFT_PAYLOAD_NETWORK_HEADER, 16, 4 },
		[NFT_FIELD_DESTINATION_PORT] = { NFT_PAYLOAD_TRANSPORT_HEADER, 2, 2 },
	};
	struct expression expression = begin(batch, "payload");

	assert(field < ARRAY_LENGTH(rows));
	add_register(batch, NFTA_PAYLOAD_DREG, reg);
	nft_message_add_u32(batch, NFTA_PAYLOAD_BASE, rows[field].base);
	nft_message_add_u32(batch, NFTA_PAYLOAD_OFFSET, rows[field].offset);
	nft_message_add_u32(batch, NFTA_PAYLOAD_LEN, rows[field].len);
	end(batch, expression);
}

static void meta(struct nft_batch *batch, uint32_t key, uint16_t direction, unsigned reg)
{
	struct expression expression = begin(batch, "meta");

	nft_message_add_u32(batch, NFTA_META_KEY, key);
	add_register(batch, direction, reg);
	end(batch, expression);
}

void nft_expression_load_protocol(struct nft_batch *batch, unsigned reg)
{
	meta(batch, NFT_META_L4PROTO, NFTA_META_DREG, reg);
}

void nft_expression_load_mark(struct nft_batch *batch, unsigned reg)
{
	meta(batch, NFT_META_MARK, NFTA_META_DREG, reg);
}

void nft_expression_store_mark(struct nft_batch *batch, unsigned reg)
{
	meta(batch, NFT_META_MARK, NFTA_META_SREG, reg);
}

void nft_expression_load_state(struct nft_batch *batch, unsigned reg)
{
	struct expression expression = begin(batch, "ct");

	nft_message_add_u32(batch, NFTA_CT_KEY, NFT_CT_STATE);
	add_register(batch, NFTA_CT_DREG, reg);
	end(batch, expression);
}

void nft_expression_load_destination_kind(struct nft_batch *batch, unsigned reg)
{
	struct expression expression = begin(batch, "fib");

	add_register(batch, NFTA_FIB_DREG, reg);
	nft_message_add_u32(batch, NFTA_FIB_RESULT, NFT_FIB_RESULT_ADDRTYPE);
	nft_message_add_u32(batch, NFTA_FIB_FLAGS, NFTA_FIB_F_DADDR);
	end(batch, expression);
}

void nft_expression_random(struct nft_batch *batch, uint32_t modulus, unsigned reg)
{
	struct expression expression = begin(batch, "numgen");

	assert(modulus > 0);
	add_register(batch, NFTA_NG_DREG, reg);
	nft_message_add_u32(batch, NFTA_NG_MODULUS, modulus);
	nft_message_add_u32(batch, NFTA_NG_TYPE, NFT_NG_RANDOM);
	end(batch, expression);
}

void nft_expression_hash(struct nft_batch *batch, unsigned from, uint32_t modulus, unsigned reg)
{
	struct expression expression = begin(batch, "hash");

	assert(modulus > 0);
	add_register(batch, NFTA_HASH_SREG, from);
	add_register(batch, NFTA_HASH_DREG, reg);
	nft_message_add_u32(batch, NFTA_HASH_LEN, 4);
	nft_message_add_u32(batch, NFTA_HASH_MODULUS, modulus);
	/* Without a seed of ours every new table would have another. */
	nft_message_add_u32(batch, NFTA_HASH_SEED, 0x6d6f7465);
	nft_message_add_u32(batch, NFTA_HASH_TYPE, NFT_HASH_JENKINS);
	end(batch, expression);
}

void nft_expression_mask(struct nft_batch *batch, unsigned reg, uint32_t keep, uint32_t flip)
{
	struct expression expression = begin(batch, "bitwise");

	add_register(batch, NFTA_BITWISE_SREG, reg);
	add_register(batch, NFTA_BITWISE_DREG, reg);
	nft_message_add_u32(batch, NFTA_BITWISE_LEN, sizeof(keep));
	nft_message_add_value(batch, NFTA_BITWISE_MASK, &keep, sizeof(keep));
	nft_message_add_value(batch, NFTA_BITWISE_XOR, &flip, sizeof(flip));
	end(batch, expression);
}

/* --- compare and look up --- */

void nft_expression_compare(struct nft_batch *batch, unsigned reg, int op, const void *at,
			    size_t len)
{
	struct expression expression = begin(batch, "cmp");

	add_register(batch, NFTA_CMP_SREG, reg);
	nft_message_add_u32(batch, NFTA_CMP_OP, (uint32_t)op);
	nft_message_add_value(batch, NFTA_CMP_DATA, at, len);
	end(batch, expression);
}

static struct expression begin_lookup(struct nft_batch *batch, const struct nft_set *set,
				      unsigned key)
{
	struct expression expression = begin(batch, "lookup");

	nft_message_add_text(batch, NFTA_LOOKUP_SET, set->name);
	nft_message_add_u32(batch, NFTA_LOOKUP_SET_ID, set->id);
	add_register(batch, NFTA_LOOKUP_SREG, key);
	return expression;
}

void nft_expression_lookup(struct nft_batch *batch, const struct nft_set *set, unsigned key)
{
	assert(set->value_len == 0);
	end(batch, begin_lookup(batch, set, key));
}

void nft_expression_map(struct nft_batch *batch, const struct nft_set *set, unsigned key,
			unsigned value)
{
	struct expression expression = begin_lookup(batch, set, key);

	assert(set->value_len > 0);
	add_register(batch, NFTA_LOOKUP_DREG, value);
	end(batch, expression);
}

void nft_expression_decide(struct nft_batch *batch, const struct nft_set *set, unsigned key)
{
	struct expression expression = begin_lookup(batch, set, key);

	assert(set->value_type == NFT_DATA_VERDICT);
	nft_message_add_u32(batch, NFTA_LOOKUP_DREG, NFT_REG_VERDICT);
	end(batch, expression);
}

/* --- act --- */

void nft_expression_verdict(struct nft_batch *batch, int code, const char *chain)
{
	struct expression expression = begin(batch, "immediate");

	nft_message_add_u32(batch, NFTA_IMMEDIATE_DREG, NFT_REG_VERDICT);
	nft_message_add_verdict(batch, NFTA_IMMEDIATE_DATA, code, chain);
	end(batch, expression);
}

void nft_expression_destination_nat(struct nft_batch *batch, unsigned address, unsigned port)
{
	struct expression expression = begin(batch, "nat");

	nft_message_add_u32(batch, NFTA_NAT_TYPE, NFT_NAT_DNAT);
	nft_message_add_u32(batch, NFTA_NAT_FAMILY, NFPROTO_IPV4);
	add_register(batch, NFTA_NAT_REG_ADDR_MIN, address);
	add_register(batch, NFTA_NAT_REG_PROTO_MIN, port);
	end(batch, expression);
}

void nft_expression_masquerade(struct nft_batch *batch)
{
	struct expression expression = begin(batch, "masq");

	/* By chance, or two connections that start together may want the same port and one of
	 * them loses its first packet. */
	nft_message_add_u32(batch, NFTA_MASQ_FLAGS, NF_NAT_RANGE_PROTO_RANDOM_FULLY);
	end(batch, expression);
}

void nft_expression_reject(struct nft_batch *batch, bool tcp_reset)
{
	struct expression expression = begin(batch, "reject");
	uint8_t code = ICMP_PORT_UNREACH;

	nft_message_add_u32(batch, NFTA_REJECT_TYPE,
			    tcp_reset ? NFT_REJECT_TCP_RST : NFT_REJECT_ICMP_UNREACH);
	if (!tcp_reset)
		nft_message_add(batch, NFTA_REJECT_ICMP_CODE, &code, sizeof(code));
	end(batch, expression);
}
