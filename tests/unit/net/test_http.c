/*
 * test_http.c - heads, bodies and queries; whatever could smuggle a request is refused.
 */
#include "net/http.h"

#include "tests/unit/harness.h"

/* Goal: a head is taken apart; headers are found without case. */
static void parses_heads(void)
{
	auto_arena arena = arena_new();
	struct http_head head;
	struct error err;

	CHECK_OK(http_parse_request(STR("GET /api?x=1 HTTP/1.1\r\nHost: a\r\naccept:  b \r\n"
					"Connection: Upgrade, x\r\nUpgrade: websocket\r\n\r\n"),
				    arena, &head, &err),
		 &err);
	CHECK(str_is(head.target, "/api?x=1"));
	CHECK(str_is(http_header(&head, "Accept"), "b"));
	CHECK(head.keep_alive);
	CHECK(head.upgrade);
	CHECK(http_has_token(&head, "connection", "upgrade"));
	CHECK_OK(http_parse_reply(STR("HTTP/1.1 404 Not Found\r\nContent-Length: 3\r\n\r\n"), arena,
				  &head, &err),
		 &err);
	CHECK_INT(head.status, 404);
	CHECK_INT(head.length, 3);
}

/* Goal: a reply's head is found when it is whole, with line ends of both kinds; what follows is
 * left. */
static void heads_of_replies(void)
{
	static const char *const whole[] = {
		"HTTP/1.1 200 OK\r\nA: b\r\n\r\nbody",
		"HTTP/1.1 200 OK\nA: b\n\nbody",
		"HTTP/1.1 200 OK\r\nA: b\n\nbody",
		"HTTP/1.1 200 OK\nA: b\n\r\nbody",
	};
	auto_arena arena = arena_new();

	for (size_t i = 0; i < ARRAY_LENGTH(whole); i++) {
		struct str text = str_of(whole[i]);
		struct http_head head;
		struct error err;
		struct str found;
		size_t used = 0;

		for (size_t len = 0; len < text.len - 4; len++)
			CHECK(!http_reply_head(str_from(text.at, len), arena, &used).at);
		found = http_reply_head(text, arena, &used);
		CHECK_INT(used, text.len - 4);
		CHECK_OK(http_parse_reply(found, arena, &head, &err), &err);
		CHECK_INT(head.status, 200);
		CHECK(str_is(http_header(&head, "a"), "b"));
	}
}

/* Goal: every ambiguous or malformed head is refused. */
static void refuses_smuggling(void)
{
	static const char *const bad[] = {
		"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: "
		"chunked\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: +1\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1, 1\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n",
		"GET / HTTP/1.1\nHost: a\n\n",
		"GET / HTTP/1.1\r\nHost : a\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: a\r\n folded\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
		"GET / HTTP/1.1\r\n\r\n",
		"GET / HTTP/2.0\r\nHost: a\r\n\r\n",
		"GET  / HTTP/1.1\r\nHost: a\r\n\r\n",
		"GET /\x7f HTTP/1.1\r\nHost: a\r\n\r\n",
		"G@T / HTTP/1.1\r\nHost: a\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: a\r\nX: \x01\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: a\r\n\r\nmore",
	};

	for (size_t i = 0; i < ARRAY_LENGTH(bad); i++) {
		auto_arena arena = arena_new();
		struct http_head head;
		struct error err;

		if (http_parse_request(str_of(bad[i]), arena, &head, &err))
			harness_fail(__FILE__, __LINE__, "taken: %s", bad[i]);
	}
}

/* Goal: chunked bodies are decoded the same however they are cut, and malformed ones refused. */
static void decodes_chunks(void)
{
	static const char text[] =
		"5;x=y\r\nhello\r\n1\r\n \r\nA\r\n0123456789\r\n0\r\nT: v\r\n\r\nrest";
	static const char *const bad[] = { "\r\n",        "g\r\n",     "5\nhello",
					   "5\r\nhelloX", "0\r\n\r\r", "11111111111111111\r\n" };

	for (size_t piece = 1; piece < sizeof(text); piece++) {
		struct http_chunks chunks = { 0 };
		struct str in = str_of(text);
		auto_buf out = BUF_INIT;
		bool done = false;
		struct error err;

		while (!done) {
			size_t take = piece < in.len ? piece : in.len, used;

			CHECK_OK(http_chunks_feed(&chunks, str_from(in.at, take), &out, &used,
						  &done, &err),
				 &err);
			in = str_from(in.at + used, in.len - used);
		}
		CHECK_STR(buf_text(&out), "hello 0123456789");
		CHECK(str_is(in, "rest"));
	}
	for (size_t i = 0; i < ARRAY_LENGTH(bad); i++) {
		struct http_chunks chunks = { 0 };
		auto_buf out = BUF_INIT;
		struct error err;
		size_t used;
		bool done;

		CHECK(!http_chunks_feed(&chunks, str_of(bad[i]), &out, &used, &done, &err));
	}
}

/* Goal: query parameters in order, decoded; malformed escapes refused. */
static void parses_queries(void)
{
	auto_arena arena = arena_new();
	struct http_param *params;
	struct error err;
	size_t count;

	CHECK_OK(http_parse_query(STR("a=1&b=x%20y+z&c&&a=2"), arena, &params, &count, &err), &err);
	CHECK_INT(count, 4);
	CHECK(str_is(params[1].value, "x y z"));
	CHECK(str_is(params[2].name, "c"));
	CHECK(str_is(params[3].value, "2"));
	CHECK(!http_parse_query(STR("a=%zz"), arena, &params, &count, &err));
}

static const struct test tests[] = {
	{ "parses heads", parses_heads },           { "heads of replies", heads_of_replies },
	{ "refuses smuggling", refuses_smuggling }, { "decodes chunks", decodes_chunks },
	{ "parses queries", parses_queries },
};
TEST_MAIN(tests)
