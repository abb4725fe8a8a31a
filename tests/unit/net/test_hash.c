/*
 * test_hash.c - digests against published vectors; comparison.
 */
#include "net/hash.h"
#include "tests/unit/harness.h"

static void sha256_known(void)
{
	char hex[HASH_SHA256_HEX];

	hash_sha256_hex(STR("abc"), hex);
	CHECK_STR(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	hash_sha256_hex(STR_NONE, hex);
	CHECK_STR(hex, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

/* The running hash of pieces equals the hash of the whole. */
static void sha256_in_pieces(void)
{
	unsigned char whole[HASH_SHA256], parts[HASH_SHA256];
	struct hash *hash = hash_new();
	const char text[] =
		"the quick brown fox jumps over the lazy dog and on it goes, over 64 bytes";

	hash_sha256(
		STR("the quick brown fox jumps over the lazy dog and on it goes, over 64 bytes"),
		whole);
	for (size_t i = 0; i < sizeof(text) - 1; i += 7)
		hash_add(hash, text + i, sizeof(text) - 1 - i < 7 ? sizeof(text) - 1 - i : 7);
	hash_add(hash, NULL, 0);
	hash_end(hash, parts);
	hash_free(hash);
	hash_free(NULL);
	CHECK_BYTES(parts, whole, sizeof(whole));
}

static void sha512_upper(void)
{
	char hex[129];

	hash_sha512_hex_upper(STR("abc"), hex);
	CHECK_STR(hex, "DDAF35A193617ABACC417349AE20413112E6FA4E89A97EA20A9EEEE64B55D39A"
		       "2192992A274FC1A836BA3C23A3FEEBBD454D4423643CE80E2A9AC94FA54CA49F");
}

/* RFC 6455 section 1.3's example. */
static void sha1_of_websocket(void)
{
	unsigned char digest[20];
	auto_buf text = BUF_INIT;

	hash_sha1(STR("dGhlIHNhbXBsZSBub25jZQ==258EAFA5-E914-47DA-95CA-C5AB0DC85B11"), digest);
	buf_add_base64(&text, str_from(digest, sizeof(digest)));
	CHECK_STR(buf_text(&text), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
}

/* RFC 4231 test case 2. */
static void hmac_known(void)
{
	unsigned char mac[HASH_SHA256];
	auto_buf hex = BUF_INIT;

	hash_hmac_sha256(STR("Jefe"), STR("what do ya want for nothing?"), mac);
	buf_add_hex(&hex, str_from(mac, sizeof(mac)));
	CHECK_STR(buf_text(&hex),
		  "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
}

static void compares(void)
{
	CHECK(hash_equal("abcd", "abcd", 4));
	CHECK(!hash_equal("abcd", "abce", 4));
	CHECK(!hash_equal("xbcd", "abcd", 4));
	CHECK(hash_equal(NULL, NULL, 0));
}

static const struct test tests[] = {
	{ "sha256 known", sha256_known },      { "sha256 in pieces", sha256_in_pieces },
	{ "sha512 upper case", sha512_upper }, { "sha1 of websocket", sha1_of_websocket },
	{ "hmac known", hmac_known },          { "compares", compares },
};
TEST_MAIN(tests)
