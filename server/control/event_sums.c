/*
 * event_sums.c - three maps with a limit each: events alike, equal events, objects told about.
 */
#include "server/control/event_sums.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/map.h"
#include "base/random.h"

/* Events that differ by their message only. */
struct alike {
	uint64_t messages[EVENT_SUMS_ALIKE];
	size_t count;
	int64_t last_ms;
};

/* How much may be told about an object: a bucket that fills with time. */
struct bucket {
	double tokens;
	int64_t filled_ms;
};

struct event_sums {
	struct map *alike, *equal, *buckets; /* by hash in hex; struct event_sum in `equal` */
};

struct event_sums *event_sums_new(void)
{
	struct event_sums *sums = memory_new(struct event_sums);

	sums->alike = map_new();
	sums->equal = map_new();
	sums->buckets = map_new();
	return sums;
}

static void free_all(struct map *map)
{
	map_free_all(map);
}

void event_sums_free(struct event_sums *sums)
{
	if (!sums)
		return;
	free_all(sums->alike);
	free_all(sums->equal);
	free_all(sums->buckets);
	free(sums);
}

/* The entry under a key's hash; made, zeroed, when there is none; the oldest makes room. */
static void *entry_of(struct map *map, const struct buf *key, size_t size)
{
	char hash[17];
	void *entry;

	snprintf(hash, sizeof(hash), "%016" PRIx64, str_hash(buf_str(key)));
	entry = map_find(map, str_of(hash));
	if (entry)
		return entry;
	if (map_count(map) >= EVENT_SUMS_KEPT) {
		struct str oldest;
		size_t first = 0;

		if (map_next(map, &first, &oldest, &entry)) {
			map_remove(map, oldest);
			free(entry);
		}
	}
	entry = memory_zero(size);
	map_put(map, str_of(hash), entry);
	return entry;
}

/* Is this one more than may be told one by one? */
static bool is_combined(struct alike *alike, uint64_t message, int64_t now_ms)
{
	if (now_ms - alike->last_ms > EVENT_SUMS_TIME_MS)
		alike->count = 0;
	alike->last_ms = now_ms;
	for (size_t i = 0; i < alike->count; i++)
		if (alike->messages[i] == message)
			return false;
	if (alike->count == EVENT_SUMS_ALIKE)
		return true;
	alike->messages[alike->count++] = message;
	return false;
}

static bool take_token(struct bucket *bucket, int64_t now_ms)
{
	if (bucket->filled_ms == 0)
		bucket->tokens = EVENT_SUMS_BURST;
	else
		bucket->tokens += (double)(now_ms - bucket->filled_ms) / EVENT_SUMS_EVERY;
	if (bucket->tokens > EVENT_SUMS_BURST)
		bucket->tokens = EVENT_SUMS_BURST;
	bucket->filled_ms = now_ms;
	if (bucket->tokens < 1)
		return false;
	bucket->tokens -= 1;
	return true;
}

bool event_sums_take(struct event_sums *sums, const struct event_word *word, int64_t now_ms,
		     int64_t wall_s, struct event_sum *out)
{
	auto_buf key = BUF_INIT;
	struct event_sum *sum;
	bool combined;

	buf_add_print(&key, STR_FMT "/" STR_FMT, STR_ARG(word->component), STR_ARG(word->uid));
	if (!take_token(entry_of(sums->buckets, &key, sizeof(struct bucket)), now_ms))
		return false;
	buf_add_print(&key, "/%s/%s", word->type, word->reason);
	combined = is_combined(entry_of(sums->alike, &key, sizeof(struct alike)),
			       str_hash(str_of(word->message)), now_ms);
	buf_add_print(&key, "/%s", combined ? "" : word->message);
	sum = entry_of(sums->equal, &key, sizeof(*sum));
	if (sum->count == 0) {
		random_suffix(sum->suffix, EVENT_SUMS_SUFFIX - 1);
		sum->first_s = wall_s;
		sum->combined = combined;
	}
	sum->count++;
	*out = *sum;
	return true;
}
