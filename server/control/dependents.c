/*
 * dependents.c - an index from owners to what they own, kept by the feed of changes.
 */
#include "server/control/dependents.h"

#include "base/map.h"

struct dependents {
	struct map *owners; /* uid -> map of keys */
};

struct dependents *dependents_new(void)
{
	struct dependents *dependents = memory_new(struct dependents);

	dependents->owners = map_new();
	return dependents;
}

void dependents_free(struct dependents *dependents)
{
	struct str uid;
	void *keys;

	if (!dependents)
		return;
	for (size_t i = 0; map_next(dependents->owners, &i, &uid, &keys);)
		map_free(keys);
	map_free(dependents->owners);
	free(dependents);
}

bool dependents_has_owners(const struct object *object)
{
	static const char word[] = "\"ownerReferences\":[{";
	struct str bytes = object_bytes(object);

	return memmem(bytes.at, bytes.len, word, sizeof(word) - 1) != NULL;
}

static void add(struct dependents *dependents, struct str uid, struct str key)
{
	struct map *keys = map_find(dependents->owners, uid);

	if (!keys) {
		keys = map_new();
		map_put(dependents->owners, uid, keys);
	}
	map_put(keys, key, keys); /* any value: it is a set */
}

static void drop(struct dependents *dependents, struct str uid, struct str key)
{
	struct map *keys = map_find(dependents->owners, uid);

	if (!keys)
		return;
	map_remove(keys, key);
	if (map_count(keys) > 0)
		return;
	map_remove(dependents->owners, uid);
	map_free(keys);
}

static void each(struct dependents *dependents, struct str key, const struct object *object,
		 void (*visit)(struct dependents *dependents, struct str uid, struct str key))
{
	if (!object || !dependents_has_owners(object))
		return;
	for (struct json_iter it =
		     json_iter(json_get(meta_of(object_json(object)), "ownerReferences"));
	     json_next(&it);) {
		struct str uid = json_str(json_get(it.value, "uid"));

		if (uid.len > 0)
			visit(dependents, uid, key);
	}
}

void dependents_note(struct dependents *dependents, struct str key, const struct object *before,
		     const struct object *after)
{
	each(dependents, key, before, drop);
	each(dependents, key, after, add);
}

size_t dependents_count(const struct dependents *dependents, struct str uid)
{
	const struct map *keys = map_find(dependents->owners, uid);

	return keys ? map_count(keys) : 0;
}

bool dependents_next(const struct dependents *dependents, struct str uid, size_t *at,
		     struct str *out_key)
{
	const struct map *keys = map_find(dependents->owners, uid);
	void *unused;

	return keys && map_next(keys, at, out_key, &unused);
}
