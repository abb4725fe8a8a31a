/*
 * client_streams.h - the client's end of exec and attach: five streams, whether it speaks WebSocket
 * channels or SPDY.
 *
 * WebSocket: v5 to v1 of channel.k8s.io, the base64 forms, and none.  SPDY/3.1: v4 to v1, and v5
 * from clients that offer nothing else.  Wire contract 5.3 and 5.5.
 *
 * Memory: MUX_HIGH and one message (1 MiB at most, usually 32 KiB) or, with SPDY, one read and
 * 60 KiB.
 */
#ifndef SERVER_FRONT_CLIENT_STREAMS_H
#define SERVER_FRONT_CLIENT_STREAMS_H

#include "net/stream.h"
#include "server/request.h"

/* The order is that of the channel numbers. */
enum client_role {
	CLIENT_STDIN,
	CLIENT_STDOUT,
	CLIENT_STDERR,
	CLIENT_ERROR,
	CLIENT_RESIZE,
	CLIENT_ROLES
};

struct client_streams;
struct client_streams_plan {
	unsigned wanted; /* 1u << role, of each that there must be */
	/* All of them are there: take them here, what is not taken is lost. */
	void (*on_ready)(void *owner);
	/* The client has left, or did not open what it must; close, here or later. */
	void (*on_over)(void *owner);
	void *owner;
};

/* Can this request be upgraded?  Nothing is answered, but headers of a refusal may be added. */
MUST_CHECK bool client_streams_check(struct request *req, struct error *err);
/* Answers 101; the request is gone after it.  On failure nothing has been answered. */
MUST_CHECK bool client_streams_open(struct request *req, const struct client_streams_plan *plan,
				    struct client_streams **out, struct error *err);
/* The caller's; NULL if it was not wanted. */
struct stream *client_streams_take(struct client_streams *it, enum client_role role);
/* The error stream carries a Status; or, before v4, plain text of a failure. */
bool client_streams_says_status(const struct client_streams *it);
/* What was written still goes out, then the end; the streams break.  No callback comes after it.
 * NULL is fine. */
void client_streams_close(struct client_streams *it);

/* Of any SPDY upgrade: chooses from what the client offers (X-Stream-Protocol-Version), in the
 * order of `protocols` (NULL-terminated). */
bool client_wants_spdy(const struct http_head *head);
MUST_CHECK bool client_spdy_protocol(struct request *req, const char *const *protocols,
				     const char **out, struct error *err);
/* Answers 101.  NULL when the client has left. */
struct stream *client_spdy_upgrade(struct request *req, const char *protocol);

#endif
