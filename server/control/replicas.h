/*
 * replicas.h - so many pods of a template: what ReplicaSet and ReplicationController have in
 * common, which is all but their names.
 *
 * Loop thread only.
 */
#ifndef SERVER_CONTROL_REPLICAS_H
#define SERVER_CONTROL_REPLICAS_H

#include "server/control/controller.h"

struct replicas_words {
	enum control_kind kind;
	const char *owner_kind; /* as in ownerReferences */
	const char *component;  /* of its events */
};

struct replicas *replicas_start(struct control *control, const struct replicas_words *words);
void replicas_stop(struct replicas *replicas);
void replicas_on_change(struct replicas *replicas, enum control_kind kind,
			const struct object *before, const struct object *after);

/* What a choice of pods to delete goes by. */
struct replica {
	const struct member *pod;
	size_t crowd; /* active pods of the same owner's owner on its node, itself too */
};
/* The first are deleted first: without a node, not yet running, not ready, of less deletion cost,
 * on a crowded node, ready for a shorter time, of more restarts, younger.  Ages count by their
 * magnitude, and among equals the uid decides, so that not always the youngest go. */
int replicas_compare(const struct replica *a, const struct replica *b, int64_t now_s);

#endif
