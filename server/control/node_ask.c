/*
 * node_ask.c - one HTTP client for one question.
 */
#include "server/control/node_ask.h"

#include "api/status.h"
#include "net/http_client.h"
#include "server/server.h"
#include "tunnel/tunnel.h"

#define DIAL_MS    15000
#define ANSWER_MAX 65536

struct node_ask {
	struct control *control;
	char *node;
	struct http_client *client;
	struct http_call *call;
	struct loop_task end; /* the client is not freed inside its own callback */
	void (*on_done)(void *of, struct str body, const struct error *err);
	void *of;
};

static void ask_free(struct node_ask *it)
{
	http_client_free(it->client);
	free(it->node);
	free(it);
}

static void on_end(struct loop_task *task)
{
	ask_free(CONTAINER_OF(task, struct node_ask, end));
}

static void on_reply(void *of, const struct http_head *head, struct str body,
		     const struct error *err)
{
	struct node_ask *it = of;
	auto_json_doc doc = NULL;
	struct error why, unused;

	it->call = NULL;
	loop_defer(it->control->loop, &it->end);
	if (!err && head->status == 200) {
		it->on_done(it->of, body, NULL);
		return;
	}
	if (err)
		why = *err;
	else if (json_parse(body, &doc, NULL, &unused))
		status_to_error(json_root(doc), head->status, &why);
	else
		error_set(&why, ERROR_BROKEN, "the node answered %d", head->status);
	it->on_done(it->of, STR_NONE, &why);
}

static void dial(void *of,
		 void (*on_done)(void *call, struct stream *stream, const struct error *err),
		 void *call)
{
	struct node_ask *it = of;
	struct tunnel *tunnel = server_node_tunnel(it->control->server, str_of(it->node));
	struct error err;

	if (tunnel) {
		tunnel_open(tunnel, STR("node"), TUNNEL_BULK, DIAL_MS, on_done, call);
		return;
	}
	error_set(&err, ERROR_UNAVAILABLE, "node %s is not connected", it->node);
	on_done(call, NULL, &err);
}

struct node_ask *node_ask_start(struct control *control, const struct node_ask_plan *plan)
{
	struct node_ask *it = memory_new(struct node_ask);
	struct http_ask ask = { .method = plan->method,
				.target = plan->target,
				.timeout_ms = plan->timeout_ms,
				.body_max = ANSWER_MAX,
				.on_reply = on_reply,
				.of = it };

	it->control = control;
	it->node = str_copy(plan->node);
	it->on_done = plan->on_done;
	it->of = plan->of;
	it->end.on_task = on_end;
	it->client = http_client_new(control->loop, dial, it, "node");
	it->call = http_call(it->client, &ask);
	return it;
}

void node_ask_cancel(struct node_ask *it)
{
	if (!it)
		return;
	http_call_cancel(it->call);
	ask_free(it);
}
