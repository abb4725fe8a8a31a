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

static uint32_t turn(uint32_t value, unsigned by)
{
	return value >> by | value << (32 - by);
}

static void schedule(const unsigned char *block, uint32_t words[64])
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

static void mix(struct digest *digest, const unsigned char *block)
{
	uint32_t words[64], s[8];

	schedule(block, words);
	memcpy(s, digest->state, sizeof(s));
	for (size_t i = 0; i < 64; i++) {
		uint32_t one = s[7] + (turn(s[4], 6) ^ turn(s[4], 11) ^ turn(s[4], 25)) +
			       ((s[4] & s[5]) ^ (~s[4] & s[6])) + constants[i] + words[i];
		uint32_t two = (turn(s[0], 2) ^ turn(s[0], 13) ^ turn(s[0], 22)) +
			       ((s[0] & s[1]) ^ (s[0] & s[2]) ^ (s[1] & s[2]));

		memmove(s + 1, s, 7 * sizeof(s[0]));
		s[4] += one;
		s[0] = one + two;
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

		memcpy(digest->block + used, from, part);
		digest->count += part;
		from += part;
		len -= part;
		if (used + part == 64)
			mix(digest, digest->block);
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
