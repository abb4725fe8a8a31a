/*
 * mux.h - many streams over one connection whose protocol has no flow control: SPDY, WebSocket
 * channels.
 *
 * A protocol embeds a struct mux, gives it what comes in, and sends what it is told to send.  Each
 * stream is a struct stream with half-close.  Back-pressure is the connection's: when all streams
 * together have more than MUX_HIGH bytes that nobody has read, the connection is not read until
 * they are MUX_LOW; and every stream's stream_pending is what waits on the whole connection.  So
 * one stream that stalls stalls its connection, as with every implementation of these protocols,
 * and a connection holds MUX_HIGH and one read at most.
 *
 * Owner: the protocol; loop thread only.
 */
#ifndef NET_MUX_H
#define NET_MUX_H

#include <stdint.h>

#include "base/list.h"
#include "net/stream.h"

#define MUX_HIGH    (256u * 1024)
#define MUX_LOW     (64u * 1024)
#define MUX_BUCKETS 64

struct mux;
struct mux_ops {
	void (*send)(struct mux *mux, uint32_t id, struct str bytes);
	void (*end)(struct mux *mux, uint32_t id); /* our direction is over */
	/* Its owner has closed it though the peer may still send. */
	void (*drop)(struct mux *mux, uint32_t id);
	size_t (*pending)(const struct mux *mux);
	void (*pause)(struct mux *mux, bool paused); /* stop reading the connection */
};

struct mux {
	const struct mux_ops *ops;
	struct loop *loop;
	struct list table[MUX_BUCKETS]; /* the streams by number */
	size_t count;
	size_t unread;
	bool paused;
};

void mux_init(struct mux *mux, struct loop *loop, const struct mux_ops *ops);
/* A new stream of this number, which must be free; the caller's, to be closed with stream_close at
 * any time, also after the mux has gone. */
struct stream *mux_add(struct mux *mux, uint32_t id);

/* What came in; numbers that are not (or no more) there are passed over in silence. */
void mux_take(struct mux *mux, uint32_t id, struct str bytes);
void mux_take_end(struct mux *mux, uint32_t id);
void mux_break(struct mux *mux, uint32_t id, const struct error *why);
/* The connection has sent what it had. */
void mux_writable(struct mux *mux);
/* The connection is over: every stream breaks, and the mux forgets them. */
void mux_down(struct mux *mux, const struct error *why);

#endif
