/*
 * websocket_channels.h - the numbered channels of a WebSocket (…channel.k8s.io), each a struct
 * stream; or all its binary messages as one stream.
 *
 * A message is one byte, the channel, and a payload; in the base64 forms an ASCII digit and base64
 * text.  Text messages are taken like binary ones.  With v5 the message 255 N is the end of
 * channel N; in the other forms no channel has an end of its own, and finishing one is the end of
 * both its directions. Back-pressure and memory: net/mux.h, and one message
 * (LIMIT_WEBSOCKET_MESSAGE).
 *
 * Loop thread only.
 */
#ifndef NET_WEBSOCKET_CHANNELS_H
#define NET_WEBSOCKET_CHANNELS_H

#include "net/websocket.h"

#define WEBSOCKET_CHANNELS_MAX 200 /* two for each of a hundred ports */

enum channels_form {
	CHANNELS_BINARY,
	CHANNELS_BINARY_V5, /* channels have ends */
	CHANNELS_BASE64,
	CHANNELS_NONE, /* one stream, number 0: messages are bytes, their borders mean nothing */
};

struct websocket_channels;
struct websocket_channels_plan {
	enum channels_form form;
	unsigned count; /* channels 0 to count - 1 are there */
	/* The connection is over, its streams have broken.  Close the channels, here or later. */
	void (*on_closed)(void *owner);
	void *owner;
};

/* Takes the WebSocket over. */
struct websocket_channels *websocket_channels_new(struct websocket *ws, struct loop *loop,
						  const struct websocket_channels_plan *plan);
/* The stream of a channel, to be closed by who asked: once for each, at the beginning. */
struct stream *websocket_channels_stream(struct websocket_channels *it, unsigned channel);
/* A message without payload, as a sign of life that carries nothing. */
void websocket_channels_greet(struct websocket_channels *it, unsigned channel);
/* Close frame 1000 behind what was written; streams that are left break.  No event comes after it.
 * NULL is fine. */
void websocket_channels_close(struct websocket_channels *it);

#endif
