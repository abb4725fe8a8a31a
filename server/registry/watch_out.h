/*
 * watch_out.h - where the events of one watch go: a chunked answer, or the frames of a WebSocket.
 *
 * Embedded in its watch.  Loop thread only.
 */
#ifndef SERVER_REGISTRY_WATCH_OUT_H
#define SERVER_REGISTRY_WATCH_OUT_H

#include "net/websocket.h"
#include "server/registry/watch_event.h"

struct watch_out {
	struct http_request *http; /* NULL: a WebSocket */
	struct websocket *ws;
	bool binary;                                /* events are frames, not lines */
	void (*on_writable)(struct watch_out *out); /* watch_out_pending is low again */
	void (*on_gone)(struct watch_out *out);     /* the client has left: it is closed by then */
};

/* Begin the answer: 200, or 101 when the client asks for a WebSocket; the request may be dead after
 * it, its memory too.  The callbacks are set before.  False: nothing has been answered. */
MUST_CHECK bool watch_out_open(struct watch_out *out, struct request *req,
			       const struct watch_form *form, struct error *err);
/* Whole events as watch_print makes them, any number. */
void watch_out_write(struct watch_out *out, struct str events);
size_t watch_out_pending(const struct watch_out *out);
void watch_out_end(struct watch_out *out); /* in peace */
void watch_out_cut(struct watch_out *out); /* at once */

#endif
