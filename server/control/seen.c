/*
 * seen.c - a map of revisions.
 */
#include "server/control/seen.h"

#include "base/map.h"

struct seen {
	struct map *revisions; /* key -> uint64_t */
};

struct seen *seen_new(void)
{
	struct seen *seen = memory_new(struct seen);

	seen->revisions = map_new();
	return seen;
}

void seen_free(struct seen *seen)
{
	if (!seen)
		return;
	map_free_all(seen->revisions);
	free(seen);
}

void seen_note(struct seen *seen, struct str key, uint64_t revision)
{
	uint64_t *kept = map_find(seen->revisions, key);

	if (revision == 0)
		return;
	if (!kept) {
		kept = memory_new(uint64_t);
		map_put(seen->revisions, key, kept);
	}
	*kept = revision;
}

bool seen_is_behind(const struct seen *seen, struct str key, uint64_t now)
{
	const uint64_t *kept = map_find(seen->revisions, key);

	return kept && *kept > now;
}

void seen_forget(struct seen *seen, struct str key)
{
	free(map_remove(seen->revisions, key));
}
