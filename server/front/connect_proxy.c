/*
 * connect_proxy.c - one proxied request: dialled through a node, its answer handed on as it comes.
 *
 * What waits here: PENDING_MAX and a piece of the answer; the request's body, whole (LIMIT_BODY).
 * An upgrade that the other side accepts is spliced (net/stream.h says what that holds).
 */
#include "server/front/connect_proxy.h"

#include <assert.h>
#include <stdio.h>

#include "net/http_client.h"
#include "net/tls.h"
#include "server/front/node_call.h"
#include "server/front/proxy_target.h"
#include "server/front/reply.h"
#include "server/server.h"

#define PENDING_MAX (512u * 1024)

struct proxy {
	struct request *req; /* NULL: answered, or the client has left */
	struct loop *loop;
	struct proxy_target target;
	char *prefix; /* ".../proxy", for redirects */
	char *host;   /* as the client called us */
	struct http_client *client;
	struct http_call *call;
	struct node_call *dial;
	void (*on_dialled)(void *call, struct stream *stream, const struct error *err);
	void *dial_for;
	struct tls_config *tls;
	bool started; /* the head of the answer is out */
	bool empty;   /* and it has no body */
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
	free(proxy);
}

static void finish(struct proxy *proxy)
{
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

/* --- headers --- */

/* Of one hop only (RFC 9110, 7.6.1), or ours to write. */
static bool is_of_hop(const struct http_head *head, struct str name)
{
	static const char *const names[] = {
		"Connection",          "Keep-Alive", "Proxy-Connection",
		"Proxy-Authenticate",  "TE",         "Trailer",
		"Proxy-Authorization", "Upgrade",    "Transfer-Encoding",
		"Content-Length"
	};
	auto_free char *word = str_copy(name);

	for (size_t i = 0; i < ARRAY_LENGTH(names); i++)
		if (str_equal_case(name, str_of(names[i])))
			return true;
	return http_has_token(head, "Connection", word);
}

/* What is between the client and us alone. */
static bool is_private(struct str name)
{
	static const char *const names[] = { "Host", "Expect", "Authorization" };

	for (size_t i = 0; i < ARRAY_LENGTH(names); i++)
		if (str_equal_case(name, str_of(names[i])))
			return true;
	return name.len > 12 && str_equal_case(str_from(name.at, 12), STR("Impersonate-"));
}

static struct http_header *headers_of(struct request *req, size_t *out_count)
{
	const struct http_head *head = &req->http->head;
	struct http_header *out =
		arena_get(req->arena, (head->header_count + 4) * sizeof(struct http_header));
	struct str from = req->http->peer, port = from;
	struct str before = http_header(head, "X-Forwarded-For");
	size_t count = 0;

	while (str_find(port, ':') >= 0)
		str_cut(&port, ':');
	if (port.len + 1 < from.len)
		from.len -= port.len + 1;
	for (size_t i = 0; i < head->header_count; i++)
		if (!is_of_hop(head, head->headers[i].name) && !is_private(head->headers[i].name) &&
		    !str_equal_case(head->headers[i].name, STR("X-Forwarded-For")))
			out[count++] = head->headers[i];
	out[count++] = (struct http_header){
		STR("X-Forwarded-For"),
		str_of(arena_print(req->arena, STR_FMT "%s" STR_FMT, STR_ARG(before),
				   before.len ? ", " : "", STR_ARG(from)))
	};
	if (head->upgrade) {
		out[count++] = (struct http_header){ STR("Connection"), STR("Upgrade") };
		out[count++] = (struct http_header){ STR("Upgrade"), http_header(head, "Upgrade") };
	}
	*out_count = count;
	return out;
}

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

		if (is_of_hop(head, head->headers[i].name) ||
		    str_equal_case(head->headers[i].name, STR("Content-Type")) ||
		    str_equal_case(head->headers[i].name, STR("Date")))
			continue;
		if (str_equal_case(head->headers[i].name, STR("Location"))) {
			add_location(proxy, head->headers[i].value);
			continue;
		}
		value = str_copy(head->headers[i].value);
		http_reply_header(proxy->req->http, name, value);
	}
}

/* --- the answer --- */

static bool on_head(void *of, const struct http_head *head)
{
	struct proxy *proxy = of;
	auto_free char *type = NULL;

	if (!proxy->req)
		return false;
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

/* The client's words begin with the method and the name that it was given for the host. */
static void refuse(const struct proxy *proxy, struct str words, struct error *out)
{
	ptrdiff_t own = str_search(words, STR(": "));

	if (own >= 0)
		words = str_from(words.at + own + 2, words.len - (size_t)own - 2);
	if (proxy->target.of_node)
		error_set(out, ERROR_UNAVAILABLE, "error trying to reach service: " STR_FMT,
			  STR_ARG(words));
	else
		error_set(out, ERROR_UNAVAILABLE,
			  "error trying to reach service: dial tcp %s:%u: " STR_FMT,
			  proxy->target.address, proxy->target.port, STR_ARG(words));
}

static void on_call_end(void *of, const struct error *err)
{
	struct proxy *proxy = of;
	struct request *req = take_ptr(&proxy->req);
	struct error why;

	proxy->call = NULL;
	finish(proxy);
	if (!req)
		return;
	if (!proxy->started) {
		refuse(proxy, str_of(err->text), &why);
		req->http->on_gone = NULL;
		reply_error(req, &why, NULL);
	} else if (err) {
		http_reply_abort(req->http);
	} else {
		http_reply_end(req->http);
	}
}

/* 101: from now on it is a connection, if the client has asked for one.  Nobody else's requests on
 * this connection may end up at the other side. */
static void on_upgrade(void *of, const struct http_head *head, struct stream *stream)
{
	struct proxy *proxy = of;
	struct request *req = take_ptr(&proxy->req);
	auto_free char *protocol = str_copy(http_header(head, "Upgrade"));
	struct stream *own;
	struct error why;

	proxy->call = NULL;
	finish(proxy);
	if (!req || !req->http->head.upgrade) {
		stream_close(stream);
		refuse(proxy, STR("it switches protocols without being asked"), &why);
		if (req) {
			req->http->on_gone = NULL;
			reply_error(req, &why, NULL);
		}
		return;
	}
	proxy->req = req;
	add_headers(proxy, head);
	proxy->req = NULL;
	own = http_upgrade(req->http, protocol);
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
		stream = tls_connect(stream, proxy->tls, proxy->target.address);
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

/* .../proxy is where relative links would go wrong. */
static bool redirect(struct request *req)
{
	struct str path = req->http->path, method = req->http->head.method;
	const char *where;

	if (!str_ends(path, STR("/proxy")) || req->rest.len > 0 || req->http->head.upgrade ||
	    (!str_is(method, "GET") && !str_is(method, "HEAD")))
		return false;
	where = arena_print(req->arena, STR_FMT "/%s" STR_FMT, STR_ARG(path),
			    req->http->query.len ? "?" : "", STR_ARG(req->http->query));
	http_reply_header(req->http, "Location", where);
	reply_text(req, 301, "text/plain", STR(""));
	return true;
}

static void start(struct request *req, struct proxy *proxy)
{
	struct http_ask ask = { .method = str_copy_arena(req->http->head.method, req->arena),
				.body = req->http->body,
				.on_head = on_head,
				.on_body = on_body,
				.on_end = on_call_end,
				.on_upgrade = on_upgrade,
				.of = proxy };

	ask.headers = headers_of(req, &ask.header_count);
	ask.target = arena_print(req->arena, "/" STR_FMT "%s" STR_FMT, STR_ARG(req->rest),
				 req->http->query.len ? "?" : "", STR_ARG(req->http->query));
	req->work = proxy;
	req->http->user = req;
	req->http->on_gone = on_gone;
	req->http->on_writable = on_writable;
	proxy->client = http_client_new(proxy->loop, dial, proxy, proxy->host);
	proxy->call = http_call(proxy->client, &ask);
}

enum step proxy_pass(struct request *req, struct error *err)
{
	struct str path = req->http->path, host = http_header(&req->http->head, "Host");
	struct proxy_target target;
	struct tls_config *tls = NULL;
	struct status_about *about;
	struct proxy *proxy;

	if (redirect(req))
		return STEP_DONE;
	/* Clients try again by themselves what says when; nobody knows when a service comes back.
	 */
	about = arena_zero(req->arena, sizeof(*about));
	*about = (struct status_about){ .kind = req->kind, .name = req->name, .retry_after_s = -1 };
	req->about = about;
	if (!proxy_target_find(req, &target, err) ||
	    (target.tls && !tls_client_config(STR_NONE, STR_NONE, STR_NONE, true, &tls, err)))
		return STEP_FAIL;
	/* Its streams are made by exec, attach and port-forward, with their own rights. */
	if (target.of_node && req->http->head.upgrade) {
		error_set(err, ERROR_FORBIDDEN, "upgrades are not passed on to nodes themselves");
		return STEP_FAIL;
	}
	proxy = memory_new(struct proxy);
	proxy->req = req;
	proxy->loop = server_loop(req->server);
	proxy->target = target;
	proxy->tls = tls;
	proxy->host = str_copy(host.len > 0 ? host : STR("localhost"));
	proxy->end.on_task = on_end;
	path.len -= req->rest.len;
	while (path.len > 0 && path.at[path.len - 1] == '/')
		path.len--;
	proxy->prefix = str_copy(path);
	start(req, proxy);
	return STEP_DONE;
}
