/*
 * mbedtls_config.h - our choices, appended to the build copy of mbedTLS's own configuration.
 *
 * TLS 1.2 and 1.3 over TCP with ephemeral key exchange, X.509 reading and writing, the curves and
 * ciphers that today's clients offer.  The rest is off: less to attack, half the size.
 *
 * Never switch on MBEDTLS_SSL_VARIABLE_BUFFER_LENGTH while OUT is smaller than IN: the input buffer
 * then shrinks after the handshake and a full record ends the connection.
 */
#define MBEDTLS_THREADING_C
#define MBEDTLS_THREADING_PTHREAD
/* Whose memory is used is said at run time: a handshake takes and frees 10000 small pieces. */
#define MBEDTLS_PLATFORM_MEMORY
/* X25519 by 128-bit products: a fifth of the time where the compiler has them. */
#if defined(__SIZEOF_INT128__)
#define MBEDTLS_ECDH_VARIANT_EVEREST_ENABLED
#endif
#define MBEDTLS_SSL_IN_CONTENT_LEN 16384
#define MBEDTLS_SSL_OUT_CONTENT_LEN 4096
#if defined(__aarch64__)
#define MBEDTLS_SHA256_USE_ARMV8_A_CRYPTO_IF_PRESENT
#endif

/* No datagrams, no renegotiation. */
#undef MBEDTLS_SSL_PROTO_DTLS
#undef MBEDTLS_SSL_DTLS_ANTI_REPLAY
#undef MBEDTLS_SSL_DTLS_HELLO_VERIFY
#undef MBEDTLS_SSL_DTLS_CLIENT_PORT_REUSE
#undef MBEDTLS_SSL_DTLS_CONNECTION_ID
#undef MBEDTLS_SSL_DTLS_CONNECTION_ID_COMPAT
#undef MBEDTLS_SSL_COOKIE_C
#undef MBEDTLS_SSL_CONTEXT_SERIALIZATION
#undef MBEDTLS_SSL_RENEGOTIATION

/* Only key exchanges with forward secrecy and certificates. */
#undef MBEDTLS_DHM_C
#undef MBEDTLS_KEY_EXCHANGE_PSK_ENABLED
#undef MBEDTLS_KEY_EXCHANGE_DHE_PSK_ENABLED
#undef MBEDTLS_KEY_EXCHANGE_ECDHE_PSK_ENABLED
#undef MBEDTLS_KEY_EXCHANGE_RSA_PSK_ENABLED
#undef MBEDTLS_KEY_EXCHANGE_RSA_ENABLED
#undef MBEDTLS_KEY_EXCHANGE_DHE_RSA_ENABLED
#undef MBEDTLS_KEY_EXCHANGE_ECDH_ECDSA_ENABLED
#undef MBEDTLS_KEY_EXCHANGE_ECDH_RSA_ENABLED
#undef MBEDTLS_SSL_TLS1_3_KEY_EXCHANGE_MODE_PSK_ENABLED
#undef MBEDTLS_SSL_TLS1_3_KEY_EXCHANGE_MODE_PSK_EPHEMERAL_ENABLED

/* Old or unused algorithms. */
#undef MBEDTLS_ARIA_C
#undef MBEDTLS_CAMELLIA_C
#undef MBEDTLS_DES_C
#undef MBEDTLS_RIPEMD160_C
#undef MBEDTLS_LMS_C
#undef MBEDTLS_ECJPAKE_C
#undef MBEDTLS_PKCS7_C
#undef MBEDTLS_NIST_KW_C
#undef MBEDTLS_SHA3_C
#undef MBEDTLS_PADLOCK_C
#undef MBEDTLS_ECP_DP_SECP192R1_ENABLED
#undef MBEDTLS_ECP_DP_SECP224R1_ENABLED
#undef MBEDTLS_ECP_DP_SECP192K1_ENABLED
#undef MBEDTLS_ECP_DP_SECP224K1_ENABLED
#undef MBEDTLS_ECP_DP_SECP256K1_ENABLED
#undef MBEDTLS_ECP_DP_BP256R1_ENABLED
#undef MBEDTLS_ECP_DP_BP384R1_ENABLED
#undef MBEDTLS_ECP_DP_BP512R1_ENABLED
#undef MBEDTLS_ECP_DP_CURVE448_ENABLED

/* Things only a library's own tests and tools need. */
#undef MBEDTLS_PSA_CRYPTO_STORAGE_C
#undef MBEDTLS_PSA_ITS_FILE_C
#undef MBEDTLS_SELF_TEST
#undef MBEDTLS_DEBUG_C
#undef MBEDTLS_VERSION_FEATURES
