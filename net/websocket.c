/*
 * websocket.c - the server end of RFC 6455 over an upgraded stream.
 *
 * Frames are read into one buffer; a message in several frames is put together; control frames are
 * answered in between.
 */
#include "net/websocket.h"

#include <assert.h>

#include "base/limits.h"
#include "net/hash.h"

#define READ_PIECE  16384
#define CLOSE_MS    2000
#define CONTROL_MAX 125
#define PONGS_MAX   (4u * 1024 * 1024)
#define GUID        "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

enum { OP_MORE = 0, OP_TEXT = 1, OP_BINARY = 2, OP_CLOSE = 8, OP_PING = 9, OP_PONG = 10 };

struct websocket {
	struct stream *stream;
	const struct websocket_events *events;
	void *owner;
	struct buf in, message;
	unsigned message_op;     /* of the message in pieces, 0 = none */
	bool inside;             /* a callback is running */
	bool closed;             /* websocket_close was called inside it */
	bool over;               /* on_closed was called or is due */
	struct loop_timer timer; /* after our close frame */
};

/* --- frames --- */

enum websocket_parse websocket_frame_parse(struct str bytes, struct websocket_frame *out)
{
	const unsigned char *at = (const unsigned char *)bytes.at;
	size_t size = 2, extra;

	if (bytes.len < 2)
		return WEBSOCKET_MORE;
	*out = (struct websocket_frame){ .fin = at[0] & 0x80,
					 .masked = at[1] & 0x80,
					 .opcode = at[0] & 15u };
	out->length = at[1] & 0x7fu;
	if (at[0] & 0x70) /* no extension was agreed upon */
		return WEBSOCKET_BAD;
	if (out->opcode > OP_PONG || (out->opcode > OP_BINARY && out->opcode < OP_CLOSE))
		return WEBSOCKET_BAD;
	if (out->opcode >= OP_CLOSE && (!out->fin || out->length > CONTROL_MAX))
		return WEBSOCKET_BAD;
	extra = out->length == 126 ? 2 : out->length == 127 ? 8 : 0;
	if (bytes.len < size + extra + (out->masked ? 4 : 0))
		return WEBSOCKET_MORE;
	if (extra > 0) {
		out->length = 0;
		for (size_t i = 0; i < extra; i++)
			out->length = out->length << 8 | at[size + i];
		if (out->length < (extra == 2 ? 126u : 65536u) || out->length >> 63)
			return WEBSOCKET_BAD;
		size += extra;
	}
	if (out->masked) {
		memcpy(out->mask, at + size, 4);
		size += 4;
	}
	out->head_size = size;
	return WEBSOCKET_FRAME;
}

static void write_frame(struct websocket *ws, unsigned op, struct str first, struct str second)
{
	size_t len = first.len + second.len;
	auto_buf out = BUF_INIT;

	if (!ws->stream)
		return;
	buf_reserve(&out, len + 10);
	buf_add_byte(&out, (char)(0x80 | op));
	if (len < 126) {
		buf_add_byte(&out, (char)len);
	} else if (len < 65536) {
		buf_add_byte(&out, 126);
		buf_add_byte(&out, (char)(len >> 8));
		buf_add_byte(&out, (char)len);
	} else {
		buf_add_byte(&out, 127);
		for (int shift = 56; shift >= 0; shift -= 8)
			buf_add_byte(&out, (char)((uint64_t)len >> shift));
	}
	buf_add_str(&out, first);
	buf_add_str(&out, second);
	stream_write(ws->stream, buf_str(&out));
}

static void write_close(struct websocket *ws, int code, struct str reason)
{
	char bytes[2] = { (char)(code >> 8), (char)code };

	if (reason.len > CONTROL_MAX - 2)
		reason.len = CONTROL_MAX - 2;
	write_frame(ws, OP_CLOSE, str_from(bytes, 2), reason);
}

/* --- the end --- */

static void ws_free(struct websocket *ws)
{
	loop_timer_stop(&ws->timer);
	if (ws->stream)
		stream_close(ws->stream);
	buf_clear(&ws->in);
	buf_clear(&ws->message);
	free(ws);
}

static void tell_closed(struct websocket *ws, int code)
{
	if (ws->over)
		return;
	ws->over = true;
	if (ws->closed)
		return; /* the owner knows */
	ws->inside = true;
	ws->events->on_closed(ws->owner, code);
	ws->inside = false;
}

static void on_close_timer(struct loop_timer *timer)
{
	ws_free(CONTAINER_OF(timer, struct websocket, timer));
}

void websocket_close(struct websocket *ws, int code, const char *reason)
{
	assert(!ws->closed);
	ws->closed = true;
	if (ws->over || !ws->stream) {
		if (!ws->inside)
			ws_free(ws);
		return;
	}
	write_close(ws, code, str_of(reason));
	/* The peer's own close frame or the end of the stream frees us; so does the timer. */
	loop_timer_set(ws->stream->loop, &ws->timer, CLOSE_MS);
	stream_pause(ws->stream, false);
}

/* A broken rule: say so and end. */
static void fail(struct websocket *ws, int code, const char *reason)
{
	write_close(ws, code, str_of(reason));
	stream_close_after_flush(ws->stream, CLOSE_MS);
	ws->stream = NULL;
	tell_closed(ws, code);
}

/* --- messages in --- */

static void give_message(struct websocket *ws, struct str message, bool is_text)
{
	if (is_text && !str_is_utf8(message)) {
		fail(ws, 1007, "text that is not UTF-8");
		return;
	}
	if (ws->closed)
		return;
	ws->inside = true;
	ws->events->on_message(ws->owner, message, is_text);
	ws->inside = false;
}

static void take_close(struct websocket *ws, struct str payload)
{
	int code = payload.len >= 2
			   ? (unsigned char)payload.at[0] << 8 | (unsigned char)payload.at[1]
			   : 1005;

	if (!ws->closed)
		write_close(ws, code == 1005 ? 1000 : code, STR(""));
	stream_close_after_flush(ws->stream, CLOSE_MS);
	ws->stream = NULL;
	tell_closed(ws, code);
}

static void take_data(struct websocket *ws, const struct websocket_frame *frame, struct str payload)
{
	bool begins = frame->opcode != OP_MORE;

	if (begins == (ws->message_op != 0)) {
		fail(ws, 1002, "a message inside another");
		return;
	}
	if (begins && frame->fin) {
		give_message(ws, payload, frame->opcode == OP_TEXT);
		return;
	}
	if (begins)
		ws->message_op = frame->opcode;
	if (ws->message.len + payload.len > LIMIT_WEBSOCKET_MESSAGE) {
		fail(ws, 1009, "the message is too large");
		return;
	}
	buf_add_str(&ws->message, payload);
	if (frame->fin) {
		struct buf whole = ws->message;
		bool is_text = ws->message_op == OP_TEXT;

		ws->message = BUF_INIT;
		ws->message_op = 0;
		give_message(ws, buf_str(&whole), is_text);
		buf_clear(&whole);
	}
}

static void take_frame(struct websocket *ws, const struct websocket_frame *frame,
		       struct str payload)
{
	switch (frame->opcode) {
	case OP_CLOSE: take_close(ws, payload); break;
	case OP_PING:
		/* Who asks and does not read the answers gets no more of them. */
		if (websocket_pending(ws) <= PONGS_MAX)
			write_frame(ws, OP_PONG, payload, STR(""));
		break;
	case OP_PONG: break;
	default: take_data(ws, frame, payload);
	}
}

static void unmask(char *at, size_t len, const unsigned char mask[4])
{
	for (size_t i = 0; i < len; i++)
		at[i] = (char)(at[i] ^ mask[i & 3]);
}

/* One whole frame of the buffer, which begins at `*at`; false when it is not there yet or the
 * connection is over. */
static bool next_frame(struct websocket *ws, size_t *at)
{
	struct str rest = str_from(ws->in.at + *at, ws->in.len - *at);
	struct websocket_frame frame;
	enum websocket_parse parse = websocket_frame_parse(rest, &frame);
	auto_buf payload = BUF_INIT;

	if (parse == WEBSOCKET_MORE)
		return false;
	if (parse == WEBSOCKET_BAD || !frame.masked) {
		fail(ws, 1002,
		     parse == WEBSOCKET_BAD ? "malformed frame"
					    : "a client's frame must be masked");
		return false;
	}
	if (frame.length > LIMIT_WEBSOCKET_MESSAGE) {
		fail(ws, 1009, "the message is too large");
		return false;
	}
	if (rest.len < frame.head_size + frame.length)
		return false;
	buf_add(&payload, rest.at + frame.head_size, (size_t)frame.length);
	*at += frame.head_size + (size_t)frame.length;
	unmask(payload.at, payload.len, frame.mask);
	take_frame(ws, &frame, buf_str(&payload));
	return ws->stream != NULL;
}

static void on_readable(void *owner)
{
	struct websocket *ws = owner;
	size_t at = 0;
	ptrdiff_t got;

	buf_reserve(&ws->in, READ_PIECE);
	got = stream_read(ws->stream, ws->in.at + ws->in.len, ws->in.room - ws->in.len - 1);
	if (got == 0)
		return;
	if (got < 0) {
		stream_close(ws->stream);
		ws->stream = NULL;
		tell_closed(ws, 1006);
	} else {
		ws->in.len += (size_t)got;
		while (next_frame(ws, &at))
			continue;
		buf_drop_front(&ws->in, at); /* once: a piece may hold thousands of frames */
		if (ws->in.len == 0)
			buf_clear(&ws->in);
	}
	if (ws->closed && !ws->stream)
		ws_free(ws);
}

static void on_writable(void *owner)
{
	struct websocket *ws = owner;

	if (!ws->closed && ws->events->on_writable)
		ws->events->on_writable(ws->owner);
}

static void on_closed(void *owner, const struct error *why)
{
	struct websocket *ws = owner;

	(void)why;
	stream_close(ws->stream);
	ws->stream = NULL;
	tell_closed(ws, 1006);
	if (ws->closed)
		ws_free(ws);
}

static const struct stream_events stream_events = {
	.on_readable = on_readable,
	.on_writable = on_writable,
	.on_closed = on_closed,
};

/* --- the handshake --- */

static bool offers(struct str list, const char *protocol)
{
	while (list.len > 0)
		if (str_is(str_trim(str_cut(&list, ',')), protocol))
			return true;
	return false;
}

static bool choose(struct str offered, const char *const *protocols, const char **out,
		   struct error *err)
{
	for (const char *const *at = protocols; *at; at++)
		if (offered.len == 0 ? **at == '\0' : offers(offered, *at)) {
			*out = *at;
			return true;
		}
	return error_set(
		err, ERROR_FORBIDDEN,
		"unable to upgrade: unable to negotiate protocol: client supports \"" STR_FMT "\"",
		STR_ARG(offered));
}

static void add_accept(struct http_request *req, struct str key)
{
	auto_buf text = BUF_INIT;
	auto_buf answer = BUF_INIT;
	unsigned char digest[20];

	buf_add_str(&text, key);
	buf_add_text(&text, GUID);
	hash_sha1(buf_str(&text), digest);
	buf_add_base64(&answer, str_from(digest, sizeof(digest)));
	http_reply_header(req, "Sec-WebSocket-Accept", buf_text(&answer));
}

bool websocket_check(const struct http_head *head, const char *const *protocols,
		     const char **out_protocol, struct error *err)
{
	if (!head->upgrade || !http_has_token(head, "Upgrade", "websocket") ||
	    !str_is(head->method, "GET"))
		return error_set(err, ERROR_BAD_REQUEST, "Upgrade request required");
	if (!str_is(http_header(head, "Sec-WebSocket-Version"), "13") ||
	    http_header(head, "Sec-WebSocket-Key").len != 24)
		return error_set(err, ERROR_BAD_REQUEST,
				 "unable to upgrade: this is no WebSocket version 13 handshake");
	return choose(http_header(head, "Sec-WebSocket-Protocol"), protocols, out_protocol, err);
}

bool websocket_accept(struct http_request *req, const char *const *protocols,
		      struct websocket **out, const char **out_protocol, struct error *err)
{
	struct websocket *ws;
	const char *protocol = NULL;

	if (!websocket_check(&req->head, protocols, &protocol, err))
		return false;
	add_accept(req, http_header(&req->head, "Sec-WebSocket-Key"));
	if (*protocol)
		http_reply_header(req, "Sec-WebSocket-Protocol", protocol);
	ws = memory_new(struct websocket);
	ws->timer.on_timer = on_close_timer;
	ws->stream = http_upgrade(req, "websocket");
	*out = ws;
	*out_protocol = protocol;
	return true;
}

void websocket_own(struct websocket *ws, const struct websocket_events *events, void *owner)
{
	assert(events->on_message && events->on_closed);
	ws->events = events;
	ws->owner = owner;
	stream_own(ws->stream, &stream_events, ws);
}

/* --- messages out --- */

void websocket_send(struct websocket *ws, struct str message, bool is_text)
{
	write_frame(ws, is_text ? OP_TEXT : OP_BINARY, message, STR(""));
}

void websocket_send_channel(struct websocket *ws, unsigned char channel, struct str payload)
{
	write_frame(ws, OP_BINARY, str_from(&channel, 1), payload);
}

size_t websocket_pending(const struct websocket *ws)
{
	return ws->stream ? stream_pending(ws->stream) : 0;
}

void websocket_pause(struct websocket *ws, bool paused)
{
	if (ws->stream)
		stream_pause(ws->stream, paused);
}
