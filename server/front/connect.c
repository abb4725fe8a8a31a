/*
 * connect.c - finds the pod, its container and its node, asks the node, and hands the answer on.
 *
 */
#include "server/front/connect.h"

#include <assert.h>

#include "net/http_client.h"
#include "server/front/connect_exec.h"
#include "server/front/reply.h"
#include "server/front/route.h"
#include "server/nodes.h"
#include "server/registry/registry.h"

#define OPEN_MS     10000
#define PENDING_MAX (1024u * 1024)

/* --- which container --- */

static bool has_container(const struct json *spec, struct str name)
{
	static const char *const lists[] = { "containers", "initContainers",
					     "ephemeralContainers" };

	for (size_t i = 0; i < ARRAY_LENGTH(lists); i++)
		for (struct json_iter it = json_iter(json_get(spec, lists[i])); json_next(&it);)
			if (str_equal(json_str(json_get(it.value, "name")), name))
				return true;
	return false;
}

static void print_choices(const struct json *spec, struct buf *out)
{
	for (struct json_iter it = json_iter(json_get(spec, "containers")); json_next(&it);)
		buf_add_print(out, "%s" STR_FMT, it.index ? " " : "",
			      STR_ARG(json_str(json_get(it.value, "name"))));
}

static bool choose_container(struct request *req, const struct json *pod, struct str *out,
			     struct error *err)
{
	const struct json *spec = json_get(pod, "spec"), *list = json_get(spec, "containers");
	struct str wished = params_find(req, "container");
	struct str fallback = meta_annotation(pod, "kubectl.kubernetes.io/default-container");
	auto_buf choices = BUF_INIT;

	if (wished.len > 0) {
		*out = wished;
		return has_container(spec, wished) ||
		       error_set(err, ERROR_BAD_REQUEST,
				 "container " STR_FMT " is not valid for pod " STR_FMT,
				 STR_ARG(wished), STR_ARG(req->name));
	}
	*out = json_count(list) == 1 ? json_str(json_get(json_at(list, 0), "name")) : fallback;
	if (out->len > 0 && has_container(spec, *out))
		return true;
	print_choices(spec, &choices);
	return error_set(err, ERROR_BAD_REQUEST,
			 "a container name must be specified for pod " STR_FMT
			 ", choose one of: [%s]",
			 STR_ARG(req->name), buf_text(&choices));
}

/* --- the way to the node --- */

struct reach {
	struct request *req;
	struct http_client *client;
	struct tunnel *tunnel;
	struct http_call *call;
	struct loop_task end;
	bool started; /* the head of the answer is out */
};

static void dial_node(void *of,
		      void (*on_done)(void *call, struct stream *stream, const struct error *err),
		      void *call)
{
	struct reach *reach = of;

	tunnel_open(reach->tunnel, STR("node"), TUNNEL_LOGS, OPEN_MS, on_done, call);
}

static void on_end(struct loop_task *task)
{
	struct reach *reach = CONTAINER_OF(task, struct reach, end);

	http_client_free(reach->client);
	free(reach);
}

static void reach_free(struct reach *reach)
{
	loop_defer(server_loop(reach->req->server), &reach->end);
}

/* --- logs --- */

static void log_gone(struct http_request *http)
{
	struct request *req = http->user;
	struct reach *reach = req->work;

	if (reach->call)
		http_call_cancel(reach->call);
	reach_free(reach);
	http_request_free(http);
}

static bool log_head(void *of, const struct http_head *head)
{
	struct reach *reach = of;
	struct request *req = reach->req;

	reach->started = true;
	reply_headers(req);
	http_reply_start(req->http, head->status,
			 head->status == 200 ? "text/plain" : "application/json");
	return true;
}

static void log_body(void *of, struct str piece)
{
	struct reach *reach = of;

	http_reply_write(reach->req->http, piece);
	if (http_reply_pending(reach->req->http) > PENDING_MAX)
		http_call_pause(reach->call, true);
}

static void log_writable(struct http_request *http)
{
	struct request *req = http->user;
	struct reach *reach = req->work;

	if (reach->call)
		http_call_pause(reach->call, false);
}

static void log_end(void *of, const struct error *err)
{
	struct reach *reach = of;
	struct request *req = reach->req;
	bool started = reach->started;

	reach->call = NULL;
	reach_free(reach);
	if (!started)
		reply_error(req, err, NULL); /* the node could not be asked */
	else if (err)
		http_reply_abort(req->http);
	else
		http_reply_end(req->http);
}

static void log_start(struct request *req, struct tunnel *tunnel, struct str container)
{
	struct reach *reach = memory_new(struct reach);
	const char *target = arena_print(
		req->arena, "/containerLogs/" STR_FMT "/" STR_FMT "/" STR_FMT "%s" STR_FMT,
		STR_ARG(req->namespace), STR_ARG(req->name), STR_ARG(container),
		req->http->query.len ? "?" : "", STR_ARG(req->http->query));
	struct http_ask ask = {
		.method = "GET",
		.target = target,
		.on_head = log_head,
		.on_body = log_body,
		.on_end = log_end,
		.of = reach,
	};

	reach->req = req;
	reach->tunnel = tunnel;
	reach->end.on_task = on_end;
	reach->client = http_client_new(server_loop(req->server), dial_node, reach, "node");
	req->work = reach;
	req->http->user = req;
	req->http->on_gone = log_gone;
	req->http->on_writable = log_writable;
	reach->call = http_call(reach->client, &ask);
}

/* --- all of them --- */

static bool find_node(struct request *req, const struct json *pod, struct tunnel **out,
		      struct error *err)
{
	struct str node = json_str(json_path(pod, "spec", "nodeName", NULL));

	if (node.len == 0)
		return error_set(err, ERROR_BAD_REQUEST,
				 "pod " STR_FMT " does not have a host assigned",
				 STR_ARG(req->name));
	*out = server_node_tunnel(req->server, node);
	if (!*out)
		return error_set(err, ERROR_UNAVAILABLE,
				 "node " STR_FMT " of pod " STR_FMT " is not connected",
				 STR_ARG(node), STR_ARG(req->name));
	return true;
}

enum step connect_pass(struct request *req, struct error *err)
{
	const struct object *pod =
		registry_find(server_registry(req->server), req->kind, req->namespace, req->name);
	struct tunnel *tunnel;
	struct str container;

	if (!pod) {
		status_not_found(err, req->kind, req->name);
		return STEP_FAIL;
	}
	if (!choose_container(req, object_json(pod), &container, err) ||
	    !find_node(req, object_json(pod), &tunnel, err))
		return STEP_FAIL;
	container = str_of(str_copy_arena(container, req->arena));
	if (str_is(req->subresource, "log")) {
		log_start(req, tunnel, container);
		return STEP_DONE;
	}
	return exec_start(req, tunnel, container, err);
}
