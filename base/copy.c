/*
 * copy.c - small copies by two moves that may overlap, larger ones by 32 bytes a turn, the largest
 * by the processor's own loop.
 */
#include "base/copy.h"

#include <string.h>

#if defined(__x86_64__)

#include <emmintrin.h>
#include <stdint.h>

#define LARGE 2048 /* from here on "rep movsb" is at least as quick */

struct any16 {
	uint16_t value;
} __attribute__((packed, may_alias));
struct any32 {
	uint32_t value;
} __attribute__((packed, may_alias));
struct any64 {
	uint64_t value;
} __attribute__((packed, may_alias));

/* First and last N bytes, read before either is written. */
#define COPY_ENDS(type, size)                                                                      \
	do {                                                                                       \
		struct type first = *(const struct type *)from;                                    \
		struct type last = *(const struct type *)(from + count - (size));                  \
		*(struct type *)to = first;                                                        \
		*(struct type *)(to + count - (size)) = last;                                      \
	} while (0)

static inline void copy_small(char *to, const char *from, size_t count)
{
	if (count >= 8)
		COPY_ENDS(any64, 8);
	else if (count >= 4)
		COPY_ENDS(any32, 4);
	else if (count >= 2)
		COPY_ENDS(any16, 2);
	else if (count == 1)
		*to = *from;
}

static inline __m128i load(const char *from)
{
	return _mm_loadu_si128((const __m128i *)(const void *)from);
}

static inline void store(char *to, __m128i value)
{
	_mm_storeu_si128((__m128i *)(void *)to, value);
}

static inline void copy_blocks(char *to, const char *from, size_t count)
{
	__m128i tail_a = load(from + count - 32), tail_b = load(from + count - 16);
	char *end = to + count;

	for (; count > 32; count -= 32, to += 32, from += 32) {
		__m128i a = load(from), b = load(from + 16);

		store(to, a);
		store(to + 16, b);
	}
	store(end - 32, tail_a);
	store(end - 16, tail_b);
}

/* Right also when the ranges overlap and `to` is the lower one: no byte is written before it was
 * read.  So no `restrict` here. */
static void *copy_forward(void *to, const void *from, size_t count)
{
	void *begin = to;

	if (count < 16) {
		copy_small(to, from, count);
	} else if (count <= 32) {
		__m128i a = load(from), b = load((const char *)from + count - 16);

		store(to, a);
		store((char *)to + count - 16, b);
	} else if (count < LARGE) {
		copy_blocks(to, from, count);
	} else {
		__asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(count) : : "memory");
	}
	return begin;
}

/* From the end: for a target that begins inside the source. */
static void copy_back(char *to, const char *from, size_t count)
{
	__m128i head_a = load(from), head_b = load(from + 16);

	for (; count > 32; count -= 32) {
		__m128i a = load(from + count - 32), b = load(from + count - 16);

		store(to + count - 32, a);
		store(to + count - 16, b);
	}
	store(to, head_a);
	store(to + 16, head_b);
}

void *copy_bytes(void *restrict to, const void *restrict from, size_t count)
{
	return copy_forward(to, from, count);
}

void *move_bytes(void *to, const void *from, size_t count)
{
	if ((uintptr_t)to - (uintptr_t)from >= count || count <= 32)
		return copy_forward(to, from, count);
	copy_back(to, from, count);
	return to;
}

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define LIBRARY_IS_WATCHED
#endif
#endif
#if !defined(__SANITIZE_ADDRESS__) && !defined(LIBRARY_IS_WATCHED)
void *memcpy(void *restrict to, const void *restrict from, size_t count)
{
	return copy_forward(to, from, count);
}

void *memmove(void *to, const void *from, size_t count)
{
	return move_bytes(to, from, count);
}
#endif

#else

void *copy_bytes(void *restrict to, const void *restrict from, size_t count)
{
	return memcpy(to, from, count);
}

void *move_bytes(void *to, const void *from, size_t count)
{
	return memmove(to, from, count);
}

#endif
