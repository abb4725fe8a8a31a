/*
 * stream.h - the one kind of byte pipe: TCP, TLS, a tunnel stream and a pipe in memory look the
 * same.
 *
 * Everything that speaks a protocol (HTTP server and client, WebSocket, proxying) takes a stream.
 * Reading is pushed: when bytes are there the owner's on_readable is called and it takes what it
 * wants with stream_read; bytes left unread stop the source (real back-pressure). Writing is
 * buffered: stream_write always takes all bytes, stream_pending tells how many wait; a
 * well-behaved producer stops above STREAM_HIGH and goes on in on_writable (called when pending
 * falls to STREAM_LOW or below).
 *
 * Owner: one; loop thread only.  Callbacks come from the loop, never from inside a stream_ call.
 */
#ifndef NET_STREAM_H
#define NET_STREAM_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/loop.h"
#include "base/text.h"

#define STREAM_HIGH (256u * 1024)
#define STREAM_LOW  (64u * 1024)

struct stream;

/* What the owner hears.  `owner` is what stream_own was given. */
struct stream_events {
	/* Bytes or the end of input are there; stream_read tells.  Told again after the owner has
	 * read something, has unpaused or has changed. */
	void (*on_readable)(void *owner);
	/* Pending fell to STREAM_LOW.  May be NULL. */
	void (*on_writable)(void *owner);
	/* The stream broke (why), or both directions ended in peace (why is NULL); the owner frees
	 * it with stream_close.  May be NULL if the owner learns it by stream_read. */
	void (*on_closed)(void *owner, const struct error *why);
};

/* What a kind of stream must do; implementers embed struct stream first in their own struct. */
struct stream_ops {
	/* as the public functions below */
	ptrdiff_t (*read)(struct stream *stream, void *to, size_t room);
	void (*write)(struct stream *stream, struct str bytes);
	void (*finish)(struct stream *stream);
	void (*close)(struct stream *stream);
	size_t (*pending)(const struct stream *stream);
	void (*pause)(struct stream *stream, bool paused);
};

struct stream {
	const struct stream_ops *ops;
	struct loop *loop;
	const struct stream_events *events;
	void *owner;
	void *identity; /* free for the front: who is at the other end (net/tls.h) */
};

/* Set or change who hears the events (hand-over after an upgrade). Buffered input is announced
 * again. */
void stream_own(struct stream *stream, const struct stream_events *events, void *owner);

/* Bytes taken, 0 = nothing now, -1 = the other side has ended its direction (or the stream
 * broke). */
ptrdiff_t stream_read(struct stream *stream, void *to, size_t room);
void stream_write(struct stream *stream, struct str bytes);
/* End our direction after what is pending (half-close); reading goes on. */
void stream_finish(struct stream *stream);
/* Close and free at once; pending bytes are given to the kernel as far as it takes them; no
 * callback comes after it. NULL is fine. */
void stream_close(struct stream *stream);
/* Close after pending bytes have gone (bounded by linger_ms), then free. The owner hears nothing
 * more. */
void stream_close_after_flush(struct stream *stream, int linger_ms);
size_t stream_pending(const struct stream *stream);
/* true: on_readable is not called until unpaused. */
void stream_pause(struct stream *stream, bool paused);

/* --- sources --- */
/* Over a connected non-blocking socket; takes the descriptor. */
struct stream *stream_of_fd(struct loop *loop, int fd);
/* Two ends of a pipe in memory: what one writes the other reads (in-process clients, tests). */
void stream_pair(struct loop *loop, struct stream **out_a, struct stream **out_b);

/* Copy both directions with half-close and back-pressure until both have ended; owns and closes
 * both, then calls on_done (may be NULL). For proxying. */
void stream_splice(struct stream *a, struct stream *b, void (*on_done)(void *of), void *of);

#endif
