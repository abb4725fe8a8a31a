/*
 * copy.h - copying bytes quickly on x86-64.
 *
 * The C library's memcpy there is "rep movsq", whose start costs more than most of our copies.  In
 * the product (not under sanitizers, which watch the library's) memcpy is copy_bytes and memmove is
 * move_bytes.  Elsewhere nothing is replaced.
 */
#ifndef BASE_COPY_H
#define BASE_COPY_H

#include <stddef.h>

/* As memcpy: the ranges must not overlap.  Gives `to`. */
void *copy_bytes(void *restrict to, const void *restrict from, size_t count);

/* As memmove: they may. */
void *move_bytes(void *to, const void *from, size_t count);

#endif
