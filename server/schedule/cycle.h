/*
 * cycle.h - one pod is given a place: every plugin is asked of every node until enough of them will
 * do, then those are scored.
 *
 * Nothing outside of the struct is changed, so a cycle is also the answer to "what if" (preempt.c).
 * All that a cycle holds is in its arena.  Loop thread only.
 */
#ifndef SERVER_SCHEDULE_CYCLE_H
#define SERVER_SCHEDULE_CYCLE_H

#include "server/schedule/profile.h"
#include "server/schedule/scene.h"

enum verdict {
	VERDICT_FITS,
	VERDICT_NOT_NOW, /* would it if others left? */
	VERDICT_NEVER,
};

struct preference {
	struct node_terms *terms;
	int64_t weight;
};

struct cycle {
	struct scene *scene;
	const struct profile *profile;
	struct arena *arena;
	struct resident *resident; /* the pod; it has no place */
	const struct json *spec;
	struct tolerations tolerations;
	const struct json *node_selector;
	struct node_terms *required, *added;
	struct preference *preferences;
	size_t preference_count;
	struct str only_node; /* at == NULL: any */
	bool with_nominated;  /* pods that wait for room count just now */

	void *own[PLUGINS]; /* of the plugin; NULL = it has nothing to say */
	/* What one check said. */
	const char **reasons;
	size_t reason_count, reason_room;

	struct kept *kept; /* selectors that end with the cycle */

	/* The outcome. */
	size_t nodes;         /* all there are */
	const char *why;      /* no node will do for this, before any was looked at */
	unsigned rejected_by; /* bits of plugins */
	uint8_t *verdicts;    /* one a place: enum verdict */
	struct map *refusals; /* words -> how many nodes */
	struct place *chosen; /* NULL: none */
};

struct plugin {
	const char *name;
	/* Once a pod; may be NULL: always asked.  False: cycle->why is set.  *out_own stays NULL
	 * when there is nothing to check. */
	bool (*prepare)(struct cycle *cycle, void **out_own);
	enum verdict (*check)(struct cycle *cycle, void *own, struct place *place);
	/* A pod comes to (1) or leaves (-1) a place, in a question of "what if". */
	void (*shift)(struct cycle *cycle, void *own, struct place *place,
		      const struct resident *resident, int by);
	/* NULL when the plugin has no score.  score_prepare gives NULL to be left out. */
	void *(*score_prepare)(struct cycle *cycle, struct place **places, size_t count);
	int64_t (*score)(struct cycle *cycle, void *own, struct place *place);
	void (*normalize)(struct cycle *cycle, void *own, struct place **places, int64_t *scores,
			  size_t count);
	int64_t weight; /* where no profile says otherwise */
	unsigned wakes; /* events after which a pod that it rejected may fit: waiting.h */
};
extern const struct plugin *const cycle_plugins[PLUGINS];

/* `start`: where to go on looking among the nodes, kept between pods. */
void cycle_begin(struct cycle *cycle, struct scene *scene, const struct profile *profile,
		 struct resident *resident);
void cycle_end(struct cycle *cycle);
void cycle_choose(struct cycle *cycle, size_t *start);
/* One node, with those that wait for its room counted as far as they come before this pod. */
enum verdict cycle_check(struct cycle *cycle, struct place *place, unsigned *out_rejected_by);
/* The sentence of a pod that found no place; the part of preemption is the caller's. */
void cycle_print_refusals(const struct cycle *cycle, struct buf *out);

/* For plugins.  cycle_keep: the selector (may be NULL) is freed with the cycle. */
struct selector *cycle_keep(struct cycle *cycle, struct selector *selector);
/* An object's parsed form, good until the cycle ends. */
const struct json *cycle_json(struct cycle *cycle, const struct object *object);
enum verdict cycle_refuse(struct cycle *cycle, enum verdict verdict, const char *reason);
void cycle_shift(struct cycle *cycle, struct place *place, const struct resident *resident, int by);
/* Does the node meet nodeSelector and required node affinity? */
bool cycle_node_meets(const struct cycle *cycle, const struct object *node);
/* The first taint that keeps pods off and is not tolerated, or NULL. */
const struct taint *cycle_hard_taint(const struct cycle *cycle, const struct place *place);
/* Highest 100, in proportion; reverse: 100 less that. */
void cycle_normalize(int64_t *scores, size_t count, bool reverse);
/* How many domains a topology has, each place looked at. */
uint32_t cycle_domains(struct cycle *cycle, size_t topology);
/* How many nodes that will do are enough. */
size_t cycle_enough(const struct profile *profile, size_t nodes);
void cycle_print_counts(struct map *refusals, struct buf *out); /* "1 a, 2 b", sorted */

#endif
