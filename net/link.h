/*
 * link.h - the tunnel's WebSocket: whole binary messages between agent and server (libwebsockets).
 *
 * libwebsockets does the framing and rides on our loop (event_lib_custom). The client end dials
 * over our TLS with a pinned CA; the server end adopts a connection that our HTTP front has
 * upgraded (path and rights already checked). Any data counts as liveness; when nothing came for
 * LINK_PING_MS a ping is sent, and after LINK_DEAD_MS without anything the link is closed.
 *
 * Loop thread only.  The only file that includes libwebsockets is link.c.
 */
#ifndef NET_LINK_H
#define NET_LINK_H

#include "net/http_server.h"

#define LINK_MESSAGE_MAX (64u * 1024)
#define LINK_PING_MS     15000
#define LINK_DEAD_MS     30000

struct link;
struct link_events {
	void (*on_open)(void *owner); /* client end only: handshake done */
	void (*on_message)(void *owner, struct str message);
	/* Room for at least one message: the owner gives the next one by link_send, or not. Called
	 * whenever the socket can take more and link_want_send was called. */
	void (*on_sendable)(void *owner);
	void (*on_closed)(void *owner, const struct error *why); /* free it then with link_close */
};

struct link_plan {
	const char *host;
	unsigned port;
	const char *path;                      /* "/v1-mote/connect" */
	const char *server_name;               /* checked against the certificate */
	struct str ca_pem, chain_pem, key_pem; /* chain and key may be STR_NONE */
	const char *authorization;             /* header value or NULL */
};
MUST_CHECK bool link_dial(struct loop *loop, const struct link_plan *plan,
			  const struct link_events *events, void *owner, struct link **out,
			  struct error *err);
/* Server end: req is an upgrade request to the tunnel path, already authenticated; answers it
 * (101). False: the request is no proper WebSocket handshake, and nothing has been answered. */
MUST_CHECK bool link_accept(struct http_request *req, const struct link_events *events, void *owner,
			    struct link **out, struct error *err);
void link_want_send(struct link *link);
/* Only from on_sendable, one message a call. */
void link_send(struct link *link, struct str message);
void link_pause(struct link *link, bool paused); /* stop reading: back-pressure to the peer's TCP */
void link_close(struct link *link);              /* NULL is fine; no callback comes after it */
struct loop *link_loop(const struct link *link);

#endif
