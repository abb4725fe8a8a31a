/*
 * watch_out.c - the two ways of a watch's events to its client.
 */
#include "server/registry/watch_out.h"

#include "server/front/reply.h"

/* --- a chunked answer --- */

static struct watch_out *out_of(struct http_request *http)
{
	struct request *req = http->user;

	return req->work;
}

static void on_gone(struct http_request *http)
{
	struct watch_out *out = out_of(http);

	out->http = NULL;
	http_request_free(http);
	out->on_gone(out);
}

static void on_writable(struct http_request *http)
{
	struct watch_out *out = out_of(http);

	out->on_writable(out);
}

static void open_answer(struct watch_out *out, struct request *req, const char *content_type)
{
	out->http = req->http;
	req->work = out;
	req->http->user = req;
	req->http->on_gone = on_gone;
	req->http->on_writable = on_writable;
	reply_headers(req);
	http_reply_start(req->http, 200, content_type);
}

/* --- a WebSocket --- */

static void on_message(void *owner, struct str message, bool is_text)
{
	(void)owner;
	(void)message;
	(void)is_text; /* a watch is not talked to */
}

static void on_socket_writable(void *owner)
{
	struct watch_out *out = owner;

	out->on_writable(out);
}

static void on_socket_closed(void *owner, int code)
{
	struct watch_out *out = owner;

	(void)code;
	websocket_close(take_ptr(&out->ws), 1000, "");
	out->on_gone(out);
}

static bool open_socket(struct watch_out *out, struct request *req, struct error *err)
{
	static const struct websocket_events events = {
		.on_message = on_message,
		.on_writable = on_socket_writable,
		.on_closed = on_socket_closed,
	};
	static const char *const protocols[] = { "", "binary.k8s.io", NULL };
	const char *unused;

	if (!websocket_accept(req->http, protocols, &out->ws, &unused, err))
		return false;
	websocket_own(out->ws, &events, out);
	return true;
}

/* --- both --- */

bool watch_out_open(struct watch_out *out, struct request *req, const struct watch_form *form,
		    struct error *err)
{
	const struct http_head *head = &req->http->head;

	out->binary = form->protobuf;
	if (head->upgrade && http_has_token(head, "Upgrade", "websocket"))
		return open_socket(out, req, err);
	open_answer(out, req, watch_content_type(form));
	return true;
}

/* One message an event: a line without its end, a frame without its length. */
static struct str cut_event(const struct watch_out *out, struct str *events)
{
	const unsigned char *at = (const unsigned char *)events->at;
	struct str event;
	size_t len;

	if (!out->binary)
		return str_cut(events, '\n');
	len = (size_t)at[0] << 24 | (size_t)at[1] << 16 | (size_t)at[2] << 8 | at[3];
	event = str_from(events->at + 4, len);
	*events = str_from(event.at + len, events->len - 4 - len);
	return event;
}

void watch_out_write(struct watch_out *out, struct str events)
{
	if (out->http) {
		http_reply_write(out->http, events);
		return;
	}
	while (events.len > 0)
		websocket_send(out->ws, cut_event(out, &events), !out->binary);
}

size_t watch_out_pending(const struct watch_out *out)
{
	return out->http ? http_reply_pending(out->http) : websocket_pending(out->ws);
}

void watch_out_end(struct watch_out *out)
{
	if (out->http)
		http_reply_end(take_ptr(&out->http));
	else if (out->ws)
		websocket_close(take_ptr(&out->ws), 1000, "");
}

void watch_out_cut(struct watch_out *out)
{
	if (out->http)
		http_reply_abort(take_ptr(&out->http));
	else if (out->ws)
		websocket_close(take_ptr(&out->ws), 1000, "");
}
