/*
 * tls_config.c - what a TLS end knows before the first connection: its certificate, whom it trusts,
 * which versions and ciphers it speaks.
 *
 * Session tickets are off at both ends: a resumed session would come without the client's
 * certificate, that is without the identity, and our connections live long anyway.
 */
#include "net/tls_inside.h"

#include <assert.h>

#include "net/mbed.h"
#include "net/pki_inside.h"

/* AEAD with forward secrecy only; the cipher this machine is fast at comes first. */
#define AES_GCM_SUITES                                                                             \
	MBEDTLS_TLS1_3_AES_128_GCM_SHA256, MBEDTLS_TLS1_3_AES_256_GCM_SHA384,                      \
		MBEDTLS_TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,                                   \
		MBEDTLS_TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,                                     \
		MBEDTLS_TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,                                   \
		MBEDTLS_TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384
#define CHACHA_SUITES                                                                              \
	MBEDTLS_TLS1_3_CHACHA20_POLY1305_SHA256,                                                   \
		MBEDTLS_TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,                             \
		MBEDTLS_TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256

#if defined(__x86_64__) || defined(__aarch64__)
static const int suites[] = { AES_GCM_SUITES, CHACHA_SUITES, 0 };
#else
static const int suites[] = { CHACHA_SUITES, AES_GCM_SUITES, 0 };
#endif

static const char *const protocols[] = { "http/1.1", NULL };

/* Where distributions keep the roots they trust. */
static const char *const root_stores[] = {
	"/etc/ssl/certs/ca-certificates.crt", /* Debian, Alpine, Arch */
	"/etc/pki/tls/certs/ca-bundle.crt",   /* Fedora, RHEL         */
	"/etc/ssl/ca-bundle.pem",             /* SUSE                 */
	"/etc/ssl/cert.pem",                  /* BSD manners          */
};

static void config_free(struct tls_config *config)
{
	mbedtls_ssl_config_free(&config->ssl);
	mbedtls_x509_crt_free(&config->chain);
	mbedtls_x509_crt_free(&config->roots);
	mbedtls_pk_free(&config->key);
	free(config->spare);
	tls_drop_spares(config);
	free(config);
}

struct tls_config *tls_config_ref(struct tls_config *config)
{
	assert(config);
	config->refs++;
	return config;
}

void tls_config_unref(struct tls_config *config)
{
	if (!config)
		return;
	assert(config->refs > 0);
	if (--config->refs == 0)
		config_free(config);
}
DEFINE_AUTO(struct tls_config *, tls_config_unref)

static struct tls_config *config_new(bool is_server)
{
	struct tls_config *config = memory_new(struct tls_config);

	config->refs = 1;
	config->is_server = is_server;
	mbedtls_ssl_config_init(&config->ssl);
	mbedtls_x509_crt_init(&config->chain);
	mbedtls_x509_crt_init(&config->roots);
	mbedtls_pk_init(&config->key);
	return config;
}

static bool set_defaults(struct tls_config *config, struct error *err)
{
	int end = config->is_server ? MBEDTLS_SSL_IS_SERVER : MBEDTLS_SSL_IS_CLIENT;
	int result;

	if (!mbed_start(err))
		return false;
	result = mbedtls_ssl_config_defaults(&config->ssl, end, MBEDTLS_SSL_TRANSPORT_STREAM,
					     MBEDTLS_SSL_PRESET_DEFAULT);
	if (result != 0)
		return mbed_error(err, ERROR_BROKEN, result, "set up TLS");
	mbedtls_ssl_conf_rng(&config->ssl, mbed_random, NULL);
	mbedtls_ssl_conf_min_tls_version(&config->ssl, MBEDTLS_SSL_VERSION_TLS1_2);
	mbedtls_ssl_conf_max_tls_version(&config->ssl, MBEDTLS_SSL_VERSION_TLS1_3);
	mbedtls_ssl_conf_ciphersuites(&config->ssl, suites);
#if defined(MBEDTLS_SSL_SESSION_TICKETS) && defined(MBEDTLS_SSL_CLI_C)
	if (!config->is_server)
		mbedtls_ssl_conf_session_tickets(&config->ssl,
						 MBEDTLS_SSL_SESSION_TICKETS_DISABLED);
#endif
	return true;
}

static bool set_identity(struct tls_config *config, struct str chain_pem, struct str key_pem,
			 struct error *err)
{
	int result;

	if (!pki_parse_cert(chain_pem, &config->chain, err) ||
	    !pki_parse_key(key_pem, &config->key, err))
		return false;
	if (mbedtls_pk_check_pair(&config->chain.pk, &config->key, mbed_random, NULL) != 0)
		return error_set(err, ERROR_INVALID,
				 "the private key does not belong to the certificate");
	result = mbedtls_ssl_conf_own_cert(&config->ssl, &config->chain, &config->key);
	if (result != 0)
		return mbed_error(err, ERROR_BROKEN, result, "set up TLS");
	return true;
}

/* A machine's store may hold roots of kinds we do not know: those are left out. */
static bool read_root_store(mbedtls_x509_crt *roots, struct error *err)
{
	for (size_t i = 0; i < ARRAY_LENGTH(root_stores); i++) {
		if (mbedtls_x509_crt_parse_file(roots, root_stores[i]) >= 0 && roots->version != 0)
			return true;
	}
	return error_set(err, ERROR_UNAVAILABLE,
			 "this machine has no store of trusted certificates");
}

bool tls_server_config(struct str chain_pem, struct str key_pem, struct str client_ca_pem,
		       struct tls_config **out, struct error *err)
{
	AUTO(tls_config_unref) struct tls_config *config = config_new(true);
	int result;

	assert(out);
	if (!set_defaults(config, err) || !set_identity(config, chain_pem, key_pem, err))
		return false;
	if (client_ca_pem.len > 0) {
		if (!pki_parse_cert(client_ca_pem, &config->roots, err))
			return error_context(err, "the CA of clients");
		mbedtls_ssl_conf_ca_chain(&config->ssl, &config->roots, NULL);
		mbedtls_ssl_conf_authmode(&config->ssl, MBEDTLS_SSL_VERIFY_OPTIONAL);
	} else {
		mbedtls_ssl_conf_authmode(&config->ssl, MBEDTLS_SSL_VERIFY_NONE);
	}
	/* mbedTLS keeps the pointer and does not write to it. */
	result = mbedtls_ssl_conf_alpn_protocols(&config->ssl, (const char **)(uintptr_t)protocols);
	if (result != 0)
		return mbed_error(err, ERROR_BROKEN, result, "set up TLS");
	*out = take_ptr(&config);
	return true;
}

bool tls_client_config(struct str ca_pem, struct str chain_pem, struct str key_pem, bool insecure,
		       struct tls_config **out, struct error *err)
{
	AUTO(tls_config_unref) struct tls_config *config = config_new(false);

	assert(out);
	if (!set_defaults(config, err))
		return false;
	if (chain_pem.len > 0 && !set_identity(config, chain_pem, key_pem, err))
		return error_context(err, "the client certificate");
	config->insecure = insecure;
	if (insecure) {
		mbedtls_ssl_conf_authmode(&config->ssl, MBEDTLS_SSL_VERIFY_NONE);
	} else {
		if (ca_pem.len > 0 ? !pki_parse_cert(ca_pem, &config->roots, err)
				   : !read_root_store(&config->roots, err))
			return error_context(err, "the trusted CA");
		mbedtls_ssl_conf_ca_chain(&config->ssl, &config->roots, NULL);
		mbedtls_ssl_conf_authmode(&config->ssl, MBEDTLS_SSL_VERIFY_REQUIRED);
	}
	*out = take_ptr(&config);
	return true;
}
