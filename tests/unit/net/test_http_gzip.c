/*
 * test_http_gzip.c - who takes gzip, and that it unpacks to what it was.
 */
#include "net/http_gzip.h"

#include <zlib.h>

#include "base/random.h"
#include "tests/unit/harness.h"

static void who_takes_it(void)
{
	static const struct {
		const char *header;
		bool takes;
	} rows[] = {
		{ "", false },
		{ "gzip", true },
		{ "identity", false },
		{ "deflate, gzip;q=0.5", true },
		{ "GZIP", true },
		{ "gzip;q=0", false },
		{ "gzip; q=0.000, br", false },
		{ "gzip;q=0.01", true },
		{ "*", true },
		{ "*;q=0", false },
		{ "gzipped", false },
	};

	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++)
		if (http_accepts_gzip(str_of(rows[i].header)) != rows[i].takes)
			harness_fail(__FILE__, __LINE__, "%s", rows[i].header);
}

static void unpacks(struct str plain)
{
	auto_buf packed = BUF_INIT;
	z_stream stream = { 0 };
	auto_free unsigned char *out = memory_get(plain.len + 1);

	buf_add_text(&packed, "kept");
	CHECK(http_gzip(plain, &packed));
	CHECK_INT(inflateInit2(&stream, 15 + 16), Z_OK);
	stream.next_in = (unsigned char *)packed.at + 4;
	stream.avail_in = (unsigned)packed.len - 4;
	stream.next_out = out;
	stream.avail_out = (unsigned)plain.len + 1;
	CHECK_INT(inflate(&stream, Z_FINISH), Z_STREAM_END);
	CHECK_INT(stream.avail_in, 0);
	CHECK_INT(stream.total_out, plain.len);
	inflateEnd(&stream);
	if (plain.len > 0)
		CHECK_BYTES(out, plain.at, plain.len);
}

/* Goal: what packs well, what does not pack at all, and nothing. */
static void comes_back(void)
{
	auto_buf text = BUF_INIT;

	unpacks(STR(""));
	for (int i = 0; i < 100000; i++)
		buf_add_print(&text, "{\"name\":\"object-%d\"},", i);
	unpacks(buf_str(&text));
	random_bytes((unsigned char *)text.at, text.len);
	unpacks(buf_str(&text));
}

static const struct test tests[] = {
	{ "who takes it", who_takes_it },
	{ "comes back", comes_back },
};
TEST_MAIN(tests)
