/*
 * hash.h - digests and constant-time comparison (mbedTLS).
 */
#ifndef NET_HASH_H
#define NET_HASH_H

#include "base/text.h"

#define HASH_SHA256 32
#define HASH_SHA256_HEX 65 /* terminated */

struct hash; /* a running SHA-256; one thread at a time */
struct hash *hash_new(void);
void hash_add(struct hash *hash, const void *at, size_t len);
void hash_end(struct hash *hash, unsigned char out[HASH_SHA256]); /* may be called once */
void hash_free(struct hash *hash);
DEFINE_AUTO(struct hash *, hash_free)

void hash_sha256(struct str bytes, unsigned char out[HASH_SHA256]);
void hash_sha256_hex(struct str bytes, char out[HASH_SHA256_HEX]); /* lower case */
void hash_sha512_hex_upper(struct str bytes, char out[129]); /* ETags of discovery */
void hash_sha1(struct str bytes, unsigned char out[20]);	  /* the WebSocket handshake only */
void hash_hmac_sha256(struct str key, struct str bytes, unsigned char out[HASH_SHA256]);
bool hash_equal(const void *a, const void *b, size_t len); /* constant time */

#endif
