/*
 * http_server.c - one connection: reads heads and bodies, gives requests to the service, writes
 * answers.
 *
 *   HEAD ─(head is in)-> BODY ─(body is in)-> ANSWER ─(answer is out)-> HEAD ...
 *     └── malformed, too large, too slow ─-> a plain answer and the end
 *
 * While an answer is awaited a little input is still read, so that the client's leaving is noticed
 * at once.  A request whose client has left lives on by itself until its handler ends it.
 */
#include "net/http_server.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/list.h"
#include "net/stream_prefix.h"

#define READ_PIECE 16384
#define AHEAD_MAX  (64u * 1024) /* input kept while an answer is awaited */
#define JOIN_MAX   16384        /* bodies up to it go out in one write with their head */
#define LINGER_MS  2000

enum phase { PHASE_HEAD, PHASE_BODY, PHASE_ANSWER };

#define HEAD_MS 30000 /* a head that has begun is whole by then */

struct active {
	struct http_request req; /* first: an http_request is its active */
	struct buf body;
	struct buf headers; /* of the answer */
	struct http_chunks chunks;
	bool started; /* a streamed answer has begun */
	bool no_body; /* HEAD */
};

struct http_conn {
	struct http_service *service; /* NULL: it has closed; this is the last answer */
	struct stream *stream;
	struct buf in;
	size_t seen; /* bytes of `in` that hold no end of a head */
	struct active *active;
	enum phase phase;
	struct loop_timer timer;
	struct loop_task task;
	struct list link;
	void *identity;
	char *peer;
	bool working; /* inside on_input: freeing waits */
	bool dead;
	bool ended;      /* the client sends nothing more */
	bool last;       /* no request after this one */
	bool head_begun; /* and HEAD_MS run */
};

/* Connections by service: closing a service walks them. */
static struct list all_conns = LIST_INIT(all_conns);

static void on_readable(void *owner);
static void on_writable(void *owner);
static void on_closed(void *owner, const struct error *why);
static const struct stream_events conn_events = {
	.on_readable = on_readable,
	.on_writable = on_writable,
	.on_closed = on_closed,
};

/* --- requests --- */

static struct active *active_of(struct http_request *req)
{
	return (struct active *)(void *)req;
}

static void active_free(struct active *active)
{
	buf_clear(&active->body);
	buf_clear(&active->headers);
	arena_free(active->req.arena);
	free(active);
}

/* --- the end of a connection --- */

/* The service hears of the end of a connection once, and is not known to it any more. */
static void leave_service(struct http_conn *conn)
{
	struct http_service *service = conn->service;

	conn->service = NULL;
	if (service && service->on_conn_closed)
		service->on_conn_closed(service, conn->identity);
	conn->identity = NULL;
}

static void conn_free(struct http_conn *conn)
{
	if (conn->working) {
		conn->dead = true;
		return;
	}
	loop_timer_stop(&conn->timer);
	loop_task_cancel(&conn->task);
	list_remove(&conn->link);
	buf_clear(&conn->in);
	leave_service(conn);
	free(conn->peer);
	free(conn);
}

/* The request goes on without us; its handler is told. */
static void detach(struct http_conn *conn)
{
	struct active *active = conn->active;

	if (!active)
		return;
	conn->active = NULL;
	active->req.conn = NULL;
	if (conn->phase != PHASE_ANSWER)
		active_free(active); /* nobody knows it yet */
	else if (active->req.on_gone)
		active->req.on_gone(&active->req);
}

static void conn_cut(struct http_conn *conn)
{
	struct stream *stream = conn->stream;

	conn->stream = NULL;
	stream_close(stream);
	detach(conn);
	conn_free(conn);
}

static void conn_finish(struct http_conn *conn)
{
	struct stream *stream = conn->stream;

	conn->stream = NULL;
	stream_close_after_flush(stream, LINGER_MS);
	conn_free(conn);
}

static void on_closed(void *owner, const struct error *why)
{
	(void)why;
	conn_cut(owner);
}

/* --- heads of answers --- */

static const char *date_now(void)
{
	static char text[HTTP_DATE];
	static int64_t at;
	int64_t now = clock_wall_s();

	if (now != at) {
		http_print_date(now, text);
		at = now;
	}
	return text;
}

static void print_head(struct active *active, int status, const char *content_type, struct buf *out)
{
	struct http_conn *conn = active->req.conn;

	buf_add_print(out, "HTTP/1.1 %d %s\r\nDate: %s\r\n", status, http_status_text(status),
		      date_now());
	if (content_type)
		buf_add_print(out, "Content-Type: %s\r\n", content_type);
	buf_add_str(out, buf_str(&active->headers));
	if (conn->last)
		buf_add_text(out, "Connection: close\r\n");
}

void http_reply_header(struct http_request *req, const char *name, const char *value)
{
	struct active *active = active_of(req);

	buf_add_text(&active->headers, name);
	buf_add_text(&active->headers, ": ");
	for (const char *at = value; *at; at++) /* no value may end its line */
		buf_add_byte(&active->headers, *at == '\r' || *at == '\n' ? ' ' : *at);
	buf_add_text(&active->headers, "\r\n");
}

/* --- ends of answers --- */

static void next_request(struct http_conn *conn)
{
	conn->phase = PHASE_HEAD;
	conn->seen = 0;
	conn->head_begun = false;
	if (conn->last) {
		conn_finish(conn);
		return;
	}
	loop_timer_set(conn->stream->loop, &conn->timer, conn->service->idle_ms);
	if (conn->in.len == 0)
		buf_clear(&conn->in);
	if (!conn->working && (conn->in.len > 0 || conn->ended))
		loop_defer(conn->stream->loop, &conn->task);
}

/* Frees the request; gives its connection, or NULL when the client has left. */
static struct http_conn *end_request(struct active *active)
{
	struct http_conn *conn = active->req.conn;

	if (conn)
		conn->active = NULL;
	active_free(active);
	return conn;
}

void http_reply(struct http_request *req, int status, const char *content_type, struct str body)
{
	struct active *active = active_of(req);
	struct http_conn *conn = req->conn;
	auto_buf out = BUF_INIT;

	assert(!active->started);
	if (!conn) {
		active_free(active);
		return;
	}
	print_head(active, status, content_type, &out);
	if (status != 304 && status != 204)
		buf_add_print(&out, "Content-Length: %zu\r\n", body.len);
	buf_add_text(&out, "\r\n");
	if (active->no_body)
		body.len = 0;
	if (body.len <= JOIN_MAX) {
		buf_add_str(&out, body);
		body.len = 0;
	}
	stream_write(conn->stream, buf_str(&out));
	stream_write(conn->stream, body);
	next_request(end_request(active));
}

void http_reply_shared(struct http_request *req, int status, const char *content_type,
		       struct str body, void *keep, void (*drop)(void *keep))
{
	http_reply(req, status, content_type, body); /* the stream has taken or copied every byte */
	drop(keep);
}

void http_reply_start(struct http_request *req, int status, const char *content_type)
{
	struct active *active = active_of(req);
	auto_buf out = BUF_INIT;

	assert(!active->started);
	active->started = true;
	if (!req->conn)
		return;
	print_head(active, status, content_type, &out);
	buf_add_text(&out, "Transfer-Encoding: chunked\r\n\r\n");
	buf_clear(&active->headers); /* a watch would keep them for long */
	stream_write(req->conn->stream, buf_str(&out));
}

void http_reply_write(struct http_request *req, struct str bytes)
{
	struct active *active = active_of(req);
	auto_buf out = BUF_INIT;

	assert(active->started);
	if (!req->conn || bytes.len == 0 || active->no_body)
		return;
	buf_reserve(&out, bytes.len + 24);
	buf_add_print(&out, "%zx\r\n", bytes.len);
	buf_add_str(&out, bytes);
	buf_add_text(&out, "\r\n");
	stream_write(req->conn->stream, buf_str(&out));
}

size_t http_reply_pending(const struct http_request *req)
{
	return req->conn ? stream_pending(req->conn->stream) : 0;
}

void http_reply_end(struct http_request *req)
{
	struct active *active = active_of(req);
	struct http_conn *conn;

	assert(active->started);
	if (req->conn && !active->no_body)
		stream_write(req->conn->stream, STR("0\r\n\r\n"));
	conn = end_request(active);
	if (conn)
		next_request(conn);
}

void http_request_free(struct http_request *req)
{
	struct http_conn *conn = end_request(active_of(req));

	if (conn)
		conn_cut(conn);
}

void http_reply_abort(struct http_request *req)
{
	http_request_free(req);
}

struct stream *http_upgrade(struct http_request *req, const char *protocol)
{
	struct active *active = active_of(req);
	struct http_conn *conn = req->conn;
	struct stream *stream;
	auto_buf out = BUF_INIT;

	if (!conn) {
		active_free(active);
		return NULL;
	}
	stream = conn->stream;
	buf_add_print(&out,
		      "HTTP/1.1 101 Switching Protocols\r\nDate: %s\r\nUpgrade: %s\r\nConnection: "
		      "Upgrade\r\n",
		      date_now(), protocol);
	buf_add_str(&out, buf_str(&active->headers));
	buf_add_text(&out, "\r\n");
	stream_write(stream, buf_str(&out));
	if (conn->in.len > 0)
		stream = stream_prefix(stream, buf_str(&conn->in));
	conn->stream = NULL;
	end_request(active);
	conn_free(conn);
	return stream;
}

/* --- refusals before there is a request to hand over --- */

static void refuse(struct http_conn *conn, const struct error *err)
{
	int status = error_rows[err->kind].status;
	auto_buf out = BUF_INIT;

	if (conn->active)
		active_free(conn->active);
	conn->active = NULL;
	buf_add_print(&out,
		      "HTTP/1.1 %d %s\r\nDate: %s\r\nContent-Type: text/plain; charset=utf-8\r\n"
		      "Content-Length: %zu\r\nConnection: close\r\n\r\n%s\n",
		      status, http_status_text(status), date_now(), strlen(err->text) + 1,
		      err->text);
	stream_write(conn->stream, buf_str(&out));
	conn_finish(conn);
}

/* --- reading --- */

static ptrdiff_t end_of_head(struct http_conn *conn)
{
	struct str unseen = str_from(conn->in.at + conn->seen, conn->in.len - conn->seen);
	ptrdiff_t end = str_search(unseen, STR("\r\n\r\n"));

	if (end >= 0)
		return (ptrdiff_t)conn->seen + end + 4;
	conn->seen = conn->in.len > 3 ? conn->in.len - 3 : 0;
	if (conn->in.len > 0 && !conn->head_begun) {
		conn->head_begun = true;
		loop_timer_set(conn->stream->loop, &conn->timer, HEAD_MS);
	}
	return -1;
}

static bool begin_body(struct http_conn *conn, struct error *err)
{
	struct active *active = conn->active;
	struct http_head *head = &active->req.head;

	if (head->has_length && head->length > conn->service->body_max)
		return error_set(err, ERROR_TOO_LARGE,
				 "the body has %" PRIu64 " bytes; %zu are allowed", head->length,
				 conn->service->body_max);
	if (head->expects_continue && (head->chunked || head->length > 0) && conn->in.len == 0)
		stream_write(conn->stream, STR("HTTP/1.1 100 Continue\r\n\r\n"));
	conn->phase = PHASE_BODY;
	loop_timer_set(conn->stream->loop, &conn->timer, conn->service->body_ms);
	return true;
}

static bool take_head(struct http_conn *conn, size_t len, struct error *err)
{
	struct active *active = memory_new(struct active);
	struct http_request *req = &active->req;
	struct str head;

	conn->active = active;
	req->conn = conn;
	req->arena = arena_new();
	req->identity = conn->identity;
	req->peer = str_of(conn->peer);
	head = str_from(arena_string(req->arena, conn->in.at, len), len);
	buf_drop_front(&conn->in, len);
	if (!http_parse_request(head, req->arena, &req->head, err))
		return false;
	req->query = req->head.target;
	req->path = str_cut(&req->query, '?');
	active->no_body = str_is(req->head.method, "HEAD");
	conn->last = !req->head.keep_alive;
	return begin_body(conn, err);
}

static bool take_chunks(struct http_conn *conn, bool *out_done, struct error *err)
{
	struct active *active = conn->active;
	size_t used;

	if (!http_chunks_feed(&active->chunks, buf_str(&conn->in), &active->body, &used, out_done,
			      err))
		return false;
	buf_drop_front(&conn->in, used);
	if (active->body.len > conn->service->body_max)
		return error_set(err, ERROR_TOO_LARGE,
				 "the body has more than the %zu bytes that are allowed",
				 conn->service->body_max);
	return true;
}

static bool take_body(struct http_conn *conn, bool *out_done, struct error *err)
{
	struct active *active = conn->active;
	size_t left;

	if (active->req.head.chunked)
		return take_chunks(conn, out_done, err);
	left = (size_t)active->req.head.length - active->body.len;
	if (left > conn->in.len)
		left = conn->in.len;
	buf_add(&active->body, conn->in.at, left);
	buf_drop_front(&conn->in, left);
	*out_done = active->body.len == active->req.head.length;
	return true;
}

static void hand_over(struct http_conn *conn)
{
	struct active *active = conn->active;

	active->req.body = buf_str(&active->body);
	conn->phase = PHASE_ANSWER;
	loop_timer_stop(&conn->timer);
	conn->service->on_request(conn->service, &active->req);
}

/* One step with the input at hand: false when there is nothing more to do now. */
static bool step(struct http_conn *conn)
{
	struct error err;
	ptrdiff_t end;
	bool done = false;

	if (conn->dead || !conn->stream || conn->phase == PHASE_ANSWER)
		return false;
	if (conn->phase == PHASE_HEAD) {
		end = end_of_head(conn);
		if (end < 0 && conn->in.len <= LIMIT_HTTP_HEAD)
			return false;
		if (end < 0 || end > (ptrdiff_t)LIMIT_HTTP_HEAD)
			error_set(&err, ERROR_TOO_LARGE, "the request head is larger than %u bytes",
				  LIMIT_HTTP_HEAD);
		else if (take_head(conn, (size_t)end, &err))
			return true;
		refuse(conn, &err);
		return false;
	}
	if (!take_body(conn, &done, &err)) {
		refuse(conn, &err);
		return false;
	}
	if (done)
		hand_over(conn);
	return done;
}

static size_t input_limit(const struct http_conn *conn)
{
	return conn->phase == PHASE_ANSWER ? AHEAD_MAX : LIMIT_HTTP_HEAD + READ_PIECE;
}

/* Read what is there; false = the stream has no more bytes here. */
static bool read_some(struct http_conn *conn)
{
	ptrdiff_t got;

	if (conn->ended || conn->in.len >= input_limit(conn))
		return false;
	buf_reserve(&conn->in, conn->in.len == 0 ? 2048 : READ_PIECE);
	got = stream_read(conn->stream, conn->in.at + conn->in.len,
			  conn->in.room - conn->in.len - 1);
	if (got < 0)
		conn->ended = true;
	if (got <= 0) {
		if (conn->in.len == 0)
			buf_clear(&conn->in);
		return false;
	}
	conn->in.len += (size_t)got;
	conn->in.at[conn->in.len] = '\0';
	return true;
}

static void work(struct http_conn *conn)
{
	bool more = true;

	conn->working = true;
	while (more && !conn->dead && conn->stream) {
		more = read_some(conn);
		while (step(conn))
			more = true;
		if (conn->stream && conn->in.len >= input_limit(conn))
			break; /* the rest waits in the stream until the answer is out */
	}
	conn->working = false;
	if (conn->dead) {
		conn_free(conn);
		return;
	}
	if (conn->ended)
		conn_cut(conn); /* a client that has stopped sending is not there any more */
}

static void on_readable(void *owner)
{
	work(owner);
}

static void on_task(struct loop_task *task)
{
	work(CONTAINER_OF(task, struct http_conn, task));
}

static void on_writable(void *owner)
{
	struct http_conn *conn = owner;

	if (conn->active && conn->active->started && conn->active->req.on_writable)
		conn->active->req.on_writable(&conn->active->req);
}

static void on_timer(struct loop_timer *timer)
{
	struct http_conn *conn = CONTAINER_OF(timer, struct http_conn, timer);
	struct error err;

	if (conn->phase == PHASE_HEAD && conn->in.len == 0) {
		conn_cut(conn);
		return;
	}
	error_set(&err, ERROR_TIMEOUT, "the request did not arrive in time");
	refuse(conn, &err);
}

/* --- services --- */

void http_serve(struct http_service *service, struct stream *stream, struct str peer,
		void *identity)
{
	struct http_conn *conn = memory_new(struct http_conn);

	assert(service->on_request);
	conn->service = service;
	conn->stream = stream;
	conn->identity = identity;
	conn->peer = str_copy(peer);
	conn->timer.on_timer = on_timer;
	conn->task.on_task = on_task;
	list_add(&all_conns, &conn->link);
	loop_timer_set(stream->loop, &conn->timer, service->idle_ms);
	stream_own(stream, &conn_events, conn);
}

/* Busy ones may end long after the service: they leave it now. */
void http_service_close(struct http_service *service)
{
	LIST_EACH_SAFE(&all_conns, link)
	{
		struct http_conn *conn = LIST_OWNER(link, struct http_conn, link);

		if (conn->service != service)
			continue;
		leave_service(conn);
		if (conn->phase == PHASE_ANSWER)
			conn->last = true;
		else
			conn_cut(conn);
	}
}
