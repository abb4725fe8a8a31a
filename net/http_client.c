/*
 * http_client.c - calls out over kept or new connections.
 *
 *   DIALLING ─(a stream is there)-> SENT ─(head)-> BODY ─(end)-> told and freed
 *
 * A dial cannot be taken back, so it knows its call only by way of a struct waiter: a call that
 * ends first lets go of it, and a stream that comes later finds nobody and is closed.
 *
 * A kept connection may have been closed by the server while it lay idle: a call on it that gets no
 * byte back is started once more on a new one.
 */
#include "net/http_client.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>

#include "base/limits.h"
#include "base/list.h"
#include "net/socket.h"
#include "net/stream_prefix.h"
#include "net/tls.h"

#define IDLE_MAX   8
#define IDLE_MS    30000
#define DIAL_MS    15000
#define READ_PIECE 16384
/* Heads before the one that counts (100 Continue); who sends more of them never answers. */
#define INTERIM_MAX 8

struct line {             /* one connection */
	struct list link; /* in client->idle while nobody uses it */
	struct http_client *client;
	struct stream *stream;
	struct http_call *call;
	struct loop_timer timer;
};

struct http_client {
	struct loop *loop;
	http_dial_fn *dial;
	void *of;
	char *host;
	struct list idle, calls;
	size_t idle_count;
	struct url_dialler *url; /* of http_client_to */
	bool closing;
};

enum stage { STAGE_DIALLING, STAGE_SENT, STAGE_BODY };

/* What a dial calls back with; its own until then. */
struct waiter {
	struct http_call *call; /* NULL: it has ended */
};

struct http_call {
	struct list link;
	struct http_client *client;
	struct line *line;
	struct waiter *waiter; /* of the dial on its way */
	struct error *no_line; /* why it cannot be sent; told by the task */
	struct loop_task task;
	struct http_ask ask;
	struct buf out; /* head and body, kept for a second try */
	struct buf in;
	struct buf body; /* of whole replies */
	struct arena *arena;
	struct http_head head;
	struct http_chunks chunks;
	uint64_t left;
	enum stage stage;
	unsigned interim; /* heads of 1xx */
	bool kept_line;   /* started on a kept connection: may be tried again */
	bool any_byte;
	bool until_close;
	bool no_body;
	bool cancelled;
	bool busy; /* inside a callback: freeing waits */
	struct loop_timer timer;
};

/* --- lines --- */

static void line_free(struct line *line)
{
	loop_timer_stop(&line->timer);
	if (!list_is_empty(&line->link))
		line->client->idle_count--;
	list_remove(&line->link);
	stream_close(line->stream);
	free(line);
}

static void on_idle_timer(struct loop_timer *timer)
{
	line_free(CONTAINER_OF(timer, struct line, timer));
}

static void on_readable(void *owner);
static void on_closed(void *owner, const struct error *why);
static const struct stream_events line_events = { .on_readable = on_readable,
						  .on_closed = on_closed };

static struct line *line_new(struct http_client *client, struct stream *stream)
{
	struct line *line = memory_new(struct line);

	line->client = client;
	line->stream = stream;
	line->timer.on_timer = on_idle_timer;
	list_init(&line->link);
	return line;
}

static void line_keep(struct line *line)
{
	struct http_client *client = line->client;

	line->call = NULL;
	if (client->closing || client->idle_count >= IDLE_MAX) {
		line_free(line);
		return;
	}
	list_add_front(&client->idle, &line->link);
	client->idle_count++;
	loop_timer_set(client->loop, &line->timer, IDLE_MS);
}

/* --- the life of a call --- */

/* Neither the clock nor a dial knows the call any more. */
static void wait_no_more(struct http_call *call)
{
	loop_timer_stop(&call->timer);
	loop_task_cancel(&call->task);
	if (call->waiter)
		call->waiter->call = NULL;
	call->waiter = NULL;
}

static void call_free(struct http_call *call)
{
	wait_no_more(call);
	if (call->busy) {
		call->cancelled = true;
		return;
	}
	list_remove(&call->link);
	free(call->no_line);
	arena_free(call->arena);
	buf_clear(&call->out);
	buf_clear(&call->in);
	buf_clear(&call->body);
	free(call);
}

static void drop_line(struct http_call *call, bool reusable)
{
	struct line *line = call->line;

	call->line = NULL;
	if (!line)
		return;
	line->call = NULL;
	if (reusable)
		line_keep(line);
	else
		line_free(line);
}

static void tell_end(struct http_call *call, const struct error *err)
{
	const struct http_ask *ask = &call->ask;

	if (call->cancelled)
		return;
	call->busy = true;
	if (ask->on_reply)
		ask->on_reply(ask->of, err ? NULL : &call->head, buf_str(&call->body), err);
	else if (ask->on_end)
		ask->on_end(ask->of, err);
	call->busy = false;
}

static void call_end(struct http_call *call, const struct error *err)
{
	bool reusable = !err && call->head.keep_alive && call->in.len == 0 && !call->until_close;

	wait_no_more(call);
	drop_line(call, reusable);
	tell_end(call, err);
	call_free(call);
}

static void fail(struct http_call *call, const struct error *why)
{
	struct error err = *why;

	error_context(&err, "%s %s", call->ask.method, call->client->host);
	call_end(call, &err);
}

static void on_timer(struct loop_timer *timer)
{
	struct http_call *call = CONTAINER_OF(timer, struct http_call, timer);
	struct error err;

	error_set(&err, ERROR_TIMEOUT, "no answer within %d ms", call->ask.timeout_ms);
	fail(call, &err);
}

void http_call_cancel(struct http_call *call)
{
	call->cancelled = true;
	drop_line(call, false);
	call_free(call);
}

void http_call_pause(struct http_call *call, bool paused)
{
	if (call->line)
		stream_pause(call->line->stream, paused);
}

/* --- sending --- */

static void print_call(struct http_call *call)
{
	const struct http_ask *ask = &call->ask;
	struct buf *out = &call->out;

	buf_add_print(out, "%s %s HTTP/1.1\r\nHost: %s\r\n", ask->method, ask->target,
		      call->client->host);
	for (size_t i = 0; i < ask->header_count; i++)
		buf_add_print(out, STR_FMT ": " STR_FMT "\r\n", STR_ARG(ask->headers[i].name),
			      STR_ARG(ask->headers[i].value));
	if (ask->body.len > 0 || strcmp(ask->method, "POST") == 0 ||
	    strcmp(ask->method, "PUT") == 0)
		buf_add_print(out, "Content-Length: %zu\r\n", ask->body.len);
	buf_add_text(out, "\r\n");
	buf_add_str(out, ask->body);
	call->ask.body = STR_NONE;
	call->ask.headers = NULL;
}

/* Texts of others become part of the head: none of them may end its line. */
static bool is_line_part(struct str text, unsigned char first)
{
	for (size_t i = 0; i < text.len; i++)
		if ((unsigned char)text.at[i] < first && text.at[i] != '\t')
			return false;
	return true;
}

static bool check_head(const struct http_ask *ask, struct error *err)
{
	bool good = is_line_part(str_of(ask->method), '!') &&
		    is_line_part(str_of(ask->target), '!') &&
		    str_find(str_of(ask->target), '\t') < 0;

	for (size_t i = 0; i < ask->header_count; i++)
		good = good && is_line_part(ask->headers[i].name, '!') &&
		       is_line_part(ask->headers[i].value, ' ');
	return good || error_set(err, ERROR_BAD_REQUEST,
				 "the request holds characters that no request may hold");
}

static void send_on(struct http_call *call, struct line *line, bool kept)
{
	call->line = line;
	call->kept_line = kept;
	call->stage = STAGE_SENT;
	line->call = call;
	stream_own(line->stream, &line_events, line);
	stream_write(line->stream, buf_str(&call->out));
}

static void on_task(struct loop_task *task)
{
	struct http_call *call = CONTAINER_OF(task, struct http_call, task);

	fail(call, call->no_line);
}

static void fail_later(struct http_call *call, const struct error *why)
{
	call->no_line = memory_copy(why, sizeof(*why));
	loop_defer(call->client->loop, &call->task);
}

/* May come inside http_call, whose caller does not have the call yet: a failure is told later. */
static void on_dialled(void *of, struct stream *stream, const struct error *err)
{
	struct waiter *waiter = of;
	struct http_call *call = waiter->call;

	free(waiter);
	if (!call) {
		stream_close(stream);
		return;
	}
	call->waiter = NULL;
	if (stream) {
		send_on(call, line_new(call->client, stream), false);
		return;
	}
	fail_later(call, err);
}

static void dial_for(struct http_call *call)
{
	struct http_client *client = call->client;
	struct waiter *waiter = memory_new(struct waiter);

	waiter->call = call;
	call->waiter = waiter;
	call->stage = STAGE_DIALLING;
	client->dial(client->of, on_dialled, waiter);
}

static void line_take(struct http_call *call)
{
	struct http_client *client = call->client;
	struct line *line;

	if (list_is_empty(&client->idle)) {
		dial_for(call);
		return;
	}
	line = LIST_OWNER(client->idle.next, struct line, link);
	list_remove(&line->link);
	client->idle_count--;
	loop_timer_stop(&line->timer);
	send_on(call, line, true);
}

struct http_call *http_call(struct http_client *client, const struct http_ask *ask)
{
	struct http_call *call = memory_new(struct http_call);
	struct error err;

	assert(ask->on_reply || ask->on_end);
	call->client = client;
	call->ask = *ask;
	call->arena = arena_new();
	call->ask.method = arena_string(call->arena, ask->method, strlen(ask->method));
	call->no_body = strcmp(ask->method, "HEAD") == 0;
	call->timer.on_timer = on_timer;
	call->task.on_task = on_task;
	list_add(&client->calls, &call->link);
	if (client->closing)
		return call; /* http_client_free, further up, ends it with the others */
	if (!check_head(ask, &err)) {
		fail_later(call, &err);
		return call;
	}
	print_call(call);
	if (ask->timeout_ms > 0)
		loop_timer_set(client->loop, &call->timer, ask->timeout_ms);
	line_take(call);
	return call;
}

/* --- receiving --- */

/* Calls a callback; false when the call was ended inside it. */
#define CALL_BACK(call, expression)                                                                \
	({                                                                                         \
		(call)->busy = true;                                                               \
		(expression);                                                                      \
		(call)->busy = false;                                                              \
		!(call)->cancelled;                                                                \
	})

static void upgrade(struct http_call *call)
{
	struct line *line = call->line;
	struct stream *stream = line->stream;

	line->stream = NULL;
	call->line = NULL;
	line_free(line);
	loop_timer_stop(&call->timer);
	if (call->in.len > 0)
		stream = stream_prefix(stream, buf_str(&call->in));
	CALL_BACK(call, call->ask.on_upgrade(call->ask.of, &call->head, stream));
	call_free(call);
}

static bool begin_body(struct http_call *call)
{
	const struct http_ask *ask = &call->ask;
	bool wanted = true;

	call->stage = STAGE_BODY;
	call->left = call->head.length;
	if (call->no_body || call->head.status == 204 || call->head.status == 304) {
		call->head.chunked = false;
		call->left = 0;
	} else if (!call->head.chunked && !call->head.has_length) {
		call->until_close = true;
	}
	if (ask->on_reply)
		return true;
	loop_timer_stop(&call->timer);
	if (!ask->on_head)
		return true;
	if (!CALL_BACK(call, wanted = ask->on_head(ask->of, &call->head))) {
		call_free(call);
		return false;
	}
	if (wanted)
		return true;
	drop_line(call, false);
	call->cancelled = true;
	call_free(call);
	return false;
}

/* True when the head is through and the call still lives. */
static bool take_head(struct http_call *call)
{
	size_t used;
	struct str head = http_reply_head(buf_str(&call->in), call->arena, &used);
	struct error err;

	if (!head.at && call->in.len <= LIMIT_HTTP_HEAD)
		return false;
	if (!head.at) {
		error_set(&err, ERROR_BROKEN, "the head of the reply is too large");
		fail(call, &err);
		return false;
	}
	buf_drop_front(&call->in, used);
	if (!http_parse_reply(head, call->arena, &call->head, &err)) {
		err.kind = ERROR_BROKEN;
		fail(call, &err);
		return false;
	}
	if (call->head.status == 101 && call->ask.on_upgrade) {
		upgrade(call);
		return false;
	}
	if (call->head.status < 200) { /* 100 Continue and its like */
		call->head = (struct http_head){ 0 };
		if (++call->interim <= INTERIM_MAX)
			return take_head(call);
		error_set(&err, ERROR_BROKEN, "more than %d replies that are none", INTERIM_MAX);
		fail(call, &err);
		return false;
	}
	return begin_body(call);
}

/* A piece of the body for the caller; false when the call is over. */
static bool give(struct http_call *call, struct str piece)
{
	const struct http_ask *ask = &call->ask;
	struct error err;

	if (piece.len == 0)
		return true;
	if (ask->on_reply) {
		if (ask->body_max > 0 && call->body.len + piece.len > ask->body_max) {
			error_set(&err, ERROR_TOO_LARGE, "the reply is larger than %zu bytes",
				  ask->body_max);
			fail(call, &err);
			return false;
		}
		buf_add_str(&call->body, piece);
		return true;
	}
	if (!ask->on_body || CALL_BACK(call, ask->on_body(ask->of, piece)))
		return true;
	call_free(call);
	return false;
}

static void take_chunks(struct http_call *call)
{
	auto_buf piece = BUF_INIT;
	struct error err;
	size_t used;
	bool done;

	if (!http_chunks_feed(&call->chunks, buf_str(&call->in), &piece, &used, &done, &err)) {
		err.kind = ERROR_BROKEN;
		fail(call, &err);
		return;
	}
	buf_drop_front(&call->in, used);
	if (give(call, buf_str(&piece)) && done)
		call_end(call, NULL);
}

static void take_body(struct http_call *call)
{
	auto_buf piece = BUF_INIT;
	size_t take = call->in.len;

	if (call->head.chunked) {
		take_chunks(call);
		return;
	}
	if (!call->until_close && take > call->left)
		take = (size_t)call->left;
	buf_add(&piece, call->in.at, take);
	buf_drop_front(&call->in, take);
	call->left -= call->until_close ? 0 : take;
	if (give(call, buf_str(&piece)) && !call->until_close && call->left == 0)
		call_end(call, NULL);
}

static void take_input(struct http_call *call)
{
	if (call->stage == STAGE_SENT && !take_head(call))
		return;
	take_body(call);
}

/* The connection gave nothing back: it had been closed while idle. */
static bool try_again(struct http_call *call)
{
	if (!call->kept_line || call->any_byte)
		return false;
	drop_line(call, false);
	call->kept_line = false;
	dial_for(call);
	return true;
}

static void line_over(struct line *line, const struct error *why)
{
	struct http_call *call = line->call;
	struct error err;

	if (!call) {
		line_free(line);
		return;
	}
	if (call->stage == STAGE_BODY && call->until_close && !why) {
		call_end(call, NULL);
		return;
	}
	if (try_again(call))
		return;
	if (why)
		err = *why;
	else
		error_set(&err, ERROR_UNAVAILABLE,
			  "the connection was closed before the reply was complete");
	fail(call, &err);
}

static void on_readable(void *owner)
{
	struct line *line = owner;
	struct http_call *call = line->call;
	ptrdiff_t got;

	if (!call) { /* bytes or the end on an idle line: of no use any more */
		line_free(line);
		return;
	}
	buf_reserve(&call->in, READ_PIECE);
	got = stream_read(line->stream, call->in.at + call->in.len,
			  call->in.room - call->in.len - 1);
	if (got == 0)
		return;
	if (got < 0) {
		line_over(line, NULL);
		return;
	}
	call->in.len += (size_t)got;
	call->in.at[call->in.len] = '\0';
	call->any_byte = true;
	take_input(call);
}

static void on_closed(void *owner, const struct error *why)
{
	line_over(owner, why);
}

/* --- clients --- */

struct http_client *http_client_new(struct loop *loop, http_dial_fn *dial, void *of,
				    const char *host_header)
{
	struct http_client *client = memory_new(struct http_client);

	client->loop = loop;
	client->dial = dial;
	client->of = of;
	client->host = memory_string(host_header);
	list_init(&client->idle);
	list_init(&client->calls);
	return client;
}

/* --- a dialler for a URL --- */

struct url_dialler {
	struct loop *loop;
	char *host;
	unsigned port;
	struct tls_config *tls;
	struct list dials;
};

struct url_dial {
	struct list link;
	struct url_dialler *url;
	struct socket_dial *dial;
	void (*on_done)(void *call, struct stream *stream, const struct error *err);
	void *call;
};

static void on_connected(void *of, struct stream *stream, const struct error *err)
{
	struct url_dial *dial = of;
	struct url_dial done = *dial;

	list_remove(&dial->link);
	free(dial);
	if (stream && done.url->tls)
		stream = tls_connect(stream, done.url->tls, done.url->host);
	done.on_done(done.call, stream, err);
}

static void dial_url(void *of,
		     void (*on_done)(void *call, struct stream *stream, const struct error *err),
		     void *call)
{
	struct url_dialler *url = of;
	struct url_dial *dial = memory_new(struct url_dial);

	dial->url = url;
	dial->on_done = on_done;
	dial->call = call;
	list_add(&url->dials, &dial->link);
	dial->dial =
		socket_dial(url->loop, str_of(url->host), url->port, DIAL_MS, on_connected, dial);
}

static void url_free(struct url_dialler *url)
{
	struct error err;

	if (!url)
		return;
	error_set(&err, ERROR_UNAVAILABLE, "the client is closing");
	while (!list_is_empty(&url->dials)) {
		struct url_dial *dial = LIST_OWNER(url->dials.next, struct url_dial, link);

		socket_dial_cancel(dial->dial);
		list_remove(&dial->link);
		dial->on_done(dial->call, NULL, &err);
		free(dial);
	}
	tls_config_unref(url->tls);
	free(url->host);
	free(url);
}

struct http_client *http_client_to(struct loop *loop, struct str url, struct tls_config *config,
				   struct error *err)
{
	bool secure = str_starts(url, STR("https://"));
	struct str rest = url, host;
	struct url_dialler *dialler;
	struct http_client *client;
	auto_free char *header = NULL;
	unsigned port;

	if (!secure && !str_starts(url, STR("http://"))) {
		error_set(err, ERROR_INVALID, "\"" STR_FMT "\" is no http:// or https:// URL",
			  STR_ARG(url));
		return NULL;
	}
	rest = str_from(url.at + (secure ? 8 : 7), url.len - (secure ? 8 : 7));
	rest = str_cut(&rest, '/');
	if (!socket_split(rest, secure ? 443 : 80, &host, &port)) {
		error_set(err, ERROR_INVALID, "\"" STR_FMT "\" names no host", STR_ARG(url));
		return NULL;
	}
	dialler = memory_new(struct url_dialler);
	dialler->loop = loop;
	dialler->host = str_copy(host);
	dialler->port = port;
	dialler->tls = secure && config ? tls_config_ref(config) : NULL;
	list_init(&dialler->dials);
	header = str_copy(rest);
	client = http_client_new(loop, dial_url, dialler, header);
	client->url = dialler;
	return client;
}

void http_client_free(struct http_client *client)
{
	struct error err;

	if (!client)
		return;
	client->closing = true;
	error_set(&err, ERROR_UNAVAILABLE, "the client is closing");
	while (!list_is_empty(&client->calls)) /* a callback may cancel others */
		call_end(LIST_OWNER(client->calls.next, struct http_call, link), &err);
	url_free(client->url);
	while (!list_is_empty(&client->idle))
		line_free(LIST_OWNER(client->idle.next, struct line, link));
	free(client->host);
	free(client);
}
