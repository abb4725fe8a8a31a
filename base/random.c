/*
 * random.c - the kernel's randomness.
 */
#include "base/random.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

void random_bytes(void *out, size_t count)
{
	unsigned char *at = out;

	while (count > 0) {
		ssize_t got = getrandom(at, count, 0);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0) {
			fprintf(stderr, "mote: the kernel gives no randomness\n");
			abort();
		}
		at += got;
		count -= (size_t)got;
	}
}

uint64_t random_below(uint64_t limit)
{
	uint64_t value, reject;

	assert(limit > 0);
	reject = (UINT64_MAX - limit + 1) % limit; /* values below it would favour small results */
	do
		random_bytes(&value, sizeof(value));
	while (value < reject);
	return value % limit;
}

void random_suffix(char *out, size_t count)
{
	static const char alphabet[] = "bcdfghjklmnpqrstvwxz2456789";

	for (size_t i = 0; i < count; i++)
		out[i] = alphabet[random_below(sizeof(alphabet) - 1)];
	out[count] = '\0';
}

void random_uuid(char out[RANDOM_UUID])
{
	unsigned char b[16];

	random_bytes(b, sizeof(b));
	b[6] = (unsigned char)((b[6] & 0x0f) | 0x40);
	b[8] = (unsigned char)((b[8] & 0x3f) | 0x80);
	snprintf(out, RANDOM_UUID,
		 "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", b[0], b[1],
		 b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12], b[13], b[14],
		 b[15]);
}
