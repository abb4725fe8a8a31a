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
};

#endif
