/*
 * proxy_call.c - one proxied request: dialled through a node, its answer handed on as it comes.
 */
#include "server/front/proxy_call.h"

#include <assert.h>
#include <stdio.h>

#include "net/http_client.h"
#include "net/tls.h"
#include "server/front/node_call.h"
#include "server/front/proxy_headers.h"
#include "server/front/reply.h"
#include "server/server.h"

#define PENDING_MAX (512u * 1024)

struct proxy {
	struct request *req; /* NULL: answered, or the client has left */
	struct loop *loop;
	struct proxy_target target;
	char *prefix; /* NULL: redirects end here */
	char *host;   /* as the client called us */
	char *tls_name;
	void (*refuse)(struct request *req, const struct error *why);
	struct http_client *client;
	struct http_call *call;
	struct node_call *dial;
	void (*on_dialled)(void *call, struct stream *stream, const struct error *err);
	void *dial_for;
	struct tls_config *tls;
	bool started; /* the head of the answer is out */
	bool empty;   /* and it has no body */
	struct loop_timer limit;
	struct loop_task end;
};

/* --- the end --- */

static void on_end(struct loop_task *task)
{
	struct proxy *proxy = CONTAINER_OF(task, struct proxy, end);
	struct error why;

	if (proxy->call)
		http_call_cancel(proxy->call);
	if (proxy->dial) {
		node_call_cancel(proxy->dial);
		error_set(&why, ERROR_UNAVAILABLE, "the client has left");
		proxy->on_dialled(proxy->dial_for, NULL, &why);
	}
	http_client_free(proxy->client);
	tls_config_unref(proxy->tls);
	free(proxy->prefix);
	free(proxy->host);
	free(proxy->tls_name);
	free(proxy);
}

static void finish(struct proxy *proxy)
{
	loop_timer_stop(&proxy->limit);
	loop_defer(proxy->loop, &proxy->end);
}

static void on_gone(struct http_request *http)
{
	struct request *req = http->user;
	struct proxy *proxy = req->work;

	proxy->req = NULL;
	req->gone = true;
	http_request_free(http);
	finish(proxy);
}

static void on_writable(struct http_request *http)
{
	struct request *req = http->user;
	struct proxy *proxy = req->work;

	if (proxy->call)
		http_call_pause(proxy->call, false);
}

/* The request as one that is nobody's any more, for its answer; NULL: the client has left. */
static struct request *take_request(struct proxy *proxy)
{
	struct request *req = take_ptr(&proxy->req);

	if (req)
		req->http->on_gone = NULL;
	return req;
}

static void refuse(struct proxy *proxy, const struct error *why)
{
	struct request *req = take_request(proxy);

	if (!req)
		return;
	if (proxy->refuse)
		proxy->refuse(req, why);
	else
		reply_error(req, why, NULL);
}

/* The client's words begin with the method and the name that it was given for the host. */
static void refuse_way(struct proxy *proxy, struct str words)
{
	ptrdiff_t own = str_search(words, STR(": "));
	struct error why;

	if (own >= 0)
		words = str_from(words.at + own + 2, words.len - (size_t)own - 2);
	if (proxy->target.of_node)
		error_set(&why, ERROR_UNAVAILABLE, "error trying to reach service: " STR_FMT,
			  STR_ARG(words));
	else
		error_set(&why, ERROR_UNAVAILABLE,
			  "error trying to reach service: dial tcp %s:%u: " STR_FMT,
			  proxy->target.address, proxy->target.port, STR_ARG(words));
	refuse(proxy, &why);
}

static void on_limit(struct loop_timer *timer)
{
	struct proxy *proxy = CONTAINER_OF(timer, struct proxy, limit);
	struct request *req;
	struct error why;

	finish(proxy);
	if (!proxy->started) {
		error_set(&why, ERROR_TIMEOUT,
			  "Timeout: request did not complete within the allotted timeout");
		refuse(proxy, &why);
		return;
	}
	req = take_request(proxy);
	if (req)
		http_reply_abort(req->http);
}

/* --- headers of the answer --- */

/* A redirect to a path of its own, or to its own address, leads through us. */
static void add_location(struct proxy *proxy, struct str value)
{
	auto_free char *text = NULL;
	struct str rest = value, authority;
	char own[80];

	snprintf(own, sizeof(own), "%s:%u", proxy->target.address, proxy->target.port);
	if (str_starts(value, STR("http://")) || str_starts(value, STR("https://"))) {
		str_cut(&rest, '/');
		str_cut(&rest, '/');
		authority = str_cut(&rest, '/');
		if (!str_is(authority, own) && !str_is(authority, proxy->target.address) &&
		    !str_is(authority, proxy->host)) {
			text = str_copy(value);
			http_reply_header(proxy->req->http, "Location", text);
			return;
		}
		text = memory_print("%s/" STR_FMT, proxy->prefix, STR_ARG(rest));
	} else {
		text = memory_print("%s" STR_FMT, str_starts(value, STR("/")) ? proxy->prefix : "",
				    STR_ARG(value));
	}
	http_reply_header(proxy->req->http, "Location", text);
}

static void add_headers(struct proxy *proxy, const struct http_head *head)
{
	for (size_t i = 0; i < head->header_count; i++) {
		auto_free char *name = str_copy(head->headers[i].name);
		auto_free char *value = NULL;

		if (proxy_is_of_hop(head, head->headers[i].name) ||
		    str_equal_case(head->headers[i].name, STR("Content-Type")) ||
		    str_equal_case(head->headers[i].name, STR("Date")))
			continue;
		if (proxy->prefix && str_equal_case(head->headers[i].name, STR("Location"))) {
			add_location(proxy, head->headers[i].value);
			continue;
		}
		value = str_copy(head->headers[i].value);
		http_reply_header(proxy->req->http, name, value);
	}
}

/* --- the answer --- */

/* Who follows a redirect of a server that it did not ask would be led wherever that one likes. */
static bool is_forbidden_redirect(const struct proxy *proxy, const struct http_head *head)
{
	return !proxy->prefix && head->status >= 300 && head->status <= 399 &&
	       http_header(head, "Location").len > 0;
}

/* Gives false: no body is taken, the call is over. */
static bool end_at_head(struct proxy *proxy)
{
	proxy->call = NULL;
	finish(proxy);
	return false;
}

static bool on_head(void *of, const struct http_head *head)
{
	struct proxy *proxy = of;
	auto_free char *type = NULL;

	if (!proxy->req)
		return end_at_head(proxy);
	if (is_forbidden_redirect(proxy, head)) {
		reply_text(take_request(proxy), 502, "text/plain; charset=utf-8",
			   STR("the backend attempted to redirect this request, which is not "
			       "permitted"));
		return end_at_head(proxy);
	}
	proxy->started = true;
	proxy->empty = head->status == 204 || head->status == 304;
	reply_headers(proxy->req);
	add_headers(proxy, head);
	if (http_header(head, "Content-Type").at)
		type = str_copy(http_header(head, "Content-Type"));
	if (!proxy->empty)
		http_reply_start(proxy->req->http, head->status, type);
	else
		http_reply(take_ptr(&proxy->req)->http, head->status, type, STR(""));
	return true;
}

static void on_body(void *of, struct str piece)
{
	struct proxy *proxy = of;

	if (!proxy->req)
		return;
	http_reply_write(proxy->req->http, piece);
	if (http_reply_pending(proxy->req->http) > PENDING_MAX)
		http_call_pause(proxy->call, true);
}

static void on_call_end(void *of, const struct error *err)
{
	struct proxy *proxy = of;
	struct request *req;

	proxy->call = NULL;
	finish(proxy);
	if (!proxy->started) {
		refuse_way(proxy, str_of(err->text));
		return;
	}
	req = take_ptr(&proxy->req);
	if (req && err)
		http_reply_abort(req->http);
	else if (req)
		http_reply_end(req->http);
}

/* 101: from now on it is a connection, if the client has asked for one.  Nobody else's requests on
 * this connection may end up at the other side. */
static void on_upgrade(void *of, const struct http_head *head, struct stream *stream)
{
	struct proxy *proxy = of;
	auto_free char *protocol = str_copy(http_header(head, "Upgrade"));
	struct stream *own;

	proxy->call = NULL;
	finish(proxy);
	if (!proxy->req || !proxy->req->http->head.upgrade) {
		stream_close(stream);
		refuse_way(proxy, STR("it switches protocols without being asked"));
		return;
	}
	add_headers(proxy, head);
	own = http_upgrade(take_ptr(&proxy->req)->http, protocol);
	if (own)
		stream_splice(own, stream, NULL, NULL);
	else
		stream_close(stream);
}

/* --- the way --- */

static void on_node(void *owner, struct stream *stream, const struct error *err)
{
	struct proxy *proxy = owner;

	proxy->dial = NULL;
	if (stream && proxy->tls)
		stream = tls_connect(stream, proxy->tls, proxy->tls_name);
	proxy->on_dialled(proxy->dial_for, stream, err);
}

static void dial(void *of,
		 void (*on_done)(void *call, struct stream *stream, const struct error *err),
		 void *call)
{
	struct proxy *proxy = of;
	char target[96];
	struct node_call_plan plan = { .loop = proxy->loop,
				       .tunnel = proxy->target.tunnel,
				       .priority = TUNNEL_BULK,
				       .target = target,
				       .protocol = "mote-forward",
				       .on_done = on_node,
				       .owner = proxy };

	if (proxy->target.of_node) {
		tunnel_open(proxy->target.tunnel, STR("node-proxy"), TUNNEL_BULK, NODE_CALL_MS,
			    on_done, call);
		return;
	}
	snprintf(target, sizeof(target), "/dial/%s/%u", proxy->target.address, proxy->target.port);
	proxy->on_dialled = on_done;
	proxy->dial_for = call;
	proxy->dial = node_call_start(&plan);
}

static struct proxy *proxy_new(struct request *req, const struct proxy_plan *plan)
{
	struct proxy *proxy = memory_new(struct proxy);
	struct str host = http_header(&req->http->head, "Host");

	proxy->req = req;
	proxy->loop = server_loop(req->server);
	proxy->target = plan->target;
	proxy->tls = plan->tls;
	proxy->tls_name = memory_string(plan->tls_name ? plan->tls_name : plan->target.address);
	proxy->prefix = plan->prefix ? memory_string(plan->prefix) : NULL;
	proxy->refuse = plan->refuse;
	proxy->host = str_copy(host.len > 0 ? host : STR("localhost"));
	proxy->limit.on_timer = on_limit;
	proxy->end.on_task = on_end;
	if (plan->limit_ms > 0)
		loop_timer_set(proxy->loop, &proxy->limit, plan->limit_ms);
	return proxy;
}

void proxy_call_start(struct request *req, const struct proxy_plan *plan)
{
	struct proxy *proxy = proxy_new(req, plan);
	struct http_header *headers;
	struct http_ask ask = { .method = str_copy_arena(req->http->head.method, req->arena),
				.target = plan->path,
				.body = req->http->body,
				.on_head = on_head,
				.on_body = on_body,
				.on_end = on_call_end,
				.on_upgrade = on_upgrade,
				.of = proxy };
	struct error why;

	if (!proxy_headers(req, plan->as, &headers, &ask.header_count, &why)) {
		finish(proxy);
		refuse(proxy, &why);
		return;
	}
	ask.headers = headers;
	req->work = proxy;
	req->http->user = req;
	req->http->on_gone = on_gone;
	req->http->on_writable = on_writable;
	proxy->client = http_client_new(proxy->loop, dial, proxy, proxy->host);
	proxy->call = http_call(proxy->client, &ask);
}
