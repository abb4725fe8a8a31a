/*
 * budget_pods.c - for each namespace its budgets, for each budget a selector and a set of names.
 */
#include "server/control/budget_pods.h"

#include "api/selector.h"
#include "base/map.h"

struct budget {
	char *key;
	struct selector *selector; /* NULL: none, it is about no pod */
	struct map *pods;          /* names */
};

struct budget_pods {
	const struct cache *pods;
	struct map *budgets;    /* key -> struct budget */
	struct map *namespaces; /* namespace -> map of keys -> the same */
};

struct budget_pods *budget_pods_new(const struct cache *pods)
{
	struct budget_pods *index = memory_new(struct budget_pods);

	index->pods = pods;
	index->budgets = map_new();
	index->namespaces = map_new();
	return index;
}

static void budget_free(struct budget *budget)
{
	selector_free(budget->selector);
	map_free(budget->pods);
	free(budget->key);
	free(budget);
}

void budget_pods_free(struct budget_pods *index)
{
	struct str key;
	void *value;

	if (!index)
		return;
	for (size_t i = 0; map_next(index->budgets, &i, &key, &value);)
		budget_free(value);
	for (size_t i = 0; map_next(index->namespaces, &i, &key, &value);)
		map_free(value);
	map_free(index->budgets);
	map_free(index->namespaces);
	free(index);
}

static bool matches(const struct budget *budget, const struct object *pod)
{
	return budget->selector && selector_match(budget->selector, pod);
}

static void forget(struct budget_pods *index, const struct object *object)
{
	struct map *siblings = map_find(index->namespaces, object_namespace(object));
	struct budget *budget;
	auto_buf key = BUF_INIT;

	object_key(object, &key);
	budget = map_remove(index->budgets, buf_str(&key));
	if (!budget)
		return;
	map_remove(siblings, buf_str(&key));
	if (map_count(siblings) == 0)
		map_free(map_remove(index->namespaces, object_namespace(object)));
	budget_free(budget);
}

static void remember(struct budget_pods *index, const struct object *object)
{
	const struct json *wish = json_path(object_json(object), "spec", "selector", NULL);
	struct budget *budget = memory_new(struct budget);
	struct map *siblings = map_find(index->namespaces, object_namespace(object));
	const struct object *pod;
	auto_buf key = BUF_INIT;
	struct error unused;

	object_key(object, &key);
	budget->key = str_copy(buf_str(&key));
	budget->pods = map_new();
	if (wish && !selector_from_json(wish, &budget->selector, &unused))
		budget->selector = NULL;
	if (!siblings) {
		siblings = map_new();
		map_put(index->namespaces, object_namespace(object), siblings);
	}
	map_put(siblings, buf_str(&key), budget);
	map_put(index->budgets, buf_str(&key), budget);
	for (size_t i = 0; (pod = cache_next(index->pods, &i));)
		if (str_equal(object_namespace(pod), object_namespace(object)) &&
		    matches(budget, pod))
			map_put(budget->pods, object_name(pod), budget);
}

void budget_pods_note_budget(struct budget_pods *index, const struct object *before,
			     const struct object *after)
{
	if (before && after &&
	    json_equal(json_path(object_json(before), "spec", "selector", NULL),
		       json_path(object_json(after), "spec", "selector", NULL)))
		return;
	if (before)
		forget(index, before);
	if (after) {
		forget(index, after);
		remember(index, after);
	}
}

void budget_pods_note_pod(struct budget_pods *index, const struct object *before,
			  const struct object *after, struct queue *queue)
{
	const struct object *pod = after ? after : before;
	const struct map *siblings = map_find(index->namespaces, object_namespace(pod));
	struct str key;
	void *value;

	for (size_t i = 0; siblings && map_next(siblings, &i, &key, &value);) {
		struct budget *budget = value;
		bool is = after && matches(budget, after), was;

		if (is)
			was = map_put(budget->pods, object_name(pod), budget);
		else
			was = map_remove(budget->pods, object_name(pod));
		if (is || was)
			queue_add(queue, key);
	}
}

size_t budget_pods_count(const struct budget_pods *index, struct str key)
{
	const struct budget *budget = map_find(index->budgets, key);

	return budget ? map_count(budget->pods) : 0;
}

bool budget_pods_next(const struct budget_pods *index, struct str key, size_t *at,
		      struct str *out_name)
{
	const struct budget *budget = map_find(index->budgets, key);
	void *unused;

	return budget && map_next(budget->pods, at, out_name, &unused);
}
