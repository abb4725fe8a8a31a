/*
 * control_replicaset.c - keeps so many pods of each ReplicaSet's template, and tells how many are
 * ready.
 */
#include "server/control/replicas.h"

static const struct replicas_words words = { CONTROL_REPLICASETS, "ReplicaSet",
					     "replicaset-controller" };

static void *start(struct control *control)
{
	return replicas_start(control, &words);
}

static void stop(void *self)
{
	replicas_stop(self);
}

static void on_change(void *self, enum control_kind kind, const struct object *before,
		      const struct object *after)
{
	replicas_on_change(self, kind, before, after);
}

const struct control_row control_replicaset = { "replicaset", start, stop, on_change };
