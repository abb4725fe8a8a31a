/*
 * test_grpc_health.c - the one question over HTTP/2: answers of real servers' shapes, in pieces;
 * and what breaks the rules.  The header texts are those of RFC 7541, appendix C.
 */
#include "net/grpc_health.h"

#include "net/hpack.h"
#include "tests/unit/harness.h"

static void gather(void *of, struct str name, struct str value)
{
	buf_add_print(of, STR_FMT "=" STR_FMT ";", STR_ARG(name), STR_ARG(value));
}

static void test_header_blocks(void)
{
	static const struct {
		const char *hex, *fields; /* NULL: refused */
	} rows[] = {
		{ "828684410f7777772e6578616d706c652e636f6d",
		  ":method=GET;:scheme=http;:path=/;:authority=www.example.com;" },
		{ "828684418cf1e3c2e5f23a6ba0ab90f4ff",
		  ":method=GET;:scheme=http;:path=/;:authority=www.example.com;" },
		{ "20000b677270632d73746174757301 30", "grpc-status=0;" },
		{ "4803333032", ":status=302;" },
		{ "6196d07abe941054d444a8200595040b8166e082a62d1bff",
		  "date=Mon, 21 Oct 2013 20:13:21 GMT;" },
		{ "", "" },
		{ "be", NULL },               /* 62: of a table that is not there */
		{ "80", NULL },               /* nothing has the number 0 */
		{ "3fe11f", NULL },           /* a table of 4096 bytes */
		{ "0003616263", NULL },       /* no value */
		{ "007fffffffffff", NULL },   /* a number without an end */
		{ "00016181ff", NULL },       /* a byte of ones is no character */
		{ "00016184ffffffff", NULL }, /* the end inside */
	};

	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		auto_buf hex = BUF_INIT, bytes = BUF_INIT, seen = BUF_INIT;
		struct error err;
		bool done;

		for (const char *c = rows[i].hex; *c; c++)
			if (*c != ' ')
				buf_add_byte(&hex, *c);
		CHECK(buf_add_hex_decoded(&bytes, buf_str(&hex)));
		done = hpack_read(buf_str(&bytes), gather, &seen, &err);
		CHECK_INT(done, rows[i].fields != NULL);
		if (done)
			CHECK_STR(buf_text(&seen), rows[i].fields);
	}
}

static void test_header_block_of_ours(void)
{
	auto_buf bytes = BUF_INIT, seen = BUF_INIT;
	auto_free char *longer = memory_zero(701);
	auto_free char *wanted = NULL;
	struct error err;

	memset(longer, 'x', 700);
	hpack_print(STR("a"), STR(""), &bytes);
	hpack_print(STR("b"), str_of(longer), &bytes);
	CHECK_OK(hpack_read(buf_str(&bytes), gather, &seen, &err), &err);
	wanted = memory_print("a=;b=%s;", longer);
	CHECK_STR(buf_text(&seen), wanted);
}

static void frame(struct buf *out, unsigned type, unsigned flags, unsigned stream, struct str bytes)
{
	buf_add_byte(out, 0);
	buf_add_byte(out, (char)(bytes.len >> 8));
	buf_add_byte(out, (char)bytes.len);
	buf_add_byte(out, (char)type);
	buf_add_byte(out, (char)flags);
	buf_add(out, "\0\0\0", 3);
	buf_add_byte(out, (char)stream);
	buf_add_str(out, bytes);
}

/* As servers answer: settings, a ping, headers, the message, trailers. */
static void answer(struct buf *out, char word, const char *status, const char *message)
{
	char body[] = { 0, 0, 0, 0, 2, 8, word };
	auto_buf trailers = BUF_INIT;

	frame(out, 4, 0, 0, STR("\0\4\0\1\0\0"));
	frame(out, 4, 1, 0, STR(""));
	frame(out, 6, 0, 0, STR("12345678"));
	frame(out, 8, 0, 0, STR("\0\0\0\7"));
	frame(out, 1, 4, 1, STR("\x88")); /* :status 200 */
	frame(out, 0, 8, 1,
	      str_from((char[]){ 2, 0, 0, 0, 0, 2, 8, word, 0, 0 }, sizeof(body) + 3));
	hpack_print(STR("grpc-status"), str_of(status), &trailers);
	hpack_print(STR("grpc-message"), str_of(message), &trailers);
	frame(out, 1, 1, 1, str_from(trailers.at, 5));
	frame(out, 9, 4, 1, str_from(trailers.at + 5, trailers.len - 5));
}

static void test_answers_in_pieces(void)
{
	auto_buf bytes = BUF_INIT;

	answer(&bytes, 1, "0", "");
	for (size_t piece = 1; piece <= bytes.len; piece++) {
		struct grpc_health health = { 0 };
		auto_buf out = BUF_INIT;
		struct error err;

		for (size_t at = 0; at < bytes.len; at += piece) {
			size_t left = bytes.len - at;

			CHECK(!health.ended);
			CHECK_OK(grpc_health_feed(
					 &health,
					 str_from(bytes.at + at, left < piece ? left : piece), &out,
					 &err),
				 &err);
		}
		CHECK(health.ended);
		CHECK_INT(health.word, HEALTH_SERVING);
		CHECK_INT(health.http_status, 200);
		CHECK_INT(out.len, 9 + 9 + 8); /* the settings and the ping are answered */
		CHECK(str_ends(buf_str(&out), STR("12345678")));
		grpc_health_clear(&health);
	}
}

static void test_refusals_are_told(void)
{
	struct grpc_health health = { 0 };
	auto_buf bytes = BUF_INIT, out = BUF_INIT;
	struct error err;

	answer(&bytes, 2, "12", "unknown service%20here");
	CHECK_OK(grpc_health_feed(&health, buf_str(&bytes), &out, &err), &err);
	CHECK(health.ended);
	CHECK_INT(health.grpc_status, GRPC_UNIMPLEMENTED);
	CHECK_STR(buf_text(&health.said), "unknown service here");
	grpc_health_clear(&health);
	buf_reset(&bytes);
	answer(&bytes, 2, "0", "");
	CHECK_OK(grpc_health_feed(&health, buf_str(&bytes), &out, &err), &err);
	CHECK_INT(health.word, HEALTH_NOT_SERVING);
	grpc_health_clear(&health);
}

/* Each refused, and none of them makes us wait for more. */
static void test_broken_answers(void)
{
	static const struct {
		unsigned type, flags, stream;
		struct str bytes;
	} rows[] = {
		{ 0, 1, 1, { "\0\0\0\0\5\10\1", 7 } },      /* before its headers: no message */
		{ 0, 0, 3, { "x", 1 } },                    /* another stream */
		{ 0, 8, 1, { "\5x", 2 } },                  /* more padding than frame */
		{ 3, 0, 1, { "\0\0\0\7", 4 } },             /* reset */
		{ 4, 0, 0, { "\0\4\0\1\0", 5 } },           /* half a setting */
		{ 5, 4, 1, { "\0\0\0\2", 4 } },             /* a push */
		{ 6, 0, 0, { "1", 1 } },                    /* a short ping */
		{ 7, 0, 0, { "\0\0\0\0\0\0\0\1", 8 } },     /* away with us */
		{ 9, 4, 1, { "\x88", 1 } },                 /* goes on with nothing */
		{ 1, 5, 1, { "\xff\xff\xff\xff\xff", 5 } }, /* no headers */
	};

	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		struct grpc_health health = { .http_status = 200, .has_grpc_status = true };
		auto_buf bytes = BUF_INIT, out = BUF_INIT;
		struct error err;

		frame(&bytes, rows[i].type, rows[i].flags, rows[i].stream, rows[i].bytes);
		CHECK(!grpc_health_feed(&health, buf_str(&bytes), &out, &err));
		grpc_health_clear(&health);
	}
}

static void test_endless_answers(void)
{
	static const char http[] = "HTTP/1.1 400 Bad Request\r\n\r\n";
	struct grpc_health health = { 0 };
	auto_buf bytes = BUF_INIT, out = BUF_INIT;
	struct error err;
	size_t fed = 0;

	CHECK(!grpc_health_feed(&health, str_of(http), &out, &err));
	grpc_health_clear(&health);
	frame(&bytes, 8, 0, 0, STR("\0\0\0\7"));
	while (grpc_health_feed(&health, buf_str(&bytes), &out, &err))
		CHECK(++fed < GRPC_ANSWER_MAX);
	grpc_health_clear(&health);
}

static void test_question(void)
{
	auto_buf out = BUF_INIT;
	struct str bytes;

	grpc_health_ask("10.0.0.1:9", STR("web"), &out);
	bytes = buf_str(&out);
	CHECK(str_starts(bytes, STR("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")));
	CHECK(str_search(bytes, STR("/grpc.health.v1.Health/Check")) > 0);
	CHECK(str_search(bytes, STR("10.0.0.1:9")) > 0);
	CHECK(str_ends(bytes, STR("\0\0\0\0\5\n\3web")));
}

static const struct test tests[] = {
	{ "header_blocks", test_header_blocks },
	{ "header_block_of_ours", test_header_block_of_ours },
	{ "answers_in_pieces", test_answers_in_pieces },
	{ "refusals_are_told", test_refusals_are_told },
	{ "broken_answers", test_broken_answers },
	{ "endless_answers", test_endless_answers },
	{ "question", test_question },
};
TEST_MAIN(tests)
