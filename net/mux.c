/*
 * mux.c - the streams of one connection.
 *
 *   open ─(both ends were said, and ours was read)-> ended, forgotten
 *     ├──(its owner closes it)-> the peer is told, freed
 *     └──(reset, connection over)-> broken, forgotten; its owner closes it
 */
#include "net/mux.h"

#include <assert.h>

#include "net/fifo.h"
#include "net/stream_base.h"

struct mux_stream {
	struct stream_base base;
	struct mux *mux; /* NULL once it is forgotten */
	struct list link;
	uint32_t id;
	struct fifo in;
	bool in_ended, end_read;
	bool finished; /* we write no more */
};

static struct mux_stream *stream_of(const struct stream *stream)
{
	return (struct mux_stream *)(void *)(uintptr_t)stream;
}

static struct list *bucket(struct mux *mux, uint32_t id)
{
	return &mux->table[id / 2 % MUX_BUCKETS];
}

static struct mux_stream *find(struct mux *mux, uint32_t id)
{
	LIST_EACH(bucket(mux, id), link)
	{
		struct mux_stream *stream = LIST_OWNER(link, struct mux_stream, link);

		if (stream->id == id)
			return stream;
	}
	return NULL;
}

/* Some of what came in is not here any more. */
static void account(struct mux *mux, size_t read)
{
	assert(mux->unread >= read);
	mux->unread -= read;
	if (mux->paused && mux->unread <= MUX_LOW) {
		mux->paused = false;
		mux->ops->pause(mux, false);
	}
}

static void forget(struct mux_stream *stream)
{
	struct mux *mux = stream->mux;

	list_remove(&stream->link);
	mux->count--;
	stream->mux = NULL;
	account(mux, fifo_len(&stream->in));
}

static void check_end(struct mux_stream *stream)
{
	if (!stream->mux || !stream->end_read || !stream->finished)
		return;
	stream_base_end(&stream->base);
	forget(stream);
}

/* --- the stream's functions --- */

static ptrdiff_t read_some(struct stream *base, void *to, size_t room)
{
	struct mux_stream *stream = stream_of(base);
	size_t got;

	if (stream->base.broken)
		return stream_base_read_broken(&stream->base);
	got = fifo_take(&stream->in, to, room);
	if (got > 0) {
		if (fifo_len(&stream->in) > 0 || stream->in_ended)
			stream_base_readable(&stream->base);
		else
			stream_base_emptied(&stream->base);
		if (stream->mux)
			account(stream->mux, got);
		return (ptrdiff_t)got;
	}
	stream_base_emptied(&stream->base);
	if (!stream->in_ended)
		return 0;
	stream->end_read = true;
	check_end(stream);
	return -1;
}

static size_t pending(const struct stream *base)
{
	const struct mux *mux = stream_of(base)->mux;

	return mux ? mux->ops->pending(mux) : 0;
}

static void write_all(struct stream *base, struct str bytes)
{
	struct mux_stream *stream = stream_of(base);

	if (!stream->mux || stream->finished)
		return;
	stream->mux->ops->send(stream->mux, stream->id, bytes);
	stream_base_pending(&stream->base, pending(base));
}

static void finish(struct stream *base)
{
	struct mux_stream *stream = stream_of(base);

	if (!stream->mux || stream->finished)
		return;
	stream->finished = true;
	stream->mux->ops->end(stream->mux, stream->id);
	check_end(stream);
}

static void close_stream(struct stream *base)
{
	struct mux_stream *stream = stream_of(base);
	struct mux *mux = stream->mux;

	if (mux && !stream->in_ended)
		mux->ops->drop(mux, stream->id);
	else if (mux && !stream->finished)
		mux->ops->end(mux, stream->id);
	if (mux)
		forget(stream);
	stream_base_clear(&stream->base);
	fifo_clear(&stream->in);
	free(stream);
}

static void pause_stream(struct stream *base, bool paused)
{
	struct mux_stream *stream = stream_of(base);

	if (!paused && (fifo_len(&stream->in) > 0 || stream->in_ended))
		stream_base_readable(&stream->base);
	stream_base_pause(&stream->base, paused);
}

static const struct stream_ops stream_row = {
	.read = read_some,
	.write = write_all,
	.finish = finish,
	.close = close_stream,
	.pending = pending,
	.pause = pause_stream,
};

/* --- the mux --- */

void mux_init(struct mux *mux, struct loop *loop, const struct mux_ops *ops)
{
	assert(loop);
	assert(ops->send && ops->end && ops->drop && ops->pending && ops->pause);
	*mux = (struct mux){ .ops = ops, .loop = loop };
	for (size_t i = 0; i < MUX_BUCKETS; i++)
		list_init(&mux->table[i]);
}

struct stream *mux_add(struct mux *mux, uint32_t id)
{
	struct mux_stream *stream = memory_new(struct mux_stream);

	assert(!find(mux, id));
	stream_base_init(&stream->base, mux->loop, &stream_row);
	stream->mux = mux;
	stream->id = id;
	list_add(bucket(mux, id), &stream->link);
	mux->count++;
	return &stream->base.stream;
}

void mux_take(struct mux *mux, uint32_t id, struct str bytes)
{
	struct mux_stream *stream = find(mux, id);

	if (!stream || stream->in_ended || bytes.len == 0)
		return;
	fifo_add(&stream->in, bytes);
	stream_base_readable(&stream->base);
	mux->unread += bytes.len;
	if (mux->unread > MUX_HIGH && !mux->paused) {
		mux->paused = true;
		mux->ops->pause(mux, true);
	}
}

void mux_take_end(struct mux *mux, uint32_t id)
{
	struct mux_stream *stream = find(mux, id);

	if (!stream || stream->in_ended)
		return;
	stream->in_ended = true;
	stream_base_readable(&stream->base);
}

void mux_break(struct mux *mux, uint32_t id, const struct error *why)
{
	struct mux_stream *stream = find(mux, id);

	if (!stream)
		return;
	stream_base_break(&stream->base, why);
	forget(stream);
}

void mux_writable(struct mux *mux)
{
	size_t waits = mux->ops->pending(mux);

	for (size_t i = 0; i < MUX_BUCKETS; i++)
		LIST_EACH(&mux->table[i], link)
		{
			struct mux_stream *stream = LIST_OWNER(link, struct mux_stream, link);

			/* It may have held back without having written itself. */
			stream->base.over = true;
			stream_base_pending(&stream->base, waits);
		}
}

void mux_down(struct mux *mux, const struct error *why)
{
	for (size_t i = 0; i < MUX_BUCKETS; i++)
		LIST_EACH_SAFE(&mux->table[i], link)
		{
			struct mux_stream *stream = LIST_OWNER(link, struct mux_stream, link);

			stream_base_break(&stream->base, why);
			forget(stream);
		}
}
