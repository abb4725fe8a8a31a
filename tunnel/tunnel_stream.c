/*
 * tunnel_stream.c - one stream of a session: buffers, credit, half-close.
 *
 *   opening ----> open ----> FIN sent and FIN received: the number is free
 *      |            |  \__ RESET either way, session lost: broken
 *      |            \__ closed by its owner: an orphan sends what was written, then FIN, and
 *      |                waits for the peer's FIN for a while
 *      \__ refused
 */
#include "tunnel/tunnel_inside.h"

#include <assert.h>

/* How long a closed stream may take to deliver what was written. */
#define ORPHAN_MS 30000
/* Credit is given back in pieces of this size. */
#define CREDIT_PIECE (TUNNEL_WINDOW / 4)
/* What all streams of a session together may leave unread, before the one that brings more is
 * reset: 128 that are stalled completely. */
#define UNREAD_MAX (32u * 1024 * 1024)

static struct tunnel_stream *stream_of(const struct stream *stream)
{
	return (struct tunnel_stream *)(void *)(uintptr_t)stream;
}

bool tunnel_stream_can_send(const struct tunnel_stream *stream)
{
	if (!stream->tunnel || !stream->opened || stream->fin_sent)
		return false;
	if (fifo_len(&stream->out) > 0)
		return stream->send_credit > 0;
	return stream->finishing;
}

static void mark_ready(struct tunnel_stream *stream)
{
	if (!tunnel_stream_can_send(stream) || !list_is_empty(&stream->in_ready))
		return;
	list_add(&stream->tunnel->ready[stream->priority], &stream->in_ready);
	if (stream->tunnel->link)
		link_want_send(stream->tunnel->link);
}

void tunnel_stream_free(struct tunnel_stream *stream)
{
	assert(!stream->tunnel);
	assert(!stream->ask);
	loop_timer_stop(&stream->timer);
	stream_base_clear(&stream->base);
	fifo_clear(&stream->in);
	fifo_clear(&stream->out);
	free(stream);
}

void tunnel_stream_detach(struct tunnel_stream *stream)
{
	struct tunnel *tunnel = stream->tunnel;

	if (!tunnel)
		return;
	assert(tunnel->count > 0);
	assert(tunnel->unread >= fifo_len(&stream->in));
	list_remove(&stream->in_table);
	list_remove(&stream->in_ready);
	tunnel->count--;
	tunnel->unread -= fifo_len(&stream->in);
	stream->tunnel = NULL;
	fifo_clear(&stream->out);
	if (stream->orphan)
		tunnel_stream_free(stream);
}

void tunnel_stream_break(struct tunnel_stream *stream, const struct error *why)
{
	bool orphan = stream->orphan;

	tunnel_stream_detach(stream);
	if (orphan)
		return;
	stream_base_break(&stream->base, why);
	if (stream->ask)
		tunnel_ask_fail(stream->ask, why);
}

void tunnel_stream_reset(struct tunnel_stream *stream, const struct error *why)
{
	assert(stream->tunnel);
	tunnel_send_error(stream->tunnel, FRAME_RESET, stream->id, why);
	tunnel_stream_break(stream, why);
}

/* Both ends said: the number is free.  The stream may be gone after it when it is an orphan. */
static void check_end(struct tunnel_stream *stream)
{
	if (!stream->in_ended || !stream->fin_sent)
		return;
	if (!stream->orphan && stream->end_read)
		stream_base_end(&stream->base);
	tunnel_stream_detach(stream);
}

/* --- frames in --- */

static void violate(struct tunnel_stream *stream, const char *what)
{
	struct error err;

	error_set(&err, ERROR_BAD_REQUEST, "the stream broke a rule of the tunnel: %s", what);
	tunnel_stream_reset(stream, &err);
}

void tunnel_stream_on_data(struct tunnel_stream *stream, struct str bytes)
{
	struct error err;

	if (!stream->opened) {
		violate(stream, "bytes before it was opened");
	} else if (stream->in_ended) {
		violate(stream, "bytes after its end");
	} else if (bytes.len > stream->receive_credit) {
		violate(stream, "more bytes than the window allows");
	} else if (stream->orphan) {
		error_set(&err, ERROR_UNAVAILABLE, "the stream was closed by its reader");
		tunnel_stream_reset(stream, &err);
	} else if (stream->tunnel->unread + bytes.len > UNREAD_MAX) {
		error_set(&err, ERROR_TOO_MANY, "too many streams of this node are not being read");
		tunnel_stream_reset(stream, &err);
	} else {
		stream->receive_credit -= (uint32_t)bytes.len;
		stream->tunnel->unread += bytes.len;
		fifo_add(&stream->in, bytes);
		stream_base_readable(&stream->base);
	}
}

void tunnel_stream_on_fin(struct tunnel_stream *stream)
{
	if (!stream->opened || stream->in_ended) {
		violate(stream, "an end that cannot be");
		return;
	}
	stream->in_ended = true;
	if (!stream->orphan)
		stream_base_readable(&stream->base);
	check_end(stream);
}

void tunnel_stream_on_window(struct tunnel_stream *stream, uint32_t credit)
{
	if (credit > FRAME_CREDIT_MAX - stream->send_credit) {
		violate(stream, "a window beyond its limit");
		return;
	}
	stream->send_credit += credit;
	mark_ready(stream);
}

/* --- frames out --- */

void tunnel_stream_send(struct tunnel_stream *stream, struct buf *out)
{
	struct frame frame = { .id = stream->id };
	size_t count = fifo_len(&stream->out);

	assert(tunnel_stream_can_send(stream));
	list_remove(&stream->in_ready);
	if (count > 0) {
		if (count > FRAME_DATA_MAX)
			count = FRAME_DATA_MAX;
		if (count > stream->send_credit)
			count = stream->send_credit;
		frame.type = FRAME_DATA;
		frame.bytes = str_from(fifo_front(&stream->out).at, count);
		frame_print(&frame, out);
		fifo_drop(&stream->out, count);
		stream->send_credit -= (uint32_t)count;
		if (!stream->orphan)
			stream_base_pending(&stream->base, fifo_len(&stream->out));
		mark_ready(stream); /* behind the others of its priority */
		return;
	}
	frame.type = FRAME_FIN;
	frame_print(&frame, out);
	stream->fin_sent = true;
	check_end(stream);
}

/* --- the stream's functions --- */

static void give_credit(struct tunnel_stream *stream)
{
	struct frame frame = { .type = FRAME_WINDOW, .id = stream->id, .credit = stream->taken };

	if (!stream->tunnel || stream->in_ended || stream->taken < CREDIT_PIECE)
		return;
	stream->receive_credit += stream->taken;
	stream->taken = 0;
	tunnel_send_control(stream->tunnel, &frame);
}

static ptrdiff_t read_some(struct stream *base, void *to, size_t room)
{
	struct tunnel_stream *stream = stream_of(base);
	size_t got;

	if (stream->base.broken)
		return stream_base_read_broken(&stream->base);
	got = fifo_take(&stream->in, to, room);
	if (got > 0) {
		if (stream->tunnel)
			stream->tunnel->unread -= got;
		stream->taken += (uint32_t)got;
		give_credit(stream);
		if (fifo_len(&stream->in) > 0 || stream->in_ended)
			stream_base_readable(&stream->base);
		else
			stream_base_emptied(&stream->base);
		return (ptrdiff_t)got;
	}
	stream_base_emptied(&stream->base);
	if (!stream->in_ended)
		return 0;
	stream->end_read = true;
	check_end(stream);
	return -1;
}

static void write_all(struct stream *base, struct str bytes)
{
	struct tunnel_stream *stream = stream_of(base);

	if (!stream->tunnel || stream->finishing)
		return;
	fifo_add(&stream->out, bytes);
	stream_base_pending(&stream->base, fifo_len(&stream->out));
	mark_ready(stream);
}

static void finish(struct stream *base)
{
	struct tunnel_stream *stream = stream_of(base);

	if (!stream->tunnel || stream->finishing)
		return;
	stream->finishing = true;
	mark_ready(stream);
}

static void on_orphan_late(struct loop_timer *timer)
{
	struct tunnel_stream *stream = CONTAINER_OF(timer, struct tunnel_stream, timer);
	struct error err;

	error_set(&err, ERROR_TIMEOUT, "the stream was closed long ago");
	tunnel_stream_reset(stream, &err);
}

/* What was written is on the peer's account now; its own bytes interest nobody any more. */
static void close_stream(struct stream *base)
{
	struct tunnel_stream *stream = stream_of(base);

	if (!stream->tunnel) {
		tunnel_stream_free(stream);
		return;
	}
	stream_base_clear(&stream->base);
	stream->tunnel->unread -= fifo_len(&stream->in);
	fifo_clear(&stream->in);
	stream->orphan = true;
	stream->finishing = true;
	loop_timer_set(base->loop, &stream->timer, ORPHAN_MS);
	mark_ready(stream);
}

static size_t pending(const struct stream *base)
{
	return fifo_len(&stream_of(base)->out);
}

static void pause_stream(struct stream *base, bool paused)
{
	struct tunnel_stream *stream = stream_of(base);

	if (!paused && (fifo_len(&stream->in) > 0 || stream->in_ended))
		stream_base_readable(&stream->base);
	stream_base_pause(&stream->base, paused);
}

static const struct stream_ops ops = {
	.read = read_some,
	.write = write_all,
	.finish = finish,
	.close = close_stream,
	.pending = pending,
	.pause = pause_stream,
};

struct tunnel_stream *tunnel_stream_new(struct tunnel *tunnel, uint32_t id,
					enum tunnel_priority priority)
{
	struct tunnel_stream *stream = memory_new(struct tunnel_stream);

	assert(id != 0);
	assert(priority < TUNNEL_PRIORITIES);
	stream_base_init(&stream->base, tunnel->loop, &ops);
	stream->tunnel = tunnel;
	stream->id = id;
	stream->priority = priority;
	stream->send_credit = tunnel->peer_window;
	stream->receive_credit = TUNNEL_WINDOW;
	stream->timer.on_timer = on_orphan_late;
	list_init(&stream->in_ready);
	list_add(&tunnel->table[id / 2 % TUNNEL_BUCKETS], &stream->in_table);
	tunnel->count++;
	return stream;
}
