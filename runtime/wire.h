/*
 * wire.h - messages between agent and monitor: one JSON object a packet, with descriptors beside
 * it.
 *
 * A unix SEQPACKET socket keeps packets whole.  Sending never blocks: what the socket does not take
 * waits in a queue; a peer that does not read until the queue is full is cut off.  Both ends use
 * the same code.
 *
 * Owner: the wire is embedded in its owner; one loop's thread.
 */
#ifndef RUNTIME_WIRE_H
#define RUNTIME_WIRE_H

#include "base/json.h"
#include "base/loop.h"

#define WIRE_MESSAGE_MAX (48u * 1024)
#define WIRE_FDS_MAX     4
#define WIRE_QUEUE_MAX   (1024u * 1024) /* bytes */

struct wire_fds {
	int at[WIRE_FDS_MAX];
	size_t count;
};
void wire_fds_clear(struct wire_fds *fds); /* closes what was not taken (>= 0) */

struct wire {
	/* Descriptors not taken (set to -1) are closed after the call. The wire may be stopped
	 * inside, but not freed. */
	void (*on_message)(struct wire *wire, const struct json *message, struct wire_fds *fds);
	void (*on_closed)(struct wire *wire); /* told once; stop the wire there or later */
	struct loop_fd watch;                 /* private from here */
	struct list queue;
	size_t queued;
	struct loop_task closing;
};

/* Fill the callbacks first; takes the descriptor. */
MUST_CHECK bool wire_start(struct loop *loop, struct wire *wire, int fd, struct error *err);
void wire_stop(struct wire *wire); /* harmless when not started */
/* The message's descriptors are copied; NULL = none.  A broken wire is told by on_closed only. */
void wire_send(struct wire *wire, const struct json *message, const struct wire_fds *fds);

/* Listening and connecting at folder/name, however long the folder's path is.  Non-blocking. */
MUST_CHECK bool wire_listen(const char *folder, const char *name, int *out_fd, struct error *err);
MUST_CHECK bool wire_connect(const char *folder, const char *name, int *out_fd, struct error *err);

#endif
