/*
 * action_grpc.c - grpc: the health check of
 * https://github.com/grpc/grpc/blob/master/doc/health-checking.md over a connection of its own.
 *
 *   dial -> write the question (net/grpc_health.h) -> feed what comes -> the verdict in the words
 * of kubelets
 */
#include <inttypes.h>
#include <stdio.h>

#include "agent/action_inside.h"
#include "net/grpc_health.h"

#define PIECE 4096

struct asking {
	struct action *action;
	struct stream *stream;
	struct grpc_health health;
	struct str service;
	char *authority;
};

static void drop(struct action *action)
{
	struct asking *asking = action->part;

	stream_close(asking->stream);
	grpc_health_clear(&asking->health);
	free(asking->authority);
	free(asking);
	action->part = NULL;
}

/* --- the verdict --- */

static void judge(struct action *action)
{
	const struct grpc_health *health = &((struct asking *)action->part)->health;
	auto_buf word = BUF_INIT;

	if (health->http_status != 200 && health->http_status != 0 && !health->has_grpc_status) {
		action_say(action, ACTION_FAILED,
			   "error: health rpc probe failed: rpc error: code = Unknown desc = "
			   "unexpected HTTP status code received from server: %u",
			   health->http_status);
	} else if (!health->has_grpc_status) {
		action_say(action, ACTION_FAILED,
			   "error: health rpc probe failed: rpc error: code = Internal desc = "
			   "server closed the stream without sending trailers");
	} else if (health->grpc_status == GRPC_UNIMPLEMENTED) {
		action_say(action, ACTION_FAILED,
			   "error: this server does not implement the grpc health protocol "
			   "(grpc.health.v1.Health): %s",
			   buf_text(&health->said));
	} else if (health->grpc_status != GRPC_OK) {
		action_say(action, ACTION_FAILED,
			   "error: health rpc probe failed: rpc error: code = %s desc = %s",
			   grpc_code_name(health->grpc_status), buf_text(&health->said));
	} else if (health->word != HEALTH_SERVING) {
		grpc_health_print(health->word, &word);
		action_say(action, ACTION_FAILED, "service unhealthy (responded with \"%s\")",
			   buf_text(&word));
	} else {
		action_end(action, ACTION_WORKED);
	}
}

static void fail(struct action *action, const char *why)
{
	action_say(action, ACTION_FAILED,
		   "error: health rpc probe failed: rpc error: code = Unavailable desc = %s", why);
}

/* --- the connection --- */

static void on_readable(void *owner)
{
	struct action *action = owner;
	struct asking *asking = action->part;
	auto_buf out = BUF_INIT;
	char piece[PIECE];
	struct error err;
	ptrdiff_t got = stream_read(asking->stream, piece, sizeof(piece));

	if (action->ended || got == 0)
		return;
	if (got < 0) {
		fail(action, "connection error: the server ended the connection");
		return;
	}
	if (!grpc_health_feed(&asking->health, str_from(piece, (size_t)got), &out, &err)) {
		fail(action, err.text);
		return;
	}
	if (out.len > 0)
		stream_write(asking->stream, buf_str(&out));
	if (asking->health.ended)
		judge(action);
}

static void on_closed(void *owner, const struct error *why)
{
	if (!((struct action *)owner)->ended)
		fail(owner, why ? why->text : "connection error: the server ended the connection");
}

static const struct stream_events events = { .on_readable = on_readable, .on_closed = on_closed };

static void on_dialled(void *of, struct stream *stream, const struct error *err)
{
	struct action *action = of;
	struct asking *asking = action->part;
	auto_buf question = BUF_INIT, why = BUF_INIT;

	action->dial = NULL;
	if (err) {
		action_print_dial(action->host, action->port, err, &why);
		action_say(action, ACTION_FAILED,
			   "error: failed to connect service at \"%s\": connection error: %s",
			   asking->authority, buf_text(&why));
		return;
	}
	asking->stream = stream;
	free(action->late);
	action->late = memory_print("timeout: health rpc did not complete within %gs",
				    action->timeout_ms / 1000.0);
	grpc_health_ask(asking->authority, asking->service, &question);
	stream_own(stream, &events, action);
	stream_write(stream, buf_str(&question));
}

/* Always the pod itself: there is no host to be named. */
void action_grpc_start(struct action *action, const struct action_work *work,
		       const struct json *part)
{
	auto_buf authority = BUF_INIT;
	struct asking *asking;

	action->port = action_port(part, NULL);
	if (work->is_hook) {
		action_say(action, ACTION_FAILED, "invalid handler: grpc");
		return;
	}
	if (action->port == 0 || !work->pod_ip || !*work->pod_ip) {
		action_say(action, ACTION_ERRORED, "the port of the probe is not known");
		return;
	}
	asking = memory_new(struct asking);
	asking->action = action;
	asking->service = json_str(json_get(part, "service"));
	action->host = memory_string(work->pod_ip);
	action->part = asking;
	action->drop = drop;
	action_print_authority(action->host, action->port, &authority);
	asking->authority = buf_take(&authority);
	action->late = memory_print("timeout: failed to connect service \"%s\" within %gs: context "
				    "deadline exceeded",
				    asking->authority, action->timeout_ms / 1000.0);
	action->dial = socket_dial(action->loop, str_of(action->host), action->port,
				   action->timeout_ms, on_dialled, action);
}
