/*
 * stream_prefix.c - reads its front bytes first, then is its lower stream.
 */
#include "net/stream_prefix.h"

#include <assert.h>

#include "net/stream_base.h"

struct prefix {
	struct stream_base base; /* first */
	struct stream *lower;
	struct buf front;
	size_t taken;
};

static struct prefix *prefix_of(const struct stream *stream)
{
	return (struct prefix *)(void *)(uintptr_t)stream;
}

static ptrdiff_t prefix_read(struct stream *stream, void *to, size_t room)
{
	struct prefix *prefix = prefix_of(stream);
	size_t left = prefix->front.len - prefix->taken;
	ptrdiff_t got;

	if (prefix->base.broken)
		return stream_base_read_broken(&prefix->base);
	if (left > 0) {
		if (left > room)
			left = room;
		memcpy(to, prefix->front.at + prefix->taken, left);
		prefix->taken += left;
		stream_base_readable(&prefix->base); /* perhaps more lies behind */
		return (ptrdiff_t)left;
	}
	buf_clear(&prefix->front);
	prefix->taken = 0;
	got = stream_read(prefix->lower, to, room);
	if (got > 0)
		stream_base_readable(&prefix->base);
	else
		stream_base_emptied(&prefix->base);
	return got;
}

static void prefix_write(struct stream *stream, struct str bytes)
{
	stream_write(prefix_of(stream)->lower, bytes);
	stream_base_pending(&prefix_of(stream)->base, stream_pending(prefix_of(stream)->lower));
}

static void prefix_finish(struct stream *stream)
{
	stream_finish(prefix_of(stream)->lower);
}

static void prefix_close(struct stream *stream)
{
	struct prefix *prefix = prefix_of(stream);

	stream_close(prefix->lower);
	buf_clear(&prefix->front);
	stream_base_clear(&prefix->base);
	free(prefix);
}

static size_t prefix_pending(const struct stream *stream)
{
	return stream_pending(prefix_of(stream)->lower);
}

static void prefix_pause(struct stream *stream, bool paused)
{
	struct prefix *prefix = prefix_of(stream);

	stream_base_pause(&prefix->base, paused);
	stream_pause(prefix->lower, paused);
	if (!paused)
		stream_base_readable(&prefix->base);
}

static const struct stream_ops prefix_ops = {
	.read = prefix_read,
	.write = prefix_write,
	.finish = prefix_finish,
	.close = prefix_close,
	.pending = prefix_pending,
	.pause = prefix_pause,
};

static void on_readable(void *owner)
{
	stream_base_readable(&((struct prefix *)owner)->base);
}

static void on_writable(void *owner)
{
	struct prefix *prefix = owner;

	stream_base_pending(&prefix->base, stream_pending(prefix->lower));
}

static void on_closed(void *owner, const struct error *why)
{
	struct prefix *prefix = owner;

	if (why)
		stream_base_break(&prefix->base, why);
	else
		stream_base_end(&prefix->base);
}

static const struct stream_events lower_events = {
	.on_readable = on_readable,
	.on_writable = on_writable,
	.on_closed = on_closed,
};

struct stream *stream_prefix(struct stream *lower, struct str front)
{
	struct prefix *prefix = memory_new(struct prefix);

	stream_base_init(&prefix->base, lower->loop, &prefix_ops);
	prefix->base.stream.identity = lower->identity;
	prefix->lower = lower;
	buf_add_str(&prefix->front, front);
	stream_own(lower, &lower_events, prefix);
	return &prefix->base.stream;
}
