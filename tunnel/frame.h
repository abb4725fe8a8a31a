/*
 * frame.h - the frames of the tunnel: one a WebSocket message. docs/protocols/tunnel.md says what
 * they mean.
 *
 * Pure functions; any thread.
 */
#ifndef TUNNEL_FRAME_H
#define TUNNEL_FRAME_H

#include "base/text.h"

#define FRAME_VERSION     1
#define FRAME_SERVICE_MAX 256
#define FRAME_TEXT_MAX    480
#define FRAME_DATA_MAX    (16u * 1024)
#define FRAME_CREDIT_MAX  0x7fffffffu
/* Everything before the data. */
#define FRAME_DATA_HEAD 5
#define FRAME_SIZE_MAX  (FRAME_DATA_HEAD + FRAME_DATA_MAX)

enum frame_type {
	FRAME_HELLO = 1,
	FRAME_OPEN,
	FRAME_OPENED,
	FRAME_REFUSED,
	FRAME_DATA,
	FRAME_FIN,
	FRAME_RESET,
	FRAME_WINDOW,
	FRAME_GOAWAY,
	FRAME_TYPES
};

struct frame {
	enum frame_type type;
	uint32_t id;          /* of the stream; 0 in HELLO and GOAWAY                  */
	unsigned version;     /* HELLO                                                 */
	unsigned priority;    /* OPEN: one of enum tunnel_priority                     */
	uint32_t credit;      /* WINDOW: bytes more; HELLO: what every stream starts with */
	enum error_kind kind; /* REFUSED, RESET, GOAWAY                                */
	struct str bytes;     /* OPEN: service, DATA: data, REFUSED/RESET/GOAWAY: text */
};

/* Texts point into the message.  Any failure means a peer that does not speak the protocol. */
MUST_CHECK bool frame_parse(struct str message, struct frame *out, struct error *err);
/* Appends one message.  Texts longer than FRAME_TEXT_MAX are cut. */
void frame_print(const struct frame *frame, struct buf *out);

#endif
