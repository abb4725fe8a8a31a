/*
 * nft_expression.h - the steps of a rule: load, compare, look up, decide.
 *
 * Each function adds one expression to the rule that nft_message_rule began.  A step that does not
 * match ends the rule, and the next rule is tried.  Steps hand values on in registers of 4 bytes,
 * numbered 0 to 15; longer values take several in a row.  Packet fields and addresses are in
 * network order there, marks and random numbers in host order.
 */
#ifndef FLANNEL_LITE_NFT_EXPRESSION_H
#define FLANNEL_LITE_NFT_EXPRESSION_H

#include "flannel-lite/nft_message.h"

enum nft_field {
	NFT_FIELD_SOURCE,           /* address, 4 bytes */
	NFT_FIELD_DESTINATION,      /* address, 4 bytes */
	NFT_FIELD_DESTINATION_PORT, /* of TCP, UDP, SCTP: 2 bytes */
};

/* --- load --- */

void nft_expression_load(struct nft_batch *batch, enum nft_field field, unsigned reg);
void nft_expression_load_protocol(struct nft_batch *batch, unsigned reg); /* 1 byte */
void nft_expression_load_mark(struct nft_batch *batch, unsigned reg);     /* of the packet */
void nft_expression_load_state(struct nft_batch *batch, unsigned reg);    /* of the connection */
/* RTN_LOCAL ...: what kind of address the destination is to this machine. */
void nft_expression_load_destination_kind(struct nft_batch *batch, unsigned reg);
/* A number below `modulus`, by chance; the same number for the same 4 bytes in `from`. */
void nft_expression_random(struct nft_batch *batch, uint32_t modulus, unsigned reg);
void nft_expression_hash(struct nft_batch *batch, unsigned from, uint32_t modulus, unsigned reg);
/* reg = (reg & keep) ^ flip, byte by byte as they lie. */
void nft_expression_mask(struct nft_batch *batch, unsigned reg, uint32_t keep, uint32_t flip);

/* --- compare and look up --- */

/* Go on if the register's first bytes are (NFT_CMP_EQ) or are not (NFT_CMP_NEQ) these. */
void nft_expression_compare(struct nft_batch *batch, unsigned reg, int op, const void *at,
			    size_t len);
/* Go on if the key in `key` and the registers behind it is in the set. */
void nft_expression_lookup(struct nft_batch *batch, const struct nft_set *set, unsigned key);
/* The same, and the value found goes to `value` and the registers behind it. */
void nft_expression_map(struct nft_batch *batch, const struct nft_set *set, unsigned key,
			unsigned value);
/* The same in a map of verdicts: the one found is executed. */
void nft_expression_decide(struct nft_batch *batch, const struct nft_set *set, unsigned key);

/* --- act --- */

void nft_expression_store_mark(struct nft_batch *batch, unsigned reg);
/* NFT_JUMP and NFT_GOTO with a chain; NFT_RETURN, NF_DROP ... with NULL. */
void nft_expression_verdict(struct nft_batch *batch, int code, const char *chain);
/* New destination: the address in one register, the port in another.  Ends the walk. */
void nft_expression_destination_nat(struct nft_batch *batch, unsigned address, unsigned port);
/* The source becomes the outgoing interface's address, the port one by chance.  Ends the walk. */
void nft_expression_masquerade(struct nft_batch *batch);
/* Answer with a TCP reset, or with ICMP "port unreachable".  Ends the walk. */
void nft_expression_reject(struct nft_batch *batch, bool tcp_reset);

#endif
