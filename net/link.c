/*
 * link.c - WebSocket messages by libwebsockets, on our loop and over our TLS.
 *
 * libwebsockets does the WebSocket part only. Its end of every connection is a local socket,
 * bridged (link_bridge.c) to the stream that the dialling or the HTTP front gave: one TLS for
 * everything, and libwebsockets never blocks in a name lookup.
 *
 *   client:  CONNECT --on_dialled--> TLS --on_tls_readable--> HANDSHAKE --on_established--> open
 *   server:  (the front has answered 101) -----------------> HANDSHAKE --on_established--> open
 *
 * The server's libwebsockets gets the same request again; the bridge throws its own 101 away.
 *
 * One libwebsockets context (struct wire) serves all links of a loop; it goes with the last of
 * them. It rides on our loop as a custom event library: its descriptors are ours to watch, and
 * before each sleep it is asked how long it can wait.
 */
#include "net/link.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <libwebsockets.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/random.h"
#include "net/hash.h"
#include "net/link_bridge.h"
#include "net/socket.h"
#include "net/tls.h"

/* From dialling to the open WebSocket. */
#define OPEN_MS 15000
/* Messages sent in one turn of the loop. */
#define SENDS_A_TURN 16
/* What libwebsockets reads at a time, and keeps per connection. */
#define READ_SIZE      4096
#define WAIT_MAX_MS    60000
#define WEBSOCKET_GUID "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

struct wire {
	struct loop *loop;
	struct lws_context *context;
	struct lws_vhost *vhost;
	struct loop_hook hook;
	struct loop_timer timer;
	struct loop_task sweep;
	struct loop_fd pipe; /* libwebsockets' own wake-up descriptor */
	struct list links;   /* of live and dying ones */
	struct list list;    /* of all wires of the process */
	unsigned depth;      /* we are inside libwebsockets */
	unsigned char *out;  /* a message with the head room that libwebsockets asks for */
};

struct link {
	struct wire *wire;
	struct list list;
	const struct link_events *events;
	void *owner;
	struct lws *wsi;
	struct loop_fd watch;
	struct loop_timer timer; /* opening, then liveness */
	struct loop_task kill;
	struct buf in; /* the parts of a message that came so far */
	struct error why;
	int64_t heard_ms;
	bool opened;
	bool wants_send;
	bool ping_due;
	bool paused;
	bool sending; /* inside on_sendable */
	bool sent;
	bool dying;  /* libwebsockets is to close it */
	bool told;   /* on_closed has been called */
	bool closed; /* link_close has been called */
	/* client end, until it is open */
	struct socket_dial *dial;
	struct stream *tls;
	struct tls_config *config;
	char *path;
	char *server_name;
	char *authorization;
};

/* Every loop of the process that has links; a process has one, tests have several. */
static struct list wires = LIST_INIT(wires);

/* --- the end of a link --- */

static void wire_free(struct wire *wire);

static void link_free(struct link *link)
{
	assert(!link->wsi);
	list_remove(&link->list);
	loop_fd_stop(&link->watch);
	loop_timer_stop(&link->timer);
	loop_task_cancel(&link->kill);
	socket_dial_cancel(link->dial);
	stream_close(link->tls);
	tls_config_unref(link->config);
	buf_clear(&link->in);
	free(link->path);
	free(link->server_name);
	free(link->authorization);
	free(link);
}

/* Free what has been closed on both sides; never from inside libwebsockets. */
static void sweep(struct wire *wire)
{
	assert(wire->depth == 0);
	LIST_EACH_SAFE(&wire->links, at)
	{
		struct link *link = LIST_OWNER(at, struct link, list);

		if (link->closed && !link->wsi)
			link_free(link);
	}
	if (list_is_empty(&wire->links))
		wire_free(wire);
}

static void on_sweep(struct loop_task *task)
{
	sweep(CONTAINER_OF(task, struct wire, sweep));
}

/* Have libwebsockets close its side: at once, or in its next round when we are inside it. */
static void kill_wsi(struct link *link)
{
	struct wire *wire = link->wire;

	link->dying = true;
	if (!link->wsi)
		return;
	if (wire->depth > 0) {
		lws_set_timeout(link->wsi, PENDING_TIMEOUT_KILLED_BY_PARENT, LWS_TO_KILL_ASYNC);
		return;
	}
	wire->depth++;
	lws_set_timeout(link->wsi, PENDING_TIMEOUT_KILLED_BY_PARENT, LWS_TO_KILL_SYNC);
	wire->depth--;
}

static void tell_closed(struct link *link, const struct error *why)
{
	struct error copy = *why;

	if (link->told || link->closed)
		return;
	link->told = true;
	loop_timer_stop(&link->timer);
	link->events->on_closed(link->owner, &copy);
}

/* The link is broken for our own reason: say so from the loop, outside libwebsockets. */
static void die(struct link *link)
{
	link->dying = true;
	loop_defer(link->wire->loop, &link->kill);
}

static void on_kill(struct loop_task *task)
{
	struct link *link = CONTAINER_OF(task, struct link, kill);

	if (link->wsi)
		kill_wsi(link); /* it tells */
	if (link->why.kind == ERROR_NONE)
		error_set(&link->why, ERROR_UNAVAILABLE, "the link was closed");
	tell_closed(link, &link->why);
}

void link_close(struct link *link)
{
	struct wire *wire;

	if (!link)
		return;
	assert(!link->closed);
	wire = link->wire;
	link->closed = true;
	loop_timer_stop(&link->timer);
	loop_task_cancel(&link->kill);
	kill_wsi(link);
	if (wire->depth > 0)
		loop_defer(wire->loop, &wire->sweep);
	else
		sweep(wire);
}

/* --- events of libwebsockets --- */

static void on_established(struct link *link)
{
	bool is_client = link->path != NULL;

	link->opened = true;
	link->heard_ms = clock_now_ms();
	loop_timer_set(link->wire->loop, &link->timer, LINK_PING_MS);
	if (link->wants_send)
		lws_callback_on_writable(link->wsi);
	if (is_client && !link->closed)
		link->events->on_open(link->owner);
}

static void on_receive(struct link *link, const char *at, size_t len)
{
	bool whole =
		lws_is_final_fragment(link->wsi) && lws_remaining_packet_payload(link->wsi) == 0;

	link->heard_ms = clock_now_ms();
	if (link->dying || link->closed)
		return;
	if (!lws_frame_is_binary(link->wsi) || link->in.len + len > LINK_MESSAGE_MAX) {
		error_set(&link->why, ERROR_TOO_LARGE,
			  "the peer sent a text, or a message of over %u bytes", LINK_MESSAGE_MAX);
		die(link);
	} else if (whole && link->in.len == 0) {
		link->events->on_message(link->owner, str_from(at, len));
	} else {
		buf_add(&link->in, at, len);
		if (!whole)
			return;

		auto_buf message = link->in; /* the owner may close the link */

		link->in = BUF_INIT;
		link->events->on_message(link->owner, buf_str(&message));
	}
}

/* True when the owner gave a message. */
static bool offer_room(struct link *link)
{
	link->wants_send = false;
	link->sending = true;
	link->sent = false;
	link->events->on_sendable(link->owner);
	link->sending = false;
	return link->sent;
}

static void on_writeable(struct link *link)
{
	/* libwebsockets does not tell of an empty PONG: the PING carries something. */
	unsigned char ping[LWS_PRE + 4] = { 0 };

	if (link->ping_due) {
		link->ping_due = false;
		if (lws_write(link->wsi, ping + LWS_PRE, 4, LWS_WRITE_PING) < 0)
			die(link);
		else if (link->wants_send)
			lws_callback_on_writable(link->wsi);
		return; /* one write at a time is libwebsockets' rule */
	}
	for (int i = 0; i < SENDS_A_TURN && link->wants_send; i++) {
		if (link->dying || link->closed || !offer_room(link))
			return;
		if (link->dying || link->closed || lws_send_pipe_choked(link->wsi))
			break;
	}
	if (link->wants_send && !link->dying && !link->closed)
		lws_callback_on_writable(link->wsi);
}

static void on_refused(struct link *link, const char *text)
{
	if (link->why.kind == ERROR_NONE)
		error_set(&link->why, ERROR_UNAVAILABLE, "the WebSocket was refused: %.200s", text);
}

/* libwebsockets forgets the connection; this is the last we hear of it. */
static void on_gone(struct link *link)
{
	link->wsi = NULL;
	if (link->closed) {
		loop_defer(link->wire->loop, &link->wire->sweep);
		return;
	}
	if (link->why.kind == ERROR_NONE)
		error_set(&link->why, ERROR_UNAVAILABLE, "the connection was lost");
	die(link);
}

static int add_authorization(struct link *link, char **at, size_t room)
{
	unsigned char **out = (unsigned char **)(void *)at;
	const unsigned char *value = (const unsigned char *)link->authorization;

	if (!value)
		return 0;
	return lws_add_http_header_by_token(link->wsi, WSI_TOKEN_HTTP_AUTHORIZATION, value,
					    (int)strlen(link->authorization), out, *out + room - 1);
}

static int on_link_event(struct link *link, enum lws_callback_reasons reason, void *in, size_t len)
{
	switch ((int)reason) {
	case LWS_CALLBACK_CLIENT_APPEND_HANDSHAKE_HEADER: return add_authorization(link, in, len);
	case LWS_CALLBACK_ESTABLISHED:
	case LWS_CALLBACK_CLIENT_ESTABLISHED: on_established(link); break;
	case LWS_CALLBACK_RECEIVE:
	case LWS_CALLBACK_CLIENT_RECEIVE: on_receive(link, in, len); break;
	case LWS_CALLBACK_RECEIVE_PONG:
	case LWS_CALLBACK_CLIENT_RECEIVE_PONG: link->heard_ms = clock_now_ms(); break;
	case LWS_CALLBACK_SERVER_WRITEABLE:
	case LWS_CALLBACK_CLIENT_WRITEABLE: on_writeable(link); break;
	case LWS_CALLBACK_CLIENT_CONNECTION_ERROR:
		on_refused(link, in ? in : "no reason given");
		return 0;
	case LWS_CALLBACK_WSI_DESTROY: on_gone(link); return 0;
	default: return 0;
	}
	return link->dying || link->closed ? -1 : 0;
}

static int on_lws(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
		  size_t len)
{
	struct link *link;

	(void)user;
	if (reason == LWS_CALLBACK_GET_THREAD_ID || reason == LWS_CALLBACK_PROTOCOL_INIT ||
	    reason == LWS_CALLBACK_PROTOCOL_DESTROY)
		return 0;
	link = lws_get_opaque_user_data(wsi);
	if (!link)
		return 0;
	/* Only a WebSocket is served here; anything else asked for on this connection ends it. */
	if (reason == LWS_CALLBACK_HTTP)
		return -1;
	return on_link_event(link, reason, in, len);
}

static const struct lws_protocols protocols[] = {
	{ .name = "tunnel", .callback = on_lws, .rx_buffer_size = READ_SIZE },
	{ 0 },
};

/* --- libwebsockets' event library: our loop --- */

static struct wire *wire_of(struct lws *wsi)
{
	return *(struct wire **)lws_evlib_wsi_to_evlib_pt(wsi);
}

static struct loop_fd *watch_of(struct lws *wsi)
{
	struct link *link = lws_get_opaque_user_data(wsi);

	return link ? &link->watch : &wire_of(wsi)->pipe;
}

static void service(struct wire *wire, struct loop_fd *watch, unsigned events)
{
	struct lws_pollfd poll = { .fd = watch->fd };

	if (watch->wants & LOOP_READ)
		poll.events |= POLLIN;
	if (watch->wants & LOOP_WRITE)
		poll.events |= POLLOUT;
	if (events & LOOP_READ)
		poll.revents |= POLLIN;
	if (events & LOOP_WRITE)
		poll.revents |= POLLOUT;
	if (events & LOOP_HANGUP)
		poll.revents |= POLLHUP;
	wire->depth++;
	lws_service_fd(wire->context, &poll);
	wire->depth--;
}

static void on_link_fd(struct loop_fd *watch, unsigned events)
{
	service(CONTAINER_OF(watch, struct link, watch)->wire, watch, events);
}

static void on_pipe_fd(struct loop_fd *watch, unsigned events)
{
	service(CONTAINER_OF(watch, struct wire, pipe), watch, events);
}

static int evlib_accept(struct lws *wsi)
{
	struct loop_fd *watch = watch_of(wsi);
	struct error err;

	loop_fd_stop(watch);
	watch->fd = lws_get_socket_fd(wsi);
	watch->on_event = watch == &wire_of(wsi)->pipe ? on_pipe_fd : on_link_fd;
	return !loop_fd_start(wire_of(wsi)->loop, watch, LOOP_READ, &err);
}

static void evlib_io(struct lws *wsi, unsigned flags)
{
	struct loop_fd *watch = watch_of(wsi);
	unsigned which = 0;

	if (!watch->active || watch->fd != lws_get_socket_fd(wsi))
		return;
	if (flags & LWS_EV_READ)
		which |= LOOP_READ;
	if (flags & LWS_EV_WRITE)
		which |= LOOP_WRITE;
	if ((flags & LWS_EV_STOP) && which == (LOOP_READ | LOOP_WRITE))
		loop_fd_stop(watch); /* both at once: it leaves libwebsockets' table */
	else if (flags & LWS_EV_START)
		loop_fd_want(watch, watch->wants | which);
	else
		loop_fd_want(watch, watch->wants & ~which);
}

static int evlib_close(struct lws *wsi)
{
	struct loop_fd *watch = watch_of(wsi);

	if (watch->fd == lws_get_socket_fd(wsi))
		loop_fd_stop(watch);
	return 0;
}

/* What we gave as the foreign loop is the wire; it is kept in libwebsockets' room for us. */
static int evlib_init(struct lws_context *context, void *wire, int tsi)
{
	*(struct wire **)lws_evlib_tsi_to_evlib_pt(context, tsi) = wire;
	return 0;
}

static const struct lws_event_loop_ops evlib_ops = {
	.name = "mote",
	.init_pt = evlib_init,
	.init_vhost_listen_wsi = evlib_accept,
	.sock_accept = evlib_accept,
	.io = evlib_io,
	.wsi_logical_close = evlib_close,
	.evlib_size_pt = sizeof(struct wire *),
};

static const lws_plugin_evlib_t evlib = {
	.hdr = { "mote", "lws_evlib_plugin", LWS_BUILD_HASH, LWS_PLUGIN_API_MAGIC },
	.ops = &evlib_ops,
};

static void on_wake(struct loop_timer *timer)
{
	(void)timer; /* the round it makes is all that is wanted: the hook does the work */
}

/* Run what is due inside libwebsockets and learn when it wants to be asked again. */
static void on_hook(struct loop_hook *hook)
{
	struct wire *wire = CONTAINER_OF(hook, struct wire, hook);
	int wait_ms;

	if (!wire->context)
		return;
	wire->depth++;
	wait_ms = lws_service_adjust_timeout(wire->context, WAIT_MAX_MS, 0);
	if (wait_ms == 0) { /* it has input of its own left to work on */
		lws_service_tsi(wire->context, -1, 0);
		wait_ms = lws_service_adjust_timeout(wire->context, WAIT_MAX_MS, 0);
	}
	wire->depth--;
	loop_timer_set(wire->loop, &wire->timer, wait_ms);
}

/* --- the wire --- */

static void on_log(int level, const char *line)
{
	/* This room returns errors and does not log; what matters reaches the owner by
	 * on_closed. */
	(void)level;
	(void)line;
}

static void wire_free(struct wire *wire)
{
	assert(wire->depth == 0);
	assert(list_is_empty(&wire->links));
	list_remove(&wire->list);
	wire->depth++;
	if (wire->context)
		lws_context_destroy(wire->context);
	loop_hook_remove(&wire->hook);
	loop_timer_stop(&wire->timer);
	loop_task_cancel(&wire->sweep);
	loop_fd_stop(&wire->pipe);
	free(wire->out);
	free(wire);
}

static void wire_start(struct wire *wire)
{
	/* All zero: libwebsockets' own pings are off, ours count any data as life. */
	static const lws_retry_bo_t no_pings = { 0 };
	void *loops[1] = { wire };
	struct lws_context_creation_info info = {
		.options =
			LWS_SERVER_OPTION_EXPLICIT_VHOSTS | LWS_SERVER_OPTION_DISABLE_OS_CA_CERTS,
		.event_lib_custom = &evlib,
		.foreign_loops = loops,
		.fd_limit_per_thread = LIMIT_CONNECTIONS + 64,
		.max_http_header_pool = 256,
		.max_http_header_data = 8192,
		.pt_serv_buf_size = READ_SIZE,
		.retry_and_idle_policy = &no_pings,
		.port = CONTEXT_PORT_NO_LISTEN_SERVER,
		.protocols = protocols,
		.vhost_name = "mote",
	};

	lws_set_log_level(LLL_ERR, on_log);
	wire->context = lws_create_context(&info);
	if (wire->context)
		wire->vhost = lws_create_vhost(wire->context, &info);
}

/* The loop's wire; its vhost is NULL when libwebsockets could not be started. */
static struct wire *wire_get(struct loop *loop)
{
	struct wire *wire;

	LIST_EACH(&wires, at)
	{
		wire = LIST_OWNER(at, struct wire, list);
		if (wire->loop == loop)
			return wire;
	}
	wire = memory_new(struct wire);
	wire->loop = loop;
	wire->hook.on_hook = on_hook;
	wire->timer.on_timer = on_wake;
	wire->sweep.on_task = on_sweep;
	wire->pipe.fd = -1;
	wire->out = memory_get(LWS_PRE + LINK_MESSAGE_MAX);
	list_init(&wire->links);
	list_add(&wires, &wire->list);
	wire->depth++;
	wire_start(wire);
	wire->depth--;
	loop_hook_add(loop, &wire->hook);
	return wire;
}

/* --- liveness --- */

static void on_timer(struct loop_timer *timer)
{
	struct link *link = CONTAINER_OF(timer, struct link, timer);
	int64_t now = clock_now_ms();
	int64_t idle = now - link->heard_ms;

	if (link->paused) {
		link->heard_ms = now;
		idle = 0;
	}
	if (!link->opened || idle >= LINK_DEAD_MS) {
		if (link->opened)
			error_set(&link->why, ERROR_TIMEOUT, "nothing was heard for %d s",
				  LINK_DEAD_MS / 1000);
		else
			error_set(&link->why, ERROR_TIMEOUT, "the link was not open after %d s",
				  OPEN_MS / 1000);
		die(link);
		return;
	}
	if (idle >= LINK_PING_MS) {
		link->ping_due = true;
		lws_callback_on_writable(link->wsi);
	}
	loop_timer_set(link->wire->loop, timer,
		       idle >= LINK_PING_MS ? LINK_DEAD_MS - idle : LINK_PING_MS - idle);
}

static struct link *link_new(struct wire *wire, const struct link_events *events, void *owner)
{
	struct link *link = memory_new(struct link);

	assert(events->on_message);
	assert(events->on_sendable);
	assert(events->on_closed);
	link->wire = wire;
	link->events = events;
	link->owner = owner;
	link->watch.fd = -1;
	link->timer.on_timer = on_timer;
	link->kill.on_task = on_kill;
	list_add(&wire->links, &link->list);
	loop_timer_set(wire->loop, &link->timer, OPEN_MS);
	return link;
}

/* --- sending --- */

void link_want_send(struct link *link)
{
	assert(link);
	if (link->wants_send || link->dying || link->closed)
		return;
	link->wants_send = true;
	if (link->opened && !link->sending)
		lws_callback_on_writable(link->wsi);
}

void link_send(struct link *link, struct str message)
{
	unsigned char *at = link->wire->out + LWS_PRE;

	assert(link->sending);
	assert(!link->sent);
	assert(message.len > 0);
	assert(message.len <= LINK_MESSAGE_MAX);
	link->sent = true;
	memcpy(at, message.at, message.len); /* libwebsockets masks it in place */
	if (lws_write(link->wsi, at, message.len, LWS_WRITE_BINARY) < (int)message.len)
		die(link);
}

struct loop *link_loop(const struct link *link)
{
	return link->wire->loop;
}

void link_pause(struct link *link, bool paused)
{
	assert(link);
	if (link->paused == paused)
		return;
	link->paused = paused;
	link->heard_ms = clock_now_ms();
	if (link->wsi && !link->dying)
		lws_rx_flow_control(link->wsi, !paused);
}

/* --- the server end --- */

static void print_accept(struct str key, struct buf *out)
{
	unsigned char digest[20];
	auto_buf text = BUF_INIT;

	buf_add_str(&text, key);
	buf_add_text(&text, WEBSOCKET_GUID);
	hash_sha1(buf_str(&text), digest);
	buf_add_base64(out, str_from(digest, sizeof(digest)));
}

static bool check_request(const struct http_request *req, struct error *err)
{
	const struct http_head *head = &req->head;
	struct str key = http_header(head, "Sec-WebSocket-Key");
	auto_buf nonce = BUF_INIT;

	if (!str_is(head->method, "GET") || !head->upgrade ||
	    !http_has_token(head, "Upgrade", "websocket"))
		return error_set(err, ERROR_BAD_REQUEST, "this is not a WebSocket request");
	if (!str_is(http_header(head, "Sec-WebSocket-Version"), "13"))
		return error_set(err, ERROR_BAD_REQUEST, "only WebSocket version 13 is spoken");
	if (http_header_count(head, "Sec-WebSocket-Key") != 1 || key.len != 24 ||
	    !buf_add_base64_decoded(&nonce, key) || nonce.len != 16)
		return error_set(err, ERROR_BAD_REQUEST, "the WebSocket key is malformed");
	return true;
}

/* libwebsockets adopts one end of a pair whose other end already holds the request. */
static bool adopt(struct link *link, struct str key, int *out_fd, struct error *err)
{
	char head[256];
	int pair[2];
	int len = snprintf(head, sizeof(head),
			   "GET / HTTP/1.1\r\nHost: mote\r\nUpgrade: websocket\r\n"
			   "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
			   "Sec-WebSocket-Key: " STR_FMT "\r\n\r\n",
			   STR_ARG(key));
	lws_adopt_desc_t desc = {
		.vh = link->wire->vhost,
		.type = LWS_ADOPT_SOCKET | LWS_ADOPT_HTTP,
		.opaque = link,
	};

	assert(len > 0);
	assert((size_t)len < sizeof(head));
	if (!link->wire->vhost)
		return error_set(err, ERROR_BROKEN, "libwebsockets cannot be started");
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) != 0)
		return error_os(err, "make a socket pair");

	auto_fd ours = pair[0];

	if (write(ours, head, (size_t)len) != len) {
		close(pair[1]);
		return error_set(err, ERROR_BROKEN, "a new socket took no bytes");
	}
	desc.fd.sockfd = pair[1];
	link->wire->depth++;
	link->wsi = lws_adopt_descriptor_vhost_via_info(&desc); /* closes it on failure */
	link->wire->depth--;
	if (!link->wsi)
		return error_set(err, ERROR_BROKEN, "libwebsockets refuses the connection");
	*out_fd = take_fd(&ours);
	return true;
}

bool link_accept(struct http_request *req, const struct link_events *events, void *owner,
		 struct link **out, struct error *err)
{
	auto_buf accept = BUF_INIT;
	auto_buf key = BUF_INIT;
	struct stream *stream;
	struct link *link;
	int fd = -1;

	assert(out);
	if (!check_request(req, err))
		return false;
	buf_add_str(&key, http_header(&req->head, "Sec-WebSocket-Key"));
	print_accept(buf_str(&key), &accept);
	http_reply_header(req, "Sec-WebSocket-Accept", buf_text(&accept));
	stream = http_upgrade(req, "websocket");
	link = link_new(wire_get(stream->loop), events, owner);
	/* The request has been answered: what fails from here on is told as the end of the link. */
	if (adopt(link, buf_str(&key), &fd, &link->why)) {
		link_bridge(stream, fd, true);
	} else {
		stream_close(stream);
		die(link);
	}
	*out = link;
	return true;
}

/* --- the client end --- */

/*
 * libwebsockets' client insists on connecting by itself: it is given the name of a local socket
 * that only it can know in time, and whoever else connects there is another process and is turned
 * away.
 */
static bool listen_locally(char name[40], int *out_fd, struct error *err)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	unsigned char noise[16];
	auto_buf hex = BUF_INIT;
	auto_fd fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return error_os(err, "make a local socket");
	random_bytes(noise, sizeof(noise));
	buf_add_hex(&hex, str_from(noise, sizeof(noise)));
	memcpy(at.sun_path + 1, hex.at, hex.len); /* after a NUL: a name without a file */
	if (bind(fd, (const struct sockaddr *)&at,
		 (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + hex.len)) != 0 ||
	    listen(fd, 8) != 0)
		return error_os(err, "listen on a local socket");
	snprintf(name, 40, "+@%s", hex.at);
	*out_fd = take_fd(&fd);
	return true;
}

static bool accept_own(int listener, int *out_fd, struct error *err)
{
	struct ucred who;
	socklen_t len = sizeof(who);

	for (;;) {
		auto_fd fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd < 0)
			return error_os(err, "accept a local connection");
		if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &len) == 0 &&
		    who.pid == getpid()) {
			*out_fd = take_fd(&fd);
			return true;
		}
	}
}

static bool start_websocket(struct link *link, struct error *err)
{
	char name[40];
	auto_fd listener = -1;
	struct lws *made = NULL;
	struct lws_client_connect_info info = {
		.context = link->wire->context,
		.vhost = link->wire->vhost,
		.address = name,
		.port = 80, /* not used for a local socket, but it must not be 0 */
		.path = link->path,
		.host = link->server_name,
		.local_protocol_name = protocols[0].name,
		.opaque_user_data = link,
		.pwsi = &made,
	};
	int fd = -1;

	if (!link->wire->vhost)
		return error_set(err, ERROR_BROKEN, "libwebsockets cannot be started");
	if (!listen_locally(name, &listener, err))
		return false;
	link->wire->depth++;
	lws_client_connect_via_info(&info);
	link->wire->depth--;
	link->wsi = made;
	if (!link->wsi)
		return error_set(err, ERROR_BROKEN, "libwebsockets cannot connect");
	if (!accept_own(listener, &fd, err))
		return false;
	link_bridge(take_ptr(&link->tls), fd, false);
	return true;
}

static void on_tls_readable(void *owner)
{
	struct link *link = owner;

	if (!tls_is_ready(link->tls))
		return;
	if (!start_websocket(link, &link->why))
		die(link);
}

static void on_tls_closed(void *owner, const struct error *why)
{
	struct link *link = owner;

	if (why)
		link->why = *why;
	die(link);
}

static const struct stream_events tls_events = {
	.on_readable = on_tls_readable,
	.on_closed = on_tls_closed,
};

static void on_dialled(void *of, struct stream *stream, const struct error *err)
{
	struct link *link = of;

	link->dial = NULL;
	if (err) {
		link->why = *err;
		die(link);
		return;
	}
	link->tls = tls_connect(stream, link->config, link->server_name);
	stream_own(link->tls, &tls_events, link);
}

bool link_dial(struct loop *loop, const struct link_plan *plan, const struct link_events *events,
	       void *owner, struct link **out, struct error *err)
{
	struct tls_config *config;
	struct link *link;

	assert(out);
	assert(plan->host);
	assert(plan->path);
	assert(plan->server_name);
	assert(events->on_open);
	if (plan->ca_pem.len == 0)
		return error_set(err, ERROR_INVALID, "a link needs the CA of its server");
	if (!tls_client_config(plan->ca_pem, plan->chain_pem, plan->key_pem, false, &config, err))
		return false;
	link = link_new(wire_get(loop), events, owner);
	link->config = config;
	link->path = memory_string(plan->path);
	link->server_name = memory_string(plan->server_name);
	if (plan->authorization)
		link->authorization = memory_string(plan->authorization);
	link->dial = socket_dial(loop, str_of(plan->host), plan->port, OPEN_MS, on_dialled, link);
	*out = link;
	return true;
}
