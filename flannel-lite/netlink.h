/*
 * netlink.h - messages to the kernel: built, sent as one batch, their answers read.
 *
 *	auto_netlink nl = NULL;
 *	auto_netlink_batch batch = NETLINK_BATCH_INIT;
 *
 *	if (!netlink_open(NETLINK_ROUTE, &nl, err))
 *		return false;
 *	netlink_start(&batch, RTM_NEWLINK, NLM_F_CREATE | NLM_F_ACK, &head, sizeof(head));
 *	netlink_add_text(&batch, IFLA_IFNAME, "cni0");
 *	size_t nest = netlink_nest(&batch, IFLA_LINKINFO);
 *	netlink_add_text(&batch, IFLA_INFO_KIND, "bridge");
 *	netlink_nest_end(&batch, nest);
 *	return netlink_send(nl, &batch, err);
 *
 * Serves every netlink protocol.  The kernel works through a batch before sendmsg returns, so there
 * is nothing to wait for and no call blocks for long.  With nfnetlink a batch between
 * NFNL_MSG_BATCH_BEGIN and _END is one transaction; with rtnetlink each message stands alone.
 * What the kernel sends is checked for its lengths only.
 *
 * A socket and a batch are used by one thread at a time.
 */
#ifndef FLANNEL_LITE_NETLINK_H
#define FLANNEL_LITE_NETLINK_H

#include <linux/netlink.h>

#include "base/text.h"

#define NETLINK_BATCH_MAX  (64u << 20) /* bytes sent at once: 20000 services with room to spare */
#define NETLINK_ANSWER_MAX (64u << 20) /* bytes of one dump */

/* --- building: bytes are gathered, nothing can fail --- */

struct netlink_batch {
	struct buf bytes;
	size_t last;    /* where the newest message begins */
	uint32_t count; /* messages so far */
};

#define NETLINK_BATCH_INIT ((struct netlink_batch){ BUF_INIT, 0, 0 })
void netlink_batch_clear(struct netlink_batch *batch);
static inline void netlink_batch_clear_slot(struct netlink_batch *batch)
{
	netlink_batch_clear(batch);
}
#define auto_netlink_batch __attribute__((cleanup(netlink_batch_clear_slot))) struct netlink_batch

/* Begin a message: NLM_F_REQUEST is set always, the others are the caller's.  `head` is what stands
 * before the attributes (struct ifinfomsg, struct nfgenmsg ...). */
void netlink_start(struct netlink_batch *batch, uint16_t type, uint16_t flags, const void *head,
		   size_t len);
/* Bytes without an attribute's head, padded to 4: the ifinfomsg inside VETH_INFO_PEER. */
void netlink_add_raw(struct netlink_batch *batch, const void *at, size_t len);
/* An attribute.  At most 65531 bytes. */
void netlink_add(struct netlink_batch *batch, uint16_t type, const void *at, size_t len);
void netlink_add_text(struct netlink_batch *batch, uint16_t type, const char *text); /* with NUL */
void netlink_add_u8(struct netlink_batch *batch, uint16_t type, uint8_t value);
void netlink_add_u16(struct netlink_batch *batch, uint16_t type, uint16_t value);
void netlink_add_u32(struct netlink_batch *batch, uint16_t type, uint32_t value);
/* Given in host order, sent in network order. */
void netlink_add_be16(struct netlink_batch *batch, uint16_t type, uint16_t value);
void netlink_add_be32(struct netlink_batch *batch, uint16_t type, uint32_t value);
/* What is added until nest_end lies inside; over 65535 bytes in all is the caller's bug (assert):
 * see netlink_nest_len. */
size_t netlink_nest(struct netlink_batch *batch, uint16_t type); /* sets NLA_F_NESTED */
void netlink_nest_end(struct netlink_batch *batch, size_t nest);
size_t netlink_nest_len(const struct netlink_batch *batch, size_t nest); /* bytes so far */

/* --- talking --- */

struct netlink;

/* `protocol` is NETLINK_ROUTE, NETLINK_NETFILTER ... in the calling thread's network namespace;
 * the socket stays in it. */
MUST_CHECK bool netlink_open(int protocol, struct netlink **out, struct error *err);
void netlink_close(struct netlink *netlink); /* NULL is fine */
DEFINE_AUTO(struct netlink *, netlink_close)
#define auto_netlink AUTO(netlink_close) struct netlink *

/*
 * Send the batch in one call and read the answers.  False when any message failed or the last one
 * that asked for NLM_F_ACK got none; err->os_code is the first failure's errno and the text has the
 * kernel's own reason.  At least one message must ask for NLM_F_ACK: with rtnetlink all, with
 * nfnetlink the last before BATCH_END.  The batch is unchanged and may be sent again.
 */
MUST_CHECK bool netlink_send(struct netlink *netlink, struct netlink_batch *batch,
			     struct error *err);

/*
 * A batch of one question with NLM_F_DUMP, or with NLM_F_ACK for a single thing.  The answers,
 * whole messages one after the other, replace what *out held.  A dump that was disturbed by a
 * change is asked for again, a few times.
 */
MUST_CHECK bool netlink_ask(struct netlink *netlink, struct netlink_batch *batch, struct buf *out,
			    struct error *err);

/* --- reading answers --- */

struct netlink_message {
	uint16_t type;
	uint16_t flags;
	struct str body; /* behind the nlmsghdr; begins at a multiple of 4 */
};
/* Take the first message off *rest; false at the end. */
bool netlink_next(struct str *rest, struct netlink_message *out);
/* Copy the fixed head of a message; *out_attributes is what follows.  False when it is too short.
 */
bool netlink_head(struct str body, void *head, size_t len, struct str *out_attributes);
/* The value of the first attribute of this type (flags of the type are ignored); at == NULL when
 * there is none. */
struct str netlink_find(struct str attributes, uint16_t type);
/* Take the first attribute off *rest; false at the end. */
bool netlink_next_attribute(struct str *rest, uint16_t *out_type, struct str *out_value);
/* 0 when the length does not fit. */
uint8_t netlink_u8(struct str value);
uint16_t netlink_u16(struct str value);
uint32_t netlink_u32(struct str value); /* as it lies there: addresses stay in network order */

#endif
