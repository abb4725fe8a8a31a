/*
 * test_http_gzip.c - bodies there and back, and who takes them.
 */
#include "net/http_gzip.h"

#include "tests/unit/harness.h"

static void fill(struct buf *text, size_t lines)
{
	for (size_t i = 0; i < lines; i++)
		buf_add_print(text, "{\"line\":%zu,\"text\":\"the same again\"}\n", i % 977);
}

/* Goal: what is packed comes back, by both ways, and the same bytes come of the same text. */
static void there_and_back(void)
{
	static const size_t sizes[] = { 0, 1, 100, 20000 };

	for (size_t i = 0; i < ARRAY_LENGTH(sizes); i++) {
		auto_buf plain = BUF_INIT;
		auto_buf fast = BUF_INIT;
		auto_buf small = BUF_INIT;
		auto_buf again = BUF_INIT;
		auto_buf back = BUF_INIT;
		struct error err;

		fill(&plain, sizes[i]);
		CHECK(http_gzip(buf_str(&plain), &fast));
		CHECK(http_gzip_small(buf_str(&plain), &small));
		CHECK(http_gzip_small(buf_str(&plain), &again));
		CHECK(str_equal(buf_str(&small), buf_str(&again)));
		buf_add_text(&back, "front");
		CHECK_OK(http_gunzip(buf_str(&small), plain.len, &back, &err), &err);
		CHECK_OK(http_gunzip(buf_str(&fast), plain.len, &back, &err), &err);
		CHECK_INT(back.len, 5 + 2 * plain.len);
		CHECK(str_ends(buf_str(&back), buf_str(&plain)));
	}
}

/* Goal: bombs stop at the limit; damage anywhere is found; the text in front stays. */
static void refuses(void)
{
	auto_buf plain = BUF_INIT;
	auto_buf packed = BUF_INIT;
	auto_buf back = BUF_INIT;
	struct error err;

	fill(&plain, 20000);
	CHECK(http_gzip_small(buf_str(&plain), &packed));
	buf_add_text(&back, "front");
	CHECK(!http_gunzip(buf_str(&packed), plain.len - 1, &back, &err));
	CHECK_INT(err.kind, ERROR_TOO_LARGE);
	for (size_t len = 0; len < packed.len; len += 97) {
		CHECK(!http_gunzip(str_from(packed.at, len), plain.len, &back, &err));
		CHECK_INT(err.kind, ERROR_BAD_REQUEST);
	}
	buf_add_byte(&packed, 'x'); /* something behind the end */
	CHECK(!http_gunzip(buf_str(&packed), plain.len, &back, &err));
	CHECK(!http_gunzip(STR("no gzip at all"), 100, &back, &err));
	CHECK_STR(buf_text(&back), "front");
}

/* Goal: the grammar of Accept-Encoding. */
static void who_takes_it(void)
{
	static const char *const takes[] = {
		"gzip", "GZIP", "deflate, gzip", "gzip;q=0.5", "br;q=1, gzip ; q=0.01", "*"
	};
	static const char *const not [] = { "",        "identity",  "gzip;q=0", "gzip;q=0.000",
					    "gzipped", "deflate,br" };

	for (size_t i = 0; i < ARRAY_LENGTH(takes); i++)
		if (!http_accepts_gzip(str_of(takes[i])))
			harness_fail(__FILE__, __LINE__, "not: %s", takes[i]);
	for (size_t i = 0; i < ARRAY_LENGTH(not ); i++)
		if (http_accepts_gzip(str_of(not [i])))
			harness_fail(__FILE__, __LINE__, "taken: %s", not [i]);
}

static const struct test tests[] = {
	{ "there and back", there_and_back },
	{ "refuses", refuses },
	{ "who takes it", who_takes_it },
};
TEST_MAIN(tests)
