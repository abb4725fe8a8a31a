/*
 * feed.c - a ring buffer of changes in order of revision, searched by bisection.
 */
#include "datastore/feed.h"

#include <assert.h>
#include <inttypes.h>

#include "base/memory.h"

struct entry {
	struct change change;
	char *key;
	size_t bytes;
};

struct feed {
	const struct datastore_items *items;
	struct entry *ring;
	size_t room, first, count;
	size_t changes_max, bytes_max, bytes;
	uint64_t oldest; /* changes up to and with this revision are gone */
	uint64_t newest;
};

struct feed *feed_new(const struct datastore_items *items, uint64_t since, size_t changes_max,
		      size_t bytes_max)
{
	struct feed *feed = memory_new(struct feed);

	assert(changes_max > 0);
	feed->items = items;
	feed->changes_max = changes_max;
	feed->bytes_max = bytes_max;
	feed->oldest = since;
	feed->newest = since;
	return feed;
}

static struct entry *entry_at(const struct feed *feed, size_t index)
{
	assert(index < feed->count);
	return &feed->ring[(feed->first + index) % feed->room];
}

static void drop_oldest(struct feed *feed)
{
	struct entry *entry = entry_at(feed, 0);

	feed->oldest = entry->change.revision;
	feed->bytes -= entry->bytes;
	if (entry->change.before)
		feed->items->unref(entry->change.before);
	if (entry->change.after)
		feed->items->unref(entry->change.after);
	free(entry->key);
	feed->first = (feed->first + 1) % feed->room;
	feed->count--;
}

void feed_free(struct feed *feed)
{
	if (!feed)
		return;
	while (feed->count > 0)
		drop_oldest(feed);
	free(feed->ring);
	free(feed);
}

/* The ring starts small and doubles: an idle node does not pay for the busiest hour. */
static void grow(struct feed *feed)
{
	size_t room = feed->room ? feed->room * 2 : 64;
	struct entry *ring = memory_get(room * sizeof(*ring));

	for (size_t i = 0; i < feed->count; i++)
		ring[i] = *entry_at(feed, i);
	free(feed->ring);
	feed->ring = ring;
	feed->room = room;
	feed->first = 0;
}

void feed_add(struct feed *feed, const struct change *change)
{
	struct entry *entry;
	size_t bytes = sizeof(*entry) + change->key.len;

	assert(change->revision > feed->newest);
	if (change->before)
		bytes += feed->items->bytes(change->before).len;
	if (change->after)
		bytes += feed->items->bytes(change->after).len;
	while (feed->count > 0 &&
	       (feed->count >= feed->changes_max || feed->bytes + bytes > feed->bytes_max))
		drop_oldest(feed);
	if (feed->count == feed->room)
		grow(feed);
	feed->count++;
	entry = entry_at(feed, feed->count - 1);
	entry->change = *change;
	entry->key = str_copy(change->key);
	entry->change.key = str_from(entry->key, change->key.len);
	entry->bytes = bytes;
	feed->bytes += bytes;
	feed->newest = change->revision;
	if (change->before)
		feed->items->ref(change->before);
	if (change->after)
		feed->items->ref(change->after);
}

/* Index of the first entry with a revision above `after`. */
static size_t bisect(const struct feed *feed, uint64_t after)
{
	size_t low = 0, high = feed->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (entry_at(feed, middle)->change.revision > after)
			high = middle;
		else
			low = middle + 1;
	}
	return low;
}

bool feed_replay(const struct feed *feed, uint64_t after,
		 bool (*visit)(void *of, const struct change *change), void *of, struct error *err)
{
	if (after < feed->oldest)
		return error_set(err, ERROR_EXPIRED,
				 "too old resource version: %" PRIu64 " (%" PRIu64 ")", after,
				 feed->oldest);
	for (size_t i = bisect(feed, after); i < feed->count; i++)
		if (!visit(of, &entry_at(feed, i)->change))
			break;
	return true;
}

uint64_t feed_oldest(const struct feed *feed)
{
	return feed->oldest;
}

size_t feed_count(const struct feed *feed)
{
	return feed->count;
}

size_t feed_bytes(const struct feed *feed)
{
	return feed->bytes;
}
