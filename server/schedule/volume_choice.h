/*
 * volume_choice.h - which PersistentVolume a pod's claim gets on a node, or that one is to be made.
 */
#ifndef SERVER_SCHEDULE_VOLUME_CHOICE_H
#define SERVER_SCHEDULE_VOLUME_CHOICE_H

#include "server/schedule/cycle.h"

struct volume_candidate {
	struct str name;
	struct node_terms *terms; /* NULL: every node */
	int64_t capacity;
};
/* One claim of the pod, as it is now. */
struct volume_wish {
	const struct object *claim;
	const struct json *volume; /* bound: its PersistentVolume, NULL when that is not there */
	struct node_terms *volume_terms;
	bool bound;
	struct volume_candidate *candidates; /* unbound: free volumes, the smallest first */
	size_t candidate_count;
	bool can_be_made;
	struct node_terms **topologies; /* where one can be made; count 0: anywhere */
	size_t topology_count;
};
struct volume_wishes {
	struct volume_wish *at;
	size_t count;
};

/* False: cycle->why is set. */
bool volume_wishes_of(struct cycle *cycle, struct volume_wishes *out);

/* What is chosen for the unbound claims on a node. */
struct volume_choice {
	struct str claim;
	struct str volume; /* at == NULL: it is to be made for this node */
};
struct volume_choices {
	struct volume_choice *at;
	size_t count;
};
/* False: there is none for one of them.  In the cycle's arena. */
bool volume_choices_on(struct cycle *cycle, const struct volume_wishes *wishes,
		       const struct place *place, struct volume_choices *out);

/* A claim that has its volume for good. */
bool volume_claim_is_bound(const struct json *claim);

#endif
