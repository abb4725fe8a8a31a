/*
 * mbed.h - what the mbedTLS files of this room share: randomness, set-up, and errors in our words.
 *
 * Only hash.c, pki*.c and tls*.c include it.  It names no mbedTLS type, so that it stays cheap.
 */
#ifndef NET_MBED_H
#define NET_MBED_H

#include <stdint.h>

#include "base/error.h"

/* The f_rng every mbedTLS call takes: the kernel's randomness.  `of` is not used. */
int mbed_random(void *of, unsigned char *out, size_t len);

/* psa_crypto_init, once a process; TLS 1.3 needs it.  Any thread. */
MUST_CHECK bool mbed_start(struct error *err);

/* Fill *err with "what: <mbedTLS's sentence>"; returns false. */
bool mbed_error(struct error *err, enum error_kind kind, int code, const char *what);

/* Wall seconds of a certificate's time. */
struct mbedtls_x509_time;
int64_t mbed_seconds(const struct mbedtls_x509_time *time);

#endif
