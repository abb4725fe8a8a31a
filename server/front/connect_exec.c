/*
 * connect_exec.c - exec and attach: the client's streams joined to the node's frames.
 *
 * The node is asked first; only when it has said 101 is the client's upgrade answered, so that its
 * refusal reaches the client as a Status.  Frames to and from the node: channel (1 byte), length (4
 * bytes, big endian), payload; the channels are numbered like the client's.
 */
#include "server/front/connect_exec.h"

#include <assert.h>

#include "server/front/client_streams.h"
#include "server/front/node_call.h"
#include "server/front/reply.h"
#include "server/front/route.h"
#include "server/server.h"

#define FRAME_MAX     (1024u * 1024)
#define READ_PIECE    16384
#define PIECES_A_TURN 8
#define RESIZE_MAX    1024
#define NODE_END      255 /* channel: the end of the channel that is named in the payload */

struct lane {
	struct exec *exec;
	unsigned role;
	struct stream *stream; /* NULL: not wanted, or over */
};

struct exec {
	struct request *req; /* until the client is upgraded */
	struct loop *loop;
	struct node_call *call;
	struct stream *node;
	struct client_streams *client;
	struct lane lanes[CLIENT_ROLES];
	unsigned wanted;
	struct buf in;     /* frames of the node that are not whole yet */
	struct buf resize; /* JSON that is not whole yet */
	bool ready, input_ended, said_status;
	bool left; /* the client: its streams break, and that is no end of input */
	struct loop_task end;
};

static void on_end(struct loop_task *task)
{
	struct exec *exec = CONTAINER_OF(task, struct exec, end);

	client_streams_close(exec->client);
	for (size_t i = 0; i < CLIENT_ROLES; i++)
		stream_close(exec->lanes[i].stream);
	stream_close(exec->node);
	buf_clear(&exec->in);
	buf_clear(&exec->resize);
	free(exec);
}

static void finish(struct exec *exec)
{
	loop_defer(exec->loop, &exec->end);
}

/* --- from the client --- */

static void send_frame(struct exec *exec, unsigned channel, struct str payload)
{
	unsigned char head[5] = { (unsigned char)channel, (unsigned char)(payload.len >> 24),
				  (unsigned char)(payload.len >> 16),
				  (unsigned char)(payload.len >> 8), (unsigned char)payload.len };

	if (!exec->node)
		return;
	stream_write(exec->node, str_from(head, sizeof(head)));
	stream_write(exec->node, payload);
}

static void end_input(struct exec *exec)
{
	static const char stdin_channel = CLIENT_STDIN;

	if (exec->input_ended || exec->left)
		return;
	exec->input_ended = true;
	send_frame(exec, NODE_END, str_from(&stdin_channel, 1));
}

/* {"Width":W,"Height":H}, one after the other; borders of messages mean nothing with SPDY. */
static void take_resize(struct exec *exec, struct str bytes)
{
	struct str rest;
	ptrdiff_t end;

	buf_add_str(&exec->resize, bytes);
	rest = buf_str(&exec->resize);
	while ((end = str_find(rest, '}')) >= 0) {
		send_frame(exec, CLIENT_RESIZE, str_from(rest.at, (size_t)end + 1));
		rest = str_from(rest.at + end + 1, rest.len - (size_t)end - 1);
	}
	buf_drop_front(&exec->resize, exec->resize.len - rest.len);
	if (exec->resize.len > RESIZE_MAX)
		buf_clear(&exec->resize);
}

static void lane_take(struct lane *lane, struct str bytes)
{
	if (lane->role == CLIENT_STDIN && !lane->exec->input_ended)
		send_frame(lane->exec, CLIENT_STDIN, bytes);
	else if (lane->role == CLIENT_RESIZE)
		take_resize(lane->exec, bytes);
	/* Nothing is expected on the others. */
}

static void on_lane_readable(void *owner)
{
	struct lane *lane = owner;
	struct exec *exec = lane->exec;
	char piece[READ_PIECE];

	for (int i = 0; i < PIECES_A_TURN && lane->stream && exec->node &&
			stream_pending(exec->node) <= STREAM_HIGH;
	     i++) {
		ptrdiff_t got = stream_read(lane->stream, piece, sizeof(piece));

		if (got == 0)
			return;
		if (got > 0) {
			lane_take(lane, str_from(piece, (size_t)got));
			continue;
		}
		if (lane->role == CLIENT_STDIN)
			end_input(exec);
		return;
	}
}

static void on_lane_writable(void *owner)
{
	struct lane *lane = owner;

	if (lane->exec->node && lane->exec->ready)
		stream_pause(lane->exec->node, false);
}

/* One stream alone: the client has reset it, or both its ends were said. */
static void on_lane_closed(void *owner, const struct error *why)
{
	struct lane *lane = owner;

	(void)why;
	stream_close(take_ptr(&lane->stream));
	if (lane->role == CLIENT_STDIN)
		end_input(lane->exec);
}

static const struct stream_events lane_events = {
	.on_readable = on_lane_readable,
	.on_writable = on_lane_writable,
	.on_closed = on_lane_closed,
};

/* --- from the node --- */

/* Clients before v4 know only text, and silence as success. */
static void give_plain_status(struct lane *lane, struct str status)
{
	auto_json_doc doc = NULL;
	struct error unused;

	if (json_parse(status, &doc, NULL, &unused) &&
	    !str_is(json_str(json_get(json_root(doc), "status")), "Success"))
		stream_write(lane->stream, json_str(json_get(json_root(doc), "message")));
}

static void give_client(struct exec *exec, unsigned channel, struct str payload)
{
	struct lane *lane = channel < CLIENT_ROLES ? &exec->lanes[channel] : NULL;

	exec->said_status = exec->said_status || channel == CLIENT_ERROR;
	if (!lane || !lane->stream || channel == CLIENT_STDIN || channel == CLIENT_RESIZE)
		return;
	if (channel == CLIENT_ERROR && !client_streams_says_status(exec->client))
		give_plain_status(lane, payload);
	else
		stream_write(lane->stream, payload);
	if (stream_pending(lane->stream) > STREAM_HIGH)
		stream_pause(exec->node, true);
}

/* What came is the last of it. */
static void node_over(struct exec *exec)
{
	static const char lost[] = "{\"metadata\":{},\"status\":\"Failure\",\"message\":\"the "
				   "connection to the node was "
				   "lost\",\"reason\":\"InternalError\",\"code\":500}";

	if (!exec->said_status)
		give_client(exec, CLIENT_ERROR, str_of(lost));
	for (size_t i = 0; i < CLIENT_ROLES; i++)
		if (exec->lanes[i].stream)
			stream_finish(exec->lanes[i].stream);
	finish(exec);
}

/* One frame of the buffer; false when it is not whole yet. */
static bool take_frame(struct exec *exec, size_t *at)
{
	const unsigned char *head = (const unsigned char *)exec->in.at + *at;
	size_t have = exec->in.len - *at, len;

	if (have < 5)
		return false;
	len = (size_t)head[1] << 24 | (size_t)head[2] << 16 | (size_t)head[3] << 8 | head[4];
	if (len > FRAME_MAX) {
		finish(exec);
		return false;
	}
	if (have < 5 + len)
		return false;
	give_client(exec, head[0], str_from(head + 5, len));
	*at += 5 + len;
	return true;
}

static void on_node_readable(void *owner)
{
	struct exec *exec = owner;
	ptrdiff_t got;
	size_t at = 0;

	if (!exec->ready)
		return; /* it is paused; what was due before is read later */
	buf_reserve(&exec->in, READ_PIECE);
	got = stream_read(exec->node, exec->in.at + exec->in.len, exec->in.room - exec->in.len - 1);
	if (got < 0)
		node_over(exec);
	if (got <= 0)
		return;
	exec->in.len += (size_t)got;
	while (take_frame(exec, &at))
		continue;
	buf_drop_front(&exec->in, at);
}

/* It takes more again: what the client has sent meanwhile was left unread. */
static void on_node_writable(void *owner)
{
	struct exec *exec = owner;

	for (size_t i = 0; i < CLIENT_ROLES && exec->ready; i++)
		if (exec->lanes[i].stream)
			on_lane_readable(&exec->lanes[i]);
}

static void on_node_closed(void *owner, const struct error *why)
{
	(void)why;
	node_over(owner);
}

static const struct stream_events node_events = {
	.on_readable = on_node_readable,
	.on_writable = on_node_writable,
	.on_closed = on_node_closed,
};

/* --- starting --- */

static void on_client_ready(void *owner)
{
	struct exec *exec = owner;

	exec->ready = true;
	for (unsigned role = 0; role < CLIENT_ROLES; role++) {
		struct stream *stream = client_streams_take(exec->client, role);

		exec->lanes[role] = (struct lane){ .exec = exec, .role = role, .stream = stream };
		if (stream)
			stream_own(stream, &lane_events, &exec->lanes[role]);
	}
	stream_own(exec->node, &node_events, exec);
}

static void on_client_over(void *owner)
{
	struct exec *exec = owner;

	exec->left = true;
	finish(exec);
}

static void on_node(void *owner, struct stream *stream, const struct error *err)
{
	struct exec *exec = owner;
	struct client_streams_plan plan = { .wanted = exec->wanted,
					    .on_ready = on_client_ready,
					    .on_over = on_client_over,
					    .owner = exec };
	struct error why;

	exec->call = NULL;
	exec->node = stream;
	if (stream) {
		stream_own(stream, &node_events, exec);
		stream_pause(stream, true);
	}
	if (err)
		why = *err;
	else if (exec->req->gone)
		error_set(&why, ERROR_UNAVAILABLE, "the client has left");
	else if (client_streams_open(exec->req, &plan, &exec->client, &why))
		return;
	reply_error(exec->req, &why, NULL);
	finish(exec);
}

static bool read_options(struct request *req, unsigned *out, struct error *err)
{
	bool in = params_true(params_find(req, "stdin")),
	     tty = params_true(params_find(req, "tty"));
	bool out_wanted = params_true(params_find(req, "stdout"));
	bool err_wanted = params_true(params_find(req, "stderr")) && !tty;

	if (!in && !out_wanted && !err_wanted)
		return error_set(err, ERROR_BAD_REQUEST,
				 "you must specify at least 1 of stdin, stdout, stderr");
	if (str_is(req->subresource, "exec") && params_find(req, "command").len == 0)
		return error_set(err, ERROR_BAD_REQUEST,
				 "you must specify at least one command for the container");
	*out = 1u << CLIENT_ERROR | (in ? 1u << CLIENT_STDIN : 0) |
	       (out_wanted ? 1u << CLIENT_STDOUT : 0) | (err_wanted ? 1u << CLIENT_STDERR : 0) |
	       (tty ? 1u << CLIENT_RESIZE : 0);
	return true;
}

enum step exec_start(struct request *req, struct tunnel *tunnel, struct str container,
		     struct error *err)
{
	struct node_call_plan plan = { .loop = server_loop(req->server),
				       .tunnel = tunnel,
				       .priority = TUNNEL_EXEC,
				       .protocol = "mote-exec",
				       .on_done = on_node };
	struct exec *exec;
	unsigned wanted = 0;

	if (!read_options(req, &wanted, err) || !client_streams_check(req, err))
		return STEP_FAIL;
	exec = memory_new(struct exec);
	exec->req = req;
	exec->loop = plan.loop;
	exec->wanted = wanted;
	exec->end.on_task = on_end;
	plan.target =
		arena_print(req->arena, "/" STR_FMT "/" STR_FMT "/" STR_FMT "/" STR_FMT "?" STR_FMT,
			    STR_ARG(req->subresource), STR_ARG(req->namespace), STR_ARG(req->name),
			    STR_ARG(container), STR_ARG(req->http->query));
	plan.owner = exec;
	exec->call = node_call_start(&plan);
	return STEP_DONE;
}
