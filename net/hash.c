/*
 * hash.c - digests by mbedTLS.  None of these calls can fail for the arguments given here, so a
 * failure means a broken library and stops the process.
 */
#include "net/hash.h"

#include <assert.h>

#include <mbedtls/constant_time.h>
#include <mbedtls/md.h>
#include <mbedtls/sha1.h>
#include <mbedtls/sha256.h>
#include <mbedtls/sha512.h>

struct hash {
	mbedtls_sha256_context sha;
	bool ended;
};

/* A digest that cannot be made would be trusted later on: better no process than a wrong one. */
static void must(int result)
{
	if (result != 0)
		abort();
}

static const unsigned char *bytes_of(struct str bytes)
{
	return bytes.len > 0 ? (const unsigned char *)bytes.at : (const unsigned char *)"";
}

static void print_hex(const unsigned char *bytes, size_t len, char *out, const char *digits)
{
	for (size_t i = 0; i < len; i++) {
		out[2 * i] = digits[bytes[i] >> 4];
		out[2 * i + 1] = digits[bytes[i] & 15];
	}
	out[2 * len] = '\0';
}

struct hash *hash_new(void)
{
	struct hash *hash = memory_new(struct hash);

	mbedtls_sha256_init(&hash->sha);
	must(mbedtls_sha256_starts(&hash->sha, 0));
	return hash;
}

void hash_add(struct hash *hash, const void *at, size_t len)
{
	assert(hash);
	assert(!hash->ended);
	if (len > 0)
		must(mbedtls_sha256_update(&hash->sha, at, len));
}

void hash_end(struct hash *hash, unsigned char out[HASH_SHA256])
{
	assert(hash);
	assert(!hash->ended);
	must(mbedtls_sha256_finish(&hash->sha, out));
	hash->ended = true;
}

void hash_free(struct hash *hash)
{
	if (!hash)
		return;
	mbedtls_sha256_free(&hash->sha);
	free(hash);
}

void hash_sha256(struct str bytes, unsigned char out[HASH_SHA256])
{
	must(mbedtls_sha256(bytes_of(bytes), bytes.len, out, 0));
}

void hash_sha256_hex(struct str bytes, char out[HASH_SHA256_HEX])
{
	unsigned char digest[HASH_SHA256];

	hash_sha256(bytes, digest);
	print_hex(digest, sizeof(digest), out, "0123456789abcdef");
}

void hash_sha512_hex_upper(struct str bytes, char out[129])
{
	unsigned char digest[64];

	must(mbedtls_sha512(bytes_of(bytes), bytes.len, digest, 0));
	print_hex(digest, sizeof(digest), out, "0123456789ABCDEF");
}

void hash_sha1(struct str bytes, unsigned char out[20])
{
	must(mbedtls_sha1(bytes_of(bytes), bytes.len, out));
}

void hash_hmac_sha256(struct str key, struct str bytes, unsigned char out[HASH_SHA256])
{
	const mbedtls_md_info_t *sha = mbedtls_md_info_from_type(MBEDTLS_MD_SHA256);

	assert(sha);
	must(mbedtls_md_hmac(sha, bytes_of(key), key.len, bytes_of(bytes), bytes.len, out));
}

bool hash_equal(const void *a, const void *b, size_t len)
{
	return len == 0 || mbedtls_ct_memcmp(a, b, len) == 0;
}
