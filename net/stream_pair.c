/*
 * stream_pair.c - two streams joined in memory: what one writes waits in the other until it is
 * read.
 *
 * As with TCP, closing an end ends its direction: the other reads what is there, then the end, and
 * then hears on_closed: in peace if it had finished too, else as a break.
 */
#include "net/stream_base.h"

#include <assert.h>

#include "net/fifo.h"

struct pair_stream {
	struct stream_base base;
	struct pair_stream *peer; /* NULL once it has closed */
	struct fifo in;
	bool in_ended; /* the peer writes no more */
	bool end_read; /* and our owner has been given -1 */
	bool finished; /* we write no more */
};

static struct pair_stream *pair_of(const struct stream *stream)
{
	return (struct pair_stream *)(void *)(uintptr_t)stream;
}

/* Our writing can reach nobody any more; input that came before is read first. */
static void break_off(struct pair_stream *end)
{
	struct error err;

	error_set(&err, ERROR_UNAVAILABLE, "the other end of the pipe has closed");
	stream_base_break(&end->base, &err);
}

static void check_end(struct pair_stream *end)
{
	if (!end->end_read)
		return;
	if (!end->finished && !end->peer)
		break_off(end);
	else if (end->finished && (!end->peer || fifo_len(&end->peer->in) == 0))
		stream_base_end(&end->base);
}

static ptrdiff_t pair_read(struct stream *stream, void *to, size_t room)
{
	struct pair_stream *end = pair_of(stream);
	size_t got;

	if (end->base.broken)
		return stream_base_read_broken(&end->base);
	got = fifo_take(&end->in, to, room);
	if (got > 0) {
		if (end->peer)
			stream_base_pending(&end->peer->base, fifo_len(&end->in));
		if (fifo_len(&end->in) > 0 || end->in_ended)
			stream_base_readable(&end->base);
		else
			stream_base_emptied(&end->base);
		if (end->peer && fifo_len(&end->in) == 0)
			check_end(end->peer);
		return (ptrdiff_t)got;
	}
	stream_base_emptied(&end->base);
	if (!end->in_ended)
		return 0;
	end->end_read = true;
	check_end(end);
	return -1;
}

static void pair_write(struct stream *stream, struct str bytes)
{
	struct pair_stream *end = pair_of(stream);
	struct pair_stream *peer = end->peer;

	if (end->finished || end->base.broken)
		return;
	if (!peer) {
		if (fifo_len(&end->in) == 0 || end->base.paused)
			break_off(end);
		return;
	}
	fifo_add(&peer->in, bytes);
	stream_base_pending(&end->base, fifo_len(&peer->in));
	stream_base_readable(&peer->base);
}

static void pair_finish(struct stream *stream)
{
	struct pair_stream *end = pair_of(stream);

	if (end->finished)
		return;
	end->finished = true;
	if (end->peer) {
		end->peer->in_ended = true;
		stream_base_readable(&end->peer->base);
	}
	check_end(end);
}

static void pair_close(struct stream *stream)
{
	struct pair_stream *end = pair_of(stream);
	struct pair_stream *peer = end->peer;

	if (peer) {
		assert(peer->peer == end);
		peer->peer = NULL;
		peer->in_ended = true;
		stream_base_pending(&peer->base, 0);
		if (!peer->end_read)
			stream_base_readable(&peer->base);
		check_end(peer);
	}
	fifo_clear(&end->in);
	stream_base_clear(&end->base);
	free(end);
}

static size_t pair_pending(const struct stream *stream)
{
	const struct pair_stream *end = pair_of(stream);

	return end->peer ? fifo_len(&end->peer->in) : 0;
}

static void pair_pause(struct stream *stream, bool paused)
{
	struct pair_stream *end = pair_of(stream);

	if (!paused && (fifo_len(&end->in) > 0 || end->in_ended))
		stream_base_readable(&end->base);
	stream_base_pause(&end->base, paused);
}

static const struct stream_ops pair_ops = {
	.read = pair_read,
	.write = pair_write,
	.finish = pair_finish,
	.close = pair_close,
	.pending = pair_pending,
	.pause = pair_pause,
};

void stream_pair(struct loop *loop, struct stream **out_a, struct stream **out_b)
{
	struct pair_stream *a = memory_new(struct pair_stream);
	struct pair_stream *b = memory_new(struct pair_stream);

	stream_base_init(&a->base, loop, &pair_ops);
	stream_base_init(&b->base, loop, &pair_ops);
	a->peer = b;
	b->peer = a;
	*out_a = &a->base.stream;
	*out_b = &b->base.stream;
}
