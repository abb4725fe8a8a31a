/*
 * test_seal.c - what was sealed opens under its name with its key, and in no other way.
 */
#include "net/seal.h"
#include "tests/unit/harness.h"

#define KEY_A                                                                                      \
	"aesgcm 000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f "                 \
	"2026-01-01T00:00:00Z\n"
#define KEY_B "aesgcm f00102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\n"

static struct seal_keys *keys_of(const char *text)
{
	struct seal_keys *keys = NULL;
	struct error err;

	CHECK(seal_keys_parse(str_of(text), &keys, &err));
	return keys;
}

static void opens_again(void)
{
	AUTO(seal_keys_free) struct seal_keys *keys = keys_of("# text\n\n" KEY_A);
	auto_buf sealed = BUF_INIT, again = BUF_INIT, value = BUF_INIT;
	struct error err;
	bool newest;

	buf_add_text(&value, "{\"a\":1}");
	seal_close(keys, STR("/a"), buf_str(&value), &sealed);
	seal_close(keys, STR("/a"), buf_str(&value), &again);
	CHECK_INT(sealed.len, value.len + 1 + 8 + 12 + 16);
	CHECK(seal_is_sealed(buf_str(&sealed)));
	CHECK(!seal_is_sealed(buf_str(&value)));
	CHECK(!seal_is_sealed(STR("")));
	CHECK(!str_equal(buf_str(&sealed), buf_str(&again))); /* a nonce of its own */
	CHECK(str_search(buf_str(&sealed), buf_str(&value)) < 0);
	buf_reset(&value);
	CHECK(seal_open(keys, STR("/a"), buf_str(&sealed), &value, &newest, &err));
	CHECK(newest);
	CHECK_STR(buf_text(&value), "{\"a\":1}");
	CHECK_STR(seal_keys_made(keys, 0), "2026-01-01T00:00:00Z");
}

static void empty_and_large(void)
{
	AUTO(seal_keys_free) struct seal_keys *keys = keys_of(KEY_B);
	auto_buf sealed = BUF_INIT, value = BUF_INIT, opened = BUF_INIT;
	struct error err;
	bool newest;

	seal_close(keys, STR(""), STR_NONE, &sealed);
	CHECK(seal_open(keys, STR(""), buf_str(&sealed), &opened, &newest, &err));
	CHECK_INT(opened.len, 0);
	buf_reserve(&value, 1 << 20);
	for (size_t i = 0; i < 1 << 20; i++)
		buf_add_byte(&value, (char)(i * 7));
	buf_reset(&sealed);
	seal_close(keys, STR("/k"), buf_str(&value), &sealed);
	CHECK(seal_open(keys, STR("/k"), buf_str(&sealed), &opened, &newest, &err));
	CHECK(str_equal(buf_str(&opened), buf_str(&value)));
}

/* Each bit of it, each cut of it, another name. */
static void changed_is_refused(void)
{
	AUTO(seal_keys_free) struct seal_keys *keys = keys_of(KEY_A);
	auto_buf sealed = BUF_INIT, opened = BUF_INIT;
	struct error err;
	bool newest;

	seal_close(keys, STR("/a"), STR("value"), &sealed);
	for (size_t bit = 0; bit < 8 * sealed.len; bit++) {
		sealed.at[bit / 8] ^= (char)(1 << bit % 8);
		CHECK(!seal_open(keys, STR("/a"), buf_str(&sealed), &opened, &newest, &err));
		sealed.at[bit / 8] ^= (char)(1 << bit % 8);
	}
	for (size_t len = 0; len < sealed.len; len++)
		CHECK(!seal_open(keys, STR("/a"), str_from(sealed.at, len), &opened, &newest,
				 &err));
	CHECK(!seal_open(keys, STR("/b"), buf_str(&sealed), &opened, &newest, &err));
	CHECK_INT(err.kind, ERROR_BROKEN);
	CHECK_INT(opened.len, 0);
}

static void keys_change(void)
{
	AUTO(seal_keys_free) struct seal_keys *a = keys_of(KEY_A);
	AUTO(seal_keys_free) struct seal_keys *b = keys_of(KEY_B);
	AUTO(seal_keys_free) struct seal_keys *both = keys_of(KEY_B KEY_A);
	auto_buf sealed = BUF_INIT, opened = BUF_INIT;
	struct error err;
	bool newest;

	seal_close(a, STR("/a"), STR("value"), &sealed);
	CHECK(seal_open(both, STR("/a"), buf_str(&sealed), &opened, &newest, &err));
	CHECK(!newest);
	CHECK(!seal_open(b, STR("/a"), buf_str(&sealed), &opened, &newest, &err));
	CHECK_INT(err.kind, ERROR_FORBIDDEN);
	CHECK(strstr(err.text, seal_keys_id(a, 0)) != NULL);
	CHECK_STR(seal_keys_id(both, 1), seal_keys_id(a, 0));
	CHECK_INT(seal_keys_count(both), 2);
}

static void bad_keys(void)
{
	static const char *const texts[] = {
		"",
		"\n\n# only this\n",
		"aesgcm\n",
		"aesgcm 00\n",
		"aesgcm 0000000000000000000000000000000000000000000000000000000000000000\n",
		"aesgcm ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff\n",
		"aesgcm 000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1g\n",
		"aesgcm 000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f0\n",
		"secret 000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\n",
		KEY_A KEY_A,
		KEY_A "aesgcm 01\n",
	};
	struct seal_keys *keys = NULL;
	struct error err;

	for (size_t i = 0; i < ARRAY_LENGTH(texts); i++) {
		CHECK(!seal_keys_parse(str_of(texts[i]), &keys, &err));
		CHECK_INT(err.kind, ERROR_INVALID);
	}
	CHECK(keys == NULL);
}

static void fresh_keys(void)
{
	AUTO(seal_keys_free) struct seal_keys *keys = NULL;
	auto_buf text = BUF_INIT;
	struct error err;

	for (size_t i = 0; i < SEAL_KEYS_MAX; i++)
		seal_keys_print_new(&text);
	CHECK(seal_keys_parse(buf_str(&text), &keys, &err));
	CHECK_INT(seal_keys_count(keys), SEAL_KEYS_MAX);
	seal_keys_print_new(&text);
	CHECK(!seal_keys_parse(buf_str(&text), &keys, &err));
}

static const struct test tests[] = {
	{ "opens again", opens_again },
	{ "empty and large", empty_and_large },
	{ "changed is refused", changed_is_refused },
	{ "keys change", keys_change },
	{ "bad keys", bad_keys },
	{ "fresh keys", fresh_keys },
};
TEST_MAIN(tests)
