/*
 * digest.c - FIPS 180-4, as it is written there.
 */
#include "ota/digest.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#define PIECE 65536

static const uint32_t constants[64] = {
	0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4,
	0xab1c5ed5, 0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe,
	0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f,
	0x4a7484aa, 0x5cb0a9dc, 0x76f988da, 0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7,
	0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967, 0x27b70a85, 0x2e1b2138, 0x4d2c6dfc,
	0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b,
	0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070, 0x19a4c116,
	0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
	0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7,
	0xc67178f2,
};

static inline __attribute__((always_inline)) uint32_t turn(uint32_t value, unsigned by)
{
	return value >> by | value << (32 - by);
}

static inline __attribute__((always_inline)) void schedule(const unsigned char *block,
							   uint32_t words[64])
{
	for (size_t i = 0; i < 16; i++)
		words[i] = (uint32_t)block[i * 4] << 24 | (uint32_t)block[i * 4 + 1] << 16 |
			   (uint32_t)block[i * 4 + 2] << 8 | block[i * 4 + 3];
	for (size_t i = 16; i < 64; i++) {
		uint32_t a = words[i - 15], b = words[i - 2];

		words[i] = words[i - 16] + (turn(a, 7) ^ turn(a, 18) ^ a >> 3) + words[i - 7] +
			   (turn(b, 17) ^ turn(b, 19) ^ b >> 10);
	}
}

/* s is a..h, turned by `by`: each round gives d and h new values, and then all move on by one. */
static inline __attribute__((always_inline)) void step(uint32_t s[8], unsigned by, uint32_t add)
{
	uint32_t a = s[(0 - by) & 7], b = s[(1 - by) & 7], c = s[(2 - by) & 7];
	uint32_t e = s[(4 - by) & 7], f = s[(5 - by) & 7], g = s[(6 - by) & 7];
	uint32_t one = s[(7 - by) & 7] + (turn(e, 6) ^ turn(e, 11) ^ turn(e, 25)) +
		       ((e & f) ^ (~e & g)) + add;

	s[(3 - by) & 7] += one;
	s[(7 - by) & 7] =
		one + (turn(a, 2) ^ turn(a, 13) ^ turn(a, 22)) + ((a & b) ^ (a & c) ^ (b & c));
}

/* Every start of a daemon waits for this: for speed, not for size. */
__attribute__((optimize("O2"))) static void mix(struct digest *digest, const unsigned char *block)
{
	uint32_t words[64], s[8];

	schedule(block, words);
	memcpy(s, digest->state, sizeof(s));
	for (size_t i = 0; i < 64; i += 8) {
		step(s, 0, constants[i] + words[i]);
		step(s, 1, constants[i + 1] + words[i + 1]);
		step(s, 2, constants[i + 2] + words[i + 2]);
		step(s, 3, constants[i + 3] + words[i + 3]);
		step(s, 4, constants[i + 4] + words[i + 4]);
		step(s, 5, constants[i + 5] + words[i + 5]);
		step(s, 6, constants[i + 6] + words[i + 6]);
		step(s, 7, constants[i + 7] + words[i + 7]);
	}
	for (size_t i = 0; i < 8; i++)
		digest->state[i] += s[i];
}

void digest_init(struct digest *digest)
{
	*digest = (struct digest){ .state = { 0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
					      0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19 } };
}

void digest_add(struct digest *digest, const void *at, size_t len)
{
	const unsigned char *from = at;

	while (len > 0) {
		size_t used = digest->count % 64, part = 64 - used < len ? 64 - used : len;

		if (part == 64) {
			mix(digest, from);
		} else {
			memcpy(digest->block + used, from, part);
			if (used + part == 64)
				mix(digest, digest->block);
		}
		digest->count += part;
		from += part;
		len -= part;
	}
}

void digest_end(struct digest *digest, char out[DIGEST_HEX])
{
	static const unsigned char fill[64] = { 0x80 };
	static const char digits[] = "0123456789abcdef";
	uint64_t bits = digest->count * 8;
	unsigned char tail[8];

	for (size_t i = 0; i < 8; i++)
		tail[i] = (unsigned char)(bits >> (56 - 8 * i));
	digest_add(digest, fill, 1 + (119 - digest->count % 64) % 64);
	digest_add(digest, tail, sizeof(tail));
	assert(digest->count % 64 == 0);
	for (size_t i = 0; i < 64; i++)
		out[i] = digits[digest->state[i / 8] >> (28 - 4 * (i % 8)) & 15];
	out[64] = '\0';
}

bool digest_fd(int fd, char out[DIGEST_HEX])
{
	static char piece[PIECE];
	struct digest digest;

	digest_init(&digest);
	for (;;) {
		ssize_t got = read(fd, piece, sizeof(piece));

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return false;
		if (got == 0)
			break;
		digest_add(&digest, piece, (size_t)got);
	}
	digest_end(&digest, out);
	return true;
}
