/*
 * pki_bytes.c - signatures over plain bytes, and public keys apart from certificates.
 */
#include "net/pki_inside.h"

#include <assert.h>
#include <string.h>

#include <mbedtls/ecdsa.h>

#include "net/hash.h"
#include "net/mbed.h"

/* Longer than any public key of ours in PEM, with comments around it. */
#define PUBLIC_PEM_MAX 8192

static bool check_curve(const mbedtls_pk_context *key, struct error *err)
{
	if (!mbedtls_pk_can_do(key, MBEDTLS_PK_ECKEY) ||
	    mbedtls_ecp_keypair_get_group_id(mbedtls_pk_ec(*key)) != MBEDTLS_ECP_DP_SECP256R1)
		return error_set(err, ERROR_INVALID, "the key is not on curve P-256");
	return true;
}

static bool write_der(mbedtls_pk_context *key, unsigned char out[PKI_PUBLIC_DER], struct error *err)
{
	unsigned char room[256];
	int len;

	if (!check_curve(key, err))
		return false;
	len = mbedtls_pk_write_pubkey_der(key, room, sizeof(room)); /* at the buffer's end */
	if (len < 0)
		return mbed_error(err, ERROR_BROKEN, len, "write the public key");
	assert(len == PKI_PUBLIC_DER);
	memcpy(out, room + sizeof(room) - len, PKI_PUBLIC_DER);
	return true;
}

bool pki_public_pem(struct str key_pem, struct buf *out_pem, struct error *err)
{
	unsigned char pem[512];
	auto_pki_key key;
	int result;

	assert(out_pem);
	mbedtls_pk_init(&key);
	if (!pki_parse_key(key_pem, &key, err) || !check_curve(&key, err))
		return false;
	result = mbedtls_pk_write_pubkey_pem(&key, pem, sizeof(pem));
	if (result != 0)
		return mbed_error(err, ERROR_BROKEN, result, "write the public key");
	buf_add_text(out_pem, (const char *)pem);
	return true;
}

bool pki_public_der(struct str public_pem, unsigned char out[PKI_PUBLIC_DER], struct error *err)
{
	auto_free char *text = NULL;
	auto_pki_key key;
	int result;

	assert(out);
	mbedtls_pk_init(&key);
	if (public_pem.len == 0 || public_pem.len > PUBLIC_PEM_MAX)
		return error_set(err, ERROR_INVALID, "a public key of %zu bytes is not one",
				 public_pem.len);
	if (!mbed_start(err))
		return false;
	text = str_copy(public_pem); /* mbedTLS wants PEM with its terminating NUL counted */
	result = mbedtls_pk_parse_public_key(&key, (unsigned char *)text, public_pem.len + 1);
	if (result != 0)
		return mbed_error(err, ERROR_INVALID, result, "read the public key");
	return write_der(&key, out, err);
}

/* Parse, and see that writing it again gives the same bytes: else one key could count as two. */
static bool parse_der(struct str der, mbedtls_pk_context *key, struct error *err)
{
	unsigned char again[PKI_PUBLIC_DER];
	int result;

	if (der.len != PKI_PUBLIC_DER)
		return error_set(err, ERROR_INVALID,
				 "a public key has %zu bytes of DER instead of %d", der.len,
				 PKI_PUBLIC_DER);
	if (!mbed_start(err))
		return false;
	result = mbedtls_pk_parse_public_key(key, (const unsigned char *)der.at, der.len);
	if (result != 0)
		return mbed_error(err, ERROR_INVALID, result, "read the public key");
	if (!write_der(key, again, err))
		return false;
	if (memcmp(again, der.at, sizeof(again)) != 0)
		return error_set(err, ERROR_INVALID, "a public key is written in an unusual form");
	return true;
}

bool pki_check_public_der(struct str der, struct error *err)
{
	auto_pki_key key;

	mbedtls_pk_init(&key);
	return parse_der(der, &key, err);
}

bool pki_sign_bytes(struct str key_pem, struct str bytes, struct buf *out_der, struct error *err)
{
	unsigned char digest[HASH_SHA256], der[MBEDTLS_ECDSA_MAX_LEN];
	mbedtls_ecdsa_context pair;
	auto_pki_key key;
	size_t len = 0;
	int result;

	assert(out_der);
	mbedtls_pk_init(&key);
	if (!pki_parse_key(key_pem, &key, err) || !check_curve(&key, err))
		return false;
	hash_sha256(bytes, digest);
	mbedtls_ecdsa_init(&pair);
	result = mbedtls_ecdsa_from_keypair(&pair, mbedtls_pk_ec(key));
	if (result == 0) /* RFC 6979 where MBEDTLS_ECDSA_DETERMINISTIC is on */
		result = mbedtls_ecdsa_write_signature(&pair, MBEDTLS_MD_SHA256, digest,
						       sizeof(digest), der, sizeof(der), &len,
						       mbed_random, NULL);
	mbedtls_ecdsa_free(&pair);
	if (result != 0)
		return mbed_error(err, ERROR_BROKEN, result, "sign");
	buf_add(out_der, der, len);
	return true;
}

bool pki_verify_bytes(struct str public_der, struct str bytes, struct str signature_der,
		      struct error *err)
{
	unsigned char digest[HASH_SHA256];
	auto_pki_key key;
	int result;

	mbedtls_pk_init(&key);
	if (!parse_der(public_der, &key, err))
		return false;
	hash_sha256(bytes, digest);
	result = mbedtls_pk_verify(&key, MBEDTLS_MD_SHA256, digest, sizeof(digest),
				   (const unsigned char *)signature_der.at, signature_der.len);
	return result == 0 || mbed_error(err, ERROR_FORBIDDEN, result, "check a signature");
}

#ifndef MBEDTLS_ECDSA_DETERMINISTIC
#error "signatures must be deterministic, or a build cannot be repeated"
#endif
