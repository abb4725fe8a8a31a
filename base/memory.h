/*
 * memory.h - allocation that cannot fail quietly, guards, and arenas for work that has an end.
 *
 * Small internal allocations abort with a message (state is on disk, the supervisor restarts us).
 * Sizes that come from outside pass a limit of base/limits.h first.
 * An arena is used by one thread at a time.
 */
#ifndef BASE_MEMORY_H
#define BASE_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>

/* Never NULL (abort instead).  memory_new gives zeroed memory. */
void *memory_get(size_t size) __attribute__((malloc, returns_nonnull));
void *memory_zero(size_t size) __attribute__((malloc, returns_nonnull));
void *memory_grow(void *old, size_t size) __attribute__((returns_nonnull));
void *memory_copy(const void *from, size_t size) __attribute__((returns_nonnull));
char *memory_string(const char *text) __attribute__((returns_nonnull)); /* strdup */
char *memory_print(const char *format, ...) __attribute__((format(printf, 1, 2), returns_nonnull));
#define memory_new(type) ((type *)memory_zero(sizeof(type)))

/* For sizes from outside, already limited: NULL when there is none. */
void *memory_try(size_t size) __attribute__((malloc));

/* Guards: declare with auto_x, move out with take_x. */
#define AUTO(drop) __attribute__((cleanup(drop##_slot)))
#define DEFINE_AUTO(type, drop)                                                                    \
	static inline void drop##_slot(type *slot)                                                 \
	{                                                                                          \
		drop(*slot);                                                                       \
	}

static inline void memory_free_slot(void *slot)
{
	free(*(void **)slot);
}
#define auto_free __attribute__((cleanup(memory_free_slot)))

static inline void memory_close_slot(int *fd)
{
	if (*fd >= 0)
		close(*fd);
}
#define auto_fd __attribute__((cleanup(memory_close_slot))) int

static inline int take_fd(int *fd)
{
	int taken = *fd;

	*fd = -1;
	return taken;
}
#define take_ptr(slot)                                                                             \
	({                                                                                         \
		__typeof__(*(slot)) taken_ = *(slot);                                              \
		*(slot) = NULL;                                                                    \
		taken_;                                                                            \
	})

#define ARRAY_LENGTH(a)                 (sizeof(a) / sizeof((a)[0]))
#define CONTAINER_OF(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))

/* Arena: nothing in it is freed alone; all of it goes with arena_free. */
struct arena;
struct arena *arena_new(void);
void arena_free(struct arena *arena); /* NULL is fine */
DEFINE_AUTO(struct arena *, arena_free)
#define auto_arena AUTO(arena_free) struct arena *
void *arena_get(struct arena *arena, size_t size) __attribute__((returns_nonnull)); /* aligned 16 */
void *arena_zero(struct arena *arena, size_t size) __attribute__((returns_nonnull));
char *arena_string(struct arena *arena, const char *text, size_t len)
	__attribute__((returns_nonnull)); /* copies, terminates */
char *arena_print(struct arena *arena, const char *format, ...)
	__attribute__((format(printf, 2, 3), returns_nonnull));
size_t arena_used(const struct arena *arena);

#endif
