/*
 * spare.c - lists of pieces by size, four sizes to each doubling; a list and a sum a thread.
 *
 * Each piece has a head that says its class; larger ones pass through to the allocator.
 */
#include "base/spare.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define SMALLEST_BITS 6u  /* 64 bytes */
#define LARGEST_BITS  15u /* 32 KiB: no piece is as large */
#define CLASSES       ((LARGEST_BITS - SMALLEST_BITS) * 4u)
#define KEPT_MAX      (256u * 1024)

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define EACH_IS_WATCHED 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__)
#define EACH_IS_WATCHED 1
#endif
#if !defined(EACH_IS_WATCHED)
#define EACH_IS_WATCHED 0
#endif

struct piece {
	struct piece *next; /* while it is kept */
	size_t room;        /* behind the head */
	_Alignas(16) unsigned char at[];
};

static _Thread_local struct piece *kept[CLASSES];
static _Thread_local size_t kept_bytes;

/* The least class with this room; *room becomes that of the class. CLASSES: it has none. */
static unsigned class_of(size_t *room)
{
	size_t size = *room < (1u << SMALLEST_BITS) ? 1u << SMALLEST_BITS : *room;
	unsigned bits = 31u - (unsigned)__builtin_clz((unsigned)(size - 1) | 1u);
	unsigned step = bits - 2; /* four steps between 2^bits and its double */
	size_t quarter;

	if (bits < SMALLEST_BITS) { /* exactly the smallest */
		*room = size;
		return 0;
	}
	quarter = (size - 1 - ((size_t)1 << bits)) >> step;
	*room = ((size_t)1 << bits) + ((quarter + 1) << step);
	return (bits - SMALLEST_BITS) * 4 + (unsigned)quarter + 1;
}

static struct piece *piece_of(void *at)
{
	return (struct piece *)(void *)((unsigned char *)at - offsetof(struct piece, at));
}

void *spare_get(size_t size)
{
	bool small = !EACH_IS_WATCHED && size <= (1u << (LARGEST_BITS - 1));
	unsigned class = small ? class_of(&size) : CLASSES;
	struct piece *piece;

	if (small && kept[class]) {
		piece = kept[class];
		kept[class] = piece->next;
		kept_bytes -= piece->room;
		return piece->at;
	}
	if (size > SIZE_MAX - sizeof(*piece))
		return NULL;
	piece = malloc(sizeof(*piece) + size);
	if (!piece)
		return NULL;
	piece->room = size;
	return piece->at;
}

/* What no class is for: the allocator moves large pieces by their pages. */
static void *grow_large(struct piece *old, size_t size)
{
	struct piece *piece = NULL;

	if (size <= SIZE_MAX - sizeof(*piece))
		piece = realloc(old, sizeof(*piece) + size);
	if (!piece)
		return NULL;
	piece->room = size;
	return piece->at;
}

void *spare_grow(void *old, size_t size)
{
	void *got;

	if (old && piece_of(old)->room >= size)
		return old;
	if (old && piece_of(old)->room > (1u << (LARGEST_BITS - 1)))
		return grow_large(piece_of(old), size);
	got = spare_get(size);
	if (got && old) {
		memcpy(got, old, piece_of(old)->room);
		spare_free(old);
	}
	return got;
}

void spare_free(void *old)
{
	struct piece *piece = old ? piece_of(old) : NULL;
	size_t room;
	unsigned class;

	if (!piece)
		return;
	room = piece->room;
	if (EACH_IS_WATCHED || room > (1u << (LARGEST_BITS - 1)) || kept_bytes + room > KEPT_MAX) {
		free(piece);
		return;
	}
	class = class_of(&room);
	piece->next = kept[class];
	kept[class] = piece;
	kept_bytes += room;
}

void spare_end_thread(void)
{
	for (unsigned i = 0; i < CLASSES; i++)
		while (kept[i]) {
			struct piece *piece = kept[i];

			kept[i] = piece->next;
			free(piece);
		}
	kept_bytes = 0;
}
