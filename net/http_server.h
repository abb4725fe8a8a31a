/*
 * http_server.h - HTTP/1.1 requests over one stream, one after the other.
 *
 * comes from: an accepted stream (TCP, TLS, tunnel).  goes to: on_request, with head and whole body
 * (at most body_max bytes) or, for requests whose body is streamed to the handler, on_body.
 * The handler answers now or later, exactly once: http_reply, or http_reply_start + writes + end,
 * or http_upgrade.  Requests pipelined behind wait until the answer is out.  When the peer goes
 * away before the answer is finished, on_gone is called once and every later reply call is a
 * harmless no-op; the handler must drop its interest with http_request_free.
 *
 * Loop thread only.
 */
#ifndef NET_HTTP_SERVER_H
#define NET_HTTP_SERVER_H

#include "net/http.h"
#include "net/stream.h"

struct http_conn;
struct http_request {
	struct http_conn *conn;
	struct arena *arena; /* lives as long as the request                            */
	struct http_head head;
	struct str path;  /* target without query, raw (still percent-encoded)       */
	struct str query; /* after '?', raw                                          */
	struct str body;  /* whole body                                              */
	struct str peer;  /* "10.0.0.1:4242"                                          */
	void *identity;   /* the stream's identity                                   */
	void *user;       /* the handler's own                                       */
	void (*on_gone)(struct http_request *req);     /* may be set by the handler          */
	void (*on_writable)(struct http_request *req); /* streaming: pending is low again    */
};

struct http_service {
	void (*on_request)(struct http_service *service, struct http_request *req);
	void (*on_conn_closed)(struct http_service *service, void *identity); /* may be NULL */
	size_t body_max;
	int idle_ms; /* without a byte of a next request, e.g. 90000; a head has 30 s */
	int body_ms; /* whole body must be in by then, e.g. 30000      */
};

/* Serve the stream until it ends; takes it.  The service must outlive it. */
void http_serve(struct http_service *service, struct stream *stream, struct str peer,
		void *identity);
/* Close all connections of a service (shutdown): idle ones at once, busy ones after their answer.
 */
void http_service_close(struct http_service *service);

/* Add a header for the coming reply.  Content-Length, Transfer-Encoding, Date, Connection are ours.
 */
void http_reply_header(struct http_request *req, const char *name, const char *value);
/* Whole answer; ends the request (req is dead after it). */
void http_reply(struct http_request *req, int status, const char *content_type, struct str body);
/* Like http_reply but the body's bytes stay owned by `keep` until sent; drop(keep) is called then.
 */
void http_reply_shared(struct http_request *req, int status, const char *content_type,
		       struct str body, void *keep, void (*drop)(void *keep));
/* Streamed answer (chunked): start, write any number, end.  Each write is one chunk, sent at once.
 */
void http_reply_start(struct http_request *req, int status, const char *content_type);
void http_reply_write(struct http_request *req, struct str bytes);
size_t http_reply_pending(const struct http_request *req);
void http_reply_end(struct http_request *req); /* req is dead after it */
/* Streamed answer cut off because of a late failure: the connection is closed without last chunk.
 */
void http_reply_abort(struct http_request *req); /* req is dead after it */
/* After on_gone, or instead of an answer: drop the request.  A live one closes its connection. */
void http_request_free(struct http_request *req);
/* 101: headers were added with http_reply_header (Upgrade and Connection included here from
 * `protocol`); gives the stream, with bytes already read put in front; req is dead after it. */
struct stream *http_upgrade(struct http_request *req, const char *protocol);

#endif
