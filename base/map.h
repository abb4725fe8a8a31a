/*
 * map.h - hash map from text to pointer.  Copies its keys, owns no values.
 *
 * Iteration order is the order of insertion (removals keep it).  One thread at a time.
 */
#ifndef BASE_MAP_H
#define BASE_MAP_H

#include <stdbool.h>
#include <stddef.h>

#include "base/text.h"

struct map;

struct map *map_new(void);
void map_free(struct map *map); /* NULL is fine; values are the caller's */
/* With its values, each of them memory of its own for free(); NULL is fine. */
void map_free_all(struct map *map);
DEFINE_AUTO(struct map *, map_free)
#define auto_map AUTO(map_free) struct map *

size_t map_count(const struct map *map);
void *map_find(const struct map *map, struct str key);       /* NULL when absent */
void *map_put(struct map *map, struct str key, void *value); /* gives the old value or NULL */
void *map_remove(struct map *map, struct str key);           /* gives the value or NULL */

/* for (size_t i = 0; map_next(map, &i, &key, &value);)  - the current entry may be removed inside.
 */
bool map_next(const struct map *map, size_t *at, struct str *out_key, void **out_value);

#endif
