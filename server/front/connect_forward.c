/*
 * connect_forward.c - each connection is a pair of the client's streams and a call to the node.
 *
 *   ERROR and DATA are there -> the node dials -> DATA is spliced with the node's stream
 *                                    \__ refused: the reason is written to ERROR, both end
 *
 * A pair lives until its splice has ended; the forward lives until the client has left and its
 * last pair is gone.  Memory of a client: that of its mux (net/mux.h), and 60 KiB with SPDY; of a
 * pair: STREAM_HIGH and a piece towards the node.
 */
#include "server/front/connect_forward.h"

#include <assert.h>

#include "net/spdy_session.h"
#include "net/websocket_channels.h"
#include "server/front/client_streams.h"
#include "server/front/node_call.h"
#include "server/front/route.h"
#include "server/server.h"

#define PAIR_MS     30000 /* the second stream of a pair must come by then */
#define PAIRS_MAX   512   /* of one client */
#define ID_MAX      64
#define PORTS_MAX   (WEBSOCKET_CHANNELS_MAX / 2)
#define SPDY_SPEECH "portforward.k8s.io"

struct forward {
	struct loop *loop;
	struct server *server;
	char *node, *namespace, *name;
	struct spdy_session *spdy;
	struct websocket_channels *channels; /* below the SPDY session, or with pairs of its own */
	struct list pairs;
	size_t pair_count;
	bool over; /* the client has left */
	struct loop_task end;
};

struct pair {
	struct list link;
	struct forward *forward;
	char id[ID_MAX];
	unsigned port;
	struct stream *error, *data; /* data: until it is spliced */
	struct node_call *call;
	struct loop_timer timer;
	bool spliced;
};

/* --- the end --- */

static void on_end(struct loop_task *task)
{
	struct forward *forward = CONTAINER_OF(task, struct forward, end);

	spdy_session_close(take_ptr(&forward->spdy));
	websocket_channels_close(take_ptr(&forward->channels));
	if (forward->pair_count > 0)
		return; /* their splices are about to end */
	free(forward->node);
	free(forward->namespace);
	free(forward->name);
	free(forward);
}

static void pair_free(struct pair *pair)
{
	struct forward *forward = pair->forward;

	loop_timer_stop(&pair->timer);
	node_call_cancel(pair->call);
	if (pair->error)
		stream_finish(pair->error);
	stream_close(pair->error);
	stream_close(pair->data);
	list_remove(&pair->link);
	free(pair);
	forward->pair_count--;
	/* Channels have no ends of their own: the last pair ends the connection. */
	if (forward->pair_count == 0 && (forward->over || (forward->channels && !forward->spdy)))
		loop_defer(forward->loop, &forward->end);
}

static void forward_over(struct forward *forward)
{
	forward->over = true;
	LIST_EACH_SAFE(&forward->pairs, link)
	{
		struct pair *pair = LIST_OWNER(link, struct pair, link);

		if (!pair->spliced) /* the others end with their streams */
			pair_free(pair);
	}
	loop_defer(forward->loop, &forward->end);
}

/* --- a pair --- */

/* The client's reading of the error stream tells it what happened; text is a failure. */
static void on_error_readable(void *owner)
{
	struct pair *pair = owner;
	char waste[256];

	while (pair->error && stream_read(pair->error, waste, sizeof(waste)) > 0)
		continue;
}

static void on_error_closed(void *owner, const struct error *why)
{
	struct pair *pair = owner;

	(void)why;
	stream_close(take_ptr(&pair->error));
}

static const struct stream_events error_events = { .on_readable = on_error_readable,
						   .on_closed = on_error_closed };

/* Before the node has answered: bytes wait where they are. */
static void on_data_readable(void *owner)
{
	(void)owner;
}

static void on_data_closed(void *owner, const struct error *why)
{
	(void)why;
	pair_free(owner);
}

static const struct stream_events data_events = { .on_readable = on_data_readable,
						  .on_closed = on_data_closed };

static void on_spliced(void *of)
{
	pair_free(of);
}

static void on_node(void *owner, struct stream *stream, const struct error *err)
{
	struct pair *pair = owner;
	auto_buf text = BUF_INIT;

	pair->call = NULL;
	if (stream) {
		pair->spliced = true;
		stream_splice(take_ptr(&pair->data), stream, on_spliced, pair);
		return;
	}
	buf_add_print(&text, "error forwarding port %u to pod %s: %s", pair->port,
		      pair->forward->name, err->text);
	if (pair->error)
		stream_write(pair->error, buf_str(&text));
	if (pair->data)
		stream_finish(pair->data);
	pair_free(pair);
}

static void pair_dial(struct pair *pair)
{
	struct forward *forward = pair->forward;
	auto_free char *target = memory_print("/portForward/%s/%s/%u", forward->namespace,
					      forward->name, pair->port);
	struct node_call_plan plan = { .loop = forward->loop,
				       .tunnel = server_node_tunnel(forward->server,
								    str_of(forward->node)),
				       .priority = TUNNEL_BULK,
				       .target = target,
				       .protocol = "mote-forward",
				       .on_done = on_node,
				       .owner = pair };
	struct error err;

	loop_timer_stop(&pair->timer);
	stream_own(pair->error, &error_events, pair);
	stream_own(pair->data, &data_events, pair);
	if (plan.tunnel) {
		pair->call = node_call_start(&plan);
		return;
	}
	error_set(&err, ERROR_UNAVAILABLE, "node %s is not connected", forward->node);
	on_node(pair, NULL, &err);
}

static void on_pair_timer(struct loop_timer *timer)
{
	pair_free(CONTAINER_OF(timer, struct pair, timer));
}

static struct pair *pair_new(struct forward *forward, unsigned port)
{
	struct pair *pair = memory_new(struct pair);

	pair->forward = forward;
	pair->port = port;
	pair->timer.on_timer = on_pair_timer;
	loop_timer_set(forward->loop, &pair->timer, PAIR_MS);
	list_add(&forward->pairs, &pair->link);
	forward->pair_count++;
	return pair;
}

/* --- SPDY --- */

static struct pair *find_pair(struct forward *forward, const char *id)
{
	LIST_EACH(&forward->pairs, link)
	{
		struct pair *pair = LIST_OWNER(link, struct pair, link);

		if (strcmp(pair->id, id) == 0)
			return pair;
	}
	return NULL;
}

/* The two streams of a pair name the same request; those of old clients follow each other. */
static bool read_id(const struct spdy_frame *opened, bool is_data, char out[ID_MAX])
{
	struct str id = spdy_header(opened, "requestid");
	auto_buf text = BUF_INIT;

	if (id.len > 0)
		buf_add_print(&text, "r" STR_FMT, STR_ARG(id));
	else
		buf_add_print(&text, "s%u",
			      opened->stream - (is_data && opened->stream > 2 ? 2 : 0));
	if (text.len >= ID_MAX)
		return false;
	memcpy(out, buf_text(&text), text.len + 1);
	return true;
}

static bool read_port(struct str text, unsigned *out)
{
	uint64_t port;

	if (!str_to_u64(text, 65535, &port) || port == 0)
		return false;
	*out = (unsigned)port;
	return true;
}

static void on_stream(void *owner, struct stream *stream, const struct spdy_frame *opened)
{
	struct forward *forward = owner;
	struct str type = spdy_header(opened, "streamtype");
	bool is_data = str_is(type, "data");
	struct stream **place;
	struct pair *pair;
	char id[ID_MAX];
	unsigned port;

	if ((!is_data && !str_is(type, "error")) || !read_id(opened, is_data, id) ||
	    !read_port(spdy_header(opened, "port"), &port)) {
		stream_close(stream);
		return;
	}
	pair = find_pair(forward, id);
	if (!pair && forward->pair_count >= PAIRS_MAX) { /* also those whose streams were reset */
		stream_close(stream);
		return;
	}
	if (!pair) {
		pair = pair_new(forward, port);
		memcpy(pair->id, id, sizeof(id));
	}
	place = is_data ? &pair->data : &pair->error;
	if (*place || pair->spliced || pair->call || pair->port != port) {
		stream_close(stream);
		return;
	}
	*place = stream;
	if (pair->data && pair->error)
		pair_dial(pair);
}

static void on_spdy_closed(void *owner, const struct error *why)
{
	(void)why;
	forward_over(owner);
}

static const struct spdy_session_events spdy_events = { .on_stream = on_stream,
							.on_closed = on_spdy_closed };

static void on_channels_closed(void *owner)
{
	forward_over(owner);
}

/* --- WebSocket --- */

/* ports=80,81&ports=82 */
static bool read_ports(struct request *req, unsigned *out, unsigned *out_count, struct error *err)
{
	*out_count = 0;
	for (size_t i = 0; i < req->query_count; i++) {
		struct str list = req->query[i].value;

		if (!str_is(req->query[i].name, "ports"))
			continue;
		while (list.len > 0) {
			struct str word = str_cut(&list, ',');

			if (*out_count == PORTS_MAX)
				return error_set(err, ERROR_BAD_REQUEST,
						 "more than %d ports in one request", PORTS_MAX);
			if (!read_port(word, &out[(*out_count)++]))
				return error_set(err, ERROR_BAD_REQUEST,
						 "unable to parse \"" STR_FMT "\" as a port",
						 STR_ARG(word));
		}
	}
	return *out_count > 0 ||
	       error_set(err, ERROR_BAD_REQUEST, "query parameter \"ports\" is required");
}

static void begin_channel(struct stream *stream, unsigned port)
{
	char number[2] = { (char)(unsigned char)port, (char)(unsigned char)(port >> 8) };

	stream_write(stream, str_from(number, sizeof(number)));
}

static void open_ports(struct forward *forward, const unsigned *ports, unsigned count)
{
	struct pair *pairs[PORTS_MAX];

	for (unsigned i = 0; i < count; i++) {
		pairs[i] = pair_new(forward, ports[i]);
		pairs[i]->data = websocket_channels_stream(forward->channels, 2 * i);
		pairs[i]->error = websocket_channels_stream(forward->channels, 2 * i + 1);
		begin_channel(pairs[i]->data, ports[i]);
		begin_channel(pairs[i]->error, ports[i]);
	}
	forward->pair_count++; /* no pair is the last one as long as some are to begin */
	for (unsigned i = 0; i < count; i++)
		pair_dial(pairs[i]);
	forward->pair_count--;
	if (forward->pair_count == 0)
		loop_defer(forward->loop, &forward->end);
}

/* --- starting --- */

static struct forward *forward_new(struct request *req, struct str node)
{
	struct forward *forward = memory_new(struct forward);

	forward->loop = server_loop(req->server);
	forward->server = req->server;
	forward->node = str_copy(node);
	forward->namespace = str_copy(req->namespace);
	forward->name = str_copy(req->name);
	forward->end.on_task = on_end;
	list_init(&forward->pairs);
	return forward;
}

static enum step start_spdy(struct request *req, struct str node, struct error *err)
{
	static const char *const protocols[] = { SPDY_SPEECH, NULL };
	struct forward *forward;
	const char *protocol;

	if (!client_spdy_protocol(req, protocols, &protocol, err))
		return STEP_FAIL;
	forward = forward_new(req, node);
	forward->spdy = spdy_session_new(client_spdy_upgrade(req, protocol), &spdy_events, forward);
	return STEP_DONE;
}

static enum step start_websocket(struct request *req, struct str node, struct error *err)
{
	static const char *const protocols[] = { "SPDY/3.1+" SPDY_SPEECH,
						 "v4.channel.k8s.io",
						 "v4.base64.channel.k8s.io",
						 "channel.k8s.io",
						 "base64.channel.k8s.io",
						 "",
						 NULL };
	struct websocket_channels_plan plan = { .form = CHANNELS_NONE,
						.count = 1,
						.on_closed = on_channels_closed };
	const char *protocol = NULL;
	unsigned ports[PORTS_MAX], count = 0;
	struct forward *forward;
	struct websocket *ws;
	bool tunnelled;

	if (!websocket_check(&req->http->head, protocols, &protocol, err))
		return STEP_FAIL;
	tunnelled = protocol == protocols[0];
	if (!tunnelled && !read_ports(req, ports, &count, err))
		return STEP_FAIL;
	forward = forward_new(req, node);
	if (!websocket_accept(req->http, protocols, &ws, &protocol, err)) {
		forward->over = true;
		loop_defer(forward->loop, &forward->end);
		return STEP_FAIL;
	}
	plan.owner = forward;
	if (!tunnelled) {
		plan.form = str_search(str_of(protocol), STR("base64")) >= 0 ? CHANNELS_BASE64
									     : CHANNELS_BINARY;
		plan.count = 2 * count;
	}
	forward->channels = websocket_channels_new(ws, forward->loop, &plan);
	if (tunnelled)
		forward->spdy = spdy_session_new(websocket_channels_stream(forward->channels, 0),
						 &spdy_events, forward);
	else
		open_ports(forward, ports, count);
	return STEP_DONE;
}

enum step forward_start(struct request *req, struct str node, struct error *err)
{
	return client_wants_spdy(&req->http->head) ? start_spdy(req, node, err)
						   : start_websocket(req, node, err);
}
