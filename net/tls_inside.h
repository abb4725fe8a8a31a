/*
 * tls_inside.h - the configuration as tls.c and tls_config.c share it.
 */
#ifndef NET_TLS_INSIDE_H
#define NET_TLS_INSIDE_H

#include <mbedtls/ssl.h>

#include "net/tls.h"

struct tls_config {
	unsigned refs;
	bool is_server;
	bool insecure; /* clients: the server's certificate is not verified */
	mbedtls_ssl_config ssl;
	mbedtls_x509_crt chain;
	mbedtls_pk_context key;
	mbedtls_x509_crt roots;
	char *spare; /* a block for ciphertext that no stream uses now; may be NULL */
	unsigned char *spare_in, *spare_out; /* record buffers, the same; mbedTLS's memory */
};

/* --- tls_rest.c --- */

#define TLS_POINTERS 5
/* What a connection without buffers remembers of them. */
struct tls_places {
	uint16_t in[TLS_POINTERS], out[TLS_POINTERS];
	unsigned char counter[8];
};
/* Take the record buffers away, if nothing is in them; to be called after each use of the
 * connection.  tls_wake gives it others and comes before each use; both are harmless twice. */
void tls_rest(mbedtls_ssl_context *ssl, struct tls_config *config, struct tls_places *places);
void tls_wake(mbedtls_ssl_context *ssl, struct tls_config *config, const struct tls_places *places);
void tls_drop_spares(struct tls_config *config);
/* The peer's certificate is not needed after the handshake. */
void tls_drop_certificate(mbedtls_ssl_context *ssl);

#endif
