/*
 * http.c - parsing of HTTP/1.1 heads, chunked bodies and queries: pure functions over bytes.
 */
#include "net/http.h"

#include <assert.h>
#include <time.h>

#include "base/limits.h"

static bool bad(struct error *err, const char *why)
{
	return error_set(err, ERROR_BAD_REQUEST, "malformed HTTP message: %s", why);
}

/* RFC 9110 5.6.2 */
static bool is_token_char(unsigned char c)
{
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
	       (c != '\0' && strchr("!#$%&'*+-.^_`|~", c));
}

static bool is_token(struct str s)
{
	for (size_t i = 0; i < s.len; i++)
		if (!is_token_char((unsigned char)s.at[i]))
			return false;
	return s.len > 0;
}

/* One line without its CRLF; a bare LF or CR is refused. */
static bool take_line(struct str *rest, struct str *out, struct error *err)
{
	ptrdiff_t end = str_find(*rest, '\n');
	struct str line;

	if (end <= 0 || rest->at[end - 1] != '\r')
		return bad(err, "a line does not end with CRLF");
	line = str_from(rest->at, (size_t)end - 1);
	if (str_find(line, '\r') >= 0)
		return bad(err, "a carriage return inside a line");
	*rest = str_from(rest->at + end + 1, rest->len - (size_t)end - 1);
	*out = line;
	return true;
}

static bool take_header(struct str line, struct http_header *out, struct error *err)
{
	struct str rest = line, name = str_cut(&rest, ':');

	if (name.len == line.len)
		return bad(err, "a header without a colon");
	if (!is_token(name)) /* also a blank before the colon, and obs-fold */
		return bad(err, "a header name with a forbidden character");
	*out = (struct http_header){ .name = name, .value = str_trim(rest) };
	for (size_t i = 0; i < out->value.len; i++) {
		unsigned char c = (unsigned char)out->value.at[i];

		if ((c < 0x20 && c != '\t') || c == 0x7f)
			return bad(err, "a header value with a control character");
	}
	return true;
}

static bool take_headers(struct str rest, struct arena *arena, struct http_head *head,
			 struct error *err)
{
	struct http_header found[LIMIT_HTTP_HEADERS];
	struct str line;

	for (;;) {
		if (!take_line(&rest, &line, err))
			return false;
		if (line.len == 0)
			break;
		if (head->header_count == LIMIT_HTTP_HEADERS)
			return error_set(err, ERROR_TOO_LARGE, "more than %d headers",
					 LIMIT_HTTP_HEADERS);
		if (!take_header(line, &found[head->header_count], err))
			return false;
		head->header_count++;
	}
	if (rest.len > 0)
		return bad(err, "bytes behind the head");
	head->headers = arena_get(arena, (head->header_count + 1) * sizeof(*found));
	memcpy(head->headers, found, head->header_count * sizeof(*found));
	return true;
}

struct str http_header(const struct http_head *head, const char *name)
{
	for (size_t i = 0; i < head->header_count; i++)
		if (str_equal_case(head->headers[i].name, str_of(name)))
			return head->headers[i].value;
	return STR_NONE;
}

size_t http_header_count(const struct http_head *head, const char *name)
{
	size_t count = 0;

	for (size_t i = 0; i < head->header_count; i++)
		count += str_equal_case(head->headers[i].name, str_of(name));
	return count;
}

bool http_has_token(const struct http_head *head, const char *name, const char *token)
{
	for (size_t i = 0; i < head->header_count; i++) {
		struct str rest = head->headers[i].value;

		if (!str_equal_case(head->headers[i].name, str_of(name)))
			continue;
		while (rest.len > 0)
			if (str_equal_case(str_trim(str_cut(&rest, ',')), str_of(token)))
				return true;
	}
	return false;
}

/* How long the body is: RFC 9112 6.3, with everything ambiguous refused. */
static bool frame_body(struct http_head *head, struct error *err)
{
	size_t lengths = http_header_count(head, "Content-Length");
	size_t encodings = http_header_count(head, "Transfer-Encoding");

	if (lengths > 1 || encodings > 1 || (lengths > 0 && encodings > 0))
		return bad(err, "the length of the body is given more than once");
	if (lengths > 0) {
		if (!str_to_u64(http_header(head, "Content-Length"), INT64_MAX, &head->length))
			return bad(err, "Content-Length is not a number");
		head->has_length = true;
	}
	if (encodings > 0) {
		if (!str_equal_case(http_header(head, "Transfer-Encoding"), STR("chunked")))
			return bad(err, "the transfer encoding is not chunked");
		head->chunked = true;
	}
	return true;
}

static void connection_facts(struct http_head *head, bool http_1_1)
{
	head->keep_alive = http_1_1 ? !http_has_token(head, "Connection", "close")
				    : http_has_token(head, "Connection", "keep-alive");
	head->upgrade = http_has_token(head, "Connection", "upgrade") &&
			http_header(head, "Upgrade").len > 0;
	head->expects_continue = str_equal_case(http_header(head, "Expect"), STR("100-continue"));
}

static bool parse_version(struct str version, bool *out_1_1, struct error *err)
{
	*out_1_1 = str_is(version, "HTTP/1.1");
	if (!*out_1_1 && !str_is(version, "HTTP/1.0"))
		return bad(err, "the version is not HTTP/1.1");
	return true;
}

static bool is_target(struct str target)
{
	for (size_t i = 0; i < target.len; i++)
		if ((unsigned char)target.at[i] <= 0x20 || (unsigned char)target.at[i] >= 0x7f ||
		    target.at[i] == '#')
			return false;
	return target.len > 0 && (target.at[0] == '/' || str_is(target, "*"));
}

bool http_parse_request(struct str bytes, struct arena *arena, struct http_head *out,
			struct error *err)
{
	struct http_head head = { 0 };
	struct str rest = bytes, line;
	bool http_1_1;

	if (!take_line(&rest, &line, err))
		return false;
	head.method = str_cut(&line, ' ');
	head.target = str_cut(&line, ' ');
	if (!is_token(head.method))
		return bad(err, "the method");
	if (!is_target(head.target))
		return bad(err, "the request target");
	if (!parse_version(line, &http_1_1, err) || !take_headers(rest, arena, &head, err) ||
	    !frame_body(&head, err))
		return false;
	if (http_1_1 && http_header_count(&head, "Host") != 1)
		return bad(err, "exactly one Host header is needed");
	if (!http_1_1 && head.chunked)
		return bad(err, "HTTP/1.0 has no chunked bodies");
	connection_facts(&head, http_1_1);
	*out = head;
	return true;
}

bool http_parse_reply(struct str bytes, struct arena *arena, struct http_head *out,
		      struct error *err)
{
	struct http_head head = { 0 };
	struct str rest = bytes, line;
	bool http_1_1;
	int64_t status;

	if (!take_line(&rest, &line, err) || !parse_version(str_cut(&line, ' '), &http_1_1, err))
		return false;
	if (!str_to_i64(str_cut(&line, ' '), 100, 599, &status))
		return bad(err, "the status code");
	if (!take_headers(rest, arena, &head, err) || !frame_body(&head, err))
		return false;
	head.status = (int)status;
	connection_facts(&head, http_1_1);
	*out = head;
	return true;
}

/* Behind the first empty line; 0: there is none yet. */
static size_t head_size(struct str bytes)
{
	size_t at = 0;
	ptrdiff_t line;

	while ((line = str_find(str_from(bytes.at + at, bytes.len - at), '\n')) >= 0) {
		struct str rest;

		at += (size_t)line + 1;
		rest = str_from(bytes.at + at, bytes.len - at);
		if (str_starts(rest, STR("\n")))
			return at + 1;
		if (str_starts(rest, STR("\r\n")))
			return at + 2;
	}
	return 0;
}

struct str http_reply_head(struct str bytes, struct arena *arena, size_t *out_used)
{
	size_t size = head_size(bytes);
	auto_buf head = BUF_INIT;

	if (size == 0)
		return STR_NONE;
	for (size_t i = 0; i < size; i++) {
		if (bytes.at[i] == '\n' && (i == 0 || bytes.at[i - 1] != '\r'))
			buf_add_byte(&head, '\r');
		buf_add_byte(&head, bytes.at[i]);
	}
	*out_used = size;
	return str_from(arena_string(arena, head.at, head.len), head.len);
}

const char *http_status_text(int status)
{
	static const struct {
		int status;
		const char *text;
	} rows[] = {
		{ 100, "Continue" },
		{ 101, "Switching Protocols" },
		{ 200, "OK" },
		{ 201, "Created" },
		{ 202, "Accepted" },
		{ 204, "No Content" },
		{ 206, "Partial Content" },
		{ 301, "Moved Permanently" },
		{ 302, "Found" },
		{ 304, "Not Modified" },
		{ 307, "Temporary Redirect" },
		{ 400, "Bad Request" },
		{ 401, "Unauthorized" },
		{ 403, "Forbidden" },
		{ 404, "Not Found" },
		{ 405, "Method Not Allowed" },
		{ 406, "Not Acceptable" },
		{ 408, "Request Timeout" },
		{ 409, "Conflict" },
		{ 410, "Gone" },
		{ 413, "Request Entity Too Large" },
		{ 415, "Unsupported Media Type" },
		{ 416, "Range Not Satisfiable" },
		{ 422, "Unprocessable Entity" },
		{ 426, "Upgrade Required" },
		{ 429, "Too Many Requests" },
		{ 431, "Request Header Fields Too Large" },
		{ 500, "Internal Server Error" },
		{ 501, "Not Implemented" },
		{ 502, "Bad Gateway" },
		{ 503, "Service Unavailable" },
		{ 504, "Gateway Timeout" },
		{ 507, "Insufficient Storage" },
	};

	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++)
		if (rows[i].status == status)
			return rows[i].text;
	return "Unknown";
}

/* --- chunked bodies: RFC 9112 7.1 --- */

enum {
	CHUNK_SIZE,
	CHUNK_EXTENSION,
	CHUNK_SIZE_LF,
	CHUNK_DATA,
	CHUNK_DATA_CR,
	CHUNK_DATA_LF,
	CHUNK_TRAILER,
	CHUNK_TRAILER_LINE,
	CHUNK_TRAILER_LF,
	CHUNK_END_LF,
	CHUNK_DONE
};

#define CHUNK_LINE_MAX                                                                             \
	4096 /* extensions and trailers: nobody sends them, nobody may flood us with them */

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static bool chunk_size_byte(struct http_chunks *chunks, char c, struct error *err)
{
	int digit = hex_digit(c);

	if (digit >= 0) {
		if (chunks->left > UINT64_MAX >> 8)
			return bad(err, "a chunk size");
		chunks->left = chunks->left << 4 | (unsigned)digit;
		chunks->any_digit = true;
		return true;
	}
	if (!chunks->any_digit || (c != ';' && c != '\r'))
		return bad(err, "a chunk size");
	chunks->phase = c == ';' ? CHUNK_EXTENSION : CHUNK_SIZE_LF;
	return true;
}

/* Every byte that is not data. */
static bool chunk_byte(struct http_chunks *chunks, char c, struct error *err)
{
	if (++chunks->line_len > CHUNK_LINE_MAX)
		return bad(err, "a chunk line is too long");
	switch (chunks->phase) {
	case CHUNK_SIZE: return chunk_size_byte(chunks, c, err);
	case CHUNK_EXTENSION:
		if (c == '\n')
			return bad(err, "a bare LF in a chunk line");
		if (c == '\r')
			chunks->phase = CHUNK_SIZE_LF;
		return true;
	case CHUNK_SIZE_LF:
		chunks->phase = chunks->left > 0 ? CHUNK_DATA : CHUNK_TRAILER;
		return c == '\n' ? true : bad(err, "a chunk line");
	case CHUNK_DATA_CR:
		chunks->phase = CHUNK_DATA_LF;
		return c == '\r' ? true : bad(err, "a chunk's end");
	case CHUNK_DATA_LF:
		*chunks = (struct http_chunks){ .phase = CHUNK_SIZE };
		return c == '\n' ? true : bad(err, "a chunk's end");
	case CHUNK_TRAILER:
		chunks->phase = c == '\r' ? CHUNK_END_LF : CHUNK_TRAILER_LINE;
		return c != '\n' ? true : bad(err, "a bare LF in the trailers");
	case CHUNK_TRAILER_LINE:
		if (c == '\r')
			chunks->phase = CHUNK_TRAILER_LF;
		return c != '\n' ? true : bad(err, "a bare LF in the trailers");
	case CHUNK_TRAILER_LF:
		chunks->phase = CHUNK_TRAILER;
		return c == '\n' ? true : bad(err, "the trailers");
	case CHUNK_END_LF:
		chunks->phase = CHUNK_DONE;
		return c == '\n' ? true : bad(err, "the last chunk");
	default: return bad(err, "bytes behind the last chunk");
	}
}

bool http_chunks_feed(struct http_chunks *chunks, struct str in, struct buf *out,
		      size_t *out_consumed, bool *out_done, struct error *err)
{
	size_t at = 0;

	while (at < in.len && chunks->phase != CHUNK_DONE) {
		if (chunks->phase == CHUNK_DATA) {
			size_t take = in.len - at;

			if (take > chunks->left)
				take = (size_t)chunks->left;
			buf_add(out, in.at + at, take);
			at += take;
			chunks->left -= take;
			if (chunks->left == 0) {
				chunks->phase = CHUNK_DATA_CR;
				chunks->line_len = 0;
			}
		} else if (!chunk_byte(chunks, in.at[at++], err)) {
			return false;
		}
	}
	*out_consumed = at;
	*out_done = chunks->phase == CHUNK_DONE;
	return true;
}

/* --- queries --- */

static bool decode_part(struct str raw, struct arena *arena, struct str *out, struct error *err)
{
	auto_buf plain = BUF_INIT;

	if (!buf_add_percent_decoded(&plain, raw, true))
		return error_set(err, ERROR_BAD_REQUEST,
				 "the query has a malformed escape in \"" STR_FMT "\"",
				 STR_ARG(raw));
	*out = str_from(arena_string(arena, plain.at, plain.len), plain.len);
	return true;
}

bool http_parse_query(struct str query, struct arena *arena, struct http_param **out,
		      size_t *out_count, struct error *err)
{
	size_t room = 1, count = 0;
	struct http_param *params;

	for (size_t i = 0; i < query.len; i++)
		room += query.at[i] == '&';
	params = arena_get(arena, room * sizeof(*params));
	while (query.len > 0) {
		struct str value = str_cut(&query, '&'), name;

		if (value.len == 0)
			continue;
		name = str_cut(&value, '=');
		if (!decode_part(name, arena, &params[count].name, err) ||
		    !decode_part(value, arena, &params[count].value, err))
			return false;
		count++;
	}
	*out = params;
	*out_count = count;
	return true;
}

void http_print_date(int64_t wall_s, char out[HTTP_DATE])
{
	time_t when = (time_t)wall_s;
	struct tm parts;

	gmtime_r(&when, &parts);
	strftime(out, HTTP_DATE, "%a, %d %b %Y %H:%M:%S GMT", &parts);
}
