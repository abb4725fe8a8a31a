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
#define HEADERS_MAX 32
#define WORDS_MAX   256
#define SECONDS_MAX 86400
#define CONNECT_MS  30000 /* where nobody said how long */

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
	/* tcpSocket and httpGet */
	struct socket_dial *dial;
	/* httpGet */
	struct http_client *client;
	struct tls_config *tls;
	char *host;
	unsigned port;
	int timeout_ms;
	/* who waits for the connection: called exactly once */
	void (*dialled)(void *call, struct stream *stream, const struct error *err);
	void *call;
};

/* --- the end --- */

/* Nobody waits for the connection any more; the client wants to hear it all the same. */
static void release_http(struct action *action)
{
	struct error err;

	http_client_free(action->client);
	action->client = NULL;
	error_set(&err, ERROR_UNAVAILABLE, "the action is over");
	if (action->dialled)
		action->dialled(action->call, NULL, &err);
	action->dialled = NULL;
	tls_config_unref(action->tls);
	action->tls = NULL;
	free(take_ptr(&action->host));
}

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
	release_http(action);
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
	int64_t number = json_int(port);

	if (json_type(port) == JSON_STRING && !str_to_i64(json_str(port), 1, 65535, &number))
		for (struct json_iter it = json_iter(json_get(container, "ports")); json_next(&it);)
			if (str_equal(json_str(json_get(it.value, "name")), json_str(port)))
				number = json_int(json_get(it.value, "containerPort"));
	return number > 0 && number <= 65535 ? (unsigned)number : 0;
}

static struct str host_of(const struct json *part, const struct action_work *work)
{
	struct str host = json_str(json_get(part, "host"));

	return host.len > 0 ? host : str_of(work->pod_ip);
}

/* --- httpGet --- */

/* The head is all that counts; the body may be as large as it likes. */
static bool on_head(void *of, const struct http_head *head)
{
	struct action *action = of;
	char text[128];

	/* Redirects are answers, not ways: nothing makes us ask another host. */
	if (head->status >= 200 && head->status < 400) {
		end(action, true);
		return false;
	}
	snprintf(text, sizeof(text), "HTTP probe failed with statuscode: %d", head->status);
	fail(action, str_of(text));
	return false;
}

static void on_http_end(void *of, const struct error *err)
{
	if (err)
		fail(of, str_of(err->text));
}

static void on_connected(void *of, struct stream *stream, const struct error *err)
{
	struct action *action = of;
	void (*dialled)(void *call, struct stream *stream, const struct error *err) =
		action->dialled;

	action->dial = NULL;
	action->dialled = NULL;
	if (stream && action->tls)
		stream = tls_connect(stream, action->tls, action->host);
	dialled(action->call, stream, err);
}

static void dial_http(void *of,
		      void (*on_done)(void *call, struct stream *stream, const struct error *err),
		      void *call)
{
	struct action *action = of;

	assert(!action->dialled); /* one request, one connection */
	action->dialled = on_done;
	action->call = call;
	action->dial = socket_dial(action->loop, str_of(action->host), action->port,
				   action->timeout_ms, on_connected, action);
}

static bool is_plain(struct str text)
{
	for (size_t i = 0; i < text.len; i++)
		if ((unsigned char)text.at[i] < ' ' || text.at[i] == 0x7f)
			return false;
	return true;
}

/* "Host" is the client's to say, all others are headers; those that would break the request are
 * left out. */
static size_t take_headers(const struct json *part, struct http_header *headers,
			   struct str *out_host)
{
	size_t count = 2;

	headers[0] = (struct http_header){ STR("User-Agent"), STR("kube-probe/1.32") };
	headers[1] = (struct http_header){ STR("Accept"), STR("*/*") };
	for (struct json_iter it = json_iter(json_get(part, "httpHeaders"));
	     json_next(&it) && count < HEADERS_MAX;) {
		struct http_header header = { json_str(json_get(it.value, "name")),
					      json_str(json_get(it.value, "value")) };
		bool replaced = false;

		if (header.name.len == 0 || !is_plain(header.name) || !is_plain(header.value))
			continue;
		for (size_t i = 0; i < 2; i++)
			if (str_equal_case(headers[i].name, header.name)) {
				headers[i] = header;
				replaced = true;
			}
		if (str_equal_case(header.name, STR("Host")))
			*out_host = header.value;
		else if (!replaced)
			headers[count++] = header;
	}
	return count;
}

/* A path and perhaps a query: what may not stand in a request line is escaped. */
static char *target_of(struct str path)
{
	auto_buf out = BUF_INIT;

	if (path.len == 0 || path.at[0] != '/')
		buf_add_byte(&out, '/');
	for (size_t i = 0; i < path.len; i++)
		if ((unsigned char)path.at[i] <= ' ' || (unsigned char)path.at[i] >= 0x7f)
			buf_add_print(&out, "%%%02X", (unsigned)(unsigned char)path.at[i]);
		else
			buf_add_byte(&out, path.at[i]);
	return buf_take(&out);
}

static void start_http(struct action *action, const struct action_work *work,
		       const struct json *part)
{
	bool secure = str_is(json_str(json_get(part, "scheme")), "HTTPS");
	struct str host = host_of(part, work);
	auto_free char *target = target_of(json_str(json_get(part, "path")));
	auto_free char *header = NULL;
	struct http_header headers[HEADERS_MAX];
	struct http_ask ask = { .method = "GET",
				.target = target,
				.headers = headers,
				.timeout_ms = action->timeout_ms,
				.on_head = on_head,
				.on_end = on_http_end,
				.of = action };
	struct str shown = STR_NONE;
	struct error why;

	action->port = port_of(part, work->container);
	if (action->port == 0 || host.len == 0) {
		fail(action, STR("the port of the probe is not known"));
		return;
	}
	if (secure && !tls_client_config(STR_NONE, STR_NONE, STR_NONE, true, &action->tls, &why)) {
		fail(action, str_of(why.text));
		return;
	}
	action->host = str_copy(host);
	ask.header_count = take_headers(part, headers, &shown);
	header = shown.len > 0 ? str_copy(shown)
			       : memory_print(STR_FMT ":%u", STR_ARG(host), action->port);
	action->client = http_client_new(action->loop, dial_http, action, header);
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
		socket_dial(action->loop, host, port, action->timeout_ms, on_dialled, action);
}

/* --- sleep --- */

static void start_sleep(struct action *action, const struct action_work *work,
			const struct json *part)
{
	int64_t seconds = json_int(json_get(part, "seconds"));

	(void)work;
	action->is_sleep = true;
	seconds = seconds < 0 ? 0 : seconds > SECONDS_MAX ? SECONDS_MAX : seconds;
	loop_timer_set(action->loop, &action->timer, seconds * 1000);
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
		action->timeout_ms = CONNECT_MS;
		if (work->timeout_ms > 0) {
			action->timeout_ms = work->timeout_ms < SECONDS_MAX * 1000
						     ? (int)work->timeout_ms
						     : SECONDS_MAX * 1000;
			loop_timer_set(action->loop, &action->timer, action->timeout_ms);
		}
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
