/*
 * volume_group.h - a volume's files belong to a pod's group (fsGroup), as kubelets make it.
 */
#ifndef AGENT_VOLUME_GROUP_H
#define AGENT_VOLUME_GROUP_H

#include <stdint.h>

#include "base/error.h"

/*
 * The folder and all below it get the group, its members may read and write, folders hand it on.
 * With `only_when_root_differs` nothing is done if the folder itself is so already
 * (fsGroupChangePolicy: OnRootMismatch).  Links are not followed; other file systems below are
 * entered as they are.  What vanishes meanwhile is passed over.  Blocks as long as the files are
 * many.
 */
MUST_CHECK bool volume_group_apply(const char *path, int64_t group, bool only_when_root_differs,
				   struct error *err);

#endif
