/*
 * spdy_session.c - SPDY frames of a connection and the streams of a mux, joined.
 */
#include "net/spdy_session.h"

#include <assert.h>

#include "net/mux.h"

#define READ_PIECE 16384
#define LINGER_MS  10000
/* A peer that asks (pings) and does not read the answers is not read either. */
#define ANSWERS_MAX (1024u * 1024)

struct spdy_session {
	struct mux mux;
	struct stream *lower; /* NULL: it has ended */
	struct spdy *spdy;
	const struct spdy_session_events *events;
	void *owner;
	uint32_t last_id;
	bool held;   /* by the mux */
	bool inside; /* frames are being read: freeing waits */
	bool closed; /* by its owner */
};

static struct spdy_session *session_of(const struct mux *mux)
{
	return CONTAINER_OF((struct mux *)(uintptr_t)mux, struct spdy_session, mux);
}

static void send_frame(struct spdy_session *session, const struct spdy_frame *frame)
{
	auto_buf out = BUF_INIT;

	if (!session->lower)
		return;
	spdy_print(session->spdy, frame, &out);
	stream_write(session->lower, buf_str(&out));
}

static void set_pause(struct spdy_session *session)
{
	if (session->lower)
		stream_pause(session->lower,
			     session->held || stream_pending(session->lower) > ANSWERS_MAX);
}

/* --- what the streams want --- */

static void send_data(struct mux *mux, uint32_t id, struct str bytes)
{
	struct spdy_frame frame = { .type = SPDY_DATA, .stream = id };

	while (bytes.len > 0) {
		size_t len = bytes.len < SPDY_DATA_MAX ? bytes.len : SPDY_DATA_MAX;

		frame.bytes = str_from(bytes.at, len);
		send_frame(session_of(mux), &frame);
		bytes = str_from(bytes.at + len, bytes.len - len);
	}
}

static void send_end(struct mux *mux, uint32_t id)
{
	struct spdy_frame frame = { .type = SPDY_DATA, .stream = id, .fin = true };

	send_frame(session_of(mux), &frame);
}

static void send_reset(struct spdy_session *session, uint32_t id, uint32_t status)
{
	struct spdy_frame frame = { .type = SPDY_RST_STREAM, .stream = id, .number = status };

	send_frame(session, &frame);
}

static void drop(struct mux *mux, uint32_t id)
{
	send_reset(session_of(mux), id, SPDY_CANCEL);
}

static size_t pending(const struct mux *mux)
{
	const struct spdy_session *session = session_of(mux);

	return session->lower ? stream_pending(session->lower) : 0;
}

static void hold(struct mux *mux, bool held)
{
	struct spdy_session *session = session_of(mux);

	session->held = held;
	set_pause(session);
}

static const struct mux_ops mux_ops = {
	.send = send_data,
	.end = send_end,
	.drop = drop,
	.pending = pending,
	.pause = hold,
};

/* --- the end --- */

static void session_free(struct spdy_session *session)
{
	struct error why;

	error_set(&why, ERROR_UNAVAILABLE, "the connection was closed");
	mux_down(&session->mux, &why);
	spdy_free(session->spdy);
	free(session);
}

static void over(struct spdy_session *session, const struct error *why)
{
	stream_close(take_ptr(&session->lower));
	mux_down(&session->mux, why);
	if (!session->closed)
		session->events->on_closed(session->owner, why);
}

void spdy_session_close(struct spdy_session *session)
{
	if (!session)
		return;
	assert(!session->closed);
	session->closed = true;
	if (session->lower)
		stream_close_after_flush(take_ptr(&session->lower), LINGER_MS);
	if (!session->inside)
		session_free(session);
}

/* --- frames in --- */

/* A number that goes back breaks the connection, as the protocol wants it. */
static bool open_stream(struct spdy_session *session, const struct spdy_frame *frame,
			struct error *err)
{
	struct spdy_frame reply = { .type = SPDY_SYN_REPLY, .stream = frame->stream };
	struct stream *stream;

	if (frame->stream <= session->last_id || frame->stream % 2 == 0)
		return error_set(err, ERROR_BAD_REQUEST, "SPDY stream %u cannot be opened",
				 frame->stream);
	session->last_id = frame->stream;
	if (session->mux.count >= SPDY_STREAMS_MAX) {
		send_reset(session, frame->stream, SPDY_REFUSED_STREAM);
		return true;
	}
	send_frame(session, &reply);
	stream = mux_add(&session->mux, frame->stream);
	if (frame->fin)
		mux_take_end(&session->mux, frame->stream);
	session->events->on_stream(session->owner, stream, frame);
	return true;
}

static bool take_frame(struct spdy_session *session, const struct spdy_frame *frame,
		       struct error *err)
{
	struct error why;

	switch (frame->type) {
	case SPDY_SYN_STREAM: return open_stream(session, frame, err);
	case SPDY_DATA: mux_take(&session->mux, frame->stream, frame->bytes); break;
	case SPDY_RST_STREAM:
		error_set(&why, ERROR_UNAVAILABLE, "the client has reset the stream");
		mux_break(&session->mux, frame->stream, &why);
		break;
	case SPDY_PING: send_frame(session, frame); break;
	case SPDY_SYN_REPLY: /* we open none */
	case SPDY_SETTINGS:
	case SPDY_GOAWAY: /* it opens no more; those that are there go on */
	case SPDY_HEADERS:
	case SPDY_WINDOW_UPDATE: break;
	}
	if (frame->fin)
		mux_take_end(&session->mux, frame->stream);
	return true;
}

static void take_bytes(struct spdy_session *session, struct str bytes)
{
	enum spdy_step step = SPDY_MORE;
	struct spdy_frame frame;
	struct error err;

	while (!session->closed &&
	       (step = spdy_next(session->spdy, &bytes, &frame, &err)) == SPDY_FRAME)
		if (!take_frame(session, &frame, &err)) {
			step = SPDY_BROKEN;
			break;
		}
	if (step == SPDY_BROKEN && !session->closed) {
		struct spdy_frame goaway = { .type = SPDY_GOAWAY,
					     .stream = session->last_id,
					     .number = SPDY_PROTOCOL_ERROR };

		send_frame(session, &goaway);
		stream_close_after_flush(take_ptr(&session->lower), LINGER_MS);
		over(session, &err);
	}
}

static void on_readable(void *owner)
{
	struct spdy_session *session = owner;
	char piece[READ_PIECE];
	ptrdiff_t got = stream_read(session->lower, piece, sizeof(piece));
	struct error err;

	if (got == 0)
		return;
	session->inside = true;
	if (got > 0) {
		take_bytes(session, str_from(piece, (size_t)got));
		set_pause(session);
	} else {
		error_set(&err, ERROR_UNAVAILABLE, "the client has left");
		over(session, &err);
	}
	session->inside = false;
	if (session->closed)
		session_free(session);
}

static void on_writable(void *owner)
{
	struct spdy_session *session = owner;

	set_pause(session);
	mux_writable(&session->mux);
}

static void on_closed(void *owner, const struct error *why)
{
	struct spdy_session *session = owner;
	struct error err;

	if (why)
		err = *why;
	else
		error_set(&err, ERROR_UNAVAILABLE, "the client has left");
	session->inside = true;
	over(session, &err);
	session->inside = false;
	if (session->closed)
		session_free(session);
}

static const struct stream_events lower_events = {
	.on_readable = on_readable,
	.on_writable = on_writable,
	.on_closed = on_closed,
};

struct spdy_session *spdy_session_new(struct stream *lower,
				      const struct spdy_session_events *events, void *owner)
{
	struct spdy_session *session = memory_new(struct spdy_session);

	assert(lower);
	assert(events->on_stream && events->on_closed);
	mux_init(&session->mux, lower->loop, &mux_ops);
	session->lower = lower;
	session->spdy = spdy_new();
	session->events = events;
	session->owner = owner;
	stream_own(lower, &lower_events, session);
	return session;
}
