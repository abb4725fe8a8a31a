/*
 * scene.c - nodes, who is on them, and in which domain of a topology they are.
 */
#include "server/schedule/scene.h"

#include <assert.h>

#include "api/quantity.h"

#define TOPOLOGIES_MAX 64
#define ZONE           "topology.kubernetes.io/zone"
#define REGION         "topology.kubernetes.io/region"

struct scene *scene_new(const struct sources *sources)
{
	struct scene *scene = memory_new(struct scene);

	scene->sources = *sources;
	scene->place_of = map_new();
	scene->resident_of = map_new();
	scene->nominated_of = map_new();
	scene->classes = map_new();
	scene->terms = map_new();
	scene->images = map_new();
	scene->claims = map_new();
	scene->volumes_taken = map_new();
	scene->spread_epoch = 1;
	return scene;
}

/* --- topologies --- */

static void forget_topologies(struct scene *scene)
{
	struct str name;
	void *place;

	for (size_t i = 0; i < scene->topology_count; i++) {
		map_free(scene->topologies[i].domains);
		free(scene->topologies[i].key);
	}
	free(scene->topologies);
	scene->topologies = NULL;
	scene->topology_count = 0;
	for (size_t i = 0; map_next(scene->place_of, &i, &name, &place);) {
		free(((struct place *)place)->domains);
		((struct place *)place)->domains = NULL;
		((struct place *)place)->domain_room = 0;
	}
}

size_t scene_topology(struct scene *scene, struct str key)
{
	struct topology *topology;

	for (size_t i = 0; i < scene->topology_count; i++)
		if (str_is(key, scene->topologies[i].key))
			return i;
	scene->topologies = memory_grow(scene->topologies,
					(scene->topology_count + 1) * sizeof(*scene->topologies));
	topology = &scene->topologies[scene->topology_count];
	*topology = (struct topology){ .key = str_copy(key), .domains = map_new() };
	return scene->topology_count++;
}

static uint32_t look_up_domain(struct topology *topology, const struct place *place)
{
	struct str value = object_label(place->node, str_of(topology->key));
	uintptr_t known;

	if (value.at == NULL)
		return 1;
	known = (uintptr_t)map_find(topology->domains, value);
	if (known == 0) {
		known = ++topology->count;
		map_put(topology->domains, value, (void *)known);
	}
	return (uint32_t)known + 1;
}

uint32_t scene_domain(struct scene *scene, size_t topology, struct place *place)
{
	uint32_t *slot;

	assert(topology < scene->topology_count);
	if (!place->node)
		return SCENE_NO_DOMAIN;
	if (place->domain_room <= topology) {
		place->domains = memory_grow(place->domains,
					     scene->topology_count * sizeof(*place->domains));
		memset(place->domains + place->domain_room, 0,
		       (scene->topology_count - place->domain_room) * sizeof(*place->domains));
		place->domain_room = scene->topology_count;
	}
	slot = &place->domains[topology];
	if (*slot == 0)
		*slot = look_up_domain(&scene->topologies[topology], place);
	return *slot == 1 ? SCENE_NO_DOMAIN : *slot - 2;
}

/* Values of nodes that are gone stay until the table is made anew. */
static bool topologies_are_large(const struct scene *scene)
{
	size_t values = 0;

	for (size_t i = 0; i < scene->topology_count; i++)
		values += scene->topologies[i].count;
	return scene->topology_count > TOPOLOGIES_MAX ||
	       values > scene->topology_count * (2 * scene->place_count + 100);
}

/* --- order: zones by turns, so that the first nodes looked at are of all zones --- */

static void put_by_turns(struct scene *scene, struct map *zones)
{
	size_t at = 0;
	struct str zone;
	void *list;

	for (size_t turn = 0; at < scene->place_count; turn++)
		for (size_t i = 0; map_next(zones, &i, &zone, &list);) {
			struct buf *names = list;

			if (turn < names->len / sizeof(struct place *))
				memcpy(&scene->places[at++],
				       names->at + turn * sizeof(struct place *),
				       sizeof(struct place *));
		}
	for (size_t i = 0; i < scene->place_count; i++)
		scene->places[i]->at = i;
}

void scene_put_in_order(struct scene *scene)
{
	auto_map zones = map_new();
	struct str name, zone;
	void *value;

	if (topologies_are_large(scene))
		forget_topologies(scene);
	if (!scene->order_is_old)
		return;
	scene->order_is_old = false;
	for (size_t i = 0; map_next(scene->place_of, &i, &name, &value);) {
		struct place *place = value;
		struct buf *list;
		auto_buf key = BUF_INIT;

		if (!place->node)
			continue;
		buf_add_str(&key, object_label(place->node, STR(REGION)));
		buf_add_byte(&key, '/');
		buf_add_str(&key, object_label(place->node, STR(ZONE)));
		list = map_find(zones, buf_str(&key));
		if (!list) {
			list = memory_new(struct buf);
			map_put(zones, buf_str(&key), list);
		}
		buf_add(list, &place, sizeof(struct place *));
	}
	scene->places =
		memory_grow(scene->places, (scene->place_count + 1) * sizeof(struct place *));
	put_by_turns(scene, zones);
	for (size_t i = 0; map_next(zones, &i, &zone, &value);) {
		buf_clear(value);
		free(value);
	}
}

/* --- places --- */

static struct place *use_place(struct scene *scene, struct str name)
{
	struct place *place = map_find(scene->place_of, name);

	if (place)
		return place;
	place = memory_new(struct place);
	place->name = str_copy(name);
	list_init(&place->residents);
	list_init(&place->nominated);
	map_put(scene->place_of, name, place);
	return place;
}

static void clear_taints(struct place *place)
{
	for (size_t i = 0; i < place->taint_count; i++) {
		free(place->taints[i].key);
		free(place->taints[i].value);
		free(place->taints[i].effect);
	}
	free(place->taints);
	place->taints = NULL;
	place->taint_count = 0;
}

static void clear_images(struct scene *scene, struct place *place)
{
	for (size_t i = 0; i < place->image_count; i++) {
		struct image *image = place->images[i].image;

		if (--image->places > 0)
			continue;
		map_remove(scene->images, str_of(image->name));
		free(image->name);
		free(image);
	}
	free(place->images);
	place->images = NULL;
	place->image_count = 0;
}

/* Without a node and without pods nothing speaks of it. */
static void drop_if_idle(struct scene *scene, struct place *place)
{
	if (place->node || !list_is_empty(&place->residents) || !list_is_empty(&place->nominated))
		return;
	map_remove(scene->place_of, str_of(place->name));
	clear_taints(place);
	clear_images(scene, place);
	amounts_clear(&place->has);
	amounts_clear(&place->used);
	free(place->classes.at);
	free(place->terms.at);
	free(place->domains);
	free(place->name);
	free(place);
}

struct place *scene_place(struct scene *scene, struct str name)
{
	struct place *place = map_find(scene->place_of, name);

	return place && place->node ? place : NULL;
}

/* --- nodes --- */

static void take_taints(struct place *place, const struct json *list)
{
	clear_taints(place);
	place->taints = memory_zero((json_count(list) + 1) * sizeof(*place->taints));
	for (struct json_iter it = json_iter(list); json_next(&it);)
		place->taints[place->taint_count++] = (struct taint){
			.key = str_copy(json_str(json_get(it.value, "key"))),
			.value = str_copy(json_str(json_get(it.value, "value"))),
			.effect = str_copy(json_str(json_get(it.value, "effect"))),
		};
}

static void add_image(struct scene *scene, struct place *place, struct str name, int64_t bytes)
{
	struct image *image = map_find(scene->images, name);

	if (!image) {
		image = memory_new(struct image);
		image->name = str_copy(name);
		map_put(scene->images, name, image);
	}
	for (size_t i = 0; i < place->image_count; i++)
		if (place->images[i].image == image)
			return;
	image->places++;
	place->images =
		memory_grow(place->images, (place->image_count + 1) * sizeof(*place->images));
	place->images[place->image_count++] = (struct place_image){ image, bytes };
}

static void take_images(struct scene *scene, struct place *place, const struct json *list)
{
	clear_images(scene, place);
	for (struct json_iter it = json_iter(list); json_next(&it);)
		for (struct json_iter name = json_iter(json_get(it.value, "names"));
		     json_next(&name);)
			add_image(scene, place, json_str(name.value),
				  json_int(json_get(it.value, "sizeBytes")));
}

static bool differs(const struct json *a, const struct json *b)
{
	return a != b && !(a && b && json_equal(a, b));
}

static unsigned what_changed(const struct json *before, const struct json *after)
{
	unsigned what = 0;

	if (differs(json_path(before, "status", "allocatable", NULL),
		    json_path(after, "status", "allocatable", NULL)))
		what |= NODE_HAS_MORE;
	if (differs(json_path(before, "metadata", "labels", NULL),
		    json_path(after, "metadata", "labels", NULL)))
		what |= NODE_LABELS;
	if (differs(json_path(before, "spec", "taints", NULL),
		    json_path(after, "spec", "taints", NULL)) ||
	    json_bool(json_path(before, "spec", "unschedulable", NULL)) !=
		    json_bool(json_path(after, "spec", "unschedulable", NULL)))
		what |= NODE_TAINTS;
	if (differs(json_path(before, "status", "images", NULL),
		    json_path(after, "status", "images", NULL)))
		what |= NODE_IMAGES;
	return what;
}

static void node_gone(struct scene *scene, const struct object *node)
{
	struct place *place = scene_place(scene, object_name(node));

	if (!place)
		return;
	object_unref(place->node);
	place->node = NULL;
	clear_images(scene, place);
	scene->place_count--;
	scene->order_is_old = true;
	drop_if_idle(scene, place);
}

static void take_node(struct scene *scene, struct place *place, const struct json *node,
		      unsigned what)
{
	const struct json *status = json_get(node, "status"), *spec = json_get(node, "spec");
	struct error unused;

	if (what & (NODE_CAME | NODE_HAS_MORE)) {
		const struct json *has = json_get(status, "allocatable");

		amounts_clear(&place->has);
		if (!has)
			has = json_get(status, "capacity");
		amounts_of(has, &place->has);
		if (!quantity_value(json_str(json_get(has, "pods")), &place->pods_max, &unused))
			place->pods_max = 0;
	}
	if (what & (NODE_CAME | NODE_TAINTS)) {
		take_taints(place, json_get(spec, "taints"));
		place->unschedulable = json_bool(json_get(spec, "unschedulable"));
	}
	if (what & (NODE_CAME | NODE_IMAGES))
		take_images(scene, place, json_get(status, "images"));
}

unsigned scene_node(struct scene *scene, const struct object *before, const struct object *after)
{
	struct place *place;
	unsigned what;

	if (!after) {
		node_gone(scene, before);
		return 0;
	}
	place = use_place(scene, object_name(after));
	what = place->node ? what_changed(object_json(place->node), object_json(after)) : NODE_CAME;
	if (!place->node)
		scene->place_count++;
	if (place->node)
		object_trim(place->node);
	object_unref(place->node);
	place->node = object_ref(after);
	take_node(scene, place, object_json(after), what);
	if (what & (NODE_CAME | NODE_LABELS)) {
		scene->order_is_old = true;
		free(place->domains);
		place->domains = NULL;
		place->domain_room = 0;
	}
	return what;
}

/* --- pods --- */

struct resident *scene_find(const struct scene *scene, struct str key)
{
	return map_find(scene->resident_of, key);
}

void scene_add(struct scene *scene, struct resident *resident, struct str node)
{
	auto_buf key = BUF_INIT;

	object_key(resident->pod, &key);
	scene_remove(scene, buf_str(&key));
	resident_drop(scene, resident, use_place(scene, node));
	map_put(scene->resident_of, buf_str(&key), resident);
}

void scene_remove(struct scene *scene, struct str key)
{
	struct resident *resident = map_remove(scene->resident_of, key);
	struct place *place;

	if (!resident)
		return;
	place = resident->place;
	resident_lift(scene, resident);
	resident_free(scene, resident);
	drop_if_idle(scene, place);
}

void scene_nominate(struct scene *scene, struct resident *resident, struct str node)
{
	struct place *place = use_place(scene, node);
	auto_buf key = BUF_INIT;

	object_key(resident->pod, &key);
	scene_forget_nomination(scene, buf_str(&key));
	resident->nominated = true;
	resident->place = place;
	list_add(&place->nominated, &resident->link);
	place->nominated_count++;
	scene->nominated_count++;
	map_put(scene->nominated_of, buf_str(&key), resident);
}

void scene_forget_nomination(struct scene *scene, struct str key)
{
	struct resident *resident = map_remove(scene->nominated_of, key);
	struct place *place;

	if (!resident)
		return;
	place = resident->place;
	list_remove(&resident->link);
	resident->place = NULL;
	place->nominated_count--;
	scene->nominated_count--;
	resident_free(scene, resident);
	drop_if_idle(scene, place);
}

const struct object *scene_namespace(const struct scene *scene, struct str name)
{
	return scene->sources.find(scene->sources.of, CONTROL_NAMESPACES, STR_NONE, name);
}

static void clear_places(struct scene *scene)
{
	struct str key;
	void *value;

	for (size_t i = 0; map_next(scene->resident_of, &i, &key, &value);) {
		auto_free char *name = str_copy(key);

		scene_remove(scene, str_of(name));
	}
	for (size_t i = 0; map_next(scene->nominated_of, &i, &key, &value);) {
		auto_free char *name = str_copy(key);

		scene_forget_nomination(scene, str_of(name));
	}
	for (size_t i = 0; map_next(scene->place_of, &i, &key, &value);) {
		struct place *place = value;
		const struct object *node = place->node;

		place->node = NULL;
		drop_if_idle(scene, place);
		object_unref(node);
	}
}

void scene_free(struct scene *scene)
{
	if (!scene)
		return;
	forget_topologies(scene);
	clear_places(scene);
	map_free(scene->place_of);
	map_free(scene->resident_of);
	map_free(scene->nominated_of);
	assert(map_count(scene->classes) == 0);
	assert(map_count(scene->terms) == 0);
	free(scene->class_numbers.free);
	free(scene->terms_numbers.free);
	map_free(scene->classes);
	map_free(scene->terms);
	map_free(scene->images);
	map_free(scene->claims);
	map_free(scene->volumes_taken);
	free(scene->places);
	free(scene);
}
