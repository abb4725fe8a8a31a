/*
 * node_call.c - one HTTP client for one call: the stream below it becomes the connection.
 */
#include "server/front/node_call.h"

#include <assert.h>

#include "api/status.h"
#include "net/http_client.h"

#define REASON_MAX 65536

struct node_call {
	struct node_call_plan plan;
	struct http_client *client;
	struct http_call *call;
	struct loop_task end; /* the client is not freed inside its own callback */
};

static void on_end(struct loop_task *task)
{
	struct node_call *it = CONTAINER_OF(task, struct node_call, end);

	http_client_free(it->client);
	free(it);
}

static void done(struct node_call *it, struct stream *stream, const struct error *err)
{
	it->call = NULL;
	loop_defer(it->plan.loop, &it->end);
	it->plan.on_done(it->plan.owner, stream, err);
}

static void on_upgrade(void *of, const struct http_head *head, struct stream *stream)
{
	(void)head;
	done(of, stream, NULL);
}

static void on_reply(void *of, const struct http_head *head, struct str body,
		     const struct error *err)
{
	auto_json_doc doc = NULL;
	struct error why, unused;

	if (err)
		why = *err;
	else if (json_parse(body, &doc, NULL, &unused))
		status_to_error(json_root(doc), head->status, &why);
	else
		error_set(&why, ERROR_BROKEN, "the node answered %d: " STR_FMT, head->status,
			  STR_ARG(body));
	done(of, NULL, &why);
}

static void dial(void *of,
		 void (*on_done)(void *call, struct stream *stream, const struct error *err),
		 void *call)
{
	struct node_call *it = of;

	tunnel_open(it->plan.tunnel, STR("node"), it->plan.priority, NODE_CALL_MS, on_done, call);
}

struct node_call *node_call_start(const struct node_call_plan *plan)
{
	struct node_call *it = memory_new(struct node_call);
	struct http_header headers[] = { { STR("Connection"), STR("Upgrade") },
					 { STR("Upgrade"), str_of(plan->protocol) } };
	struct http_ask ask = {
		.method = "GET",
		.target = plan->target,
		.headers = headers,
		.header_count = ARRAY_LENGTH(headers),
		.timeout_ms = NODE_CALL_MS,
		.body_max = REASON_MAX,
		.on_reply = on_reply,
		.on_upgrade = on_upgrade,
		.of = it,
	};

	assert(plan->on_done);
	it->plan = *plan;
	it->end.on_task = on_end;
	it->client = http_client_new(plan->loop, dial, it, "node");
	it->call = http_call(it->client, &ask);
	return it;
}

void node_call_cancel(struct node_call *it)
{
	if (!it)
		return;
	http_call_cancel(it->call);
	loop_defer(it->plan.loop, &it->end);
}
