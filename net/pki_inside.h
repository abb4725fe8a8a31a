/*
 * pki_inside.h - what the pki*.c files share.  Nobody else includes it.
 */
#ifndef NET_PKI_INSIDE_H
#define NET_PKI_INSIDE_H

#define MBEDTLS_ALLOW_PRIVATE_ACCESS /* names of certificates are lists only reachable so */
#include <mbedtls/pk.h>
#include <mbedtls/x509_crt.h>

#include "net/pki.h"

/* Big enough for a PEM certificate or request with some hundred names. */
#define PKI_PEM_ROOM (32u * 1024)

/* Parse into an initialised context; the caller frees it in any case. */
MUST_CHECK bool pki_parse_key(struct str key_pem, mbedtls_pk_context *key, struct error *err);
MUST_CHECK bool pki_parse_cert(struct str cert_pem, mbedtls_x509_crt *cert, struct error *err);

static inline void pki_key_slot(mbedtls_pk_context *key)
{
	mbedtls_pk_free(key);
}
static inline void pki_cert_slot(mbedtls_x509_crt *cert)
{
	mbedtls_x509_crt_free(cert);
}
#define auto_pki_key  __attribute__((cleanup(pki_key_slot))) mbedtls_pk_context
#define auto_pki_cert __attribute__((cleanup(pki_cert_slot))) mbedtls_x509_crt

#endif
