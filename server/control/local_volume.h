/*
 * local_volume.h - the volume of local storage that a claim gets: whether there can be one, and
 * what it looks like.  No calls, nothing is kept.  Loop thread only.
 */
#ifndef SERVER_CONTROL_LOCAL_VOLUME_H
#define SERVER_CONTROL_LOCAL_VOLUME_H

#include "server/control/controller.h"

#define LOCAL_VOLUME_NODE                                                                          \
	"local.path.provisioner/selected-node" /* annotation: where its folder is */

struct local_volume {
	const struct object *claim, *class; /* put here by the caller; borrowed */
	const struct object *node;          /* from here on by local_volume_plan() */
	const char *type;                   /* "local" or "hostPath" */
};

/* ERROR_NOT_FOUND: the node that was selected is no more.  Else what is wrong with the claim or its
 * class. */
MUST_CHECK bool local_volume_plan(struct local_volume *volume, struct control *control,
				  struct error *err);
/* A PersistentVolume "pvc-<uid of the claim>" whose folder is below `root`. */
void local_volume_print(const struct local_volume *volume, const char *root, struct buf *out);

#endif
