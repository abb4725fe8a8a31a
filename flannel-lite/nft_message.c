/*
 * nft_message.c - messages to nf_tables: their bytes, and the socket that takes them.
 *
 * A transaction is NFNL_MSG_BATCH_BEGIN, the messages, NFNL_MSG_BATCH_END, all in one datagram.
 * Message i has sequence number i.  The kernel works through it inside sendmsg, on our thread, and
 * queues its answers before that returns; so reading never waits, and "nothing there" means that
 * nothing will come.  It answers what it refuses and, because asked, the last message: without that
 * answer and without a refusal we do not believe that anything was done.
 *
 * Lengths in heads are made right with every addition, so there is no "end of message".
 */
#include "flannel-lite/nft_message.h"

#include <assert.h>
#include <endian.h>
#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <sys/socket.h>

#include "flannel-lite/netlink.h"

enum {
	ANSWER_MAX = 8192,        /* an answer is an errno, the head of the request, a sentence */
	ANSWERS_BUFFER = 1 << 20, /* a thousand refusals; the first is the one we want          */
	LIST_MAX = 60000,         /* a nest has at most 65535 bytes, an entry less than 5000    */
	NAME_SHOWN = 64,
};

/* --- bytes --- */

/* Add bytes to the newest message, padded to 4. */
static void extend(struct nft_batch *batch, const void *at, size_t len)
{
	static const char zeros[NLMSG_ALIGNTO];
	struct nlmsghdr *head;

	buf_add(&batch->bytes, at, len);
	buf_add(&batch->bytes, zeros, NLMSG_ALIGN(len) - len);
	head = (void *)(batch->bytes.at + batch->last);
	head->nlmsg_len = (uint32_t)(batch->bytes.len - batch->last);
}

static void begin(struct nft_batch *batch, int type, int flags, uint8_t family, uint16_t resource)
{
	struct nlmsghdr head = {
		.nlmsg_type = (uint16_t)type,
		.nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags),
		.nlmsg_seq = batch->count,
	};
	struct nfgenmsg kind = {
		.nfgen_family = family,
		.version = NFNETLINK_V0,
		.res_id = htobe16(resource),
	};

	batch->last = batch->bytes.len;
	batch->count++;
	batch->list = 0;
	batch->set = NULL;
	extend(batch, &head, sizeof(head));
	extend(batch, &kind, sizeof(kind));
}

/* A message to nf_tables; all of them name the table in attribute 1. */
static void begin_table(struct nft_batch *batch, int type, int flags)
{
	static_assert(NFTA_TABLE_NAME == 1, "the table's name is attribute 1");
	static_assert(NFTA_CHAIN_TABLE == 1, "the table's name is attribute 1");
	static_assert(NFTA_RULE_TABLE == 1, "the table's name is attribute 1");
	static_assert(NFTA_SET_TABLE == 1, "the table's name is attribute 1");
	static_assert(NFTA_SET_ELEM_LIST_TABLE == 1, "the table's name is attribute 1");
	begin(batch, NFNL_SUBSYS_NFTABLES << 8 | type, flags, NFPROTO_IPV4, 0);
	nft_message_add_text(batch, NFTA_TABLE_NAME, batch->table);
}

void nft_message_add(struct nft_batch *batch, uint16_t type, const void *at, size_t len)
{
	struct nlattr head = { .nla_len = (uint16_t)(sizeof(head) + len), .nla_type = type };

	assert(len <= UINT16_MAX - sizeof(head));
	extend(batch, &head, sizeof(head));
	extend(batch, at, len);
}

void nft_message_add_text(struct nft_batch *batch, uint16_t type, const char *text)
{
	nft_message_add(batch, type, text, strlen(text) + 1);
}

void nft_message_add_u32(struct nft_batch *batch, uint16_t type, uint32_t value)
{
	value = htobe32(value);
	nft_message_add(batch, type, &value, sizeof(value));
}

size_t nft_message_nest(struct nft_batch *batch, uint16_t type)
{
	size_t nest = batch->bytes.len;

	nft_message_add(batch, (uint16_t)(type | NLA_F_NESTED), NULL, 0);
	return nest;
}

void nft_message_nest_end(struct nft_batch *batch, size_t nest)
{
	struct nlattr *head = (void *)(batch->bytes.at + nest);
	size_t len = batch->bytes.len - nest;

	assert(len <= UINT16_MAX);
	head->nla_len = (uint16_t)len;
}

void nft_message_add_value(struct nft_batch *batch, uint16_t type, const void *at, size_t len)
{
	size_t nest = nft_message_nest(batch, type);

	nft_message_add(batch, NFTA_DATA_VALUE, at, len);
	nft_message_nest_end(batch, nest);
}

void nft_message_add_verdict(struct nft_batch *batch, uint16_t type, int code, const char *chain)
{
	size_t nest = nft_message_nest(batch, type);
	size_t verdict = nft_message_nest(batch, NFTA_DATA_VERDICT);

	assert((chain != NULL) == (code == NFT_JUMP || code == NFT_GOTO));
	nft_message_add_u32(batch, NFTA_VERDICT_CODE, (uint32_t)code);
	if (chain != NULL)
		nft_message_add_text(batch, NFTA_VERDICT_CHAIN, chain);
	nft_message_nest_end(batch, verdict);
	nft_message_nest_end(batch, nest);
}

size_t nft_message_entry(struct nft_batch *batch)
{
	assert(batch->list > 0);
	return nft_message_nest(batch, NFTA_LIST_ELEM);
}

void nft_message_entry_end(struct nft_batch *batch, size_t entry)
{
	nft_message_nest_end(batch, entry);
	nft_message_nest_end(batch, batch->list);
}

/* --- batches, tables, chains, sets --- */

struct nft_batch nft_message_batch(const char *table)
{
	struct nft_batch batch = { .bytes = BUF_INIT, .table = table };

	begin(&batch, NFNL_MSG_BATCH_BEGIN, 0, AF_UNSPEC, NFNL_SUBSYS_NFTABLES);
	return batch;
}

void nft_message_clear(struct nft_batch *batch)
{
	buf_clear(&batch->bytes);
	batch->count = 0;
}

void nft_message_table(struct nft_batch *batch, int type)
{
	assert(type == NFT_MSG_NEWTABLE || type == NFT_MSG_DELTABLE);
	begin_table(batch, type, type == NFT_MSG_NEWTABLE ? NLM_F_CREATE : 0);
}

void nft_message_chain(struct nft_batch *batch, const char *name)
{
	begin_table(batch, NFT_MSG_NEWCHAIN, NLM_F_CREATE);
	nft_message_add_text(batch, NFTA_CHAIN_NAME, name);
}

void nft_message_base_chain(struct nft_batch *batch, const struct nft_hook *hook)
{
	nft_message_chain(batch, hook->chain);

	size_t nest = nft_message_nest(batch, NFTA_CHAIN_HOOK);

	nft_message_add_u32(batch, NFTA_HOOK_HOOKNUM, hook->hook);
	nft_message_add_u32(batch, NFTA_HOOK_PRIORITY, (uint32_t)hook->priority);
	nft_message_nest_end(batch, nest);
	nft_message_add_text(batch, NFTA_CHAIN_TYPE, hook->type);
	nft_message_add_u32(batch, NFTA_CHAIN_POLICY, NF_ACCEPT);
}

void nft_message_rule(struct nft_batch *batch, const char *chain)
{
	begin_table(batch, NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND);
	nft_message_add_text(batch, NFTA_RULE_CHAIN, chain);
	batch->list = nft_message_nest(batch, NFTA_RULE_EXPRESSIONS);
}

static bool is_map(const struct nft_set *set)
{
	return set->value_len > 0 || set->value_type == NFT_DATA_VERDICT;
}

void nft_message_set(struct nft_batch *batch, const struct nft_set *set)
{
	assert(set->id != 0);
	begin_table(batch, NFT_MSG_NEWSET, NLM_F_CREATE);
	nft_message_add_text(batch, NFTA_SET_NAME, set->name);
	nft_message_add_u32(batch, NFTA_SET_ID, set->id);
	nft_message_add_u32(batch, NFTA_SET_FLAGS, is_map(set) ? NFT_SET_MAP : 0);
	nft_message_add_u32(batch, NFTA_SET_KEY_TYPE, set->key_type);
	nft_message_add_u32(batch, NFTA_SET_KEY_LEN, set->key_len);
	if (is_map(set))
		nft_message_add_u32(batch, NFTA_SET_DATA_TYPE, set->value_type);
	if (set->value_len > 0)
		nft_message_add_u32(batch, NFTA_SET_DATA_LEN, set->value_len);
	if (set->size > 0) {
		size_t nest = nft_message_nest(batch, NFTA_SET_DESC);

		nft_message_add_u32(batch, NFTA_SET_DESC_SIZE, set->size);
		nft_message_nest_end(batch, nest);
	}
}

/* Begin an element with its key, in the newest message if that lists this set and has room. */
static size_t begin_element(struct nft_batch *batch, const struct nft_set *set, const void *key)
{
	if (batch->set != set || batch->bytes.len - batch->list > LIST_MAX) {
		begin_table(batch, NFT_MSG_NEWSETELEM, NLM_F_CREATE);
		nft_message_add_text(batch, NFTA_SET_ELEM_LIST_SET, set->name);
		batch->list = nft_message_nest(batch, NFTA_SET_ELEM_LIST_ELEMENTS);
		batch->set = set;
	}

	size_t entry = nft_message_entry(batch);

	nft_message_add_value(batch, NFTA_SET_ELEM_KEY, key, set->key_len);
	return entry;
}

void nft_message_element(struct nft_batch *batch, const struct nft_set *set, const void *key,
			 const void *value)
{
	size_t entry = begin_element(batch, set, key);

	assert(set->value_type != NFT_DATA_VERDICT);
	assert((value != NULL) == is_map(set));
	if (value != NULL)
		nft_message_add_value(batch, NFTA_SET_ELEM_DATA, value, set->value_len);
	nft_message_entry_end(batch, entry);
}

void nft_message_element_verdict(struct nft_batch *batch, const struct nft_set *set,
				 const void *key, int code, const char *chain)
{
	size_t entry = begin_element(batch, set, key);

	assert(set->value_type == NFT_DATA_VERDICT);
	nft_message_add_verdict(batch, NFTA_SET_ELEM_DATA, code, chain);
	nft_message_entry_end(batch, entry);
}

/* --- what was refused, in words --- */

/* The text in an attribute without its NUL; empty if it is none that can be shown. */
static struct str shown(struct str value, size_t max)
{
	size_t len = 0;

	while (len < value.len && value.at[len] >= ' ' && value.at[len] < 0x7f)
		len++;
	return len > 0 && len <= max && len + 1 == value.len ? str_from(value.at, len) : STR("");
}

/* The message with this number, head and all; at == NULL when there is none. */
static struct str find_message(const struct nft_batch *batch, uint32_t sequence)
{
	for (size_t at = 0; at < batch->bytes.len;) {
		const struct nlmsghdr *head = (const void *)(batch->bytes.at + at);

		if (head->nlmsg_seq == sequence)
			return str_from(batch->bytes.at + at, head->nlmsg_len);
		at += head->nlmsg_len;
	}
	return STR_NONE;
}

/* "rule of chain service-3", "transaction" ... */
static void describe(struct str message, struct buf *out)
{
	static const struct {
		const char *what;
		uint16_t name; /* the attribute */
	} rows[] = {
		[NFT_MSG_NEWTABLE] = { "table", NFTA_TABLE_NAME },
		[NFT_MSG_DELTABLE] = { "removal of table", NFTA_TABLE_NAME },
		[NFT_MSG_NEWCHAIN] = { "chain", NFTA_CHAIN_NAME },
		[NFT_MSG_NEWRULE] = { "rule of chain", NFTA_RULE_CHAIN },
		[NFT_MSG_NEWSET] = { "set", NFTA_SET_NAME },
		[NFT_MSG_NEWSETELEM] = { "elements of set", NFTA_SET_ELEM_LIST_SET },
	};
	const size_t skip = NLMSG_HDRLEN + NLMSG_ALIGN(sizeof(struct nfgenmsg));
	size_t type = message.at ? ((const struct nlmsghdr *)(const void *)message.at)->nlmsg_type
				 : NFNL_MSG_BATCH_BEGIN;
	size_t verb = type & 0xff;

	if (type >> 8 != NFNL_SUBSYS_NFTABLES || verb >= ARRAY_LENGTH(rows) ||
	    rows[verb].what == NULL) {
		buf_add_text(out, "transaction");
		return;
	}

	struct str attributes = str_from(message.at + skip, message.len - skip);
	struct str name = shown(netlink_find(attributes, rows[verb].name), NAME_SHOWN);

	buf_add_print(out, "%s " STR_FMT, rows[verb].what, STR_ARG(name));
}

/* The text in the attribute that stands first here, or in the expression of a rule. */
static void describe_part(struct str rest, struct buf *out)
{
	uint16_t type;
	struct str part;

	if (!netlink_next_attribute(&rest, &type, &part))
		return;
	if (shown(part, NAME_SHOWN).len == 0)
		part = netlink_find(part, NFTA_EXPR_NAME);
	if (shown(part, NAME_SHOWN).len > 0)
		buf_add_print(out, " (" STR_FMT ")", STR_ARG(shown(part, NAME_SHOWN)));
}

/* The kernel's own words and the part it means, as far as it says so. */
static void describe_reason(struct str message, struct str facts, struct buf *out)
{
	struct str words = shown(netlink_find(facts, NLMSGERR_ATTR_MSG), 256);
	struct str offset = netlink_find(facts, NLMSGERR_ATTR_OFFS);
	uint32_t at;

	if (offset.len == sizeof(at)) {
		memcpy(&at, offset.at, sizeof(at));
		buf_add_print(out, " at byte %u", at);
		if (at < message.len)
			describe_part(str_from(message.at + at, message.len - at), out);
	}
	if (words.len > 0)
		buf_add_print(out, ", \"" STR_FMT "\"", STR_ARG(words));
}

static bool refuse(const struct nft_batch *batch, int code, uint32_t sequence, struct str facts,
		   struct error *err)
{
	auto_buf what = BUF_INIT;
	struct str message = find_message(batch, sequence);

	describe(message, &what);
	describe_reason(message, facts, &what);
	errno = code;
	if (code == EPERM || code == EACCES)
		return error_raise(err, ERROR_FORBIDDEN, code, ERROR_FROM,
				   "nf_tables: %s: CAP_NET_ADMIN is needed", buf_text(&what));
	return error_raise(err, ERROR_BROKEN, code, ERROR_FROM, "nf_tables refuses %s: %s",
			   buf_text(&what), strerror(code));
}

/* --- the socket --- */

MUST_CHECK static bool open_socket(size_t send_len, int *out_fd, struct error *err)
{
	auto_fd fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER);
	struct sockaddr_nl address = { .nl_family = AF_NETLINK };
	int answers = ANSWERS_BUFFER;
	int on = 1;
	/* The kernel doubles it, and wants the datagram to be a little smaller. */
	int room = (int)send_len + 4096;

	if (fd < 0)
		return error_os(err, "open an nfnetlink socket");
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		return error_os(err, "bind an nfnetlink socket");
	/* Without them answers say less, or send fails and says so. */
	(void)setsockopt(fd, SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof(on));
	(void)setsockopt(fd, SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof(on));
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &room, sizeof(room));
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &answers, sizeof(answers));
	*out_fd = take_fd(&fd);
	return true;
}

/* One answer.  False with a filled *err when it is a refusal; *out_sequence is whom it answers. */
MUST_CHECK static bool take_answer(const struct nft_batch *batch, struct str answer,
				   uint32_t *out_sequence, struct error *err)
{
	struct nlmsghdr head;
	struct nlmsgerr report;
	struct str facts = STR_NONE;

	if (answer.len < sizeof(head) + sizeof(report))
		return error_set(err, ERROR_BROKEN, "nf_tables: an answer of %zu bytes",
				 answer.len);
	memcpy(&head, answer.at, sizeof(head));
	memcpy(&report, answer.at + sizeof(head), sizeof(report));
	if (head.nlmsg_type != NLMSG_ERROR)
		return error_set(err, ERROR_BROKEN, "nf_tables: an answer of type %d",
				 head.nlmsg_type);
	if ((head.nlmsg_flags & NLM_F_ACK_TLVS) && (head.nlmsg_flags & NLM_F_CAPPED))
		facts = str_from(answer.at + sizeof(head) + sizeof(report),
				 answer.len - sizeof(head) - sizeof(report));
	if (report.error != 0)
		return refuse(batch, -report.error, report.msg.nlmsg_seq, facts, err);
	*out_sequence = report.msg.nlmsg_seq;
	return true;
}

/* Read until there is nothing: the answer to `last` must be there, and no refusal. */
MUST_CHECK static bool read_answers(const struct nft_batch *batch, int fd, uint32_t last,
				    struct error *err)
{
	char answer[ANSWER_MAX] __attribute__((aligned(8)));
	bool done = false;

	for (;;) {
		uint32_t sequence = 0;
		ssize_t len = recv(fd, answer, sizeof(answer), MSG_DONTWAIT);

		if (len < 0 && errno == EINTR)
			continue;
		if (len < 0 && errno == EAGAIN)
			break;
		if (len < 0)
			return error_os(err, "read the answer of nf_tables");
		if (!take_answer(batch, str_from(answer, (size_t)len), &sequence, err))
			return false;
		if (sequence == last)
			done = true;
	}
	if (!done)
		return error_set(err, ERROR_BROKEN, "nf_tables did not answer");
	return true;
}

bool nft_message_send(struct nft_batch *batch, struct error *err)
{
	auto_fd fd = -1;
	uint32_t last = batch->count - 1;
	struct nlmsghdr *head = (void *)(batch->bytes.at + batch->last);
	ssize_t sent;

	assert(batch->count > 1);
	head->nlmsg_flags |= NLM_F_ACK;
	begin(batch, NFNL_MSG_BATCH_END, 0, AF_UNSPEC, NFNL_SUBSYS_NFTABLES);
	if (batch->bytes.len > NFT_MESSAGE_BATCH_MAX)
		return error_set(err, ERROR_TOO_LARGE, "nf_tables: a transaction of %zu bytes",
				 batch->bytes.len);
	if (!open_socket(batch->bytes.len, &fd, err))
		return false;
	do {
		sent = send(fd, batch->bytes.at, batch->bytes.len, 0);
	} while (sent < 0 && errno == EINTR);
	if (sent != (ssize_t)batch->bytes.len)
		return error_os(err, "send %zu bytes to nf_tables", batch->bytes.len);
	return read_answers(batch, fd, last, err);
}
