/*
 * waiting.h - pods without a node: ready to be placed, waiting after a failure, or waiting for
 * something to change.
 *
 *   READY -(waiting_next)-> TAKEN -(waiting_retry)-> IDLE -(waiting_wake)-> BACK_OFF -> READY
 *
 * Ready ones come by priority, then by when they became ready.  A pod that has failed n times is
 * not ready again before first * 2^(n-1) seconds, at most `most`.  What changes while a pod is
 * TAKEN counts as having come after its failure.  Loop thread only.
 */
#ifndef SERVER_SCHEDULE_WAITING_H
#define SERVER_SCHEDULE_WAITING_H

#include "base/loop.h"
#include "server/schedule/amounts.h"

/* What may make room. */
enum {
	WAKE_NODE_CAME = 1 << 0,
	WAKE_NODE_MORE = 1 << 1,
	WAKE_NODE_LABELS = 1 << 2,
	WAKE_NODE_TAINTS = 1 << 3,
	WAKE_NODE_GONE = 1 << 4,
	WAKE_POD_GONE = 1 << 5,
	WAKE_POD_CAME = 1 << 6, /* to a node, or with other labels */
	WAKE_POD_LESS = 1 << 7, /* asks for less than before */
	WAKE_CLAIM = 1 << 8,
	WAKE_VOLUME = 1 << 9,
	WAKE_CLASS = 1 << 10,
	WAKE_NAMESPACE = 1 << 11,
	WAKE_ALL = (1 << 12) - 1,
};

struct waiting;
struct waiting_owner {
	void *of;
	void (*on_ready)(void *of); /* waiting_next has something; not from inside a call */
};
struct waiting *waiting_new(struct loop *loop, const struct waiting_owner *owner, int64_t first_s,
			    int64_t most_s);
void waiting_free(struct waiting *waiting); /* NULL is fine */

/* New, or changed in what it says: ready at once.  Of a TAKEN one the change is remembered. */
void waiting_add(struct waiting *waiting, struct str key, int32_t priority);
void waiting_remove(struct waiting *waiting, struct str key); /* it has a node, or is gone */
/* The first in order, now TAKEN; NULL when none is ready.  Good until the loop goes on. */
const char *waiting_next(struct waiting *waiting);
/*
 * A TAKEN one has failed: it waits for one of the events `wakes`, or for one of `room_wakes` on a
 * node that has room for `asks` (copied).
 */
void waiting_retry(struct waiting *waiting, struct str key, unsigned wakes, unsigned room_wakes,
		   const struct amounts *asks);
/* A TAKEN one failed for a reason of the moment: again after its back-off. */
void waiting_retry_soon(struct waiting *waiting, struct str key);

/* Something has changed.  room: of the one node that it is about (NULL: of no single one). */
struct waiting_room {
	const struct amounts *used, *has;
	bool is_full; /* of pods */
};
void waiting_wake(struct waiting *waiting, unsigned event, const struct waiting_room *room);
size_t waiting_count(const struct waiting *waiting);
/* Of them: those in state READY, BACK_OFF and IDLE. */
void waiting_figures(const struct waiting *waiting, size_t *out_ready, size_t *out_backing_off,
		     size_t *out_idle);

#endif
