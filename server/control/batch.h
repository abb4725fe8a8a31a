/*
 * batch.h - many calls of one pass, ended together.
 *
 * A pass makes a batch, calls, seals it; on_end comes once all have answered, perhaps inside
 * batch_seal(), and frees it.  Answers "is not there" and "is there already" are no failures: the
 * next pass sees what is.  While the server stops nothing is called and the batch has failed.
 *
 * Owner: the pass, until on_end.  Loop thread only.
 */
#ifndef SERVER_CONTROL_BATCH_H
#define SERVER_CONTROL_BATCH_H

#include "client/client.h"
#include "client/queue.h"
#include "server/control/seen.h"

struct control;

struct batch {
	struct control *control;
	size_t running;
	const char *watched; /* NULL: no answer counts for `revision` */
	uint64_t revision;   /* the newest that such an answer carried */
	bool failed, sealed;
	struct error why; /* of the first call that failed */
	void (*on_end)(struct batch *batch);
	void *owner;
	char *key; /* of the pass */
};

struct batch *batch_new(struct control *control, struct str key, void *owner,
			void (*on_end)(struct batch *batch));
/* The same, and answers that are objects of the kind `watched` count for its revision. */
struct batch *batch_new_watching(struct control *control, struct str key, void *owner,
				 void (*on_end)(struct batch *batch), const char *watched);
void batch_free(struct batch *batch);

void batch_call(struct batch *batch,
		const struct client_ask *ask); /* on_done and of are the batch's */
void batch_seal(struct batch *batch);          /* no further calls: on_end may come inside */
/* A call that the batch does not make itself keeps it open, and ends with err NULL or what failed.
 */
void batch_hold(struct batch *batch);
void batch_drop(struct batch *batch, const struct error *err);

/* The pass ends with its batch: what it wrote is noted (`seen` NULL: nothing waits for it), the
 * queue has the key back, the batch is freed. */
void batch_end_pass(struct batch *batch, struct queue *queue, struct seen *seen);
/* The pass goes on without this batch: what it wrote is noted, `failed` becomes true if it failed,
 * the batch is freed.  True: the server stops, so the pass ends here. */
bool batch_leave(struct batch *batch, struct seen *seen, bool *failed);

#endif
