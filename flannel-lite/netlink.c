/*
 * netlink.c - messages to the kernel: the socket, and the reading of its answers.
 *
 * The kernel handles a request inside sendmsg, on our thread, and queues the answers before it
 * returns; a dump goes on inside recv.  So every read is non-blocking, and "nothing there" means
 * that nothing will come.  Answers are told apart by their sequence number: message i of a batch
 * has number first + i, so an answer that an earlier failure left behind is passed over.
 */
#include "flannel-lite/netlink.h"

#include <assert.h>
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	RECEIVE_MAX = 65536, /* the kernel makes at most 32 KiB of dump at once */
	RECEIVE_BUFFER = 1 << 20,
	ASK_TRIES = 8,
};

static_assert(sizeof(struct nlmsghdr) == NLMSG_HDRLEN, "the head needs no padding");

struct netlink {
	int fd;
	uint32_t sequence; /* the next one to be used */
	char receive[RECEIVE_MAX] __attribute__((aligned(8)));
};

bool netlink_open(int protocol, struct netlink **out, struct error *err)
{
	auto_fd fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol);
	struct sockaddr_nl address = { .nl_family = AF_NETLINK };
	int room = RECEIVE_BUFFER;
	int on = 1;

	if (fd < 0)
		return error_os(err, "open netlink %d", protocol);
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		return error_os(err, "bind netlink %d", protocol);
	/* Old kernels have neither of these; answers are then longer and say less. */
	(void)setsockopt(fd, SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof(on));
	(void)setsockopt(fd, SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof(on));
	/* Without the privilege for a large queue the usual one has to do. */
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room));

	struct netlink *netlink = memory_new(struct netlink);

	netlink->fd = take_fd(&fd);
	netlink->sequence = 1;
	*out = netlink;
	return true;
}

void netlink_close(struct netlink *netlink)
{
	if (netlink == NULL)
		return;
	close(netlink->fd);
	free(netlink);
}

/* Number the messages and send them all.  *out_last is the place of the last that wants an
 * answer. */
MUST_CHECK static bool transmit(struct netlink *netlink, struct netlink_batch *batch,
				uint32_t *out_last, struct error *err)
{
	uint32_t place = 0;
	uint32_t last = UINT32_MAX;

	if (batch->bytes.len > NETLINK_BATCH_MAX)
		return error_set(err, ERROR_TOO_LARGE, "netlink batch of %zu bytes",
				 batch->bytes.len);
	for (size_t at = 0; at < batch->bytes.len; place++) {
		struct nlmsghdr *head = (void *)(batch->bytes.at + at);

		head->nlmsg_seq = netlink->sequence + place;
		if (head->nlmsg_flags & (NLM_F_ACK | NLM_F_DUMP))
			last = place;
		at += head->nlmsg_len;
	}
	assert(place == batch->count);
	assert(last != UINT32_MAX);

	/* The kernel wants a whole message to fit half of what is set here. */
	int room = (int)batch->bytes.len + 4096;
	ssize_t sent;

	(void)setsockopt(netlink->fd, SOL_SOCKET, SO_SNDBUFFORCE, &room, sizeof(room));
	do {
		sent = send(netlink->fd, batch->bytes.at, batch->bytes.len, 0);
	} while (sent < 0 && errno == EINTR);
	if (sent != (ssize_t)batch->bytes.len)
		return error_os(err, "send %zu bytes to the kernel", batch->bytes.len);
	*out_last = last;
	return true;
}

/* One datagram.  Not there: out_bytes is empty.  A full queue has lost answers, not requests: what
 * follows is read on. */
MUST_CHECK static bool receive(struct netlink *netlink, bool whole, struct str *out_bytes,
			       struct error *err)
{
	struct iovec piece = { netlink->receive, sizeof(netlink->receive) };
	struct msghdr message = { .msg_iov = &piece, .msg_iovlen = 1 };
	ssize_t len;

	do {
		len = recvmsg(netlink->fd, &message, MSG_DONTWAIT);
	} while (len < 0 && (errno == EINTR || (errno == ENOBUFS && !whole)));
	if (len < 0 && errno != EAGAIN)
		return error_os(err, "read the kernel's answer");
	if (len > 0 && whole && (message.msg_flags & MSG_TRUNC))
		return error_set(err, ERROR_TOO_LARGE, "an answer of the kernel is over %d bytes",
				 RECEIVE_MAX);
	*out_bytes = str_from(netlink->receive, len > 0 ? (size_t)len : 0);
	return true;
}

/* The kernel's own words of what was wrong, or "".  They stand behind the request's echo. */
static struct str reason(const struct nlmsghdr *head, struct str body)
{
	struct nlmsgerr report;
	struct str rest;

	if (!(head->nlmsg_flags & NLM_F_ACK_TLVS) ||
	    !netlink_head(body, &report, sizeof(report), &rest))
		return STR("");
	if (!(head->nlmsg_flags & NLM_F_CAPPED)) {
		size_t echo = NLMSG_ALIGN(report.msg.nlmsg_len) - NLMSG_HDRLEN;

		if (report.msg.nlmsg_len < NLMSG_HDRLEN || echo > rest.len)
			return STR("");
		rest = str_from(rest.at + echo, rest.len - echo);
	}

	struct str text = netlink_find(rest, NLMSGERR_ATTR_MSG);

	while (text.len > 0 && text.at[text.len - 1] == '\0')
		text.len--;
	return text.len > 0 && text.len < 256 ? text : STR("");
}

/* What became of a batch so far. */
struct outcome {
	uint32_t first; /* sequence of message 0 */
	uint32_t count;
	uint32_t last; /* place of the last that is answered */
	bool answered; /* the last one was */
	bool failed;
};

/* An NLMSG_ERROR or NLMSG_DONE: an answer's end.  The first failure is kept in *err. */
static void settle(struct outcome *outcome, const struct nlmsghdr *head, struct str body,
		   struct error *err)
{
	uint32_t place = head->nlmsg_seq - outcome->first;
	int32_t code = 0;

	if (place >= outcome->count)
		return;
	if (body.len >= sizeof(code))
		memcpy(&code, body.at, sizeof(code));
	if (place == outcome->last)
		outcome->answered = true;
	if (code >= 0 || outcome->failed)
		return;

	struct str why = reason(head, body);

	outcome->failed = true;
	errno = -code;
	if (why.len > 0)
		error_os(err, "the kernel refuses (" STR_FMT ")", STR_ARG(why));
	else
		error_os(err, "the kernel refuses");
}

/* Take a message with its whole head off *rest. */
static bool next(struct str *rest, struct nlmsghdr *head, struct str *body)
{
	if (rest->len < sizeof(*head))
		return false;
	memcpy(head, rest->at, sizeof(*head));
	if (head->nlmsg_len < sizeof(*head))
		return false;

	/* One that was cut off counts as far as it goes. */
	size_t len = head->nlmsg_len < rest->len ? head->nlmsg_len : rest->len;
	size_t step = NLMSG_ALIGN(len) < rest->len ? NLMSG_ALIGN(len) : rest->len;

	*body = str_from(rest->at + sizeof(*head), len - sizeof(*head));
	*rest = str_from(rest->at + step, rest->len - step);
	return true;
}

/* Read answers until there are none.  Those that are content go to `out` (may be NULL). */
MUST_CHECK static bool collect(struct netlink *netlink, struct outcome *outcome, struct buf *out,
			       bool *out_disturbed, struct error *err)
{
	struct str bytes = STR_NONE;

	*out_disturbed = false;
	for (;;) {
		struct nlmsghdr head;
		struct str body;

		if (!receive(netlink, out != NULL, &bytes, err))
			return false;
		if (bytes.len == 0)
			break;
		while (next(&bytes, &head, &body)) {
			if (head.nlmsg_flags & NLM_F_DUMP_INTR)
				*out_disturbed = true;
			if (head.nlmsg_type == NLMSG_ERROR || head.nlmsg_type == NLMSG_DONE)
				settle(outcome, &head, body, err);
			else if (out != NULL && head.nlmsg_seq == outcome->first)
				buf_add(out, body.at - sizeof(head),
					NLMSG_ALIGN(sizeof(head) + body.len));
		}
		if (out != NULL && out->len > NETLINK_ANSWER_MAX)
			return error_set(err, ERROR_TOO_LARGE,
					 "an answer of the kernel is over %u bytes",
					 NETLINK_ANSWER_MAX);
	}
	if (!outcome->failed && !outcome->answered)
		return error_set(err, ERROR_BROKEN, "the kernel did not answer");
	return !outcome->failed;
}

/* Send and read; the next batch gets numbers of its own. */
MUST_CHECK static bool exchange(struct netlink *netlink, struct netlink_batch *batch,
				struct buf *out, bool *out_disturbed, struct error *err)
{
	struct outcome outcome = { .first = netlink->sequence, .count = batch->count };

	if (!transmit(netlink, batch, &outcome.last, err))
		return false;
	netlink->sequence += batch->count;
	return collect(netlink, &outcome, out, out_disturbed, err);
}

bool netlink_send(struct netlink *netlink, struct netlink_batch *batch, struct error *err)
{
	bool disturbed;

	assert(batch->count > 0);
	return exchange(netlink, batch, NULL, &disturbed, err);
}

bool netlink_ask(struct netlink *netlink, struct netlink_batch *batch, struct buf *out,
		 struct error *err)
{
	bool disturbed = true;

	assert(batch->count == 1);
	for (int i = 0; i < ASK_TRIES && disturbed; i++) {
		buf_reset(out);
		if (!exchange(netlink, batch, out, &disturbed, err))
			return false;
	}
	if (disturbed)
		return error_set(err, ERROR_UNAVAILABLE,
				 "the kernel's tables change too fast to be read");
	return true;
}
