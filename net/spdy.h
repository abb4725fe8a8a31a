/*
 * spdy.h - frames of SPDY/3.1, as far as remote commands and port-forwards use them: a pure state
 * machine over bytes.
 *
 * Bytes go in as they come; frames come out one by one.  DATA comes in pieces without being
 * gathered; control frames are gathered up to SPDY_CONTROL_MAX.  SETTINGS, WINDOW_UPDATE and types
 * that nobody knows are skipped: there is no flow control (nobody who speaks this has one).
 * Anything else that is not as it must be breaks the connection.
 *
 * One struct spdy is one end of one connection, both directions.  About 60 KiB once headers have
 * gone both ways.
 */
#ifndef NET_SPDY_H
#define NET_SPDY_H

#include "net/spdy_block.h"

#define SPDY_CONTROL_MAX 16384
#define SPDY_DATA_MAX    32768 /* what we put into one DATA frame */

enum spdy_type {
	SPDY_DATA,
	SPDY_SYN_STREAM,
	SPDY_SYN_REPLY,
	SPDY_RST_STREAM,
	SPDY_SETTINGS,
	SPDY_PING = 6,
	SPDY_GOAWAY,
	SPDY_HEADERS,
	SPDY_WINDOW_UPDATE,
};

/* Status words of RST_STREAM. */
enum { SPDY_PROTOCOL_ERROR = 1, SPDY_INVALID_STREAM, SPDY_REFUSED_STREAM, SPDY_CANCEL = 5 };

struct spdy_frame {
	enum spdy_type type;
	uint32_t stream;  /* GOAWAY: the last one that was taken; PING: 0 */
	uint32_t number;  /* RST_STREAM, GOAWAY: status; PING: its id */
	bool fin;         /* SYN_STREAM, SYN_REPLY, HEADERS, the last piece of a DATA frame */
	struct str bytes; /* DATA */
	const struct spdy_header *headers; /* SYN_STREAM, SYN_REPLY, HEADERS */
	size_t header_count;
};

enum spdy_step { SPDY_MORE, SPDY_FRAME, SPDY_BROKEN };

struct spdy;
struct spdy *spdy_new(void);
void spdy_free(struct spdy *spdy); /* NULL is fine */
/* Takes bytes from the front of *in, to the end or to a frame.  What *out points to lives until
 * the next call.  SPDY_BROKEN fills err; nothing can be read after it. */
enum spdy_step spdy_next(struct spdy *spdy, struct str *in, struct spdy_frame *out,
			 struct error *err);
/* Appends a frame; DATA of at most SPDY_DATA_MAX. */
void spdy_print(struct spdy *spdy, const struct spdy_frame *frame, struct buf *out);
/* The value of a header, STR_NONE if it is not there; names are compared without case. */
struct str spdy_header(const struct spdy_frame *frame, const char *name);

#endif
