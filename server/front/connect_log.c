/*
 * connect_log.c - the node's answer, handed on piece by piece as fast as the client takes it.
 *
 * One piece (16 KiB) beyond PENDING_MAX waits here at most; the rest waits at the node.
 */
#include "server/front/connect_log.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>

#include "base/clock.h"
#include "net/http_client.h"
#include "net/websocket.h"
#include "server/front/reply.h"
#include "server/front/route.h"
#include "server/server.h"

#define OPEN_MS     15000
#define PENDING_MAX (512u * 1024)

struct log {
	struct request *req; /* NULL: the client is a WebSocket now */
	struct loop *loop;
	struct tunnel *tunnel;
	struct http_client *client;
	struct http_call *call;
	struct websocket *ws;
	bool wants_websocket, base64;
	bool started; /* the head of the answer is out */
	bool over;
	struct loop_task end;
};

/* --- the question --- */

static const struct kind log_options_kind = {
	.group = "", .version = "v1", .name = "PodLogOptions", .plural = "podlogoptions"
};

static bool read_number(const struct request *req, const char *name, int64_t *out, bool *given,
			struct error *err)
{
	struct str text = params_find(req, name);

	*given = text.len > 0;
	return text.len == 0 || str_to_i64(text, INT64_MIN, INT64_MAX, out) ||
	       error_set(err, ERROR_BAD_REQUEST,
			 "strconv.ParseInt: parsing \"" STR_FMT "\": invalid syntax",
			 STR_ARG(text));
}

static void check_at_least(struct field_errors *errors, const char *name, int64_t value,
			   int64_t least)
{
	char text[24];

	snprintf(text, sizeof(text), "%" PRId64, value);
	if (value < least)
		field_errors_add(errors, FIELD_INVALID, name, text,
				 least == 0 ? "must be greater than or equal to 0"
					    : "must be greater than 0");
}

enum step log_check(struct request *req, struct error *err)
{
	struct status_about about = { .kind = &log_options_kind, .name = req->name };
	struct field_errors errors = { .arena = req->arena };
	struct str time = params_find(req, "sinceTime");
	int64_t tail, limit, since, unused_s;
	bool has_tail, has_limit, has_since;
	int32_t unused;

	if (!read_number(req, "tailLines", &tail, &has_tail, err) ||
	    !read_number(req, "limitBytes", &limit, &has_limit, err) ||
	    !read_number(req, "sinceSeconds", &since, &has_since, err))
		return STEP_FAIL;
	if (time.len > 0 && !clock_parse(time, &unused_s, &unused)) {
		error_set(err, ERROR_BAD_REQUEST,
			  "parsing time \"" STR_FMT
			  "\" as \"2006-01-02T15:04:05Z07:00\": cannot parse it",
			  STR_ARG(time));
		return STEP_FAIL;
	}
	if (has_tail)
		check_at_least(&errors, "tailLines", tail, 0);
	if (has_limit)
		check_at_least(&errors, "limitBytes", limit, 1);
	if (has_since && time.len > 0)
		field_errors_add(&errors, FIELD_FORBIDDEN, "", NULL,
				 "at most one of `sinceTime` or `sinceSeconds` may be specified");
	else if (has_since)
		check_at_least(&errors, "sinceSeconds", since, 1);
	if (status_invalid(err, &log_options_kind, req->name, &errors))
		return STEP_NEXT;
	about.causes = &errors;
	reply_error(req, err, &about);
	return STEP_DONE;
}

/* --- the end --- */

static void on_end(struct loop_task *task)
{
	struct log *log = CONTAINER_OF(task, struct log, end);

	if (log->call)
		http_call_cancel(log->call);
	http_client_free(log->client);
	free(log);
}

static void finish(struct log *log)
{
	log->over = true;
	loop_defer(log->loop, &log->end);
}

/* --- the client --- */

static void on_gone(struct http_request *http)
{
	struct request *req = http->user;
	struct log *log = req->work;

	log->req = NULL;
	http_request_free(http);
	finish(log);
}

static void on_writable(struct http_request *http)
{
	struct request *req = http->user;
	struct log *log = req->work;

	if (log->call)
		http_call_pause(log->call, false);
}

static void on_ws_message(void *owner, struct str message, bool is_text)
{
	(void)owner;
	(void)message;
	(void)is_text;
}

static void on_ws_writable(void *owner)
{
	struct log *log = owner;

	if (log->call)
		http_call_pause(log->call, false);
}

static void on_ws_closed(void *owner, int code)
{
	struct log *log = owner;

	(void)code;
	websocket_close(take_ptr(&log->ws), 1000, "");
	finish(log);
}

static const struct websocket_events ws_events = {
	.on_message = on_ws_message,
	.on_writable = on_ws_writable,
	.on_closed = on_ws_closed,
};

static const char *const protocols[] = { "binary.k8s.io", "base64.binary.k8s.io", "", NULL };

static bool open_websocket(struct log *log, struct error *err)
{
	const char *protocol;

	if (!websocket_accept(log->req->http, protocols, &log->ws, &protocol, err))
		return false;
	log->req = NULL;
	log->base64 = str_is(str_of(protocol), "base64.binary.k8s.io");
	websocket_own(log->ws, &ws_events, log);
	websocket_send(log->ws, STR(""), log->base64);
	return true;
}

static void give_websocket(struct log *log, struct str piece)
{
	auto_buf coded = BUF_INIT;

	if (!log->ws)
		return;
	if (log->base64) {
		buf_add_base64(&coded, piece);
		piece = buf_str(&coded);
	}
	websocket_send(log->ws, piece, log->base64);
	if (websocket_pending(log->ws) > PENDING_MAX)
		http_call_pause(log->call, true);
}

/* --- the node --- */

static bool on_head(void *of, const struct http_head *head)
{
	struct log *log = of;
	struct error unused;

	if (!log->req)
		return true;
	/* A refusal is a plain answer, whatever was to become of it. */
	if (log->wants_websocket && head->status == 200 && open_websocket(log, &unused))
		return true;
	log->started = true;
	reply_headers(log->req);
	http_reply_start(log->req->http, head->status,
			 head->status == 200 ? "text/plain" : "application/json");
	return true;
}

static void on_body(void *of, struct str piece)
{
	struct log *log = of;

	if (!log->req) {
		give_websocket(log, piece);
		return;
	}
	http_reply_write(log->req->http, piece);
	if (http_reply_pending(log->req->http) > PENDING_MAX)
		http_call_pause(log->call, true);
}

static void on_call_end(void *of, const struct error *err)
{
	struct log *log = of;
	struct request *req = take_ptr(&log->req);

	log->call = NULL;
	if (log->ws)
		websocket_close(take_ptr(&log->ws), 1000, "");
	if (!log->over)
		finish(log);
	if (!req)
		return;
	if (!log->started)
		reply_error(req, err, NULL); /* the node could not be asked */
	else if (err)
		http_reply_abort(req->http);
	else
		http_reply_end(req->http);
}

static void dial(void *of,
		 void (*on_done)(void *call, struct stream *stream, const struct error *err),
		 void *call)
{
	struct log *log = of;

	tunnel_open(log->tunnel, STR("node"), TUNNEL_LOGS, OPEN_MS, on_done, call);
}

enum step log_start(struct request *req, struct tunnel *tunnel, struct str container,
		    struct error *err)
{
	bool wants_websocket = http_has_token(&req->http->head, "Upgrade", "websocket");
	struct http_ask ask = {
		.method = "GET", .on_head = on_head, .on_body = on_body, .on_end = on_call_end
	};
	const char *unused;
	struct log *log;

	if (wants_websocket && !websocket_check(&req->http->head, protocols, &unused, err))
		return STEP_FAIL;
	log = memory_new(struct log);
	log->req = req;
	log->loop = server_loop(req->server);
	log->tunnel = tunnel;
	log->wants_websocket = wants_websocket;
	log->end.on_task = on_end;
	log->client = http_client_new(log->loop, dial, log, "node");
	req->work = log;
	req->http->user = req;
	req->http->on_gone = on_gone;
	req->http->on_writable = on_writable;
	ask.of = log;
	ask.target = arena_print(req->arena,
				 "/containerLogs/" STR_FMT "/" STR_FMT "/" STR_FMT "%s" STR_FMT,
				 STR_ARG(req->namespace), STR_ARG(req->name), STR_ARG(container),
				 req->http->query.len ? "?" : "", STR_ARG(req->http->query));
	log->call = http_call(log->client, &ask);
	return STEP_DONE;
}
