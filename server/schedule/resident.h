/*
 * resident.h - what the scheduler keeps of one pod: what it takes, its labels, its words about
 * others.
 *
 * Owner: whoever made it, until scene_add or scene_nominate takes it.  The pod's object is counted,
 * the cache's own.  Loop thread only.
 */
#ifndef SERVER_SCHEDULE_RESIDENT_H
#define SERVER_SCHEDULE_RESIDENT_H

#include "base/list.h"
#include "server/schedule/amounts.h"
#include "server/schedule/pod_terms.h"

struct scene;
struct place;

/* Small numbers, used again: an index into tables that live for one pod's cycle. */
struct numbers {
	uint32_t *free;
	size_t free_count;
	uint32_t end; /* all are below */
};

struct label_class {
	uint32_t number;
	struct object *labels; /* namespace and labels, nothing else */
	char *key;
	size_t users;
	/* plugin_spread.c: selectors of services and owner, read at an epoch of the scene */
	struct selector *spread;
	char *spread_owner;
	uint64_t spread_epoch;
};
struct shared_terms {
	uint32_t number;
	struct pod_terms *terms;
	char *key;
	size_t users;
};
struct tally {
	const void *what; /* a label_class or shared_terms */
	uint32_t total, leaving;
};
struct tallies {
	struct tally *at;
	size_t count;
};

struct host_port {
	uint16_t port;
	char protocol; /* T, U, S */
	char *address; /* "0.0.0.0" is all of them */
};
struct resident {
	struct list link;
	struct place *place;      /* NULL: waits */
	const struct object *pod; /* counted */
	struct label_class *class;
	struct shared_terms *terms; /* NULL: none */
	struct amounts asks;
	int64_t least_cpu, least_memory;
	int32_t priority;
	bool leaving, assumed, nominated;
	struct host_port *ports;
	size_t port_count;
	char **claims; /* names of its PersistentVolumeClaims */
	size_t claim_count;
	int64_t since_s; /* status.startTime; INT64_MAX = not started */
};

/* As it waits. */
struct resident *resident_new(struct scene *scene, const struct object *pod);
void resident_free(struct scene *scene, struct resident *resident); /* NULL is fine */
/* For questions of "what if": off its place and on again, with nothing else changed. */
void resident_lift(struct scene *scene, struct resident *resident);
void resident_drop(struct scene *scene, struct resident *resident, struct place *place);
/* Its weight alone, by 1 or -1. */
void resident_weigh(struct scene *scene, struct resident *resident, struct place *place, int by);

void tallies_count(struct tallies *tallies, const void *what, int total, int leaving);
bool ports_collide(const struct host_port *a, const struct host_port *b);

#endif
