/*
 * service_index.c - a map of namespaces, each with its services, pods and slices by name.
 */
#include "server/control/service_index.h"

#include "api/selector.h"
#include "base/map.h"

#define SERVICE_NAME "kubernetes.io/service-name"

struct space {
	struct map *services; /* name -> struct selector */
	struct map *pods;     /* name -> the space itself: there is nothing to say of them */
	struct map *slices;   /* service -> struct map of names */
};

struct service_index {
	struct map *spaces; /* namespace -> struct space */
};

static struct space *space_of(struct service_index *index, struct str namespace)
{
	struct space *space = map_find(index->spaces, namespace);

	if (space)
		return space;
	space = memory_new(struct space);
	space->services = map_new();
	space->pods = map_new();
	space->slices = map_new();
	map_put(index->spaces, namespace, space);
	return space;
}

static void space_free(struct space *space)
{
	struct str name;
	void *value;

	for (size_t i = 0; map_next(space->services, &i, &name, &value);)
		selector_free(value);
	for (size_t i = 0; map_next(space->slices, &i, &name, &value);)
		map_free(value);
	map_free(space->services);
	map_free(space->pods);
	map_free(space->slices);
	free(space);
}

static void drop_if_empty(struct service_index *index, struct str namespace)
{
	struct space *space = map_find(index->spaces, namespace);

	if (!space ||
	    map_count(space->services) + map_count(space->pods) + map_count(space->slices) > 0)
		return;
	map_remove(index->spaces, namespace);
	space_free(space);
}

struct service_index *service_index_new(void)
{
	struct service_index *index = memory_new(struct service_index);

	index->spaces = map_new();
	return index;
}

void service_index_free(struct service_index *index)
{
	struct str name;
	void *space;

	if (!index)
		return;
	for (size_t i = 0; map_next(index->spaces, &i, &name, &space);)
		space_free(space);
	map_free(index->spaces);
	free(index);
}

/* --- changes --- */

void service_index_service(struct service_index *index, const struct object *before,
			   const struct object *after)
{
	const struct object *service = after ? after : before;
	struct space *space = space_of(index, object_namespace(service));
	const struct json *selector =
		after ? json_path(object_json(after), "spec", "selector", NULL) : NULL;

	selector_free(map_remove(space->services, object_name(service)));
	if (json_count(selector) > 0)
		map_put(space->services, object_name(service), selector_from_map(selector));
	drop_if_empty(index, object_namespace(service));
}

void service_index_pod(struct service_index *index, const struct object *before,
		       const struct object *after)
{
	const struct object *pod = after ? after : before;
	struct space *space = space_of(index, object_namespace(pod));

	if (after)
		map_put(space->pods, object_name(pod), space);
	else
		map_remove(space->pods, object_name(pod));
	drop_if_empty(index, object_namespace(pod));
}

struct str service_index_of_slice(const struct object *slice)
{
	return object_label(slice, STR(SERVICE_NAME));
}

static void note_slice(struct service_index *index, const struct object *slice, bool is_there)
{
	struct space *space = space_of(index, object_namespace(slice));
	struct str service = service_index_of_slice(slice);
	struct map *names = map_find(space->slices, service);

	if (service.len == 0)
		return;
	if (!names) {
		names = map_new();
		map_put(space->slices, service, names);
	}
	if (is_there)
		map_put(names, object_name(slice), space);
	else
		map_remove(names, object_name(slice));
	if (map_count(names) == 0)
		map_free(map_remove(space->slices, service));
}

void service_index_slice(struct service_index *index, const struct object *before,
			 const struct object *after)
{
	if (before)
		note_slice(index, before, false);
	if (after)
		note_slice(index, after, true);
	drop_if_empty(index, object_namespace(after ? after : before));
}

/* --- questions --- */

struct str service_index_next_service(const struct service_index *index, const struct object *pod,
				      size_t *at)
{
	const struct space *space = map_find(index->spaces, object_namespace(pod));
	struct str name;
	void *selector;

	while (space && map_next(space->services, at, &name, &selector))
		if (selector_match(selector, pod))
			return name;
	return STR_NONE;
}

struct str service_index_next_pod(const struct service_index *index, struct str namespace,
				  size_t *at)
{
	const struct space *space = map_find(index->spaces, namespace);
	struct str name;
	void *unused;

	return space && map_next(space->pods, at, &name, &unused) ? name : STR_NONE;
}

struct str service_index_next_slice(const struct service_index *index, struct str namespace,
				    struct str service, size_t *at)
{
	const struct space *space = map_find(index->spaces, namespace);
	const struct map *names = space ? map_find(space->slices, service) : NULL;
	struct str name;
	void *unused;

	return names && map_next(names, at, &name, &unused) ? name : STR_NONE;
}
