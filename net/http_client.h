/*
 * http_client.h - HTTP/1.1 requests out: over a given stream, or to a URL's host with connections
 * kept.
 *
 * An http_client dials with `dial` (TCP, TLS, tunnel: the owner's choice), keeps up to `idle_max`
 * idle connections for `idle_ms`, and starts a request on an idle or new one.  A kept connection
 * that dies before the first reply byte is retried once on a new one.  Replies are given whole
 * (on_reply) or as they come.
 *
 * Loop thread only.
 */
#ifndef NET_HTTP_CLIENT_H
#define NET_HTTP_CLIENT_H

#include "net/http.h"
#include "net/stream.h"

struct http_client;
/* Must call back exactly once, later or now, with the `call` it was given; after the client's end
 * is fine too.  A stream that nobody wants any more by then is closed. */
typedef void
http_dial_fn(void *of, void (*on_done)(void *call, struct stream *stream, const struct error *err),
	     void *call);
struct http_client *http_client_new(struct loop *loop, http_dial_fn *dial, void *of,
				    const char *host_header);
/* Live calls get an error first, and so does a call that is begun there: do not try again at once.
 * Not from inside a callback of one of its own calls.  NULL is fine. */
void http_client_free(struct http_client *client);

/* A dialler for "http://host:port" or "https://host:port" with a TLS config (may be NULL for http).
 */
struct tls_config;
struct http_client *http_client_to(struct loop *loop, struct str url, struct tls_config *config,
				   struct error *err);

struct http_call;
struct http_ask {
	const char *method;
	const char *target;                /* path?query */
	const struct http_header *headers; /* Host, Content-Length are ours */
	size_t header_count;
	struct str body; /* copied */
	int timeout_ms;  /* until the head of the reply (and the end, for whole ones); 0 = none */
	size_t body_max; /* whole replies: ERROR_TOO_LARGE beyond */
	/* Exactly one of the following two shapes. */
	void (*on_reply)(void *of, const struct http_head *head, struct str body,
			 const struct error *err);
	/* Streamed: head first (return false to take no body: the call ends), then pieces, then
	 * end. */
	bool (*on_head)(void *of, const struct http_head *head);
	void (*on_body)(void *of, struct str piece);
	void (*on_end)(void *of, const struct error *err); /* err NULL = clean end */
	/* Upgrade wanted: on 101 gives the stream (callee takes it), else on_reply/on_head as
	 * usual. */
	void (*on_upgrade)(void *of, const struct http_head *head, struct stream *stream);
	void *of;
};
/* The call is freed by itself after its last callback, which never comes inside http_call.  What
 * would break the lines of the request (a target or headers with line ends) is not sent. */
struct http_call *http_call(struct http_client *client, const struct http_ask *ask);
void http_call_cancel(struct http_call *call);             /* no callback comes after it */
void http_call_pause(struct http_call *call, bool paused); /* streamed: stop reading */

#endif
