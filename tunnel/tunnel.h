/*
 * tunnel.h - the rope between agent and server: many streams over one WebSocket.
 *
 * Both ends are the same machine: either side opens streams to a named service of the other; the
 * open is answered only after the other side has accepted (and dialled). Each stream is a struct
 * stream with half-close and its own credit window, so that one stalled stream stalls nobody.
 * Priorities: control > exec > logs > bulk. One bad stream never ends the session. The frame form
 * is in docs/protocols/tunnel.md and tunnel/frame.h.
 *
 * Loop thread only.
 */
#ifndef TUNNEL_TUNNEL_H
#define TUNNEL_TUNNEL_H

#include "net/link.h"
#include "net/stream.h"

enum tunnel_priority { TUNNEL_CONTROL, TUNNEL_EXEC, TUNNEL_LOGS, TUNNEL_BULK, TUNNEL_PRIORITIES };

struct tunnel; /* one session */

struct tunnel_open; /* an incoming open, waiting for our answer */
struct tunnel_events {
	/* The peer wants a stream to `service` ("api", "api-tls", "node", "tcp:10.42.1.5:80").
	 * Answer now or later with tunnel_accept or tunnel_refuse (also when the session has ended
	 * meanwhile). `service` is gone after the call. */
	void (*on_open)(void *owner, struct tunnel_open *open, struct str service);
	void (*on_up)(void *owner); /* the session can carry streams */
	/* The session ended; all its streams have been told.  Free with tunnel_close. */
	void (*on_down)(void *owner, const struct error *why);
};
struct stream *tunnel_accept(struct tunnel_open *open); /* gives our end */
void tunnel_refuse(struct tunnel_open *open, const struct error *why);

/* Agent end: dials once; redialling with back-off is tunnel/redial.h. */
MUST_CHECK bool tunnel_dial(struct loop *loop, const struct link_plan *plan,
			    const struct tunnel_events *events, void *owner, struct tunnel **out,
			    struct error *err);
/* Server end of an authenticated upgrade request. */
MUST_CHECK bool tunnel_serve(struct http_request *req, const struct tunnel_events *events,
			     void *owner, struct tunnel **out, struct error *err);
/* NULL is fine; its streams break; none of tunnel_events comes after it. */
void tunnel_close(struct tunnel *tunnel);

/* Open a stream to a service of the peer. on_done is called exactly once, later: stream (callee
 * takes it) or the peer's reason. Cancel by tunnel_open_cancel. */
struct tunnel_ask;
struct tunnel_ask *
tunnel_open(struct tunnel *tunnel, struct str service, enum tunnel_priority priority,
	    int timeout_ms,
	    void (*on_done)(void *of, struct stream *stream, const struct error *err), void *of);
void tunnel_open_cancel(struct tunnel_ask *ask);
bool tunnel_is_up(const struct tunnel *tunnel);

#endif
