/*
 * scene.h - what the scheduler knows: nodes with what is used of them, and pods that have a node or
 * are about to.  Kept up by changes, so that no question walks all pods.
 *
 * Pods with the same namespace and labels are one class, pods with the same words about other pods
 * share them: a place counts both, and a selector is asked once a class.  Loop thread only.
 */
#ifndef SERVER_SCHEDULE_SCENE_H
#define SERVER_SCHEDULE_SCENE_H

#include "base/map.h"
#include "server/control/controller.h"
#include "server/schedule/node_rules.h"
#include "server/schedule/resident.h"

/* Objects of other kinds: the controllers' caches, or a test's own. */
struct sources {
	void *of;
	const struct object *(*find)(void *of, enum control_kind kind, struct str namespace,
				     struct str name);
	const struct object *(*next)(void *of, enum control_kind kind, size_t *at);
};

struct image {
	char *name;
	size_t places;
};
struct place_image {
	struct image *image;
	int64_t bytes;
};

struct place {
	char *name;
	const struct object *node; /* NULL: pods name it, but it is not there */
	struct amounts has, used;
	int64_t least_cpu, least_memory; /* used, with the least a container counts for scores */
	int64_t pods_max;
	size_t pod_count, nominated_count;
	bool unschedulable;
	struct taint *taints;
	size_t taint_count;
	struct place_image *images;
	size_t image_count;
	struct list residents, nominated;
	struct tallies classes, terms;
	uint32_t *domains; /* one a topology: 0 = not looked at, 1 = none, else domain + 2 */
	size_t domain_room;
	size_t at; /* in scene->places */
};

struct topology {
	char *key;
	struct map *domains; /* value -> index + 1 */
	uint32_t count;
};

struct scene {
	struct sources sources;
	struct map *place_of;     /* name -> place */
	struct map *resident_of;  /* "namespace/name" -> resident, those that have a place */
	struct map *nominated_of; /* "namespace/name" -> resident that waits for room */
	struct map *classes, *terms, *images;
	struct numbers class_numbers, terms_numbers;
	struct map *claims;        /* "namespace/name" -> how many pods with a place use it */
	struct map *volumes_taken; /* names of PersistentVolumes on their way to a claim */
	struct place **places;     /* with a node, zones by turns */
	size_t place_count;
	bool order_is_old;
	struct topology *topologies;
	size_t topology_count;
	size_t nominated_count;
	uint64_t spread_epoch; /* grows when services or owners change */
};

struct scene *scene_new(const struct sources *sources);
void scene_free(struct scene *scene); /* NULL is fine */
/* What a change of a node brought, as bits. */
enum {
	NODE_CAME = 1,
	NODE_HAS_MORE = 2, /* or other resources */
	NODE_LABELS = 4,
	NODE_TAINTS = 8, /* or unschedulable */
	NODE_IMAGES = 16,
};
unsigned scene_node(struct scene *scene, const struct object *before, const struct object *after);
struct place *scene_place(struct scene *scene, struct str name); /* NULL: no such node */
void scene_put_in_order(struct scene *scene);                    /* places[] is right after it */

/* Takes the pod; one of the same key is replaced. */
void scene_add(struct scene *scene, struct resident *resident, struct str node);
struct resident *scene_find(const struct scene *scene, struct str key);
void scene_remove(struct scene *scene, struct str key); /* also when it is not there */
/* Room that is kept for a pod that waits until others have left. */
void scene_nominate(struct scene *scene, struct resident *resident, struct str node);
void scene_forget_nomination(struct scene *scene, struct str key);

/* The topology of a key: an index good until the next scene_put_in_order. */
size_t scene_topology(struct scene *scene, struct str key);
/* The domain of a place, below topologies[].count, or SCENE_NO_DOMAIN. */
#define SCENE_NO_DOMAIN UINT32_MAX
uint32_t scene_domain(struct scene *scene, size_t topology, struct place *place);
const struct object *scene_namespace(const struct scene *scene, struct str name);

#endif
