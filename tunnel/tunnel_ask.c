/*
 * tunnel_ask.c - opening streams: ours, which wait for the peer's answer, and the peer's, which
 * wait for ours.
 */
#include "tunnel/tunnel_inside.h"

#include <assert.h>

#include "base/limits.h"

struct tunnel_ask {
	struct tunnel_stream *stream; /* NULL when it could not even be asked */
	struct loop_timer timer;
	struct loop_task task; /* tells a failure */
	struct error why;
	void (*on_done)(void *of, struct stream *stream, const struct error *err);
	void *of;
};

struct tunnel_open {
	struct tunnel_stream *stream; /* broken and detached when the peer or the session is gone */
};

/* --- ours --- */

static void ask_free(struct tunnel_ask *ask)
{
	loop_timer_stop(&ask->timer);
	loop_task_cancel(&ask->task);
	if (ask->stream) {
		ask->stream->ask = NULL;
		tunnel_stream_detach(ask->stream);
		tunnel_stream_free(ask->stream);
	}
	free(ask);
}

static void on_failed(struct loop_task *task)
{
	struct tunnel_ask *ask = CONTAINER_OF(task, struct tunnel_ask, task);
	void (*on_done)(void *of, struct stream *stream, const struct error *err) = ask->on_done;
	void *of = ask->of;
	struct error why = ask->why;

	ask_free(ask);
	on_done(of, NULL, &why);
}

void tunnel_ask_fail(struct tunnel_ask *ask, const struct error *why)
{
	if (ask->why.kind != ERROR_NONE)
		return; /* the first reason counts */
	ask->why = *why;
	if (ask->why.kind == ERROR_NONE)
		ask->why.kind = ERROR_UNAVAILABLE;
	loop_timer_stop(&ask->timer);
	loop_defer(ask->timer.loop, &ask->task);
}

static void on_late(struct loop_timer *timer)
{
	struct tunnel_ask *ask = CONTAINER_OF(timer, struct tunnel_ask, timer);
	struct error err;

	error_set(&err, ERROR_TIMEOUT,
		  "the other end of the tunnel did not open the stream in time");
	tunnel_stream_reset(ask->stream, &err);
}

void tunnel_ask_on_opened(struct tunnel_stream *stream)
{
	struct tunnel_ask *ask = stream->ask;
	void (*on_done)(void *of, struct stream *stream, const struct error *err) = ask->on_done;
	void *of = ask->of;

	assert(!stream->opened);
	stream->opened = true;
	stream->ask = NULL;
	ask->stream = NULL;
	ask_free(ask);
	on_done(of, &stream->base.stream, NULL);
}

void tunnel_ask_on_refused(struct tunnel_stream *stream, const struct error *why)
{
	assert(stream->ask);
	tunnel_stream_break(stream, why);
}

struct tunnel_ask *
tunnel_open(struct tunnel *tunnel, struct str service, enum tunnel_priority priority,
	    int timeout_ms,
	    void (*on_done)(void *of, struct stream *stream, const struct error *err), void *of)
{
	struct tunnel_ask *ask = memory_new(struct tunnel_ask);
	struct frame frame = { .type = FRAME_OPEN, .priority = priority, .bytes = service };
	struct error err;

	assert(on_done);
	assert(timeout_ms > 0);
	assert(service.len > 0);
	assert(service.len <= FRAME_SERVICE_MAX);
	ask->on_done = on_done;
	ask->of = of;
	ask->task.on_task = on_failed;
	ask->timer.on_timer = on_late;
	loop_timer_set(tunnel->loop, &ask->timer, timeout_ms);
	if (!tunnel_is_up(tunnel) || tunnel->next_id > UINT32_MAX - 2) {
		error_set(&err, ERROR_UNAVAILABLE, "the tunnel is down");
		tunnel_ask_fail(ask, &err);
	} else if (tunnel->count >= LIMIT_TUNNEL_STREAMS) {
		error_set(&err, ERROR_TOO_MANY, "the tunnel has %zu open streams already",
			  tunnel->count);
		tunnel_ask_fail(ask, &err);
	} else {
		frame.id = tunnel->next_id;
		tunnel->next_id += 2;
		ask->stream = tunnel_stream_new(tunnel, frame.id, priority);
		ask->stream->ask = ask;
		tunnel_send_control(tunnel, &frame);
	}
	return ask;
}

void tunnel_open_cancel(struct tunnel_ask *ask)
{
	struct error err;

	if (!ask)
		return;
	if (ask->stream && ask->stream->tunnel) {
		error_set(&err, ERROR_UNAVAILABLE, "the stream is not wanted any more");
		tunnel_send_error(ask->stream->tunnel, FRAME_RESET, ask->stream->id, &err);
	}
	ask_free(ask);
}

/* --- the peer's --- */

/* The peer's numbers have its parity and grow; anything else harms only the stream of that
 * number. */
static bool check_number(struct tunnel *tunnel, uint32_t id)
{
	struct tunnel_stream *stream;
	struct error err;

	if (id % 2 == (tunnel->is_agent ? 0u : 1u) && id > tunnel->peer_last)
		return true;
	error_set(&err, ERROR_BAD_REQUEST,
		  "stream %u cannot be opened: the number is used up or not yours", (unsigned)id);
	stream = tunnel_find(tunnel, id);
	if (stream)
		tunnel_stream_reset(stream, &err);
	else
		tunnel_send_error(tunnel, FRAME_RESET, id, &err);
	return false;
}

void tunnel_ask_on_open(struct tunnel *tunnel, const struct frame *frame)
{
	struct tunnel_open *open;
	struct error err;

	if (!check_number(tunnel, frame->id))
		return;
	tunnel->peer_last = frame->id;
	if (tunnel->count >= LIMIT_TUNNEL_STREAMS) {
		error_set(&err, ERROR_TOO_MANY, "the tunnel has %zu open streams already",
			  tunnel->count);
		tunnel_send_error(tunnel, FRAME_REFUSED, frame->id, &err);
		return;
	}
	open = memory_new(struct tunnel_open);
	open->stream = tunnel_stream_new(tunnel, frame->id, (enum tunnel_priority)frame->priority);
	tunnel->events->on_open(tunnel->owner, open, frame->bytes);
}

struct stream *tunnel_accept(struct tunnel_open *open)
{
	struct tunnel_stream *stream = open->stream;
	struct frame frame = { .type = FRAME_OPENED, .id = stream->id };

	free(open);
	stream->opened = true;
	if (stream->tunnel)
		tunnel_send_control(stream->tunnel, &frame);
	return &stream->base.stream;
}

void tunnel_refuse(struct tunnel_open *open, const struct error *why)
{
	struct tunnel_stream *stream = open->stream;

	assert(why);
	free(open);
	if (stream->tunnel)
		tunnel_send_error(stream->tunnel, FRAME_REFUSED, stream->id, why);
	tunnel_stream_detach(stream);
	tunnel_stream_free(stream);
}
