/*
 * netlink_message.c - the bytes of netlink messages: building and taking apart.
 *
 * Lengths in heads are kept right with every addition, so that a batch can be sent at any moment.
 */
#include <arpa/inet.h>
#include <assert.h>

#include "flannel-lite/netlink.h"

void netlink_batch_clear(struct netlink_batch *batch)
{
	buf_clear(&batch->bytes);
	batch->last = 0;
	batch->count = 0;
}

/* Add bytes to the newest message, padded to 4. */
static void extend(struct netlink_batch *batch, const void *at, size_t len)
{
	static const char zeros[NLMSG_ALIGNTO];
	struct nlmsghdr *head;

	buf_add(&batch->bytes, at, len);
	buf_add(&batch->bytes, zeros, NLMSG_ALIGN(len) - len);
	head = (void *)(batch->bytes.at + batch->last);
	head->nlmsg_len = (uint32_t)(batch->bytes.len - batch->last);
}

void netlink_start(struct netlink_batch *batch, uint16_t type, uint16_t flags, const void *head,
		   size_t len)
{
	struct nlmsghdr start = {
		.nlmsg_len = sizeof(start),
		.nlmsg_type = type,
		.nlmsg_flags = (uint16_t)(flags | NLM_F_REQUEST),
	};

	batch->last = batch->bytes.len;
	batch->count++;
	extend(batch, &start, sizeof(start));
	extend(batch, head, len);
}

void netlink_add_raw(struct netlink_batch *batch, const void *at, size_t len)
{
	assert(batch->count > 0);
	extend(batch, at, len);
}

void netlink_add(struct netlink_batch *batch, uint16_t type, const void *at, size_t len)
{
	struct nlattr head = { .nla_len = (uint16_t)(sizeof(head) + len), .nla_type = type };

	assert(batch->count > 0);
	assert(len <= UINT16_MAX - sizeof(head));
	extend(batch, &head, sizeof(head));
	extend(batch, at, len);
}

void netlink_add_text(struct netlink_batch *batch, uint16_t type, const char *text)
{
	netlink_add(batch, type, text, strlen(text) + 1);
}

void netlink_add_u8(struct netlink_batch *batch, uint16_t type, uint8_t value)
{
	netlink_add(batch, type, &value, sizeof(value));
}

void netlink_add_u16(struct netlink_batch *batch, uint16_t type, uint16_t value)
{
	netlink_add(batch, type, &value, sizeof(value));
}

void netlink_add_u32(struct netlink_batch *batch, uint16_t type, uint32_t value)
{
	netlink_add(batch, type, &value, sizeof(value));
}

void netlink_add_be16(struct netlink_batch *batch, uint16_t type, uint16_t value)
{
	netlink_add_u16(batch, type, htons(value));
}

void netlink_add_be32(struct netlink_batch *batch, uint16_t type, uint32_t value)
{
	netlink_add_u32(batch, type, htonl(value));
}

size_t netlink_nest(struct netlink_batch *batch, uint16_t type)
{
	size_t nest = batch->bytes.len;

	netlink_add(batch, (uint16_t)(type | NLA_F_NESTED), NULL, 0);
	return nest;
}

size_t netlink_nest_len(const struct netlink_batch *batch, size_t nest)
{
	assert(nest < batch->bytes.len);
	return batch->bytes.len - nest;
}

void netlink_nest_end(struct netlink_batch *batch, size_t nest)
{
	size_t len = netlink_nest_len(batch, nest);
	struct nlattr *head = (void *)(batch->bytes.at + nest);

	assert(len <= UINT16_MAX);
	head->nla_len = (uint16_t)len;
}

/* Take `len` bytes, which lie padded, off the front. */
static void skip(struct str *rest, size_t len)
{
	size_t step = NLMSG_ALIGN(len) < rest->len ? NLMSG_ALIGN(len) : rest->len;

	*rest = str_from(rest->at + step, rest->len - step);
}

bool netlink_next(struct str *rest, struct netlink_message *out)
{
	struct nlmsghdr head;

	if (rest->len < sizeof(head))
		return false;
	memcpy(&head, rest->at, sizeof(head));
	if (head.nlmsg_len < sizeof(head) || head.nlmsg_len > rest->len)
		return false;
	out->type = head.nlmsg_type;
	out->flags = head.nlmsg_flags;
	out->body = str_from(rest->at + sizeof(head), head.nlmsg_len - sizeof(head));
	skip(rest, head.nlmsg_len);
	return true;
}

bool netlink_head(struct str body, void *head, size_t len, struct str *out_attributes)
{
	if (body.len < len)
		return false;
	memcpy(head, body.at, len);
	skip(&body, len);
	*out_attributes = body;
	return true;
}

bool netlink_next_attribute(struct str *rest, uint16_t *out_type, struct str *out_value)
{
	struct nlattr head;

	if (rest->len < sizeof(head))
		return false;
	memcpy(&head, rest->at, sizeof(head));
	if (head.nla_len < sizeof(head) || head.nla_len > rest->len)
		return false;
	*out_type = (uint16_t)(head.nla_type & NLA_TYPE_MASK);
	*out_value = str_from(rest->at + sizeof(head), head.nla_len - sizeof(head));
	skip(rest, head.nla_len);
	return true;
}

struct str netlink_find(struct str attributes, uint16_t type)
{
	uint16_t found;
	struct str value;

	while (netlink_next_attribute(&attributes, &found, &value)) {
		if (found == type)
			return value;
	}
	return STR_NONE;
}

uint8_t netlink_u8(struct str value)
{
	return value.len == 1 ? (uint8_t)value.at[0] : 0;
}

uint16_t netlink_u16(struct str value)
{
	uint16_t number = 0;

	if (value.len == sizeof(number))
		memcpy(&number, value.at, sizeof(number));
	return number;
}

uint32_t netlink_u32(struct str value)
{
	uint32_t number = 0;

	if (value.len == sizeof(number))
		memcpy(&number, value.at, sizeof(number));
	return number;
}
