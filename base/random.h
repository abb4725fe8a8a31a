/*
 * random.h - randomness from the kernel (getrandom); aborts when there is none.  Any thread.
 */
#ifndef BASE_RANDOM_H
#define BASE_RANDOM_H

#include <stddef.h>
#include <stdint.h>

void random_bytes(void *out, size_t count);
uint64_t random_below(uint64_t limit); /* 0 .. limit-1, unbiased; limit > 0 */
/* `count` characters of Kubernetes' safe alphabet "bcdfghjklmnpqrstvwxz2456789", terminated. */
void random_suffix(char *out, size_t count);
#define RANDOM_UUID 37
void random_uuid(char out[RANDOM_UUID]); /* RFC 4122 v4, lower case, terminated */

#endif
