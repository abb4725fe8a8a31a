/*
 * websocket.h - RFC 6455 messages over an upgraded stream: the API's exec, attach and watch
 * channels.
 *
 * The server end: client frames must be masked; messages are reassembled up to
 * LIMIT_WEBSOCKET_MESSAGE; pings are answered; a broken rule closes with 1002/1007/1009.
 * The frame parser alone (websocket_frame_parse) is a pure function for the fuzzer.
 */
#ifndef NET_WEBSOCKET_H
#define NET_WEBSOCKET_H

#include "net/http_server.h"

struct websocket;
struct websocket_events {
	void (*on_message)(void *owner, struct str message, bool is_text);
	void (*on_writable)(void *owner);         /* may be NULL */
	void (*on_closed)(void *owner, int code); /* 1006 = without a close frame; free it then */
};

/* Checks the handshake headers of req (Upgrade, Version 13, Key).  `protocols`: what we speak, best
 * first, NULL-terminated; the first of the client's list that we speak is chosen ("" allowed when
 * the client offers none).  On failure nothing has been answered. */
MUST_CHECK bool websocket_accept(struct http_request *req, const char *const *protocols,
				 struct websocket **out, const char **out_protocol,
				 struct error *err);
/* The choice alone, before anything is answered. */
MUST_CHECK bool websocket_check(const struct http_head *head, const char *const *protocols,
				const char **out_protocol, struct error *err);
void websocket_own(struct websocket *ws, const struct websocket_events *events, void *owner);
void websocket_send(struct websocket *ws, struct str message, bool is_text);
/* One binary message made of one byte and a payload, without copying twice. */
void websocket_send_channel(struct websocket *ws, unsigned char channel, struct str payload);
size_t websocket_pending(const struct websocket *ws);
void websocket_pause(struct websocket *ws, bool paused);
/* Send a close frame; the peer has 2 s to answer; nothing more is heard.  Frees. */
void websocket_close(struct websocket *ws, int code, const char *reason);

struct websocket_frame {
	bool fin, masked;
	unsigned opcode;
	uint64_t length;
	unsigned char mask[4];
	size_t head_size;
};
enum websocket_parse { WEBSOCKET_MORE, WEBSOCKET_FRAME, WEBSOCKET_BAD };
enum websocket_parse websocket_frame_parse(struct str bytes, struct websocket_frame *out);

#endif
