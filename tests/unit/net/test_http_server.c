/*
 * test_http_server.c - server and client of HTTP over a pipe in memory, and WebSocket frames.
 */
#include "net/http_server.h"

#include "net/http_client.h"
#include "net/websocket.h"
#include "tests/unit/harness.h"

static struct loop *loop;
static struct http_service service;
static struct http_request *waiting;
static int gone_count;

static void on_gone(struct http_request *req)
{
	gone_count++;
	http_request_free(req);
}

/* Echoes the body; /stream answers in pieces; /wait answers never. */
static void on_request(struct http_service *own, struct http_request *req)
{
	(void)own;
	if (str_is(req->path, "/wait")) {
		req->on_gone = on_gone;
		waiting = req;
		return;
	}
	if (str_is(req->path, "/stream")) {
		http_reply_start(req, 200, "text/plain");
		for (int i = 0; i < 3; i++)
			http_reply_write(req, STR("piece "));
		http_reply_end(req);
		return;
	}
	http_reply_header(req, "X-Evil", "a\r\nInjected: b");
	http_reply(req, 201, "text/plain", req->body);
}

static void dial(void *of,
		 void (*on_done)(void *call, struct stream *stream, const struct error *err),
		 void *call)
{
	struct stream *ours, *theirs;

	(void)of;
	stream_pair(loop, &ours, &theirs);
	http_serve(&service, theirs, STR("test"), NULL);
	on_done(call, ours, NULL);
}

static struct http_client *open_client(void)
{
	struct error err;

	CHECK_OK(loop_open(&loop, &err), &err);
	service = (struct http_service){
		.on_request = on_request, .body_max = 1000, .idle_ms = 5000, .body_ms = 5000
	};
	return http_client_new(loop, dial, NULL, "test");
}

struct answer {
	int status, count;
	struct buf body;
	struct error err;
};

static void on_reply(void *of, const struct http_head *head, struct str body,
		     const struct error *err)
{
	struct answer *answer = of;

	answer->count++;
	answer->status = head ? head->status : 0;
	if (head)
		CHECK(http_header(head, "Injected").at == NULL);
	if (err)
		answer->err = *err;
	buf_add_str(&answer->body, body);
}

static struct answer ask(struct http_client *client, const char *method, const char *target,
			 struct str body, int timeout_ms)
{
	struct answer answer = { 0 };
	struct http_ask what = { .method = method,
				 .target = target,
				 .body = body,
				 .timeout_ms = timeout_ms,
				 .on_reply = on_reply,
				 .of = &answer };

	http_call(client, &what);
	while (answer.count == 0)
		loop_once(loop, -1);
	return answer;
}

/* Goal: bodies go there and back over one kept connection; streamed answers arrive whole. */
static void echoes(void)
{
	struct http_client *client = open_client();
	struct answer answer;

	for (int i = 0; i < 3; i++) {
		answer = ask(client, "POST", "/echo?x", STR("hello"), 0);
		CHECK_INT(answer.status, 201);
		CHECK_STR(buf_text(&answer.body), "hello");
		buf_clear(&answer.body);
	}
	answer = ask(client, "GET", "/stream", STR(""), 0);
	CHECK_STR(buf_text(&answer.body), "piece piece piece ");
	buf_clear(&answer.body);
	http_client_free(client);
	for (int i = 0; i < 20; i++)
		loop_once(loop, 0);
	http_service_close(&service);
	loop_close(loop);
}

/* Goal: a body over the limit is refused with 413; an answer that does not come ends the call in
 * time, and the handler hears that its client has left. */
static void limits(void)
{
	struct http_client *client = open_client();
	auto_buf big = BUF_INIT;
	struct answer answer;

	for (int i = 0; i < 1001; i++)
		buf_add_byte(&big, 'x');
	answer = ask(client, "POST", "/echo", buf_str(&big), 0);
	CHECK_INT(answer.status, 413);
	buf_clear(&answer.body);
	answer = ask(client, "GET", "/wait", STR(""), 50);
	CHECK_INT(answer.err.kind, ERROR_TIMEOUT);
	buf_clear(&answer.body);
	while (gone_count == 0)
		loop_once(loop, -1);
	http_client_free(client);
	for (int i = 0; i < 20; i++)
		loop_once(loop, 0);
	http_service_close(&service);
	while (!waiting)
		loop_once(loop, 0);
	for (int i = 0; i < 300; i++) /* a closing connection lingers for a moment */
		loop_once(loop, 10);
	loop_close(loop);
}

static int closed_count;

static void on_conn_closed(struct http_service *own, void *identity)
{
	own->idle_ms++; /* the service is there */
	CHECK(identity == &closed_count);
	closed_count++;
}

/* Goal: a service may be freed when it has closed: an idle connection goes at once, the busy one
 * gives its answer later and touches the service no more. */
static void closes_while_at_work(void)
{
	struct http_service *brief = memory_new(struct http_service);
	struct stream *ours, *theirs, *idle_ours, *idle_theirs;
	auto_free char *got = memory_zero(1000);
	struct error err;
	ptrdiff_t len;

	CHECK_OK(loop_open(&loop, &err), &err);
	*brief = (struct http_service){ .on_request = on_request,
					.on_conn_closed = on_conn_closed,
					.idle_ms = 5000,
					.body_ms = 5000 };
	stream_pair(loop, &ours, &theirs);
	http_serve(brief, theirs, STR("busy"), &closed_count);
	stream_pair(loop, &idle_ours, &idle_theirs);
	http_serve(brief, idle_theirs, STR("idle"), &closed_count);
	stream_write(ours, STR("GET /wait HTTP/1.1\r\nHost: a\r\n\r\n"));
	while (!waiting)
		loop_once(loop, 0);
	http_service_close(brief);
	CHECK_INT(closed_count, 2);
	free(brief);
	CHECK(stream_read(idle_ours, got, 1) < 0);
	http_reply(waiting, 200, "text/plain", STR("late"));
	for (int i = 0; i < 20; i++)
		loop_once(loop, 0);
	len = stream_read(ours, got, 999);
	CHECK(len > 0 && str_search(str_of(got), STR("Connection: close\r\n")) > 0);
	CHECK(str_search(str_of(got), STR("\r\n\r\nlate")) > 0);
	CHECK_INT(closed_count, 2);
	CHECK_INT(gone_count, 0);
	stream_close(ours);
	stream_close(idle_ours);
	for (int i = 0; i < 20; i++)
		loop_once(loop, 0);
	loop_close(loop);
}

/* Goal: frames are parsed whole, and what the RFC forbids is bad. */
static void parses_frames(void)
{
	static const struct {
		struct str bytes;
		enum websocket_parse parse;
	} rows[] = {
		{ STR("\x81"), WEBSOCKET_MORE },
		{ STR("\x81\x85\x01\x02\x03"), WEBSOCKET_MORE },
		{ STR("\x81\x85\x01\x02\x03\x04"), WEBSOCKET_FRAME },
		{ STR("\xc1\x80\x00\x00\x00\x00"), WEBSOCKET_BAD },         /* reserved bit */
		{ STR("\x83\x80\x00\x00\x00\x00"), WEBSOCKET_BAD },         /* unknown opcode */
		{ STR("\x09\x80\x00\x00\x00\x00"), WEBSOCKET_BAD },         /* ping in pieces */
		{ STR("\x89\xfe\x00\x80\x00\x00\x00\x00"), WEBSOCKET_BAD }, /* long ping */
		{ STR("\x82\xfe\x00\x01\x00\x00\x00\x00"), WEBSOCKET_BAD }, /* overlong length */
		{ STR("\x82\xff\x80\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"), WEBSOCKET_BAD },
	};

	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		struct websocket_frame frame;

		CHECK_INT(websocket_frame_parse(rows[i].bytes, &frame), rows[i].parse);
	}
}

static const struct test tests[] = {
	{ "echoes", echoes },
	{ "limits", limits },
	{ "closes while at work", closes_while_at_work },
	{ "parses frames", parses_frames },
};
TEST_MAIN(tests)
