/*
 * stream.c - the calls on any stream: they go to the kind's row of functions.
 */
#include "net/stream.h"

#include <assert.h>

#include "base/memory.h"

void stream_own(struct stream *stream, const struct stream_events *events, void *owner)
{
	assert(stream);
	assert(events);
	assert(events->on_readable);
	stream->events = events;
	stream->owner = owner;
	stream->ops->pause(stream, false); /* every kind announces again on it */
}

ptrdiff_t stream_read(struct stream *stream, void *to, size_t room)
{
	assert(to);
	assert(room > 0);
	return stream->ops->read(stream, to, room);
}

void stream_write(struct stream *stream, struct str bytes)
{
	assert(stream);
	if (bytes.len > 0)
		stream->ops->write(stream, bytes);
}

void stream_finish(struct stream *stream)
{
	assert(stream);
	stream->ops->finish(stream);
}

void stream_close(struct stream *stream)
{
	if (stream)
		stream->ops->close(stream);
}

size_t stream_pending(const struct stream *stream)
{
	assert(stream);
	return stream->ops->pending(stream);
}

void stream_pause(struct stream *stream, bool paused)
{
	assert(stream);
	stream->ops->pause(stream, paused);
}

/*
 * Closing after the flush: our direction is finished, what still comes is thrown away, and the
 * peer's own end is waited for; closing a socket with unread input would reset it and destroy what
 * we sent last.
 */
struct linger {
	struct stream *stream;
	struct loop_timer timer;
};

static void linger_end(struct linger *linger)
{
	loop_timer_stop(&linger->timer);
	stream_close(linger->stream);
	free(linger);
}

static void on_linger_readable(void *owner)
{
	struct linger *linger = owner;
	char waste[4096];

	for (int i = 0; i < 16; i++) {
		ptrdiff_t got = stream_read(linger->stream, waste, sizeof(waste));

		if (got == 0)
			return;
		if (got < 0) {
			if (stream_pending(linger->stream) == 0)
				linger_end(linger);
			return;
		}
	}
}

static void on_linger_closed(void *owner, const struct error *why)
{
	(void)why;
	linger_end(owner);
}

static void on_linger_timer(struct loop_timer *timer)
{
	linger_end(CONTAINER_OF(timer, struct linger, timer));
}

static const struct stream_events linger_events = {
	.on_readable = on_linger_readable,
	.on_closed = on_linger_closed,
};

void stream_close_after_flush(struct stream *stream, int linger_ms)
{
	struct linger *linger = memory_new(struct linger);

	assert(stream);
	assert(linger_ms > 0);
	linger->stream = stream;
	linger->timer.on_timer = on_linger_timer;
	loop_timer_set(stream->loop, &linger->timer, linger_ms);
	stream_own(stream, &linger_events, linger);
	stream_finish(stream);
}
