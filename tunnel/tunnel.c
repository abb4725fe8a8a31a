/*
 * tunnel.c - the session: frames in by their row, frames out by priority, and its end.
 *
 *   connecting --link open: HELLO sent--> greeting --HELLO received--> up --> down
 *                                             \__ link lost, bad frame, GOAWAY __/
 *
 * Out: small control frames first, then one data frame at a time. Priorities have budgets (64, 16,
 * 4, 1); the highest one that has a budget left goes first, so that bulk waits for control but is
 * never starved; within a priority streams take turns.
 */
#include "tunnel/tunnel_inside.h"

#include <assert.h>

/* A peer that makes us answer and does not read the answers. */
#define CONTROL_MAX (1024u * 1024)

static const unsigned budgets[TUNNEL_PRIORITIES] = {
	[TUNNEL_CONTROL] = 64,
	[TUNNEL_EXEC] = 16,
	[TUNNEL_LOGS] = 4,
	[TUNNEL_BULK] = 1,
};

struct tunnel_stream *tunnel_find(struct tunnel *tunnel, uint32_t id)
{
	LIST_EACH(&tunnel->table[id / 2 % TUNNEL_BUCKETS], at)
	{
		struct tunnel_stream *stream = LIST_OWNER(at, struct tunnel_stream, in_table);

		if (stream->id == id)
			return stream;
	}
	return NULL;
}

bool tunnel_is_up(const struct tunnel *tunnel)
{
	return tunnel->up && !tunnel->leaving && !tunnel->down;
}

/* --- the end --- */

static void break_streams(struct tunnel *tunnel, const struct error *why)
{
	for (size_t i = 0; i < TUNNEL_BUCKETS; i++) {
		while (!list_is_empty(&tunnel->table[i]))
			tunnel_stream_break(
				LIST_OWNER(tunnel->table[i].next, struct tunnel_stream, in_table),
				why);
	}
	assert(tunnel->count == 0);
	assert(tunnel->unread == 0);
}

static void stop(struct tunnel *tunnel, const struct error *why)
{
	tunnel->down = true;
	loop_task_cancel(&tunnel->end);
	link_close(take_ptr(&tunnel->link));
	fifo_clear(&tunnel->control);
	break_streams(tunnel, why);
}

/* The owner may free the tunnel inside: nothing may touch it afterwards. */
static void end_session(struct tunnel *tunnel, const struct error *why)
{
	struct error copy = *why;

	if (tunnel->down)
		return;
	stop(tunnel, &copy);
	tunnel->events->on_down(tunnel->owner, &copy);
}

static void on_end(struct loop_task *task)
{
	struct tunnel *tunnel = CONTAINER_OF(task, struct tunnel, end);

	end_session(tunnel, &tunnel->why);
}

/* Tell the peer why, then end. */
static void leave(struct tunnel *tunnel, const struct error *why)
{
	if (tunnel->leaving || tunnel->down)
		return;
	tunnel->why = *why;
	tunnel_send_error(tunnel, FRAME_GOAWAY, 0, why);
	tunnel->leaving = true;
}

void tunnel_close(struct tunnel *tunnel)
{
	struct error err;

	if (!tunnel)
		return;
	error_set(&err, ERROR_UNAVAILABLE, "the tunnel was closed");
	stop(tunnel, &err);
	buf_clear(&tunnel->frame);
	free(tunnel);
}

/* --- frames out --- */

void tunnel_send_control(struct tunnel *tunnel, const struct frame *frame)
{
	auto_buf bytes = BUF_INIT;
	unsigned char len[2];

	if (tunnel->down || tunnel->leaving)
		return;
	frame_print(frame, &bytes);
	assert(bytes.len <= 0xffff);
	len[0] = (unsigned char)(bytes.len >> 8);
	len[1] = (unsigned char)(bytes.len & 0xff);
	fifo_add(&tunnel->control, str_from(len, sizeof(len)));
	fifo_add(&tunnel->control, buf_str(&bytes));
	if (fifo_len(&tunnel->control) > CONTROL_MAX) {
		error_set(&tunnel->why, ERROR_TOO_MANY,
			  "the other end of the tunnel does not read what it is told");
		loop_defer(tunnel->loop, &tunnel->end);
		return;
	}
	link_want_send(tunnel->link);
}

void tunnel_send_error(struct tunnel *tunnel, enum frame_type type, uint32_t id,
		       const struct error *why)
{
	struct frame frame = {
		.type = type, .id = id, .kind = why->kind, .bytes = str_of(why->text)
	};

	tunnel_send_control(tunnel, &frame);
}

static bool take_control(struct tunnel *tunnel, struct buf *out)
{
	unsigned char len[2];
	size_t count;

	if (fifo_take(&tunnel->control, len, sizeof(len)) == 0)
		return false;
	count = (size_t)len[0] << 8 | len[1];
	assert(count <= fifo_len(&tunnel->control));
	buf_add(out, fifo_front(&tunnel->control).at, count);
	fifo_drop(&tunnel->control, count);
	return true;
}

static struct tunnel_stream *pick(struct tunnel *tunnel)
{
	for (int round = 0; round < 2; round++) {
		for (size_t i = 0; i < TUNNEL_PRIORITIES; i++) {
			if (list_is_empty(&tunnel->ready[i]) || tunnel->budget[i] == 0)
				continue;
			tunnel->budget[i]--;
			return LIST_OWNER(tunnel->ready[i].next, struct tunnel_stream, in_ready);
		}
		memcpy(tunnel->budget, budgets, sizeof(budgets));
	}
	return NULL;
}

static bool anything_to_send(const struct tunnel *tunnel)
{
	if (fifo_len(&tunnel->control) > 0)
		return true;
	for (size_t i = 0; i < TUNNEL_PRIORITIES; i++) {
		if (!list_is_empty(&tunnel->ready[i]))
			return true;
	}
	return false;
}

static void on_link_sendable(void *owner)
{
	struct tunnel *tunnel = owner;
	struct tunnel_stream *stream;

	buf_reset(&tunnel->frame);
	if (!take_control(tunnel, &tunnel->frame)) {
		if (tunnel->leaving) { /* the goodbye is out */
			loop_defer(tunnel->loop, &tunnel->end);
			return;
		}
		stream = pick(tunnel);
		if (!stream)
			return;
		assert(tunnel_stream_can_send(stream));
		tunnel_stream_send(stream, &tunnel->frame);
	}
	link_send(tunnel->link, buf_str(&tunnel->frame));
	if (anything_to_send(tunnel) || tunnel->leaving)
		link_want_send(tunnel->link);
}

/* --- frames in --- */

static void frame_error(const struct frame *frame, struct error *out)
{
	error_set(out, frame->kind, STR_FMT, STR_ARG(frame->bytes));
}

static void on_hello(struct tunnel *tunnel, const struct frame *frame)
{
	struct error err;

	if (tunnel->up || frame->version != FRAME_VERSION) {
		error_set(&err, ERROR_BAD_REQUEST,
			  "this end speaks version %d of the tunnel, not %u", FRAME_VERSION,
			  frame->version);
		leave(tunnel, &err);
		return;
	}
	tunnel->up = true;
	tunnel->peer_window = frame->credit;
	if (tunnel->events->on_up)
		tunnel->events->on_up(tunnel->owner);
}

static void on_goaway(struct tunnel *tunnel, const struct frame *frame)
{
	struct error err;

	frame_error(frame, &err);
	error_context(&err, "the other end of the tunnel says");
	end_session(tunnel, &err);
}

/* Frames of streams that are gone may still be on their way: they are dropped. */
static void on_stream_frame(struct tunnel *tunnel, const struct frame *frame)
{
	struct tunnel_stream *stream = tunnel_find(tunnel, frame->id);
	struct error err;

	if (!stream)
		return;
	switch ((int)frame->type) {
	case FRAME_DATA: tunnel_stream_on_data(stream, frame->bytes); break;
	case FRAME_FIN: tunnel_stream_on_fin(stream); break;
	case FRAME_WINDOW: tunnel_stream_on_window(stream, frame->credit); break;
	case FRAME_RESET:
		frame_error(frame, &err);
		tunnel_stream_break(stream, &err);
		break;
	case FRAME_OPENED:
	case FRAME_REFUSED:
		frame_error(frame, &err);
		if (!stream->ask) {
			error_set(&err, ERROR_BAD_REQUEST, "the stream was not being opened");
			tunnel_stream_reset(stream, &err);
		} else if (frame->type == FRAME_OPENED) {
			tunnel_ask_on_opened(stream);
		} else {
			tunnel_ask_on_refused(stream, &err);
		}
		break;
	}
}

static void on_link_message(void *owner, struct str message)
{
	struct tunnel *tunnel = owner;
	struct frame frame;
	struct error err;

	if (tunnel->leaving)
		return;
	if (!frame_parse(message, &frame, &err)) {
		leave(tunnel, &err);
		return;
	}
	if (!tunnel->up && frame.type != FRAME_HELLO && frame.type != FRAME_GOAWAY) {
		error_set(&err, ERROR_BAD_REQUEST, "a tunnel must begin with HELLO");
		leave(tunnel, &err);
		return;
	}
	/* The last thing here: the owner may free the tunnel inside. */
	if (frame.type == FRAME_HELLO)
		on_hello(tunnel, &frame);
	else if (frame.type == FRAME_GOAWAY)
		on_goaway(tunnel, &frame);
	else if (frame.type == FRAME_OPEN)
		tunnel_ask_on_open(tunnel, &frame);
	else
		on_stream_frame(tunnel, &frame);
}

/* --- beginning --- */

static void greet(struct tunnel *tunnel)
{
	struct frame hello = { .type = FRAME_HELLO,
			       .version = FRAME_VERSION,
			       .credit = TUNNEL_WINDOW };

	tunnel_send_control(tunnel, &hello);
}

static void on_link_open(void *owner)
{
	greet(owner);
}

static void on_link_closed(void *owner, const struct error *why)
{
	struct tunnel *tunnel = owner;

	end_session(tunnel, tunnel->leaving ? &tunnel->why : why);
}

static const struct link_events link_events = {
	.on_open = on_link_open,
	.on_message = on_link_message,
	.on_sendable = on_link_sendable,
	.on_closed = on_link_closed,
};

static struct tunnel *tunnel_new(struct loop *loop, const struct tunnel_events *events, void *owner,
				 bool is_agent)
{
	struct tunnel *tunnel = memory_new(struct tunnel);

	assert(events->on_open);
	assert(events->on_down);
	tunnel->loop = loop;
	tunnel->events = events;
	tunnel->owner = owner;
	tunnel->is_agent = is_agent;
	tunnel->next_id = is_agent ? 1 : 2;
	tunnel->end.on_task = on_end;
	for (size_t i = 0; i < TUNNEL_BUCKETS; i++)
		list_init(&tunnel->table[i]);
	for (size_t i = 0; i < TUNNEL_PRIORITIES; i++)
		list_init(&tunnel->ready[i]);
	return tunnel;
}

bool tunnel_dial(struct loop *loop, const struct link_plan *plan,
		 const struct tunnel_events *events, void *owner, struct tunnel **out,
		 struct error *err)
{
	struct tunnel *tunnel = tunnel_new(loop, events, owner, true);

	if (!link_dial(loop, plan, &link_events, tunnel, &tunnel->link, err)) {
		free(tunnel);
		return false;
	}
	*out = tunnel;
	return true;
}

bool tunnel_serve(struct http_request *req, const struct tunnel_events *events, void *owner,
		  struct tunnel **out, struct error *err)
{
	struct tunnel *tunnel = tunnel_new(NULL, events, owner, false);

	if (!link_accept(req, &link_events, tunnel, &tunnel->link, err)) {
		free(tunnel);
		return false;
	}
	tunnel->loop = link_loop(tunnel->link);
	greet(tunnel);
	*out = tunnel;
	return true;
}
