/*
 * front.h - where requests come in: the TLS port, the tunnel's streams, the in-process clients.
 */
#ifndef SERVER_FRONT_FRONT_H
#define SERVER_FRONT_FRONT_H

#include "net/stream.h"
#include "server/server.h"

struct front;
struct secrets;

/* Listen and serve.  server->front is reached by server_front(). */
MUST_CHECK bool front_open(struct server *server, const struct secrets *secrets, struct front **out,
			   struct error *err);
/* New connections see the serving certificate that `secrets` has now. */
MUST_CHECK bool front_renew(struct front *front, const struct secrets *secrets, struct error *err);
void front_close(struct front *front); /* NULL is fine */
struct front *server_front(struct server *server);

/* A stream of the tunnel whose other end is the node itself: its requests are the node's, no TLS.
 */
void front_serve_as(struct server *server, struct stream *stream, const char *node);
/* A stream that carries TLS, as from a pod. */
void front_serve_tls(struct server *server, struct stream *stream, struct str peer);
/* An in-process client in system:masters. */
struct http_client *front_local_client(struct server *server, const char *user);

struct front_figures {
	uint64_t requests, connections_now;
};
void front_figures(const struct front *front, struct front_figures *out);

#endif
