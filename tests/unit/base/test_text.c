/*
 * test_text.c - borrowed and owned texts and their encodings.
 */
#include "base/text.h"

#include "tests/unit/harness.h"

/* Goal: cutting walks a text field by field and ends empty. */
static void cuts_fields(void)
{
	struct str rest = STR("default/web");
	struct str namespace = str_cut(&rest, '/');

	CHECK(str_is(namespace, "default"));
	CHECK(str_is(rest, "web"));
	CHECK(str_is(str_cut(&rest, '/'), "web"));
	CHECK_INT(rest.len, 0);
}

/* Goal: numbers are taken whole and in range, and nothing else is taken. */
static void reads_numbers(void)
{
	static const char *const bad[] = {
		"", "-", "+1", "1 ", "0x1", "99999999999999999999", "1.0"
	};
	int64_t value = 7;

	CHECK(str_to_i64(STR("-9223372036854775808"), INT64_MIN, INT64_MAX, &value));
	CHECK(value == INT64_MIN);
	CHECK(!str_to_i64(STR("-9223372036854775809"), INT64_MIN, INT64_MAX, &value));
	CHECK(!str_to_i64(STR("11"), 0, 10, &value));
	for (size_t i = 0; i < ARRAY_LENGTH(bad); i++)
		CHECK(!str_to_i64(str_of(bad[i]), INT64_MIN, INT64_MAX, &value));
	CHECK(value == INT64_MIN);
}

/* Goal: UTF-8 is judged as RFC 3629 says: no overlong forms, no surrogates, nothing above U+10FFFF.
 */
static void judges_utf8(void)
{
	CHECK(str_is_utf8(STR("gr\xc3\xbc\xc3\x9f dich \xf0\x9f\x8c\xbb")));
	CHECK(!str_is_utf8(STR("\xc0\x80")));
	CHECK(!str_is_utf8(STR("\xed\xa0\x80")));
	CHECK(!str_is_utf8(STR("\xf4\x90\x80\x80")));
	CHECK(!str_is_utf8(STR("\xe2\x82")));
}

/* Goal: base64 in both alphabets goes there and back; malformed texts are refused and leave
 * nothing. */
static void codes_base64(void)
{
	static const char *const bad[] = { "A", "AA=A", "AA==AA==", "A===", "AA-_", "AA AA" };
	auto_buf text = BUF_INIT;
	auto_buf plain = BUF_INIT;

	for (size_t len = 0; len < 64; len++) {
		char bytes[64];

		for (size_t i = 0; i < len; i++)
			bytes[i] = (char)(i * 37 + len);
		buf_reset(&text);
		buf_reset(&plain);
		buf_add_base64(&text, str_from(bytes, len));
		CHECK(buf_add_base64_decoded(&plain, buf_str(&text)));
		CHECK(str_equal(buf_str(&plain), str_from(bytes, len)));
		buf_reset(&text);
		buf_reset(&plain);
		buf_add_base64url(&text, str_from(bytes, len));
		CHECK(buf_add_base64url_decoded(&plain, buf_str(&text)));
		CHECK(str_equal(buf_str(&plain), str_from(bytes, len)));
	}
	buf_reset(&plain);
	for (size_t i = 0; i < ARRAY_LENGTH(bad); i++)
		CHECK(!buf_add_base64_decoded(&plain, str_of(bad[i])));
	CHECK_INT(plain.len, 0);
}

/* Goal: percent escapes are decoded whole or refused. */
static void codes_percent(void)
{
	auto_buf text = BUF_INIT;

	CHECK(buf_add_percent_decoded(&text, STR("a%2Fb+c"), true));
	CHECK_STR(buf_text(&text), "a/b c");
	CHECK(!buf_add_percent_decoded(&text, STR("%4"), true));
	CHECK(!buf_add_percent_decoded(&text, STR("%zz"), true));
	CHECK_STR(buf_text(&text), "a/b c");
	buf_reset(&text);
	buf_add_percent_encoded(&text, STR("a/b c~"));
	CHECK_STR(buf_text(&text), "a%2Fb%20c~");
}

/* Goal: a buf stays terminated through growth, printing and dropping. */
static void buf_grows(void)
{
	auto_buf buf = BUF_INIT;

	for (int i = 0; i < 1000; i++)
		buf_add_print(&buf, "%d,", i);
	CHECK(str_ends(buf_str(&buf), STR("998,999,")));
	CHECK_INT(strlen(buf.at), buf.len);
	buf_drop_front(&buf, buf.len - 4);
	CHECK_STR(buf_text(&buf), "999,");
}

/* Goal: a decoder that refuses leaves what was there, terminated. */
static void failed_decoding_leaves_nothing(void)
{
	auto_buf buf = BUF_INIT;

	CHECK(!buf_add_hex_decoded(&buf, STR("6")));
	CHECK(!buf_add_percent_decoded(&buf, STR("%"), false));
	CHECK_STR(buf_text(&buf), "");
	CHECK(buf_add_base64_decoded(&buf, STR("")));
	CHECK_STR(buf_text(&buf), "");
	buf_add_text(&buf, "kept");
	CHECK(!buf_add_base64_decoded(&buf, STR("YWJjZGVm!A==")));
	CHECK_STR(buf_text(&buf), "kept");
	CHECK(!buf_add_base64url_decoded(&buf, STR("YWJjZGVm/AAA")));
	CHECK_STR(buf_text(&buf), "kept");
	CHECK(!buf_add_hex_decoded(&buf, STR("616263646x")));
	CHECK_STR(buf_text(&buf), "kept");
	CHECK(!buf_add_percent_decoded(&buf, STR("abc%20def%2"), false));
	CHECK_STR(buf_text(&buf), "kept");
	CHECK_INT(buf.len, 4);
}

/* Goal: the hash is SipHash-1-3: its values for the key 00 01 .. 0f and the texts 00 01 .. of
 * several lengths. */
static void hashes_as_published(void)
{
	static const struct {
		size_t len;
		uint64_t hash;
	} rows[] = {
		{ 0, 0xabac0158050fc4dc },  { 1, 0xc9f49bf37d57ca93 },  { 7, 0xd3927d989bb11140 },
		{ 8, 0x369095118d299a8e },  { 9, 0x25a48eb36c063de4 },  { 15, 0xd320d86d2a519956 },
		{ 16, 0xcc4fdd1a7d908b66 }, { 63, 0x9d199062b7bbb3a8 }, { 300, 0x4016a23bda5a2224 },
	};
	static const uint64_t key[2] = { 0x0706050403020100, 0x0f0e0d0c0b0a0908 };
	char bytes[300];

	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (char)i;
	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++)
		CHECK(str_hash_keyed(str_from(bytes, rows[i].len), key) == rows[i].hash);
	CHECK(str_hash_keyed(STR_NONE, key) == rows[0].hash);
}

/* Goal: two texts that a hash of multiplied and folded words maps to one value, whatever its seed,
 * have two; and one text has one. */
static void hash_has_no_fixed_collisions(void)
{
	static const uint64_t high = 1ull << 63;
	/* A product differs in the top bit only; the fold takes it to bit 31 as well. */
	uint64_t words[2][2] = { { 0, 0 }, { high, high | high >> 32 } };

	CHECK(str_hash(str_from(words[0], 16)) != str_hash(str_from(words[1], 16)));
	CHECK(str_hash(STR("abc")) == str_hash(STR("abc")));
	CHECK(str_hash(STR("abc")) != str_hash(STR("abd")));
}

static const struct test tests[] = {
	{ "cuts fields", cuts_fields },
	{ "reads numbers", reads_numbers },
	{ "judges utf8", judges_utf8 },
	{ "codes base64", codes_base64 },
	{ "codes percent", codes_percent },
	{ "buf grows", buf_grows },
	{ "failed decoding leaves nothing", failed_decoding_leaves_nothing },
	{ "hashes as published", hashes_as_published },
	{ "hash has no fixed collisions", hash_has_no_fixed_collisions },
};
TEST_MAIN(tests)
