/*
 * pki.c - keys and reading certificates; making them is pki_issue.c, tokens are pki_jwt.c.
 */
#include "net/pki_inside.h"

#include <assert.h>
#include <string.h>

#include <mbedtls/ecp.h>
#include <mbedtls/oid.h>
#include <mbedtls/platform_util.h>

#include "base/clock.h"
#include "net/hash.h"
#include "net/mbed.h"

/* A key, certificate or request text longer than this is not one. */
#define PEM_MAX   (256u * 1024)
#define SPKI_ROOM 512

/* mbedTLS wants PEM with its terminating NUL counted. */
static bool terminated(struct str pem, const char *what, char **out, struct error *err)
{
	if (pem.len == 0)
		return error_set(err, ERROR_INVALID, "%s is empty", what);
	if (pem.len > PEM_MAX)
		return error_set(err, ERROR_TOO_LARGE, "%s is larger than %u bytes", what, PEM_MAX);
	*out = str_copy(pem);
	return true;
}

bool pki_parse_key(struct str key_pem, mbedtls_pk_context *key, struct error *err)
{
	auto_free char *text = NULL;

	assert(key);
	if (!terminated(key_pem, "the private key", &text, err) || !mbed_start(err))
		return false;

	int result = mbedtls_pk_parse_key(key, (unsigned char *)text, key_pem.len + 1, NULL, 0,
					  mbed_random, NULL);

	mbedtls_platform_zeroize(text, key_pem.len);
	if (result != 0)
		return mbed_error(err, ERROR_INVALID, result, "read the private key");
	return true;
}

bool pki_parse_cert(struct str cert_pem, mbedtls_x509_crt *cert, struct error *err)
{
	auto_free char *text = NULL;

	assert(cert);
	if (!terminated(cert_pem, "the certificate", &text, err))
		return false;

	int result = mbedtls_x509_crt_parse(cert, (unsigned char *)text, cert_pem.len + 1);

	if (result > 0)
		return error_set(err, ERROR_INVALID,
				 "read the certificate: %d of its parts are damaged", result);
	if (result < 0)
		return mbed_error(err, ERROR_INVALID, result, "read the certificate");
	return true;
}

bool pki_new_key(struct buf *out_key_pem, struct error *err)
{
	unsigned char pem[1024];
	auto_pki_key key;

	assert(out_key_pem);
	mbedtls_pk_init(&key);
	if (!mbed_start(err))
		return false;

	int result = mbedtls_pk_setup(&key, mbedtls_pk_info_from_type(MBEDTLS_PK_ECKEY));

	if (result == 0)
		result = mbedtls_ecp_gen_key(MBEDTLS_ECP_DP_SECP256R1, mbedtls_pk_ec(key),
					     mbed_random, NULL);
	if (result == 0)
		result = mbedtls_pk_write_key_pem(&key, pem, sizeof(pem));
	if (result != 0)
		return mbed_error(err, ERROR_BROKEN, result, "make a key");
	buf_add_text(out_key_pem, (const char *)pem);
	mbedtls_platform_zeroize(pem, sizeof(pem));
	return true;
}

/* The last CN counts, as in Go's crypto/x509. */
static void read_name(const mbedtls_x509_name *names, char *out, size_t room)
{
	out[0] = '\0';
	for (const mbedtls_x509_name *name = names; name; name = name->next) {
		if (name->oid.p && MBEDTLS_OID_CMP(MBEDTLS_OID_AT_CN, &name->oid) == 0 &&
		    name->val.len < room) {
			memcpy(out, name->val.p, name->val.len);
			out[name->val.len] = '\0';
		}
	}
}

bool pki_read(struct str cert_pem, struct pki_info *out, struct error *err)
{
	auto_pki_cert cert;

	assert(out);
	mbedtls_x509_crt_init(&cert);
	if (!pki_parse_cert(cert_pem, &cert, err))
		return false;
	out->not_before_s = mbed_seconds(&cert.valid_from);
	out->not_after_s = mbed_seconds(&cert.valid_to);
	out->is_ca = cert.ca_istrue != 0;
	read_name(&cert.subject, out->name, sizeof(out->name));
	return true;
}

bool pki_is_fresh(const struct pki_info *info)
{
	int64_t life = info->not_after_s - info->not_before_s;

	if (life > PKI_LEAF_DAYS * 86400)
		life = PKI_LEAF_DAYS * 86400;
	return info->not_after_s - clock_wall_s() > life / 3;
}

bool pki_fingerprint(struct str cert_pem, char out[65], struct error *err)
{
	auto_pki_cert cert;

	mbedtls_x509_crt_init(&cert);
	if (!pki_parse_cert(cert_pem, &cert, err))
		return false;
	hash_sha256_hex(str_from(cert.raw.p, cert.raw.len), out);
	return true;
}

bool pki_key_id(struct str key_pem, char out[65], struct error *err)
{
	unsigned char der[SPKI_ROOM];
	auto_pki_key key;

	mbedtls_pk_init(&key);
	if (!pki_parse_key(key_pem, &key, err))
		return false;

	int len = mbedtls_pk_write_pubkey_der(&key, der, sizeof(der)); /* at the buffer's end */

	if (len < 0)
		return mbed_error(err, ERROR_BROKEN, len, "write the public key");
	assert((size_t)len <= sizeof(der));
	hash_sha256_hex(str_from(der + sizeof(der) - len, (size_t)len), out);
	return true;
}

bool pki_key_point(struct str key_pem, unsigned char out[64], struct error *err)
{
	unsigned char point[65];
	size_t len;
	auto_pki_key key;

	mbedtls_pk_init(&key);
	if (!pki_parse_key(key_pem, &key, err))
		return false;
	if (!mbedtls_pk_can_do(&key, MBEDTLS_PK_ECKEY) ||
	    mbedtls_ecp_keypair_get_group_id(mbedtls_pk_ec(key)) != MBEDTLS_ECP_DP_SECP256R1)
		return error_set(err, ERROR_INVALID, "the private key is not on curve P-256");

	int result = mbedtls_ecp_write_public_key(mbedtls_pk_ec(key), MBEDTLS_ECP_PF_UNCOMPRESSED,
						  &len, point, sizeof(point));

	if (result != 0)
		return mbed_error(err, ERROR_BROKEN, result, "write the public point");
	assert(len == sizeof(point));
	memcpy(out, point + 1, 64); /* after the byte that says "uncompressed" */
	return true;
}
