/*
 * pki_jwt.c - JSON web tokens signed by ES256 (RFC 7515, RFC 7518 3.4).
 *
 * The signature is r and s, 32 bytes each, not the DER form that mbedTLS's generic calls make, so
 * the curve functions are called directly.
 */
#include "net/pki_inside.h"

#include <assert.h>
#include <string.h>

#include <mbedtls/ecdsa.h>

#include "base/json.h"
#include "net/hash.h"
#include "net/mbed.h"

/* OIDC tokens with many groups reach 8 KiB; a request head holds at most 64 KiB. */
#define JWT_MAX        (64u * 1024)
#define SIGNATURE_SIZE 64

struct pki_signer {
	mbedtls_pk_context key;
	char key_id[65];
	struct buf head; /* the encoded header with its dot, the same for every token */
};

bool pki_signer_new(struct str key_pem, struct pki_signer **out, struct error *err)
{
	unsigned char point[64]; /* reading it checks the curve */
	char key_id[65];

	assert(out);
	if (!pki_key_id(key_pem, key_id, err) || !pki_key_point(key_pem, point, err))
		return false;

	struct pki_signer *signer = memory_new(struct pki_signer);
	auto_buf head = BUF_INIT;

	mbedtls_pk_init(&signer->key);
	if (!pki_parse_key(key_pem, &signer->key, err)) {
		pki_signer_free(signer);
		return false;
	}
	memcpy(signer->key_id, key_id, sizeof(key_id));
	buf_add_print(&head, "{\"alg\":\"ES256\",\"kid\":\"%s\",\"typ\":\"JWT\"}", key_id);
	buf_add_base64url(&signer->head, buf_str(&head));
	buf_add_byte(&signer->head, '.');
	*out = signer;
	return true;
}

void pki_signer_free(struct pki_signer *signer)
{
	if (!signer)
		return;
	mbedtls_pk_free(&signer->key);
	buf_clear(&signer->head);
	free(signer);
}

static int sign(struct pki_signer *signer, struct str bytes, unsigned char out[SIGNATURE_SIZE])
{
	mbedtls_ecp_keypair *pair = mbedtls_pk_ec(signer->key);
	unsigned char digest[HASH_SHA256];
	mbedtls_mpi r, s;
	int result;

	hash_sha256(bytes, digest);
	mbedtls_mpi_init(&r);
	mbedtls_mpi_init(&s);
	result = mbedtls_ecdsa_sign(&pair->grp, &r, &s, &pair->d, digest, sizeof(digest),
				    mbed_random, NULL);
	if (result == 0)
		result = mbedtls_mpi_write_binary(&r, out, SIGNATURE_SIZE / 2);
	if (result == 0)
		result = mbedtls_mpi_write_binary(&s, out + SIGNATURE_SIZE / 2, SIGNATURE_SIZE / 2);
	mbedtls_mpi_free(&r);
	mbedtls_mpi_free(&s);
	return result;
}

bool pki_sign_jwt(struct pki_signer *signer, struct str claims_json, struct buf *out,
		  struct error *err)
{
	unsigned char signature[SIGNATURE_SIZE];
	auto_buf token = BUF_INIT;

	assert(signer);
	buf_add_str(&token, buf_str(&signer->head));
	buf_add_base64url(&token, claims_json);
	if (token.len > JWT_MAX)
		return error_set(err, ERROR_TOO_LARGE, "the claims of a token are over %u bytes",
				 JWT_MAX);

	int result = sign(signer, buf_str(&token), signature);

	if (result != 0)
		return mbed_error(err, ERROR_BROKEN, result, "sign a token");
	buf_add_str(out, buf_str(&token));
	buf_add_byte(out, '.');
	buf_add_base64url(out, str_from(signature, sizeof(signature)));
	return true;
}

static bool is_signed(struct pki_signer *signer, struct str bytes, const unsigned char *signature)
{
	mbedtls_ecp_keypair *pair = mbedtls_pk_ec(signer->key);
	unsigned char digest[HASH_SHA256];
	mbedtls_mpi r, s;
	int result;

	hash_sha256(bytes, digest);
	mbedtls_mpi_init(&r);
	mbedtls_mpi_init(&s);
	result = mbedtls_mpi_read_binary(&r, signature, SIGNATURE_SIZE / 2);
	if (result == 0)
		result = mbedtls_mpi_read_binary(&s, signature + SIGNATURE_SIZE / 2,
						 SIGNATURE_SIZE / 2);
	if (result == 0)
		result = mbedtls_ecdsa_verify(&pair->grp, digest, sizeof(digest), &pair->Q, &r, &s);
	mbedtls_mpi_free(&r);
	mbedtls_mpi_free(&s);
	return result == 0;
}

/* Decodes one part and checks that it is the one and only encoding of its bytes. */
static bool decode_part(struct str part, struct buf *out)
{
	auto_buf again = BUF_INIT;

	if (part.len == 0 || !buf_add_base64url_decoded(out, part))
		return false;
	buf_add_base64url(&again, buf_str(out));
	return str_equal(buf_str(&again), part);
}

static bool check_head(const struct pki_signer *signer, struct str part, struct error *err)
{
	auto_json_doc doc = NULL;
	const char *duplicate = NULL;
	auto_buf text = BUF_INIT;
	struct error why;

	if (!decode_part(part, &text) || !json_parse(buf_str(&text), &doc, &duplicate, &why) ||
	    duplicate || json_type(json_root(doc)) != JSON_OBJECT)
		return error_set(err, ERROR_UNAUTHORIZED, "the token's header is malformed");
	if (!str_is(json_str(json_get(json_root(doc), "alg")), "ES256"))
		return error_set(err, ERROR_UNAUTHORIZED, "the token's algorithm is not ES256");
	if (!str_is(json_str(json_get(json_root(doc), "kid")), signer->key_id))
		return error_set(err, ERROR_UNAUTHORIZED, "the token is signed by an unknown key");
	if (json_get(json_root(doc), "crit"))
		return error_set(err, ERROR_UNAUTHORIZED, "the token demands unknown extensions");
	return true;
}

bool pki_verify_jwt(struct pki_signer *signer, struct str jwt, struct buf *out_claims_json,
		    struct error *err)
{
	ptrdiff_t head_end, claims_end;

	assert(signer);
	assert(out_claims_json);
	if (jwt.len > JWT_MAX)
		return error_set(err, ERROR_UNAUTHORIZED, "the token is over %u bytes", JWT_MAX);
	head_end = str_find(jwt, '.');
	if (head_end < 0)
		return error_set(err, ERROR_UNAUTHORIZED, "the token is malformed");

	struct str rest = str_from(jwt.at + head_end + 1, jwt.len - (size_t)head_end - 1);

	claims_end = str_find(rest, '.');
	if (claims_end < 0)
		return error_set(err, ERROR_UNAUTHORIZED, "the token is malformed");

	auto_buf claims = BUF_INIT;
	auto_buf signature = BUF_INIT;
	struct str tail = str_from(rest.at + claims_end + 1, rest.len - (size_t)claims_end - 1);

	if (!check_head(signer, str_from(jwt.at, (size_t)head_end), err))
		return false;
	if (!decode_part(tail, &signature) || signature.len != SIGNATURE_SIZE ||
	    !decode_part(str_from(rest.at, (size_t)claims_end), &claims))
		return error_set(err, ERROR_UNAUTHORIZED, "the token is malformed");
	if (!is_signed(signer, str_from(jwt.at, (size_t)(head_end + 1 + claims_end)),
		       (const unsigned char *)signature.at))
		return error_set(err, ERROR_UNAUTHORIZED, "the token's signature is wrong");
	buf_add_str(out_claims_json, buf_str(&claims));
	return true;
}
