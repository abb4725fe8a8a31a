/*
 * sandbox_exec.c - sessions: a process of its own in a container, or the container's own input and
 * output.
 *
 * Pipes are made here and their far ends sent along, so nothing of what flows goes through the
 * monitor (attach: through its pump only).  A terminal's master comes back with the answer.
 */
#include "runtime/sandbox_inside.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "runtime/container_plan.h"

static void close_slot(int *fd)
{
	if (*fd >= 0)
		close(take_fd(fd));
}

/* Ours until on_started: with tty two names for one descriptor. */
static void close_ours(struct exec_session *exec)
{
	if (exec->stdout_fd == exec->stdin_fd)
		exec->stdout_fd = -1;
	close_slot(&exec->stdin_fd);
	close_slot(&exec->stdout_fd);
	close_slot(&exec->stderr_fd);
}

static struct sandbox_session *session_new(struct sandbox *sandbox, struct exec_session *exec)
{
	struct sandbox_session *session = memory_new(struct sandbox_session);

	assert(exec->on_started && exec->on_exit);
	session->sandbox = sandbox;
	session->exec = exec;
	session->number = ++sandbox->session_last;
	exec->stdin_fd = exec->stdout_fd = exec->stderr_fd = -1;
	exec->inside = session;
	list_add(&sandbox->sessions, &session->link);
	return session;
}

static void session_free(struct sandbox_session *session)
{
	session->exec->inside = NULL;
	list_remove(&session->link);
	free(session);
}

static void fail(struct sandbox_session *session, const struct error *why)
{
	session->why = *why;
	session->started_untold = true;
	sandbox_tell_soon(session->sandbox);
}

/* --- making the ends --- */

static bool make_pipe(bool we_write, int *out_ours, struct wire_fds *theirs, struct error *err)
{
	int pair[2];

	if (pipe2(pair, O_CLOEXEC) != 0)
		return error_os(err, "make a pipe");
	*out_ours = pair[we_write ? 1 : 0];
	theirs->at[theirs->count++] = pair[we_write ? 0 : 1];
	return fcntl(*out_ours, F_SETFL, O_NONBLOCK) == 0 || error_os(err, "prepare a pipe");
}

static bool make_pipes(struct exec_session *exec, bool has_input, struct wire_fds *theirs,
		       struct error *err)
{
	return (!has_input || make_pipe(true, &exec->stdin_fd, theirs, err)) &&
	       make_pipe(false, &exec->stdout_fd, theirs, err) &&
	       make_pipe(false, &exec->stderr_fd, theirs, err);
}

static bool make_pair(struct exec_session *exec, struct wire_fds *theirs, struct error *err)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) != 0)
		return error_os(err, "make a socket pair");
	exec->stdin_fd = exec->stdout_fd = pair[0];
	theirs->at[theirs->count++] = pair[1];
	return true;
}

static void send_request(struct sandbox_session *session, const char *what, const char *id,
			 bool has_input, const struct wire_fds *fds)
{
	auto_json_doc doc = json_doc_new();
	struct json *message = json_new_object(doc);

	json_put(doc, message, "do", json_new_text(doc, what));
	json_put(doc, message, "session", json_new_int(doc, session->number));
	if (id)
		json_put(doc, message, "id", json_new_text(doc, id));
	json_put(doc, message, "stdin", json_new_bool(doc, has_input));
	json_put(doc, message, "width", json_new_int(doc, session->width));
	json_put(doc, message, "height", json_new_int(doc, session->height));
	if (session->sandbox->wired)
		wire_send(&session->sandbox->wire, message, fds);
}

/* --- exec --- */

static bool print_plan(const struct exec_plan *plan, int *out_fd, struct error *err)
{
	auto_json_doc doc = json_doc_new();
	struct json *root = json_new_object(doc);
	auto_buf text = BUF_INIT;

	if (!plan->argv || !plan->argv[0])
		return error_set(err, ERROR_INVALID, "no command is given");
	json_put(doc, root, "argv", container_plan_print_list(plan->argv, doc));
	json_put(doc, root, "env", container_plan_print_list(plan->env, doc));
	json_put(doc, root, "tty", json_new_bool(doc, plan->tty));
	json_print(root, &text);
	if (text.len > CONTAINER_PLAN_BYTES_MAX)
		return error_set(err, ERROR_TOO_LARGE, "the command is too large");
	return sandbox_memory_file(buf_str(&text), out_fd, err);
}

static bool is_running(const struct sandbox *sandbox, const char *id, struct error *err)
{
	const struct container_state *state = sandbox_container(sandbox, id);

	if (!state)
		return error_set(err, ERROR_NOT_FOUND, "there is no container %s", id);
	if (state->phase == CONTAINER_EXITED)
		return error_set(err, ERROR_UNAVAILABLE, "container %s is not running", id);
	return sandbox->wired ||
	       error_set(err, ERROR_UNAVAILABLE, "the pod's monitor does not answer");
}

void sandbox_exec(struct sandbox *sandbox, const struct exec_plan *plan, struct exec_session *exec)
{
	struct sandbox_session *session = session_new(sandbox, exec);
	struct wire_fds fds = { .count = 1, .at = { -1, -1, -1, -1 } };
	struct error err;

	session->tty = plan->tty;
	if (is_running(sandbox, plan->container, &err) && print_plan(plan, &fds.at[0], &err) &&
	    (plan->tty || make_pipes(exec, plan->stdin_wanted, &fds, &err)))
		send_request(session, "exec", plan->container, plan->stdin_wanted, &fds);
	else
		fail(session, &err);
	wire_fds_clear(&fds);
}

void sandbox_attach(struct sandbox *sandbox, const char *id, struct exec_session *exec)
{
	struct sandbox_session *session = session_new(sandbox, exec);
	struct wire_fds fds = { .count = 0 };
	bool has_input = false;
	struct error err;
	bool fine = is_running(sandbox, id, &err);

	session->is_attach = true;
	if (fine) {
		const struct sandbox_facts *facts = &sandbox->facts[sandbox_place(sandbox, id)];

		session->tty = facts->tty;
		has_input = facts->stdin_open;
		fine = facts->tty ? make_pair(exec, &fds, &err)
				  : make_pipes(exec, has_input, &fds, &err);
	}
	if (fine)
		send_request(session, "attach", id, has_input, &fds);
	else
		fail(session, &err);
	wire_fds_clear(&fds);
}

/* --- what the monitor says --- */

static void resize_terminal(struct sandbox_session *session)
{
	struct winsize size = { .ws_col = (unsigned short)session->width,
				.ws_row = (unsigned short)session->height };

	if (session->width == 0 || session->height == 0)
		return;
	if (session->is_attach)
		send_request(session, "resize", NULL, false, NULL);
	else if (session->exec->stdin_fd >= 0)
		ioctl(session->exec->stdin_fd, TIOCSWINSZ, &size);
}

static void hear_started(struct sandbox_session *session, struct wire_fds *fds)
{
	if (session->tty && !session->is_attach && fds->count == 1) {
		session->exec->stdin_fd = session->exec->stdout_fd = take_fd(&fds->at[0]);
		fcntl(session->exec->stdin_fd, F_SETFL, O_RDWR | O_NONBLOCK);
	}
	session->started = session->started_untold = true;
	resize_terminal(session);
}

static void hear_failed(struct sandbox_session *session, const struct json *message)
{
	struct str why = json_str(json_get(message, "error"));
	int64_t kind = json_int(json_get(message, "kind"));

	if (kind <= ERROR_NONE || kind >= ERROR_KINDS)
		kind = ERROR_BROKEN;
	error_raise(&session->why, (enum error_kind)kind, (int)json_int(json_get(message, "errno")),
		    ERROR_FROM, STR_FMT, STR_ARG(why.at ? why : STR("unknown")));
	session->started_untold = true;
}

void sandbox_session_message(struct sandbox *sandbox, struct str what, const struct json *message,
			     struct wire_fds *fds)
{
	int64_t number = json_int(json_get(message, "session"));
	struct sandbox_session *session = NULL;

	LIST_EACH(&sandbox->sessions, link)
	if (LIST_OWNER(link, struct sandbox_session, link)->number == number)
		session = LIST_OWNER(link, struct sandbox_session, link);
	if (!session)
		return; /* cancelled meanwhile */
	if (str_is(what, "started")) {
		hear_started(session, fds);
	} else if (str_is(what, "failed") && !session->started) {
		hear_failed(session, message);
	} else if (str_is(what, "exited")) {
		session->exit_untold = true;
		session->exit_code = (int)json_int(json_get(message, "code"));
	}
}

void sandbox_session_lose(struct sandbox *sandbox)
{
	LIST_EACH(&sandbox->sessions, link)
	{
		struct sandbox_session *session = LIST_OWNER(link, struct sandbox_session, link);

		if (!session->started && session->why.kind == ERROR_NONE) {
			error_set(&session->why, ERROR_UNAVAILABLE, "the pod's monitor is gone");
			session->started_untold = true;
		} else if (session->started && !session->exit_untold) {
			session->exit_untold = true;
			session->exit_code = 137;
		}
	}
}

/* --- telling --- */

bool sandbox_session_untold(const struct sandbox *sandbox)
{
	LIST_EACH(&sandbox->sessions, link)
	{
		struct sandbox_session *session = LIST_OWNER(link, struct sandbox_session, link);

		if (session->started_untold || session->exit_untold)
			return true;
	}
	return false;
}

static void tell_started(struct sandbox_session *session)
{
	struct exec_session *exec = session->exec;
	struct error why = session->why;

	session->started_untold = false;
	if (why.kind == ERROR_NONE) {
		exec->on_started(exec, NULL);
		return;
	}
	close_ours(exec);
	session_free(session);
	exec->on_started(exec, &why);
}

static void tell_exit(struct sandbox_session *session)
{
	struct exec_session *exec = session->exec;
	int code = session->exit_code;

	session_free(session);
	exec->on_exit(exec, code);
}

/* The session's owner may do anything in its callback: what else there is to tell is asked for
 * before. */
bool sandbox_session_tell(struct sandbox *sandbox)
{
	LIST_EACH(&sandbox->sessions, link)
	{
		struct sandbox_session *session = LIST_OWNER(link, struct sandbox_session, link);

		if (!session->started_untold && !session->exit_untold)
			continue;
		sandbox_tell_soon(sandbox);
		if (session->started_untold)
			tell_started(session);
		else
			tell_exit(session);
		return true;
	}
	return false;
}

/* --- requests --- */

void sandbox_exec_resize(struct exec_session *exec, unsigned width, unsigned height)
{
	struct sandbox_session *session = exec->inside;

	if (!session || !session->tty || width > UINT16_MAX || height > UINT16_MAX)
		return;
	session->width = width;
	session->height = height;
	if (session->started)
		resize_terminal(session);
}

void sandbox_exec_cancel(struct exec_session *exec)
{
	struct sandbox_session *session = exec->inside;

	if (!session)
		return;
	send_request(session, "cancel", NULL, false, NULL);
	if (!session->started || session->started_untold)
		close_ours(exec);
	session_free(session);
}
