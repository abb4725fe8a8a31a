/*
 * volume_group.h - a volume's files belong to a pod's group (fsGroup), as kubelets make it.
 */
#ifndef AGENT_VOLUME_GROUP_H
#define AGENT_VOLUME_GROUP_H

#include <stdint.h>

#include "base/json.h"
#include "base/work.h"

/* The fsGroup of a pod; -1: it has none. */
int64_t volume_group_of(const struct json *pod);

/*
 * The folder and all below it get the group, its members may read and write, folders hand it on.
 * With `only_when_root_differs` nothing is done if the folder itself is so already
 * (fsGroupChangePolicy: OnRootMismatch).  Links are not followed; other file systems below are
 * entered as they are.  What vanishes meanwhile and files that may
 * not be changed (immutable ones) are passed over, as kubelets do.  Takes as long as the files
 * are many: on a thread of the pool.  on_done (loop thread) is never called before this returns;
 * why NULL: all is done.
 */
struct volume_group *volume_group_start(struct work_pool *pool, const char *path, int64_t group,
					bool only_when_root_differs,
					void (*on_done)(void *of, const struct error *why),
					void *of);
/* Ends it between two files; on_done is not called.  NULL is fine. */
void volume_group_cancel(struct volume_group *walk);

#endif
