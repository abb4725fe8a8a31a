/*
 * nft_message.h - messages to nf_tables, gathered to one transaction and sent at once.
 *
 *	auto_nft_batch batch = nft_message_batch("mote");
 *
 *	nft_message_table(&batch, NFT_MSG_NEWTABLE);
 *	nft_message_chain(&batch, "greet");
 *	nft_message_rule(&batch, "greet");       expressions follow: nft_expression.h
 *	return nft_message_send(&batch, err);
 *
 * Building cannot fail; the kernel takes all messages or none of them.  Everything in a batch
 * belongs to one table of family ip.  Numbers are given in host order and sent in network order.
 *
 * A batch is used by one thread at a time.
 */
#ifndef FLANNEL_LITE_NFT_MESSAGE_H
#define FLANNEL_LITE_NFT_MESSAGE_H

#include <linux/netfilter/nf_tables.h>

#include "base/text.h"

/* 20000 service ports with 20 endpoints each come to 40 MiB. */
#define NFT_MESSAGE_BATCH_MAX (64u << 20)

struct nft_set;

struct nft_batch {
	struct buf bytes;
	const char *table;
	uint32_t count;            /* messages so far                                         */
	size_t last;               /* where the newest one begins                             */
	size_t list;               /* where its list of expressions or elements begins, or 0  */
	const struct nft_set *set; /* whose elements the newest message lists, or NULL        */
};

struct nft_batch nft_message_batch(const char *table); /* borrows the name; nft_message_clear */
void nft_message_clear(struct nft_batch *batch);
static inline void nft_message_clear_slot(struct nft_batch *batch)
{
	nft_message_clear(batch);
}
#define auto_nft_batch __attribute__((cleanup(nft_message_clear_slot))) struct nft_batch

/*
 * Hand it over as one transaction and read the kernel's answers.  ERROR_BROKEN names the first
 * message that was refused, the part of it, and the kernel's own words; the tables are unchanged
 * then.  ERROR_FORBIDDEN without CAP_NET_ADMIN, ERROR_TOO_LARGE over NFT_MESSAGE_BATCH_MAX.
 */
MUST_CHECK bool nft_message_send(struct nft_batch *batch, struct error *err);

/* --- the table and its chains --- */

/* NFT_MSG_NEWTABLE (one that exists is fine) or NFT_MSG_DELTABLE (with all that is in it). */
void nft_message_table(struct nft_batch *batch, int type);
void nft_message_chain(struct nft_batch *batch, const char *name);

struct nft_hook {
	const char *chain;
	const char *type; /* "nat", "filter" */
	uint32_t hook;    /* NF_INET_PRE_ROUTING ... */
	int32_t priority;
};
/* A chain that packets enter at a hook; what comes to its end is accepted. */
void nft_message_base_chain(struct nft_batch *batch, const struct nft_hook *hook);

/* A rule at the end of the chain; the expressions added next are its own. */
void nft_message_rule(struct nft_batch *batch, const char *chain);

/* --- sets and maps --- */

struct nft_set {
	const char *name;
	uint32_t id; /* unique in the batch, not 0 */
	/* What nft(8) prints the keys and values as; the kernel looks at the lengths only. */
	uint32_t key_type;
	uint32_t key_len;    /* bytes */
	uint32_t value_type; /* of maps; NFT_DATA_VERDICT: the values are verdicts */
	uint32_t value_len;  /* bytes; 0 and not NFT_DATA_VERDICT: a set, no map */
	uint32_t size;       /* elements at most */
};
void nft_message_set(struct nft_batch *batch, const struct nft_set *set);

/* Add an element; as many as fit go into one message.  `set` stays the caller's until sent. */
void nft_message_element(struct nft_batch *batch, const struct nft_set *set, const void *key,
			 const void *value); /* NULL in a set that is no map */
/* Of a map of verdicts: NFT_GOTO with a chain, NF_DROP (0) with NULL ... */
void nft_message_element_verdict(struct nft_batch *batch, const struct nft_set *set,
				 const void *key, int code, const char *chain);

/* --- the bytes below: for nft_expression.c --- */

void nft_message_add(struct nft_batch *batch, uint16_t type, const void *at, size_t len);
void nft_message_add_text(struct nft_batch *batch, uint16_t type, const char *text);
void nft_message_add_u32(struct nft_batch *batch, uint16_t type, uint32_t value);
/* What is added until nest_end lies inside. */
size_t nft_message_nest(struct nft_batch *batch, uint16_t type);
void nft_message_nest_end(struct nft_batch *batch, size_t nest);
/* A nest of NFTA_DATA_VALUE; one of NFTA_DATA_VERDICT. */
void nft_message_add_value(struct nft_batch *batch, uint16_t type, const void *at, size_t len);
void nft_message_add_verdict(struct nft_batch *batch, uint16_t type, int code, const char *chain);
/* An entry of the newest message's list: a nest whose end makes the list longer. */
size_t nft_message_entry(struct nft_batch *batch);
void nft_message_entry_end(struct nft_batch *batch, size_t entry);

#endif
