/*
 * owner_selectors.c - for each namespace a map from names to selectors.
 */
#include "server/control/owner_selectors.h"

#include <string.h>

#include "base/map.h"

struct owner_selectors {
	struct map *namespaces; /* name -> map of names to struct selector */
};

struct owner_selectors *owner_selectors_new(void)
{
	struct owner_selectors *selectors = memory_new(struct owner_selectors);

	selectors->namespaces = map_new();
	return selectors;
}

void owner_selectors_free(struct owner_selectors *selectors)
{
	struct str namespace, name;
	void *map, *selector;

	if (!selectors)
		return;
	for (size_t i = 0; map_next(selectors->namespaces, &i, &namespace, &map);) {
		for (size_t j = 0; map_next(map, &j, &name, &selector);)
			selector_free(selector);
		map_free(map);
	}
	map_free(selectors->namespaces);
	free(selectors);
}

static struct selector *parse(const struct object *owner)
{
	const struct json *spec = json_path(object_json(owner), "spec", "selector", NULL);
	struct selector *selector = NULL;
	struct error err;

	if (json_count(spec) == 0)
		return NULL;
	if (str_is(object_kind(owner), "ReplicationController"))
		selector = selector_from_map(spec);
	else if (!selector_from_json(spec, &selector, &err))
		return NULL;
	if (!selector_is_empty(selector))
		return selector;
	selector_free(selector);
	return NULL;
}

static void forget(struct owner_selectors *selectors, const struct object *owner)
{
	struct map *map = map_find(selectors->namespaces, object_namespace(owner));

	if (!map)
		return;
	selector_free(map_remove(map, object_name(owner)));
	if (map_count(map) == 0)
		map_free(map_remove(selectors->namespaces, object_namespace(owner)));
}

/* Most changes are of the status alone. */
static bool is_same(const struct object *before, const struct object *after)
{
	return before && after &&
	       json_equal(json_path(object_json(before), "spec", "selector", NULL),
			  json_path(object_json(after), "spec", "selector", NULL));
}

void owner_selectors_note(struct owner_selectors *selectors, const struct object *before,
			  const struct object *after)
{
	struct selector *selector;
	struct map *map;

	if (is_same(before, after))
		return;
	if (before)
		forget(selectors, before);
	selector = after ? parse(after) : NULL;
	if (!selector)
		return;
	map = map_find(selectors->namespaces, object_namespace(after));
	if (!map) {
		map = map_new();
		map_put(selectors->namespaces, object_namespace(after), map);
	}
	selector_free(map_put(map, object_name(after), selector));
}

const struct selector *owner_selectors_find(const struct owner_selectors *selectors,
					    struct str namespace, struct str name)
{
	const struct map *map = map_find(selectors->namespaces, namespace);

	return map ? map_find(map, name) : NULL;
}

bool owner_selectors_next(const struct owner_selectors *selectors, const struct object *object,
			  size_t *at, struct str *out_name)
{
	const struct map *map = map_find(selectors->namespaces, object_namespace(object));
	void *selector;

	while (map && map_next(map, at, out_name, &selector))
		if (selector_match(selector, object))
			return true;
	return false;
}

/* --- waking --- */

static void wake(struct queue *queue, const struct object *member, struct str owner)
{
	auto_buf key = BUF_INIT;

	buf_add_print(&key, STR_FMT "/" STR_FMT, STR_ARG(object_namespace(member)), STR_ARG(owner));
	queue_add(queue, buf_str(&key));
}

static void wake_controller(struct queue *queue, const char *owner_kind,
			    const struct object *member)
{
	const struct json *owner = meta_controller(object_json(member));

	if (str_is(json_str(json_get(owner, "kind")), owner_kind))
		wake(queue, member, json_str(json_get(owner, "name")));
}

/* Without a look inside `before`: a uid is nowhere by chance. */
static bool had_the_same(const struct object *before, struct str uid)
{
	struct str bytes = object_bytes(before);

	return uid.len > 0 && memmem(bytes.at, bytes.len, uid.at, uid.len) != NULL;
}

static bool has_same_labels(const struct object *before, const struct object *after)
{
	return json_equal(json_get(meta_of(object_json(before)), "labels"),
			  json_get(meta_of(object_json(after)), "labels"));
}

void owner_selectors_wake(const struct owner_selectors *selectors, struct queue *queue,
			  const char *owner_kind, const struct object *before,
			  const struct object *after)
{
	struct str uid, name;

	if (!after) {
		wake_controller(queue, owner_kind, before);
		return;
	}
	uid = json_str(json_get(meta_controller(object_json(after)), "uid"));
	if (uid.len > 0)
		wake_controller(queue, owner_kind, after);
	if (before && had_the_same(before, uid))
		return;
	if (before)
		wake_controller(queue, owner_kind, before);
	if (uid.len > 0 || object_is_deleting(after) ||
	    (before && !meta_controller(object_json(before)) && has_same_labels(before, after)))
		return;
	for (size_t i = 0; owner_selectors_next(selectors, after, &i, &name);)
		wake(queue, after, name);
}
