/*
 * user_range.h - which ids of the host are the users of a pod that has its own (hostUsers: false).
 *
 * Ranges have 65536 ids each, never those of another pod, never those of the host's own users.  A
 * pod's is written down in its folder, so that it stays the same as long as the folder does.
 */
#ifndef AGENT_USER_RANGE_H
#define AGENT_USER_RANGE_H

#include <stdint.h>

#include "base/error.h"

/* The range of the pod below `pods` ("<pods>/<uid>", which exists): the one it has, or a free one,
 * written down.  Looks at all pods' folders: only pods of this kind cost that. */
MUST_CHECK bool user_range_get(const char *pods, const char *uid, uint32_t *out_base,
			       struct error *err);
/* What the host calls the pod's user or group `id`: with base 0 the same.  An id that is not one of
 * the pod's (-1, or too high, which no container starts with) is its root's. */
int64_t user_range_host(uint32_t base, int64_t id);

#endif
