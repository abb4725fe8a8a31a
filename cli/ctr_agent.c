/*
 * ctr_agent.c - calls that wait, over net/http_client.h.
 */
#include "cli/ctr_agent.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>

#include "net/http_client.h"
#include "net/unix_socket.h"

#define ANSWER_MS 10000

struct ctr_agent {
	struct loop *loop;
	struct http_client *client;
	char *path;
};

/* One call until it is over. */
struct waiting {
	bool over, failed;
	bool freed; /* the call has ended by itself */
	struct error why;
	int status;
	struct buf body;
	struct stream *stream;
	bool (*take)(void *of, struct str piece);
	void *of;
};

/* --- the socket --- */

static void dial(void *of,
		 void (*on_done)(void *call, struct stream *stream, const struct error *err),
		 void *call)
{
	struct ctr_agent *agent = of;
	struct error err;
	int fd;

	if (unix_socket_connect(agent->path, &fd, &err))
		on_done(call, stream_of_fd(agent->loop, fd), NULL);
	else
		on_done(call, NULL, &err);
}

static bool knock(const struct ctr_agent *agent, struct error *err)
{
	auto_fd fd = -1;

	if (unix_socket_connect(agent->path, &fd, err))
		return true;
	if (err->kind == ERROR_NOT_FOUND)
		return error_set(
			err, ERROR_NOT_FOUND,
			"no agent answers at %s: start one with mote agent or mote server, or "
			"name its folder with --data-dir",
			agent->path);
	return false;
}

bool ctr_agent_open(const char *data_dir, struct ctr_agent **out, struct error *err)
{
	struct ctr_agent *agent = memory_new(struct ctr_agent);

	agent->path = memory_print("%s/agent/agent.sock", data_dir);
	if (!knock(agent, err) || !loop_open(&agent->loop, err)) {
		ctr_agent_close(agent);
		return false;
	}
	agent->client = http_client_new(agent->loop, dial, agent, "localhost");
	*out = agent;
	return true;
}

void ctr_agent_close(struct ctr_agent *agent)
{
	if (!agent)
		return;
	http_client_free(agent->client);
	loop_close(agent->loop);
	free(agent->path);
	free(agent);
}

struct loop *ctr_agent_loop(const struct ctr_agent *agent)
{
	return agent->loop;
}

/* --- one call --- */

static void end(struct waiting *waiting, const struct error *err)
{
	waiting->over = true;
	waiting->failed = err != NULL;
	if (err)
		waiting->why = *err;
}

static void on_end(void *of, const struct error *err)
{
	struct waiting *waiting = of;

	waiting->freed = true;
	if (!waiting->over)
		end(waiting, err);
}

static bool on_head(void *of, const struct http_head *head)
{
	struct waiting *waiting = of;

	waiting->status = head->status;
	return true;
}

static void on_body(void *of, struct str piece)
{
	struct waiting *waiting = of;
	struct error err;

	if (waiting->over)
		return;
	if (waiting->status == 200 && waiting->take) {
		if (waiting->take(waiting->of, piece))
			return;
		end(waiting, NULL);
	} else if (waiting->body.len + piece.len > CTR_ANSWER_MAX) {
		error_set(&err, ERROR_TOO_LARGE, "the agent's answer is larger than %u bytes",
			  CTR_ANSWER_MAX);
		end(waiting, &err);
	} else {
		buf_add_str(&waiting->body, piece);
	}
}

static void on_upgrade(void *of, const struct http_head *head, struct stream *stream)
{
	struct waiting *waiting = of;

	(void)head;
	waiting->stream = stream;
	waiting->status = 101;
	waiting->freed = true;
	end(waiting, NULL);
}

/* The agent's refusal is a Status object. */
static bool check_status(const struct waiting *waiting, struct error *err)
{
	auto_json_doc doc = NULL;
	struct error ignored;
	struct str message;
	bool fine = waiting->status == 200 || waiting->status == 101;

	if (fine)
		return true;
	if (json_parse(buf_str(&waiting->body), &doc, NULL, &ignored)) {
		message = json_str(json_get(json_root(doc), "message"));
		if (message.len > 0)
			return error_set(err,
					 waiting->status == 404 ? ERROR_NOT_FOUND : ERROR_BROKEN,
					 STR_FMT, STR_ARG(message));
	}
	return error_set(err, ERROR_BROKEN, "the agent answered with status %d", waiting->status);
}

static bool run(struct ctr_agent *agent, struct waiting *waiting, struct http_ask *ask,
		struct error *err)
{
	struct http_call *call;

	ask->on_head = on_head;
	ask->on_body = on_body;
	ask->on_end = on_end;
	ask->of = waiting;
	call = http_call(agent->client, ask);
	while (!waiting->over)
		loop_once(agent->loop, -1);
	if (!waiting->freed)
		http_call_cancel(call);
	if (waiting->failed) {
		*err = waiting->why;
		return error_context(err, "the agent cannot be asked");
	}
	return check_status(waiting, err);
}

/* --- kinds of calls --- */

bool ctr_agent_call(struct ctr_agent *agent, const char *method, const char *path, struct str body,
		    struct json_doc **out, struct error *err)
{
	struct waiting waiting = { 0 };
	struct http_header type = { STR("Content-Type"), STR("application/json") };
	struct http_ask ask = { .method = method,
				.target = path,
				.headers = &type,
				.header_count = body.len > 0,
				/* Questions are answered at once; work takes its time. */
				.timeout_ms = body.len > 0 ? 0 : ANSWER_MS,
				.body = body };
	bool done = run(agent, &waiting, &ask, err) &&
		    json_parse(buf_str(&waiting.body), out, NULL, err);

	buf_clear(&waiting.body);
	return done;
}

bool ctr_agent_post(struct ctr_agent *agent, const char *path, const char *field, const char *value,
		    struct json_doc **out, struct error *err)
{
	auto_json_doc doc = json_doc_new();
	struct json *root = json_new_object(doc);
	auto_buf body = BUF_INIT;

	json_put(doc, root, field, json_new_text(doc, value));
	json_print(root, &body);
	return ctr_agent_call(agent, "POST", path, buf_str(&body), out, err);
}

bool ctr_agent_stream(struct ctr_agent *agent, const char *path,
		      bool (*take)(void *of, struct str piece), void *of, struct error *err)
{
	struct waiting waiting = { .take = take, .of = of };
	struct http_ask ask = { .method = "GET", .target = path };
	bool done;

	assert(take);
	done = run(agent, &waiting, &ask, err);
	buf_clear(&waiting.body);
	return done;
}

bool ctr_agent_upgrade(struct ctr_agent *agent, const char *path, const char *protocol,
		       struct stream **out, struct error *err)
{
	struct waiting waiting = { 0 };
	struct http_header headers[] = { { STR("Connection"), STR("Upgrade") },
					 { STR("Upgrade"), str_of(protocol) } };
	struct http_ask ask = { .method = "GET",
				.target = path,
				.headers = headers,
				.header_count = ARRAY_LENGTH(headers),
				.on_upgrade = on_upgrade };
	bool done = run(agent, &waiting, &ask, err);

	buf_clear(&waiting.body);
	if (!done)
		return false;
	if (!waiting.stream)
		return error_set(err, ERROR_BROKEN, "the agent did not begin the session");
	*out = waiting.stream;
	return true;
}

bool ctr_write(int fd, struct str bytes)
{
	while (bytes.len > 0) {
		ssize_t put = write(fd, bytes.at, bytes.len);
		struct pollfd room = { .fd = fd, .events = POLLOUT };

		if (put > 0)
			bytes = str_from(bytes.at + put, bytes.len - (size_t)put);
		else if (put < 0 && errno == EAGAIN)
			(void)!poll(&room, 1, -1);
		else if (put < 0 && errno != EINTR)
			return false;
	}
	return true;
}
