/*
 * autoscale_pods.c - goes through the pods, and through the selectors of the other autoscalers.
 */
#include "server/control/autoscale_pods.h"

#include "base/map.h"

void autoscale_pods_gather(struct autoscale_target *target, struct cache *pods,
			   const struct selector *selector)
{
	const struct object *pod;
	size_t room = 0;

	for (size_t i = 0; (pod = cache_next(pods, &i));) {
		if (!str_equal(object_namespace(pod), target->namespace) ||
		    !selector_match(selector, pod))
			continue;
		if (target->pod_count == room) {
			room = room ? room * 2 : 32;
			target->pods = memory_grow(target->pods, room * sizeof(pod));
		}
		/* The figures come later: the cache may have others by then. */
		target->pods[target->pod_count++] = object_ref(pod);
	}
}

void autoscale_pods_clear(struct autoscale_target *target)
{
	for (size_t i = 0; i < target->pod_count; i++)
		object_unref(target->pods[i]);
	free(take_ptr(&target->pods));
	target->pod_count = 0;
}

struct autoscale_rivals {
	struct map *selectors; /* key -> the pods that it acts on, as text */
};

struct autoscale_rivals *autoscale_rivals_new(void)
{
	struct autoscale_rivals *rivals = memory_new(struct autoscale_rivals);

	rivals->selectors = map_new();
	return rivals;
}

void autoscale_rivals_free(struct autoscale_rivals *rivals)
{
	if (!rivals)
		return;
	map_free_all(rivals->selectors);
	free(rivals);
}

const char *autoscale_rivals_find(struct autoscale_rivals *rivals, struct str own,
				  const struct autoscale_target *target)
{
	struct str key;
	void *text;

	free(map_put(rivals->selectors, own, str_copy(target->selector)));
	for (size_t i = 0; map_next(rivals->selectors, &i, &key, &text);) {
		AUTO(selector_free) struct selector *selector = NULL;
		struct str rest = key, namespace = str_cut(&rest, '/');
		struct error ignored;

		if (str_equal(key, own) || !str_equal(namespace, target->namespace) ||
		    !selector_parse_labels(str_of(text), &selector, &ignored))
			continue;
		for (size_t pod = 0; pod < target->pod_count; pod++)
			if (selector_match(selector, target->pods[pod]))
				return rest.at;
	}
	return NULL;
}

void autoscale_rivals_forget(struct autoscale_rivals *rivals, struct str key)
{
	free(map_remove(rivals->selectors, key));
}
