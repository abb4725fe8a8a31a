/*
 * memory.c - allocation that aborts when there is none, and arenas made of growing blocks.
 */
#include "base/memory.h"

#include <assert.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/spare.h"

#define ARENA_FIRST     1024
#define ARENA_BLOCK_MAX (64u * 1024)
#define ALIGNMENT       16u

static void die_without_memory(size_t size)
{
	fprintf(stderr, "mote: out of memory (%zu bytes wanted)\n", size);
	abort();
}

void *memory_get(size_t size)
{
	void *got = malloc(size ? size : 1);

	if (!got)
		die_without_memory(size);
	return got;
}

void *memory_zero(size_t size)
{
	void *got = calloc(1, size ? size : 1);

	if (!got)
		die_without_memory(size);
	return got;
}

void *memory_grow(void *old, size_t size)
{
	void *got = realloc(old, size ? size : 1);

	if (!got)
		die_without_memory(size);
	return got;
}

void *memory_copy(const void *from, size_t size)
{
	void *got = memory_get(size);

	if (size > 0)
		memcpy(got, from, size);
	return got;
}

char *memory_string(const char *text)
{
	return memory_copy(text, strlen(text) + 1);
}

char *memory_print(const char *format, ...)
{
	va_list args;
	char *text = NULL;

	va_start(args, format);
	if (vasprintf(&text, format, args) < 0)
		die_without_memory(0);
	va_end(args);
	return text;
}

void *memory_try(size_t size)
{
	return malloc(size ? size : 1);
}

/* --- arenas --- */

struct block {
	struct block *next;
	size_t used, room;
	_Alignas(ALIGNMENT) unsigned char at[];
};

struct arena {
	struct block *blocks; /* newest first */
	size_t used;
};

static struct block *block_new(size_t room)
{
	struct block *block = spare_get(sizeof(*block) + room);

	if (!block)
		die_without_memory(sizeof(*block) + room);
	block->next = NULL;
	block->used = 0;
	block->room = room;
	return block;
}

struct arena *arena_new(void)
{
	return memory_new(struct arena);
}

void arena_free(struct arena *arena)
{
	if (!arena)
		return;
	for (struct block *block = arena->blocks, *next; block; block = next) {
		next = block->next;
		spare_free(block);
	}
	free(arena);
}

/* Big pieces get a block of their own behind the current one, so that its rest stays usable. */
static void *get_big(struct arena *arena, size_t size)
{
	struct block *block = block_new(size);

	block->used = size;
	if (arena->blocks) {
		block->next = arena->blocks->next;
		arena->blocks->next = block;
	} else {
		arena->blocks = block;
	}
	return block->at;
}

static void add_block(struct arena *arena, size_t size)
{
	size_t room = arena->blocks ? arena->blocks->room * 2 : ARENA_FIRST;
	struct block *block;

	if (room > ARENA_BLOCK_MAX)
		room = ARENA_BLOCK_MAX;
	block = block_new(room > size ? room : size);
	block->next = arena->blocks;
	arena->blocks = block;
}

void *arena_get(struct arena *arena, size_t size)
{
	struct block *block = arena->blocks;
	void *got;

	assert(size < SIZE_MAX - ALIGNMENT);
	size = (size + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);
	arena->used += size;
	if (!block || block->room - block->used < size) {
		if (size > ARENA_BLOCK_MAX / 4)
			return get_big(arena, size);
		add_block(arena, size);
		block = arena->blocks;
	}
	got = block->at + block->used;
	block->used += size;
	return got;
}

void *arena_zero(struct arena *arena, size_t size)
{
	return memset(arena_get(arena, size), 0, size);
}

char *arena_string(struct arena *arena, const char *text, size_t len)
{
	char *copy = arena_get(arena, len + 1);

	if (len > 0)
		memcpy(copy, text, len);
	copy[len] = '\0';
	return copy;
}

char *arena_print(struct arena *arena, const char *format, ...)
{
	va_list args, again;
	char *text;
	int len;

	va_start(args, format);
	va_copy(again, args);
	len = vsnprintf(NULL, 0, format, args);
	va_end(args);
	if (len < 0)
		die_without_memory(0);
	text = arena_get(arena, (size_t)len + 1);
	vsnprintf(text, (size_t)len + 1, format, again);
	va_end(again);
	return text;
}

size_t arena_used(const struct arena *arena)
{
	return arena->used;
}
