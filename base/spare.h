/*
 * spare.h - memory that is wanted for a moment and again at once: a thread keeps what it gave back.
 *
 * musl's allocator returns pages to the kernel as soon as nothing is left in them, which for a
 * document or an answer means a mapping, page faults and an unmapping each time.  Here a thread
 * keeps up to 256 KiB of pieces by size.  Under sanitizers nothing is kept, so that they see all.
 */
#ifndef BASE_SPARE_H
#define BASE_SPARE_H

#include <stddef.h>

/* At least `size` bytes, aligned for anything; NULL when there is no memory. */
void *spare_get(size_t size);

/* As realloc: `old` is of this file or NULL; NULL (and `old` untouched) when there is no memory. */
void *spare_grow(void *old, size_t size);

/* `old` is of this file or NULL; any thread may give it back. */
void spare_free(void *old);

/* At the end of a thread: what it has kept goes. */
void spare_end_thread(void);

#endif
