/*
 * http.h - the words of HTTP/1.1 shared by server and client: header lists, request heads, parsing.
 *
 * RFC 9110, RFC 9112.  Strict where leniency lets requests be smuggled: no bare LF in them, no
 * obs-fold, no space before a colon, one Content-Length, Transfer-Encoding only "chunked" and never
 * with a length.
 */
#ifndef NET_HTTP_H
#define NET_HTTP_H

#include "base/text.h"

struct http_header {
	struct str name;  /* as sent; compare without case */
	struct str value; /* trimmed */
};

struct http_head {
	struct str method; /* requests */
	struct str target; /* raw, as sent: path?query */
	int status;        /* replies  */
	bool keep_alive;
	bool has_length;
	uint64_t length;
	bool chunked;
	bool expects_continue;
	bool upgrade; /* Connection has "upgrade" */
	struct http_header *headers;
	size_t header_count;
};

/* Parse a head that ends with CRLFCRLF; texts point into `bytes`, headers live in the arena. */
MUST_CHECK bool http_parse_request(struct str bytes, struct arena *arena, struct http_head *out,
				   struct error *err);
MUST_CHECK bool http_parse_reply(struct str bytes, struct arena *arena, struct http_head *out,
				 struct error *err);
/* The head of a reply once it is whole, for http_parse_reply, and how many of the bytes it was;
 * STR_NONE before.  Scripts behind small servers end their lines with a bare LF (RFC 9112, 2.2). */
struct str http_reply_head(struct str bytes, struct arena *arena, size_t *out_used);
/* First value of a header, STR_NONE when absent. */
struct str http_header(const struct http_head *head, const char *name);
size_t http_header_count(const struct http_head *head, const char *name);
/* True when the comma-separated list in the header has the token (no case). */
bool http_has_token(const struct http_head *head, const char *name, const char *token);
const char *http_status_text(int status);
#define HTTP_DATE 40
void http_print_date(int64_t wall_s, char out[HTTP_DATE]); /* "Sun, 06 Nov 1994 08:49:37 GMT" */

/* Decoder for chunked bodies: feed it input; it appends body bytes to out.  Gives bytes consumed;
 * *done when the last chunk and trailers are through. */
struct http_chunks {
	uint64_t left;
	int phase;
	unsigned line_len;
	bool any_digit;
};
MUST_CHECK bool http_chunks_feed(struct http_chunks *chunks, struct str in, struct buf *out,
				 size_t *out_consumed, bool *out_done, struct error *err);

/* Query parameters of a target, decoded, in order, in the arena. */
struct http_param {
	struct str name, value;
};
MUST_CHECK bool http_parse_query(struct str query, struct arena *arena, struct http_param **out,
				 size_t *out_count, struct error *err);

#endif
