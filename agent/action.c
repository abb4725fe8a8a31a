/*
 * action.c - the four handlers, one row each.
 */
#include "agent/action.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "net/http_client.h"
#include "net/socket.h"
#include "net/tls.h"

#define SAID_MAX    1024
#define BODY_MAX    (64u * 1024)
#define HEADERS_MAX 32
#define WORDS_MAX   256

struct action {
	struct loop *loop;
	void (*on_done)(void *of, bool worked, struct str said);
	void *of;
	struct loop_timer timer;
	struct loop_task over;
	bool worked, is_sleep, ended;
	struct buf said;
	/* exec */
	struct exec_session exec;
	bool exec_alive;
	struct loop_fd out, errors;
	/* httpGet */
	struct http_client *client;
	struct tls_config *tls;
	/* tcpSocket */
	struct socket_dial *dial;
};

/* --- the end --- */

static void release(struct action *action)
{
	loop_timer_stop(&action->timer);
	loop_fd_stop(&action->out);
	loop_fd_stop(&action->errors);
	if (action->exec_alive)
		sandbox_exec_cancel(&action->exec);
	if (action->exec.stdout_fd >= 0)
		close(action->exec.stdout_fd);
	if (action->exec.stderr_fd >= 0)
		close(action->exec.stderr_fd);
	action->exec_alive = false;
	action->exec.stdout_fd = action->exec.stderr_fd = -1;
	if (action->dial)
		socket_dial_cancel(action->dial);
	action->dial = NULL;
	http_client_free(action->client);
	action->client = NULL;
	tls_config_unref(action->tls);
	action->tls = NULL;
}

static void action_free(struct action *action)
{
	release(action);
	loop_task_cancel(&action->over);
	buf_clear(&action->said);
	free(action);
}

/* Clients are not freed inside their callbacks, so the end is told a little later. */
static void on_over(struct loop_task *task)
{
	struct action *action = CONTAINER_OF(task, struct action, over);

	release(action);
	if (action->on_done)
		action->on_done(action->of, action->worked,
				action->worked ? STR("") : buf_str(&action->said));
	action_free(action);
}

static void end(struct action *action, bool worked)
{
	if (action->ended)
		return;
	action->ended = true;
	action->worked = worked;
	loop_defer(action->loop, &action->over);
}

static void fail(struct action *action, struct str why)
{
	buf_reset(&action->said);
	buf_add_str(&action->said, str_from(why.at, why.len < SAID_MAX ? why.len : SAID_MAX));
	end(action, false);
}

static void on_timeout(struct loop_timer *timer)
{
	struct action *action = CONTAINER_OF(timer, struct action, timer);

	if (action->is_sleep)
		end(action, true);
	else
		fail(action, STR("it took too long"));
}

/* --- exec --- */

static void read_output(struct action *action, struct loop_fd *watch)
{
	char piece[4096];
	ssize_t got = read(watch->fd, piece, sizeof(piece));
	size_t room = SAID_MAX - action->said.len;

	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (got <= 0) {
		loop_fd_stop(watch);
		return;
	}
	buf_add(&action->said, piece, (size_t)got < room ? (size_t)got : room);
}

static void on_out(struct loop_fd *watch, unsigned events)
{
	(void)events;
	read_output(CONTAINER_OF(watch, struct action, out), watch);
}

static void on_errors(struct loop_fd *watch, unsigned events)
{
	(void)events;
	read_output(CONTAINER_OF(watch, struct action, errors), watch);
}

static void on_exec_started(struct exec_session *exec, const struct error *err)
{
	struct action *action = exec->owner;
	struct error ignored;

	if (err) {
		action->exec_alive = false;
		exec->stdout_fd = exec->stderr_fd = -1;
		fail(action, str_of(err->text));
		return;
	}
	action->out = (struct loop_fd){ .on_event = on_out, .fd = exec->stdout_fd };
	action->errors = (struct loop_fd){ .on_event = on_errors, .fd = exec->stderr_fd };
	if (exec->stdout_fd >= 0)
		(void)!loop_fd_start(action->loop, &action->out, LOOP_READ, &ignored);
	if (exec->stderr_fd >= 0)
		(void)!loop_fd_start(action->loop, &action->errors, LOOP_READ, &ignored);
}

static void on_exec_exit(struct exec_session *exec, int exit_code)
{
	struct action *action = exec->owner;

	action->exec_alive = false;
	if (action->out.active)
		read_output(action, &action->out);
	if (action->errors.active)
		read_output(action, &action->errors);
	end(action, exit_code == 0);
}

static void start_exec(struct action *action, const struct action_work *work,
		       const struct json *part)
{
	const struct json *command = json_get(part, "command");
	auto_arena arena = arena_new();
	const char **argv = arena_zero(arena, (WORDS_MAX + 1) * sizeof(*argv));
	struct exec_plan plan = { .container = work->container_id, .argv = argv };

	for (struct json_iter it = json_iter(command); json_next(&it) && it.index < WORDS_MAX;)
		argv[it.index] = str_copy_arena(json_str(it.value), arena);
	if (!argv[0]) {
		fail(action, STR("the command is empty"));
		return;
	}
	action->exec.on_started = on_exec_started;
	action->exec.on_exit = on_exec_exit;
	action->exec.owner = action;
	action->exec_alive = true;
	sandbox_exec(work->sandbox, &plan, &action->exec);
}

/* --- ports --- */

/* A number, or the name of one of the container's ports; 0 when neither. */
static unsigned port_of(const struct json *part, const struct json *container)
{
	const struct json *port = json_get(part, "port");
	int64_t number = 0;

	if (json_is_int(port))
		return (unsigned)json_int(port);
	if (str_to_i64(json_str(port), 1, 65535, &number))
		return (unsigned)number;
	for (struct json_iter it = json_iter(json_get(container, "ports")); json_next(&it);)
		if (str_equal(json_str(json_get(it.value, "name")), json_str(port)))
			return (unsigned)json_int(json_get(it.value, "containerPort"));
	return 0;
}

static struct str host_of(const struct json *part, const struct action_work *work)
{
	struct str host = json_str(json_get(part, "host"));

	return host.len > 0 ? host : str_of(work->pod_ip);
}

/* --- httpGet --- */

static void on_http(void *of, const struct http_head *head, struct str body,
		    const struct error *err)
{
	struct action *action = of;
	char text[128];

	(void)body;
	if (err) {
		fail(action, str_of(err->text));
		return;
	}
	/* Redirects are answers, not ways: nothing makes us ask another host. */
	if (head->status >= 200 && head->status < 400) {
		end(action, true);
		return;
	}
	snprintf(text, sizeof(text), "HTTP probe failed with statuscode: %d", head->status);
	fail(action, str_of(text));
}

static size_t take_headers(const struct json *part, struct http_header *headers)
{
	size_t count = 1;

	headers[0] = (struct http_header){ STR("User-Agent"), STR("kube-probe/1.32") };
	for (struct json_iter it = json_iter(json_get(part, "httpHeaders"));
	     json_next(&it) && count < HEADERS_MAX;)
		headers[count++] = (struct http_header){ json_str(json_get(it.value, "name")),
							 json_str(json_get(it.value, "value")) };
	return count;
}

static void start_http(struct action *action, const struct action_work *work,
		       const struct json *part)
{
	bool secure = str_is(json_str(json_get(part, "scheme")), "HTTPS");
	struct str host = host_of(part, work), path = json_str(json_get(part, "path"));
	unsigned port = port_of(part, work->container);
	auto_free char *url =
		memory_print("%s://" STR_FMT ":%u", secure ? "https" : "http", STR_ARG(host), port);
	auto_free char *target = str_copy(path.len > 0 ? path : STR("/"));
	struct http_header headers[HEADERS_MAX];
	struct http_ask ask = { .method = "GET",
				.target = target,
				.headers = headers,
				.timeout_ms = (int)work->timeout_ms,
				.body_max = BODY_MAX,
				.on_reply = on_http,
				.of = action };
	struct error why;

	if (port == 0 || host.len == 0) {
		fail(action, STR("the port of the probe is not known"));
		return;
	}
	if (secure && !tls_client_config(STR_NONE, STR_NONE, STR_NONE, true, &action->tls, &why)) {
		fail(action, str_of(why.text));
		return;
	}
	action->client = http_client_to(action->loop, str_of(url), action->tls, &why);
	if (!action->client) {
		fail(action, str_of(why.text));
		return;
	}
	ask.header_count = take_headers(part, headers);
	http_call(action->client, &ask);
}

/* --- tcpSocket --- */

static void on_dialled(void *of, struct stream *stream, const struct error *err)
{
	struct action *action = of;

	action->dial = NULL;
	stream_close(stream);
	if (err)
		fail(action, str_of(err->text));
	else
		end(action, true);
}

static void start_tcp(struct action *action, const struct action_work *work,
		      const struct json *part)
{
	unsigned port = port_of(part, work->container);
	struct str host = host_of(part, work);

	if (port == 0 || host.len == 0) {
		fail(action, STR("the port of the probe is not known"));
		return;
	}
	action->dial =
		socket_dial(action->loop, host, port, (int)work->timeout_ms, on_dialled, action);
}

/* --- sleep --- */

static void start_sleep(struct action *action, const struct action_work *work,
			const struct json *part)
{
	(void)work;
	action->is_sleep = true;
	loop_timer_set(action->loop, &action->timer, json_int(json_get(part, "seconds")) * 1000);
}

/* --- starting --- */

struct action *action_start(const struct action_work *work,
			    void (*on_done)(void *of, bool worked, struct str said), void *of)
{
	static const struct {
		const char *field;
		void (*start)(struct action *action, const struct action_work *work,
			      const struct json *part);
	} rows[] = {
		{ "exec", start_exec },
		{ "httpGet", start_http },
		{ "tcpSocket", start_tcp },
		{ "sleep", start_sleep },
	};
	struct action *action = memory_new(struct action);

	action->loop = work->loop;
	action->on_done = on_done;
	action->of = of;
	action->over.on_task = on_over;
	action->timer.on_timer = on_timeout;
	action->exec.stdin_fd = action->exec.stdout_fd = action->exec.stderr_fd = -1;
	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		const struct json *part = json_get(work->handler, rows[i].field);

		if (!part)
			continue;
		if (work->timeout_ms > 0)
			loop_timer_set(action->loop, &action->timer, work->timeout_ms);
		rows[i].start(action, work, part);
		return action;
	}
	fail(action, STR("this node does not know how to do this"));
	return action;
}

void action_cancel(struct action *action)
{
	if (!action)
		return;
	action->on_done = NULL;
	action_free(action);
}
