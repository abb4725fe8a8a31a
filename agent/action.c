/*
 * action.c - the handlers, one row each, and what all of them share: the end, the time, ports.
 */
#include "agent/action.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "agent/action_inside.h"

#define SAID_MAX    1024
#define WORDS_MAX   256
#define SECONDS_MAX 86400
#define CONNECT_MS  30000 /* where nobody said how long */

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
	if (action->drop)
		action->drop(action);
	action->drop = NULL;
	free(take_ptr(&action->host));
	free(take_ptr(&action->late));
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
		action->on_done(action->of, action->result,
				action->result == ACTION_WORKED ? STR("") : buf_str(&action->said));
	action_free(action);
}

void action_end(struct action *action, enum action_result result)
{
	if (action->ended)
		return;
	action->ended = true;
	action->result = result;
	loop_defer(action->loop, &action->over);
}

void action_say(struct action *action, enum action_result result, const char *format, ...)
{
	char text[SAID_MAX + 1];
	va_list args;

	if (action->ended)
		return;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	buf_reset(&action->said);
	buf_add_text(&action->said, text);
	action_end(action, result);
}

static void on_timeout(struct loop_timer *timer)
{
	struct action *action = CONTAINER_OF(timer, struct action, timer);

	if (action->is_sleep)
		action_end(action, ACTION_WORKED);
	else
		action_say(action, ACTION_FAILED, "%s",
			   action->late ? action->late : "it took too long");
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
		action_say(action, ACTION_ERRORED, "%s", err->text);
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
	action_end(action, exit_code == 0 ? ACTION_WORKED : ACTION_FAILED);
}

static void say_late(struct action *action, const char *const *argv)
{
	auto_buf words = BUF_INIT;

	for (size_t i = 0; argv[i] && words.len < SAID_MAX; i++)
		buf_add_print(&words, "%s%s", i > 0 ? " " : "", argv[i]);
	action->late = memory_print("command \"%s\" timed out", buf_text(&words));
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
		action_say(action, ACTION_ERRORED, "the command is empty");
		return;
	}
	say_late(action, argv);
	action->exec.on_started = on_exec_started;
	action->exec.on_exit = on_exec_exit;
	action->exec.owner = action;
	action->exec_alive = true;
	sandbox_exec(work->sandbox, &plan, &action->exec);
}

/* --- ports --- */

unsigned action_port(const struct json *part, const struct json *container)
{
	const struct json *port = json_get(part, "port");
	int64_t number = json_int(port);

	if (json_type(port) == JSON_STRING && !str_to_i64(json_str(port), 1, 65535, &number))
		for (struct json_iter it = json_iter(json_get(container, "ports")); json_next(&it);)
			if (str_equal(json_str(json_get(it.value, "name")), json_str(port)))
				number = json_int(json_get(it.value, "containerPort"));
	return number > 0 && number <= 65535 ? (unsigned)number : 0;
}

struct str action_host(const struct json *part, const struct action_work *work)
{
	struct str host = json_str(json_get(part, "host"));

	return host.len > 0 ? host : str_of(work->pod_ip);
}

void action_print_authority(const char *host, unsigned port, struct buf *out)
{
	buf_add_print(out, strchr(host, ':') ? "[%s]:%u" : "%s:%u", host, port);
}

/* As the words are that people know from kubelets. */
void action_print_dial(const char *host, unsigned port, const struct error *err, struct buf *out)
{
	static const struct {
		int code;
		const char *words;
	} rows[] = {
		{ ECONNREFUSED, "connect: connection refused" },
		{ EHOSTUNREACH, "connect: no route to host" },
		{ ENETUNREACH, "connect: network is unreachable" },
		{ ECONNRESET, "connect: connection reset by peer" },
		{ ETIMEDOUT, "connect: connection timed out" },
	};
	const char *words = err->kind == ERROR_TIMEOUT ? "i/o timeout" : err->text;

	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++)
		if (err->os_code == rows[i].code)
			words = rows[i].words;
	buf_add_text(out, "dial tcp ");
	action_print_authority(host, port, out);
	buf_add_print(out, ": %s", words);
}

/* --- tcpSocket --- */

static void on_dialled(void *of, struct stream *stream, const struct error *err)
{
	struct action *action = of;
	auto_buf why = BUF_INIT;

	action->dial = NULL;
	stream_close(stream);
	if (!err) {
		action_end(action, ACTION_WORKED);
		return;
	}
	action_print_dial(action->host, action->port, err, &why);
	action_say(action, ACTION_FAILED, "%s", buf_text(&why));
}

static void start_tcp(struct action *action, const struct action_work *work,
		      const struct json *part)
{
	struct str host = action_host(part, work);
	auto_buf late = BUF_INIT;

	action->port = action_port(part, work->container);
	if (work->is_hook) {
		action_say(action, ACTION_FAILED, "invalid handler: tcpSocket");
		return;
	}
	if (action->port == 0 || host.len == 0) {
		action_say(action, ACTION_ERRORED, "the port of the probe is not known");
		return;
	}
	action->host = str_copy(host);
	buf_add_text(&late, "dial tcp ");
	action_print_authority(action->host, action->port, &late);
	buf_add_text(&late, ": i/o timeout");
	action->late = buf_take(&late);
	action->dial = socket_dial(action->loop, host, action->port, action->timeout_ms, on_dialled,
				   action);
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
			    void (*on_done)(void *of, enum action_result result, struct str said),
			    void *of)
{
	static const struct {
		const char *field;
		void (*start)(struct action *action, const struct action_work *work,
			      const struct json *part);
	} rows[] = {
		{ "exec", start_exec },     { "httpGet", action_http_start },
		{ "tcpSocket", start_tcp }, { "grpc", action_grpc_start },
		{ "sleep", start_sleep },
	};
	struct action *action = memory_new(struct action);

	action->loop = work->loop;
	action->is_hook = work->is_hook;
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
	action_say(action, ACTION_ERRORED, "this node does not know how to do this");
	return action;
}

void action_cancel(struct action *action)
{
	if (!action)
		return;
	action->on_done = NULL;
	action_free(action);
}
