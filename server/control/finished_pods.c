/*
 * finished_pods.c - a map from key to time; sorted only when there are too many.
 */
#include "server/control/finished_pods.h"

#include <assert.h>

#include "base/map.h"

struct finished_pods {
	struct map *times; /* key -> int64_t * */
};

struct finished_pods *finished_pods_new(void)
{
	struct finished_pods *pods = memory_new(struct finished_pods);

	pods->times = map_new();
	return pods;
}

void finished_pods_free(struct finished_pods *pods)
{
	if (!pods)
		return;
	map_free_all(pods->times);
	free(pods);
}

void finished_pods_put(struct finished_pods *pods, struct str key, int64_t created_s)
{
	int64_t *time = map_find(pods->times, key);

	if (!time) {
		time = memory_new(int64_t);
		map_put(pods->times, key, time);
	}
	*time = created_s;
}

void finished_pods_remove(struct finished_pods *pods, struct str key)
{
	free(map_remove(pods->times, key));
}

size_t finished_pods_count(const struct finished_pods *pods)
{
	return map_count(pods->times);
}

struct aged {
	int64_t created_s;
	struct str key;
};

/* Of the same second: by name, so that the choice does not depend on chance. */
static int by_age(const void *left, const void *right)
{
	const struct aged *a = left, *b = right;

	if (a->created_s != b->created_s)
		return a->created_s < b->created_s ? -1 : 1;
	return str_compare(a->key, b->key);
}

size_t finished_pods_surplus(const struct finished_pods *pods, size_t keep, size_t max,
			     struct str **out_keys)
{
	size_t all = map_count(pods->times), count, at = 0;
	struct aged *list;
	struct str key;
	void *time;

	*out_keys = NULL;
	if (all <= keep)
		return 0;
	list = memory_get(all * sizeof(*list));
	for (size_t i = 0; map_next(pods->times, &i, &key, &time);)
		list[at++] = (struct aged){ *(int64_t *)time, key };
	assert(at == all);
	qsort(list, all, sizeof(*list), by_age);
	count = all - keep < max ? all - keep : max;
	*out_keys = memory_get(count * sizeof(**out_keys));
	for (size_t i = 0; i < count; i++)
		(*out_keys)[i] = list[i].key;
	free(list);
	return count;
}
