/*
 * map.c - open addressing over an array of entries in insertion order.
 *
 * The table holds indexes into the entries; removed entries leave a tombstone (key == NULL) until
 * the next rebuild.
 */
#include "base/map.h"

#include <assert.h>

#define EMPTY UINT32_MAX

struct entry {
	char *key; /* NULL = removed */
	size_t key_len;
	uint64_t hash;
	void *value;
};

struct map {
	struct entry *entries;
	size_t used, room, live;
	uint32_t *table;
	size_t mask; /* table length - 1; 0 = no table yet */
};

struct map *map_new(void)
{
	return memory_new(struct map);
}

void map_free(struct map *map)
{
	if (!map)
		return;
	for (size_t i = 0; i < map->used; i++)
		free(map->entries[i].key);
	free(map->entries);
	free(map->table);
	free(map);
}

void map_free_all(struct map *map)
{
	for (size_t i = 0; map && i < map->used; i++)
		if (map->entries[i].key)
			free(map->entries[i].value);
	map_free(map);
}

size_t map_count(const struct map *map)
{
	return map->live;
}

static struct entry *find(const struct map *map, struct str key, uint64_t hash)
{
	if (map->mask == 0)
		return NULL;
	for (size_t at = (size_t)hash & map->mask; map->table[at] != EMPTY;
	     at = (at + 1) & map->mask) {
		struct entry *entry = &map->entries[map->table[at]];

		if (entry->hash == hash && entry->key &&
		    str_equal(str_from(entry->key, entry->key_len), key))
			return entry;
	}
	return NULL;
}

static void link_entry(struct map *map, size_t index)
{
	size_t at = (size_t)map->entries[index].hash & map->mask;

	while (map->table[at] != EMPTY)
		at = (at + 1) & map->mask;
	map->table[at] = (uint32_t)index;
}

/* Drop tombstones and make room for at least one more. */
static void rebuild(struct map *map)
{
	size_t kept = 0, length;

	for (size_t i = 0; i < map->used; i++)
		if (map->entries[i].key)
			map->entries[kept++] = map->entries[i];
	assert(kept == map->live);
	map->used = kept;
	if (map->used * 2 >= map->room) {
		map->room = map->room ? map->room * 2 : 8;
		map->entries = memory_grow(map->entries, map->room * sizeof(*map->entries));
	}
	length = map->room * 2; /* a power of two, at most half full */
	map->table = memory_grow(map->table, length * sizeof(*map->table));
	memset(map->table, 0xff, length * sizeof(*map->table));
	map->mask = length - 1;
	for (size_t i = 0; i < map->used; i++)
		link_entry(map, i);
}

void *map_find(const struct map *map, struct str key)
{
	struct entry *entry = find(map, key, str_hash(key));

	return entry ? entry->value : NULL;
}

void *map_put(struct map *map, struct str key, void *value)
{
	uint64_t hash = str_hash(key);
	struct entry *entry = find(map, key, hash);

	if (entry) {
		void *old = entry->value;

		entry->value = value;
		return old;
	}
	if (map->used == map->room)
		rebuild(map);
	map->entries[map->used] = (struct entry){
		.key = str_copy(key), .key_len = key.len, .hash = hash, .value = value
	};
	link_entry(map, map->used++);
	map->live++;
	return NULL;
}

void *map_remove(struct map *map, struct str key)
{
	struct entry *entry = find(map, key, str_hash(key));

	if (!entry)
		return NULL;
	free(entry->key);
	entry->key = NULL;
	map->live--;
	return entry->value;
}

bool map_next(const struct map *map, size_t *at, struct str *out_key, void **out_value)
{
	while (*at < map->used) {
		struct entry *entry = &map->entries[(*at)++];

		if (!entry->key)
			continue;
		*out_key = str_from(entry->key, entry->key_len);
		*out_value = entry->value;
		return true;
	}
	return false;
}
