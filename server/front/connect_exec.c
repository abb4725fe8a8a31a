/*
 * connect_exec.c - exec and attach over WebSocket (v5.channel.k8s.io and its elders).  Wire
 * contract 5.3.
 *
 * The node is asked first; only when it has said 101 is the client's upgrade answered, so that its
 * refusal reaches the client as a Status.  Frames to and from the node: channel (1 byte), length (4
 * bytes, big endian), payload.
 */
#include "server/front/connect_exec.h"

#include <assert.h>

#include "net/http_client.h"
#include "net/websocket.h"
#include "server/front/reply.h"
#include "server/server.h"

#define OPEN_MS     10000
#define FRAME_MAX   (1024u * 1024)
#define PENDING_MAX (512u * 1024)
#define READ_PIECE  16384
#define NODE_READY  426 /* Upgrade Required: nothing else is in the way */

enum {
	CHANNEL_STDIN,
	CHANNEL_STDOUT,
	CHANNEL_STDERR,
	CHANNEL_STATUS,
	CHANNEL_RESIZE,
	CHANNEL_CLOSE = 255
};

struct exec {
	struct request *req; /* until the client is upgraded */
	struct loop *loop;
	struct tunnel *tunnel;
	struct http_client *client;
	struct http_call *call;
	struct stream *node;
	struct websocket *ws;
	struct buf in;
	bool base64, said_status;
	struct loop_task end;
};

static const char *const protocols[] = { "v5.channel.k8s.io",
					 "v4.channel.k8s.io",
					 "v3.channel.k8s.io",
					 "v2.channel.k8s.io",
					 "channel.k8s.io",
					 "v4.base64.channel.k8s.io",
					 "base64.channel.k8s.io",
					 "",
					 NULL };

static void on_end(struct loop_task *task)
{
	struct exec *exec = CONTAINER_OF(task, struct exec, end);

	if (exec->call)
		http_call_cancel(exec->call);
	stream_close(exec->node);
	http_client_free(exec->client);
	buf_clear(&exec->in);
	free(exec);
}

static void finish(struct exec *exec)
{
	if (exec->ws)
		websocket_close(exec->ws, 1000, "");
	exec->ws = NULL;
	loop_defer(exec->loop, &exec->end);
}

/* --- from the client --- */

static void send_frame(struct exec *exec, unsigned char channel, struct str payload)
{
	unsigned char head[5] = { channel, (unsigned char)(payload.len >> 24),
				  (unsigned char)(payload.len >> 16),
				  (unsigned char)(payload.len >> 8), (unsigned char)payload.len };

	if (!exec->node)
		return;
	stream_write(exec->node, str_from(head, sizeof(head)));
	stream_write(exec->node, payload);
	if (stream_pending(exec->node) > PENDING_MAX && exec->ws)
		websocket_pause(exec->ws, true);
}

static void on_message(void *owner, struct str message, bool is_text)
{
	struct exec *exec = owner;
	auto_buf plain = BUF_INIT;
	unsigned char channel;

	(void)is_text;
	if (message.len == 0)
		return;
	channel = (unsigned char)message.at[0];
	message = str_from(message.at + 1, message.len - 1);
	if (exec->base64) {
		if (!buf_add_base64_decoded(&plain, message))
			return;
		channel = (unsigned char)(channel - '0');
		message = buf_str(&plain);
	}
	if (channel == CHANNEL_STDIN || channel == CHANNEL_RESIZE || channel == CHANNEL_CLOSE)
		send_frame(exec, channel, message);
}

static void on_ws_writable(void *owner)
{
	struct exec *exec = owner;

	if (exec->node)
		stream_pause(exec->node, false);
}

static void on_ws_closed(void *owner, int code)
{
	struct exec *exec = owner;

	(void)code;
	if (exec->ws)
		websocket_close(exec->ws, 1000, "");
	exec->ws = NULL;
	loop_defer(exec->loop, &exec->end);
}

static const struct websocket_events ws_events = {
	.on_message = on_message,
	.on_writable = on_ws_writable,
	.on_closed = on_ws_closed,
};

/* --- from the node --- */

static void give_client(struct exec *exec, unsigned char channel, struct str payload)
{
	auto_buf coded = BUF_INIT;

	if (!exec->ws)
		return;
	exec->said_status = exec->said_status || channel == CHANNEL_STATUS;
	if (!exec->base64) {
		websocket_send_channel(exec->ws, channel, payload);
	} else {
		buf_add_byte(&coded, (char)('0' + channel));
		buf_add_base64(&coded, payload);
		websocket_send(exec->ws, buf_str(&coded), true);
	}
	if (websocket_pending(exec->ws) > PENDING_MAX)
		stream_pause(exec->node, true);
}

/* One frame of the buffer; false when it is not whole yet. */
static bool take_frame(struct exec *exec)
{
	const unsigned char *at = (const unsigned char *)exec->in.at;
	size_t len;

	if (exec->in.len < 5)
		return false;
	len = (size_t)at[1] << 24 | (size_t)at[2] << 16 | (size_t)at[3] << 8 | at[4];
	if (len > FRAME_MAX) {
		finish(exec);
		return false;
	}
	if (exec->in.len < 5 + len)
		return false;
	give_client(exec, at[0], str_from(exec->in.at + 5, len));
	buf_drop_front(&exec->in, 5 + len);
	return exec->ws != NULL;
}

static void node_over(struct exec *exec)
{
	static const char lost[] = "{\"metadata\":{},\"status\":\"Failure\",\"message\":\"the "
				   "connection to the node was "
				   "lost\",\"reason\":\"InternalError\",\"code\":500}";

	if (exec->ws && !exec->said_status)
		give_client(exec, CHANNEL_STATUS, str_of(lost));
	finish(exec);
}

static void on_node_readable(void *owner)
{
	struct exec *exec = owner;
	ptrdiff_t got;

	buf_reserve(&exec->in, READ_PIECE);
	got = stream_read(exec->node, exec->in.at + exec->in.len, exec->in.room - exec->in.len - 1);
	if (got == 0)
		return;
	if (got < 0) {
		node_over(exec);
		return;
	}
	exec->in.len += (size_t)got;
	while (take_frame(exec))
		continue;
}

static void on_node_writable(void *owner)
{
	struct exec *exec = owner;

	if (exec->ws)
		websocket_pause(exec->ws, false);
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

static void on_upgrade(void *of, const struct http_head *head, struct stream *stream)
{
	struct exec *exec = of;
	struct request *req = exec->req;
	const char *protocol;
	struct error err;

	(void)head;
	exec->call = NULL;
	exec->node = stream;
	if (req->gone || !websocket_accept(req->http, protocols, &exec->ws, &protocol, &err)) {
		if (req->gone)
			error_set(&err, ERROR_UNAVAILABLE, "the client has left");
		reply_error(req, &err, NULL);
		loop_defer(exec->loop, &exec->end);
		return;
	}
	exec->req = NULL;
	exec->base64 = str_search(str_of(protocol), STR("base64")) >= 0;
	websocket_own(exec->ws, &ws_events, exec);
	/* The real server begins with an empty message; kubectl has its streams ready after it. */
	give_client(exec, CHANNEL_STDOUT, STR(""));
	stream_own(exec->node, &node_events, exec);
}

static void on_refused(void *of, const struct http_head *head, struct str body,
		       const struct error *err)
{
	struct exec *exec = of;
	auto_json_doc doc = NULL;
	struct error why, unused;

	exec->call = NULL;
	if (err)
		why = *err;
	else if (head->status == NODE_READY)
		error_set(&why, ERROR_FORBIDDEN,
			  "only WebSocket upgrades are served; use a client that speaks them "
			  "(kubectl 1.30 and later do)");
	else if (json_parse(body, &doc, NULL, &unused))
		status_to_error(json_root(doc), head->status, &why);
	else
		error_set(&why, ERROR_BROKEN, "the node answered %d: " STR_FMT, head->status,
			  STR_ARG(body));
	reply_error(exec->req, &why, NULL);
	loop_defer(exec->loop, &exec->end);
}

static void dial_node(void *of,
		      void (*on_done)(void *call, struct stream *stream, const struct error *err),
		      void *call)
{
	struct exec *exec = of;

	tunnel_open(exec->tunnel, STR("node"), TUNNEL_EXEC, OPEN_MS, on_done, call);
}

enum step exec_start(struct request *req, struct tunnel *tunnel, struct str container,
		     struct error *err)
{
	static const struct http_header headers[] = { { STR("Connection"), STR("Upgrade") },
						      { STR("Upgrade"), STR("mote-exec") } };
	struct exec *exec;
	struct http_ask ask = {
		.method = "GET",
		.headers = headers,
		.header_count = ARRAY_LENGTH(headers),
		.timeout_ms = OPEN_MS,
		.body_max = 65536,
		.on_reply = on_refused,
		.on_upgrade = on_upgrade,
	};

	if (!req->http->head.upgrade) {
		error_set(err, ERROR_BAD_REQUEST, "Upgrade request required");
		return STEP_FAIL;
	}
	exec = memory_new(struct exec);
	exec->req = req;
	exec->loop = server_loop(req->server);
	exec->tunnel = tunnel;
	exec->end.on_task = on_end;
	exec->client = http_client_new(exec->loop, dial_node, exec, "node");
	ask.target =
		arena_print(req->arena, "/" STR_FMT "/" STR_FMT "/" STR_FMT "/" STR_FMT "?" STR_FMT,
			    STR_ARG(req->subresource), STR_ARG(req->namespace), STR_ARG(req->name),
			    STR_ARG(container), STR_ARG(req->http->query));
	ask.of = exec;
	/* Clients fall back to SPDY after a refusal: they are told the node's reason. */
	if (!http_has_token(&req->http->head, "Upgrade", "websocket"))
		ask.header_count = 0;
	exec->call = http_call(exec->client, &ask);
	return STEP_DONE;
}
