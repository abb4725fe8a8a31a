/*
 * spdy_session.h - the server end of a SPDY/3.1 connection: the peer opens streams, each a struct
 * stream.
 *
 * Opening is answered at once; pings are answered; what is not as it must be ends the connection.
 * Back-pressure and memory: net/mux.h, and 60 KiB for header blocks.  At most SPDY_STREAMS_MAX
 * streams are open; more are refused.
 *
 * Loop thread only.
 */
#ifndef NET_SPDY_SESSION_H
#define NET_SPDY_SESSION_H

#include "net/spdy.h"
#include "net/stream.h"

#define SPDY_STREAMS_MAX 1024

struct spdy_session;
struct spdy_session_events {
	/* The peer opened a stream with these headers; it is the owner's now. */
	void (*on_stream)(void *owner, struct stream *stream, const struct spdy_frame *opened);
	/* The connection is over, its streams have broken.  Close the session, here or later. */
	void (*on_closed)(void *owner, const struct error *why);
};

/* Takes the connection over. */
struct spdy_session *spdy_session_new(struct stream *lower,
				      const struct spdy_session_events *events, void *owner);
/* What was written is still delivered (within 10 s); streams that are left break.  No event comes
 * after it.  NULL is fine. */
void spdy_session_close(struct spdy_session *session);

#endif
