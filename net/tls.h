/*
 * tls.h - TLS 1.2 and 1.3 over any stream (mbedTLS).
 *
 * A tls_config is shared by many connections and may be replaced by a new one at any time; live
 * connections keep the one they were made with.  Handshakes must end within handshake_ms or the
 * stream breaks.  tls_accept and tls_connect take the lower stream over and give the upper one
 * at once; its on_readable/on_closed tell how the handshake went.
 */
#ifndef NET_TLS_H
#define NET_TLS_H

#include "net/stream.h"

struct tls_config;

/* PEM texts. client_ca may be STR_NONE: no client certificates asked. Client certificates are
 * optional; one that does not verify leaves the connection anonymous with tls_peer_refused()
 * true. */
MUST_CHECK bool tls_server_config(struct str chain_pem, struct str key_pem,
				  struct str client_ca_pem, struct tls_config **out,
				  struct error *err);
/* ca: the only trusted roots; STR_NONE = the machine's own root store.  insecure: no verification.
 * chain/key may be STR_NONE: no client certificate. */
MUST_CHECK bool tls_client_config(struct str ca_pem, struct str chain_pem, struct str key_pem,
				  bool insecure, struct tls_config **out, struct error *err);
struct tls_config *tls_config_ref(struct tls_config *config);
void tls_config_unref(struct tls_config *config); /* NULL is fine */

/* Who the peer's verified certificate names. */
struct tls_peer {
	char *name;           /* subject CN                    */
	char **organizations; /* subject O entries             */
	size_t organization_count;
};

#define TLS_HANDSHAKE_MS 10000
struct stream *tls_accept(struct stream *lower, struct tls_config *config);
/* server_name: checked against the certificate (DNS name or address) and sent as SNI when a
 * name. */
struct stream *tls_connect(struct stream *lower, struct tls_config *config,
			   const char *server_name);
bool tls_is_ready(const struct stream *stream); /* handshake done; true for a stream without TLS */
/* NULL when there was no certificate or it did not verify; owned by the stream. */
const struct tls_peer *tls_peer(const struct stream *stream);
bool tls_peer_refused(const struct stream *stream); /* a certificate came and did not verify */
/* SHA-256 of the peer's leaf DER; false when there is none. */
bool tls_peer_hash(const struct stream *stream, unsigned char out[32]);

#endif
