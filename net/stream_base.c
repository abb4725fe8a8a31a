/*
 * stream_base.c - the deferred telling. The task tells one thing a call, because the owner may
 * free the stream inside any callback; what is left is deferred before the callback.
 */
#include "net/stream_base.h"

#include <assert.h>

static bool anything_due(const struct stream_base *base)
{
	return ((base->broken || base->ended) && !base->told) ||
	       (base->readable && !base->paused) || base->writable;
}

static void tell_later(struct stream_base *base)
{
	if (base->stream.events && anything_due(base))
		loop_defer(base->stream.loop, &base->task);
}

static void tell_closed(struct stream_base *base)
{
	const struct stream_events *events = base->stream.events;
	struct error why;

	base->told = true;
	base->readable = false;
	base->writable = false;
	if (events->on_closed) {
		if (base->broken)
			why = *base->why; /* the owner may free the stream inside */
		events->on_closed(base->stream.owner, base->broken ? &why : NULL);
	} else if (base->broken) {
		events->on_readable(base->stream.owner);
	}
}

static void on_task(struct loop_task *task)
{
	struct stream_base *base = CONTAINER_OF(task, struct stream_base, task);
	const struct stream_events *events = base->stream.events;

	if (!events)
		return;
	if (base->broken && !base->told) {
		tell_closed(base);
	} else if (base->readable && !base->paused) {
		base->readable = false;
		tell_later(base);
		events->on_readable(base->stream.owner);
	} else if (base->writable) {
		base->writable = false;
		tell_later(base);
		if (events->on_writable)
			events->on_writable(base->stream.owner);
	} else if (base->ended && !base->told) {
		tell_closed(base);
	}
}

void stream_base_init(struct stream_base *base, struct loop *loop, const struct stream_ops *ops)
{
	assert(loop);
	assert(ops);
	*base = (struct stream_base){ .stream = { .ops = ops, .loop = loop },
				      .task = { .on_task = on_task } };
}

void stream_base_clear(struct stream_base *base)
{
	loop_task_cancel(&base->task);
	free(base->why);
	base->why = NULL;
}

void stream_base_readable(struct stream_base *base)
{
	base->readable = true;
	tell_later(base);
}

void stream_base_emptied(struct stream_base *base)
{
	base->readable = false;
}

void stream_base_pending(struct stream_base *base, size_t pending)
{
	if (pending > STREAM_LOW) {
		base->over = true;
	} else if (base->over) {
		base->over = false;
		base->writable = true;
		tell_later(base);
	}
}

void stream_base_break(struct stream_base *base, const struct error *why)
{
	assert(why);
	if (base->broken || base->told)
		return;
	base->broken = true;
	base->why = memory_copy(why, sizeof(*why));
	tell_later(base);
}

void stream_base_end(struct stream_base *base)
{
	base->ended = true;
	tell_later(base);
}

void stream_base_pause(struct stream_base *base, bool paused)
{
	base->paused = paused;
	if (paused)
		return;
	if (base->told)
		base->readable = true; /* a new owner learns by reading that nothing comes */
	tell_later(base);
}
