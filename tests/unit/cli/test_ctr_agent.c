/*
 * test_ctr_agent.c - calls over the agent's socket.  Method: a child process answers in the agent's
 * place with net/http_server.h.
 */
#include "base/file.h"
#include "cli/ctr_agent.h"
#include "net/http_server.h"
#include "net/socket.h"
#include "net/unix_socket.h"
#include "tests/unit/harness.h"

struct fake {
	struct loop *loop;
	struct http_service http;
	struct socket_listener listener;
};

static void echo_readable(void *owner)
{
	struct stream **stream = owner;
	char bytes[64];
	ptrdiff_t got = stream_read(*stream, bytes, sizeof(bytes));

	if (got > 0)
		stream_write(*stream, str_from(bytes, (size_t)got));
}

static const struct stream_events echo_events = { .on_readable = echo_readable };

static void on_request(struct http_service *http, struct http_request *req)
{
	static struct stream *upgraded;
	static char big[1024 * 1024];

	(void)http;
	if (str_is(req->path, "/echo")) {
		http_reply(req, 200, "application/json", req->body);
	} else if (str_is(req->path, "/refuse")) {
		http_reply(req, 404, "application/json", STR("{\"message\":\"it is not here\"}"));
	} else if (str_is(req->path, "/odd")) {
		http_reply(req, 500, "text/plain", STR("oh"));
	} else if (str_is(req->path, "/upgrade") && req->head.upgrade) {
		upgraded = http_upgrade(req, "mote-exec");
		stream_own(upgraded, &echo_events, &upgraded);
	} else if (str_is(req->path, "/pieces")) {
		http_reply_start(req, 200, "text/plain");
		http_reply_write(req, STR("one"));
		http_reply_write(req, STR("two"));
		http_reply_end(req);
	} else if (str_is(req->path, "/huge")) {
		http_reply_start(req, 200, "text/plain");
		for (int i = 0; i < 17; i++)
			http_reply_write(req, str_from(big, sizeof(big)));
		http_reply_end(req);
	} else {
		_exit(1); /* the agent dies in the middle */
	}
}

static void on_accept(struct socket_listener *listener, int fd, struct str peer)
{
	struct fake *fake = CONTAINER_OF(listener, struct fake, listener);

	http_serve(&fake->http, stream_of_fd(fake->loop, fd), peer, NULL);
}

static void serve(int listening)
{
	struct fake fake = { .http = { .on_request = on_request,
				       .body_max = 4096,
				       .idle_ms = 60000,
				       .body_ms = 60000 },
			     .listener = { .on_accept = on_accept, .accepted_max = 64 } };
	struct error err;

	CHECK_OK(loop_open(&fake.loop, &err), &err);
	CHECK_OK(socket_listener_start(fake.loop, &fake.listener, listening, &err), &err);
	loop_run(fake.loop);
}

/* The harness kills the child after the test. */
static struct ctr_agent *open_agent(void)
{
	auto_free char *folder = memory_print("%s/agent", harness_folder());
	auto_free char *path = memory_print("%s/agent.sock", folder);
	struct ctr_agent *agent;
	struct error err;
	int listening;

	CHECK_OK(file_make_dirs(folder, 0700, &err), &err);
	CHECK_OK(unix_socket_listen(path, &listening, &err), &err);
	if (fork() == 0)
		serve(listening);
	close(listening);
	CHECK_OK(ctr_agent_open(harness_folder(), &agent, &err), &err);
	return agent;
}

static void nobody_is_there(void)
{
	struct ctr_agent *agent;
	struct error err;

	CHECK(!ctr_agent_open(harness_folder(), &agent, &err));
	CHECK_INT(err.kind, ERROR_NOT_FOUND);
	CHECK(str_search(str_of(err.text), STR("no agent answers at")) >= 0);
	CHECK(str_search(str_of(err.text), STR("--data-dir")) >= 0);
}

static void answers_and_refusals(void)
{
	struct ctr_agent *agent = open_agent();
	struct error err;

	for (int i = 0; i < 3; i++) {
		auto_json_doc doc = NULL;
		auto_json_doc none = NULL;

		CHECK_OK(ctr_agent_post(agent, "/echo", "path", "/a\"b", &doc, &err), &err);
		CHECK(str_is(json_str(json_get(json_root(doc), "path")), "/a\"b"));
		CHECK(!ctr_agent_call(agent, "GET", "/refuse", STR_NONE, &none, &err));
		CHECK_STR(err.text, "it is not here");
		CHECK_INT(err.kind, ERROR_NOT_FOUND);
		CHECK(!ctr_agent_call(agent, "GET", "/odd", STR_NONE, &none, &err));
		CHECK_STR(err.text, "the agent answered with status 500");
	}
	ctr_agent_close(agent);
}

static void an_agent_that_dies_is_told(void)
{
	struct ctr_agent *agent = open_agent();
	auto_json_doc doc = NULL;
	struct error err;

	CHECK(!ctr_agent_call(agent, "GET", "/die", STR_NONE, &doc, &err));
	CHECK(str_starts(str_of(err.text), STR("the agent cannot be asked")));
	ctr_agent_close(agent);
}

static bool take_all(void *of, struct str piece)
{
	buf_add_str(of, piece);
	return true;
}

static bool take_one(void *of, struct str piece)
{
	size_t *calls = of;

	(void)piece;
	(*calls)++;
	return false;
}

/* Having enough is no error, in the middle and with the last piece; the next call works. */
static void pieces_come_until_enough(void)
{
	static const char *const paths[] = { "/pieces", "/huge" };
	struct ctr_agent *agent = open_agent();
	auto_buf all = BUF_INIT;
	struct error err;

	CHECK_OK(ctr_agent_stream(agent, "/pieces", take_all, &all, &err), &err);
	CHECK_STR(buf_text(&all), "onetwo");
	for (size_t i = 0; i < ARRAY_LENGTH(paths); i++) {
		size_t calls = 0;

		CHECK_OK(ctr_agent_stream(agent, paths[i], take_one, &calls, &err), &err);
		CHECK_INT(calls, 1);
	}
	CHECK(!ctr_agent_stream(agent, "/refuse", take_all, &all, &err));
	CHECK_STR(err.text, "it is not here");
	ctr_agent_close(agent);
}

static void too_large_an_answer_is_refused(void)
{
	struct ctr_agent *agent = open_agent();
	auto_json_doc doc = NULL;
	struct error err;

	CHECK(!ctr_agent_call(agent, "GET", "/huge", STR_NONE, &doc, &err));
	CHECK_INT(err.kind, ERROR_TOO_LARGE);
	ctr_agent_close(agent);
}

static struct stream *session;
static char heard[16];

static void on_readable(void *owner)
{
	ptrdiff_t got = stream_read(session, heard, sizeof(heard) - 1);

	(void)owner;
	heard[got > 0 ? got : 0] = '\0';
}

static void upgrade_gives_a_stream(void)
{
	static const struct stream_events events = { .on_readable = on_readable };
	struct ctr_agent *agent = open_agent();
	struct error err;

	CHECK(!ctr_agent_upgrade(agent, "/refuse", "mote-exec", &session, &err));
	CHECK_STR(err.text, "it is not here");
	CHECK(!ctr_agent_upgrade(agent, "/pieces", "mote-exec", &session, &err));
	CHECK_OK(ctr_agent_upgrade(agent, "/upgrade", "mote-exec", &session, &err), &err);
	stream_own(session, &events, agent);
	stream_write(session, STR("hello"));
	while (!heard[0])
		loop_once(ctr_agent_loop(agent), -1);
	CHECK_STR(heard, "hello");
	stream_close(session);
	ctr_agent_close(agent);
}

static const struct test tests[] = {
	{ "nobody is there", nobody_is_there },
	{ "answers and refusals", answers_and_refusals },
	{ "an agent that dies is told", an_agent_that_dies_is_told },
	{ "pieces come until enough", pieces_come_until_enough },
	{ "too large an answer is refused", too_large_an_answer_is_refused },
	{ "upgrade gives a stream", upgrade_gives_a_stream },
};
TEST_MAIN(tests)
