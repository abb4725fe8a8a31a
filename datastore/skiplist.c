/*
 * skiplist.c - the ordered index behind lists.
 *
 * A node of height h stands in the lists 0..h-1; each level holds about a quarter of the one below.
 */
#include "datastore/skiplist.h"

#include <assert.h>

#include "base/memory.h"

#define LEVELS 12 /* 4^12 records before the top level gets crowded */

struct node {
	struct record record; /* first, so that a record is its node */
	unsigned height;
	struct node *next[];
};

struct skiplist {
	struct node *head;
	size_t count;
	uint64_t dice; /* xorshift state: heights need no secrecy */
};

static struct node *node_new(struct str key, unsigned height)
{
	struct node *node =
		memory_zero(sizeof(*node) + height * sizeof(struct node *) + key.len + 1);
	char *text = (char *)&node->next[height];

	if (key.len > 0)
		memcpy(text, key.at, key.len);
	node->record.key = str_from(text, key.len);
	node->height = height;
	return node;
}

struct skiplist *skiplist_new(void)
{
	struct skiplist *list = memory_new(struct skiplist);

	list->head = node_new(STR(""), LEVELS);
	list->dice = 0x9e3779b97f4a7c15ull;
	return list;
}

void skiplist_free(struct skiplist *list)
{
	if (!list)
		return;
	for (struct node *node = list->head, *next; node; node = next) {
		next = node->next[0];
		free(node);
	}
	free(list);
}

static unsigned roll_height(struct skiplist *list)
{
	unsigned height = 1;

	list->dice ^= list->dice << 13;
	list->dice ^= list->dice >> 7;
	list->dice ^= list->dice << 17;
	for (uint64_t bits = list->dice; height < LEVELS && (bits & 3) == 0; bits >>= 2)
		height++;
	return height;
}

/* The last node of each level whose key is below `key`; gives the one of level 0. */
static struct node *walk(const struct skiplist *list, struct str key, struct node *before[LEVELS])
{
	struct node *node = list->head;

	for (unsigned level = LEVELS; level-- > 0;) {
		while (node->next[level] && str_compare(node->next[level]->record.key, key) < 0)
			node = node->next[level];
		if (before)
			before[level] = node;
	}
	return node;
}

struct record *skiplist_from(const struct skiplist *list, struct str key)
{
	struct node *next = walk(list, key, NULL)->next[0];

	return next ? &next->record : NULL;
}

struct record *skiplist_find(const struct skiplist *list, struct str key)
{
	struct record *record = skiplist_from(list, key);

	return record && str_equal(record->key, key) ? record : NULL;
}

struct record *skiplist_put(struct skiplist *list, struct str key)
{
	struct node *before[LEVELS];
	struct node *next = walk(list, key, before)->next[0];
	struct node *node;

	if (next && str_equal(next->record.key, key))
		return &next->record;
	node = node_new(key, roll_height(list));
	for (unsigned level = 0; level < node->height; level++) {
		node->next[level] = before[level]->next[level];
		before[level]->next[level] = node;
	}
	list->count++;
	return &node->record;
}

void skiplist_remove(struct skiplist *list, struct str key)
{
	struct node *before[LEVELS];
	struct node *node = walk(list, key, before)->next[0];

	if (!node || !str_equal(node->record.key, key))
		return;
	for (unsigned level = 0; level < node->height; level++) {
		assert(before[level]->next[level] == node);
		before[level]->next[level] = node->next[level];
	}
	list->count--;
	free(node);
}

struct record *skiplist_next(const struct record *record)
{
	struct node *next = ((const struct node *)(const void *)record)->next[0];

	return next ? &next->record : NULL;
}

size_t skiplist_count(const struct skiplist *list)
{
	return list->count;
}
