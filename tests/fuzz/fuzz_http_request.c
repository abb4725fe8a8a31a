/*
 * fuzz_http_request.c - request heads, queries and chunked bodies; chunks must not depend on how
 * they are cut.
 */
#include <stdint.h>
#include <stdlib.h>

#include "net/http.h"

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len);

static bool feed(struct str in, size_t piece, struct buf *out)
{
	struct http_chunks chunks = { 0 };
	struct error err;
	bool done = false;

	while (in.len > 0 && !done) {
		size_t take = piece < in.len ? piece : in.len, used;

		if (!http_chunks_feed(&chunks, str_from(in.at, take), out, &used, &done, &err))
			return false;
		in = str_from(in.at + used, in.len - used);
	}
	return done;
}

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
	auto_arena arena = arena_new();
	auto_buf whole = BUF_INIT;
	auto_buf pieces = BUF_INIT;
	struct http_param *params;
	struct http_head head;
	struct error err;
	struct str found;
	size_t count, used;

	if (http_parse_request(str_from(at, len), arena, &head, &err)) {
		if (head.chunked && head.has_length)
			abort(); /* the way to smuggle a request */
		if (http_parse_query(head.target, arena, &params, &count, &err) && count > len)
			abort();
	}
	found = http_reply_head(str_from(at, len), arena, &used);
	if (found.at && (used > len || found.len < used))
		abort();
	if (http_parse_reply(found.at ? found : str_from(at, len), arena, &head, &err) &&
	    head.status < 100)
		abort();
	if (feed(str_from(at, len), len ? len : 1, &whole) != feed(str_from(at, len), 1, &pieces))
		abort();
	if (!str_equal(buf_str(&whole), buf_str(&pieces)))
		abort();
	return 0;
}
