/*
 * queue.h - keys to look at again: each once, one pass at a time a key, failed ones later.
 *
 * A pass ends by queue_done, inside on_pass or later.  A key that is added during its own pass is
 * passed once more after it. Failures wait 5 ms doubling to 60 s, with jitter.  Loop thread only.
 */
#ifndef CLIENT_QUEUE_H
#define CLIENT_QUEUE_H

#include "base/loop.h"
#include "base/text.h"

struct queue;
struct queue *queue_new(struct loop *loop, void (*on_pass)(void *owner, struct str key),
			void *owner);
void queue_free(struct queue *queue); /* NULL is fine; no pass comes after it */
void queue_add(struct queue *queue, struct str key);
/* Of several times the earliest counts. */
void queue_add_after(struct queue *queue, struct str key, int64_t after_ms);
void queue_done(struct queue *queue, struct str key, bool done);

#endif
