/*
 * finished_pods.h - which pods have ended, and which of them are the oldest.
 *
 * Keeps a key and a time of each, nothing more: there may be thousands.
 *
 * Owner: one struct finished_pods per controller, used from the loop thread only.
 */
#ifndef SERVER_CONTROL_FINISHED_PODS_H
#define SERVER_CONTROL_FINISHED_PODS_H

#include "base/text.h"

struct finished_pods;

struct finished_pods *finished_pods_new(void);
void finished_pods_free(struct finished_pods *pods); /* NULL is fine */

/* A key that is there already gets the new time. */
void finished_pods_put(struct finished_pods *pods, struct str key, int64_t created_s);
void finished_pods_remove(struct finished_pods *pods, struct str key); /* harmless when absent */
size_t finished_pods_count(const struct finished_pods *pods);

/*
 * The oldest of those beyond `keep`, oldest first, at most `max` of them: their number, and an
 * array for the caller to free (NULL when there are none).  The keys are borrowed until the next
 * change.
 */
size_t finished_pods_surplus(const struct finished_pods *pods, size_t keep, size_t max,
			     struct str **out_keys);

#endif
