/*
 * rope.c - the two ends of a tunnel and a few services.
 */
#include "tests/unit/tunnel/rope.h"

#include <stdio.h>
#include <string.h>

#include "tests/unit/harness.h"

static void on_open(void *owner, struct tunnel_open *open, struct str service)
{
	struct rope_end *end = owner;
	struct sink *sink;
	struct error err;

	snprintf(end->service, sizeof(end->service), STR_FMT, STR_ARG(service));
	if (str_is(service, "refuse")) {
		error_set(&err, ERROR_NOT_FOUND, "there is no such service");
		tunnel_refuse(open, &err);
		return;
	}
	if (str_is(service, "later")) {
		end->kept = open;
		return;
	}
	CHECK(end->accepted_count < ROPE_SINKS);
	sink = &end->accepted[end->accepted_count++];
	sink->echo = str_is(service, "echo");
	sink->take_max = str_is(service, "stall") ? 1 : 0;
	sink_own(sink, tunnel_accept(open));
}

static void on_up(void *owner)
{
	struct rope_end *end = owner;

	CHECK(!end->up);
	end->up = true;
}

static void on_down(void *owner, const struct error *why)
{
	struct rope_end *end = owner;

	CHECK_INT(end->down, 0);
	end->down++;
	end->up = false;
	end->why = *why;
	tunnel_close(end->tunnel);
	end->tunnel = NULL;
}

const struct tunnel_events rope_events = {
	.on_open = on_open,
	.on_up = on_up,
	.on_down = on_down,
};

static void on_request(struct front *front, struct http_request *req)
{
	struct rope *rope = (struct rope *)front;
	struct error err;

	if (!str_is(http_header(&req->head, "Authorization"), "Bearer agent"))
		http_reply(req, 401, "text/plain", STR("who are you?"));
	else
		CHECK_OK(tunnel_serve(req, &rope_events, &rope->server, &rope->server.tunnel, &err),
			 &err);
}

void rope_open(struct rope *rope)
{
	memset(rope, 0, sizeof(*rope));
	rope->front.on_request = on_request;
	rope->agent.rope = rope->server.rope = rope;
	certs_make(&rope->certs);
	rope->loop = sink_loop();
	front_open(&rope->front, rope->loop, &rope->certs);
}

void rope_dial(struct rope *rope)
{
	struct error err;
	struct link_plan plan = {
		.host = "127.0.0.1",
		.port = rope->front.port,
		.path = "/v1-mote/connect",
		.server_name = "localhost",
		.ca_pem = buf_str(&rope->certs.ca),
		.authorization = "Bearer agent",
	};

	CHECK_OK(tunnel_dial(rope->loop, &plan, &rope_events, &rope->agent, &rope->agent.tunnel,
			     &err),
		 &err);
	sink_until(rope->loop, &rope->agent.up);
	sink_until(rope->loop, &rope->server.up);
}

static void end_clear(struct rope_end *end)
{
	tunnel_close(end->tunnel);
	for (unsigned i = 0; i < end->accepted_count; i++)
		sink_clear(&end->accepted[i]);
}

void rope_close(struct rope *rope)
{
	end_clear(&rope->agent);
	end_clear(&rope->server);
	front_close(&rope->front);
	sink_rounds(rope->loop, 300);
	loop_close(rope->loop);
	certs_clear(&rope->certs);
}

static void on_done(void *of, struct stream *stream, const struct error *err)
{
	struct rope_ask *ask = of;

	ask->ask = NULL;
	ask->done++;
	CHECK_INT(ask->done, 1);
	CHECK((stream != NULL) != (err != NULL));
	if (err) {
		ask->why = *err;
		return;
	}
	ask->opened = true;
	sink_own(&ask->sink, stream);
}

void rope_ask(struct rope_ask *ask, struct tunnel *tunnel, const char *service,
	      enum tunnel_priority priority)
{
	ask->ask = tunnel_open(tunnel, str_of(service), priority, 5000, on_done, ask);
	CHECK_INT(ask->done, 0);
}

void rope_ask_open(struct rope *rope, struct rope_ask *ask, struct tunnel *tunnel,
		   const char *service, enum tunnel_priority priority)
{
	rope_ask(ask, tunnel, service, priority);
	sink_until_count(rope->loop, &ask->done, 1);
	if (!ask->opened)
		harness_fail(__FILE__, __LINE__, "%s was not opened: %s", service, ask->why.text);
}
