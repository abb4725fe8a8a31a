/*
 * digest.h - SHA-256 without a library, for the launcher: it must stay small and depend on nothing.
 *
 * Everybody else uses net/hash.h; a test compares the two.
 */
#ifndef OTA_DIGEST_H
#define OTA_DIGEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DIGEST_BYTES 32
#define DIGEST_HEX   65 /* terminated */

struct digest {
	uint32_t state[8];
	uint64_t count; /* bytes so far */
	unsigned char block[64];
};
void digest_init(struct digest *digest);
void digest_add(struct digest *digest, const void *at, size_t len);
/* Lower case. */
void digest_end(struct digest *digest, char out[DIGEST_HEX]);

/* Of the rest of a file; false: errno says why. */
bool digest_fd(int fd, char out[DIGEST_HEX]);

#endif
