/*
 * tls_rest.c - a connection at rest gives its record buffers to the next one that works.
 *
 * mbedTLS gives each connection 21 KiB for one record in and one out, for its whole life; between
 * two records nothing is in them but the number of the next record in.  A server with a thousand
 * watches would pay 20 MiB for that.  The places of mbedTLS's pointers into a buffer are kept as
 * distances and are the same in the next buffer.
 */
#define MBEDTLS_ALLOW_PRIVATE_ACCESS
#include "net/tls_inside.h"

#include <assert.h>
#include <string.h>

#include <mbedtls/platform.h>

/* What mbedTLS adds to the content of a record (head, counter, IV, MAC, padding) is below 512. */
#define IN_BUFFER  (MBEDTLS_SSL_IN_CONTENT_LEN + 1024)
#define OUT_BUFFER (MBEDTLS_SSL_OUT_CONTENT_LEN + 1024)

/* --- the pointers into a buffer, in one order --- */

static void list_in(mbedtls_ssl_context *ssl, unsigned char **out[TLS_POINTERS])
{
	out[0] = &ssl->in_ctr;
	out[1] = &ssl->in_hdr;
	out[2] = &ssl->in_len;
	out[3] = &ssl->in_iv;
	out[4] = &ssl->in_msg;
}

static void list_out(mbedtls_ssl_context *ssl, unsigned char **out[TLS_POINTERS])
{
	out[0] = &ssl->out_ctr;
	out[1] = &ssl->out_hdr;
	out[2] = &ssl->out_len;
	out[3] = &ssl->out_iv;
	out[4] = &ssl->out_msg;
}

static void keep_places(unsigned char **pointers[TLS_POINTERS], const unsigned char *buffer,
			uint16_t *out)
{
	for (size_t i = 0; i < TLS_POINTERS; i++) {
		assert(*pointers[i] >= buffer && *pointers[i] - buffer < UINT16_MAX);
		out[i] = (uint16_t)(*pointers[i] - buffer);
		*pointers[i] = NULL;
	}
}

static void put_places(unsigned char **pointers[TLS_POINTERS], unsigned char *buffer,
		       const uint16_t *places)
{
	for (size_t i = 0; i < TLS_POINTERS; i++)
		*pointers[i] = buffer + places[i];
}

/* --- buffers --- */

static unsigned char *take_buffer(unsigned char **spare, size_t size)
{
	unsigned char *buffer = *spare ? take_ptr(spare) : mbedtls_calloc(1, size);

	if (!buffer)
		abort(); /* as memory_get */
	return buffer;
}

static void give_buffer(unsigned char **spare, unsigned char *buffer)
{
	if (*spare)
		mbedtls_free(buffer);
	else
		*spare = buffer;
}

/* Between two records, and nothing of a message of several records is here. */
static bool is_between(const mbedtls_ssl_context *ssl)
{
	return mbedtls_ssl_is_handshake_over((mbedtls_ssl_context *)(uintptr_t)ssl) &&
	       ssl->in_left == 0 && ssl->in_msglen == 0 && ssl->in_hslen == 0 && !ssl->in_offt &&
	       ssl->keep_current_message == 0 && ssl->badmac_seen_or_in_hsfraglen == 0 &&
	       ssl->out_left == 0 && ssl->send_alert == 0;
}

void tls_rest(mbedtls_ssl_context *ssl, struct tls_config *config, struct tls_places *places)
{
	unsigned char **pointers[TLS_POINTERS];

	if (!ssl->in_buf || !is_between(ssl))
		return;
	memcpy(places->counter, ssl->in_ctr, sizeof(places->counter));
	list_in(ssl, pointers);
	keep_places(pointers, ssl->in_buf, places->in);
	list_out(ssl, pointers);
	keep_places(pointers, ssl->out_buf, places->out);
	give_buffer(&config->spare_in, ssl->in_buf);
	give_buffer(&config->spare_out, ssl->out_buf);
	ssl->in_buf = NULL;
	ssl->out_buf = NULL;
}

void tls_wake(mbedtls_ssl_context *ssl, struct tls_config *config, const struct tls_places *places)
{
	unsigned char **pointers[TLS_POINTERS];

	if (ssl->in_buf)
		return;
	ssl->in_buf = take_buffer(&config->spare_in, IN_BUFFER);
	ssl->out_buf = take_buffer(&config->spare_out, OUT_BUFFER);
	list_in(ssl, pointers);
	put_places(pointers, ssl->in_buf, places->in);
	list_out(ssl, pointers);
	put_places(pointers, ssl->out_buf, places->out);
	memcpy(ssl->in_ctr, places->counter, sizeof(places->counter));
}

void tls_drop_spares(struct tls_config *config)
{
	mbedtls_free(config->spare_in);
	mbedtls_free(config->spare_out);
}

void tls_drop_certificate(mbedtls_ssl_context *ssl)
{
	mbedtls_ssl_session *session = ssl->session;

	if (!session || !session->peer_cert)
		return;
	mbedtls_x509_crt_free(session->peer_cert);
	mbedtls_free(session->peer_cert);
	session->peer_cert = NULL;
}
