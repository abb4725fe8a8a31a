/*
 * pod_target.h - a pod that a controller is about to delete is told so in its status, for those who
 * count failures and disruptions.
 *
 * https://kubernetes.io/docs/concepts/workloads/pods/disruptions/#pod-disruption-conditions.
 * Loop thread only.
 */
#ifndef SERVER_CONTROL_POD_TARGET_H
#define SERVER_CONTROL_POD_TARGET_H

#include "server/control/controller.h"

struct pod_target {
	const char *reason, *message; /* of its condition DisruptionTarget; NULL: it gets none */
	bool failed;                  /* and it is Failed, for nobody is left to say how it ended */
};
void pod_target_tell(struct batch *batch, const struct object *pod,
		     const struct pod_target *target);

#endif
