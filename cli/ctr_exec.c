/*
 * ctr_exec.c - mote ctr exec: a process inside a running container, with this terminal as its own.
 *
 *   stdin -> frames -> agent -> process -> agent -> frames -> stdout, stderr; last the exit status
 *
 * Output is written as it comes: who does not read it stops the process by back-pressure.  A signal
 * that ends us ends the process too, for the agent sees the session go.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <termios.h>

#include "base/limits.h"
#include "cli/ctr_frames.h"
#include "cli/ctr_verb.h"

#define PIECE_BYTES (16u * 1024)

struct session {
	struct loop *loop;
	struct stream *stream;
	struct buf in; /* frames that are not whole yet */
	bool over, failed, tty;
	int status;
	struct error why;
	struct loop_fd input;
	struct loop_task pump; /* for an input that cannot be waited for: a file */
	bool stdin_wanted, from_file, input_ended;
	struct loop_signal resized;
};

/* --- the terminal --- */

/* For the handler of signals, which has nothing else. */
static struct termios terminal_before;
static volatile sig_atomic_t terminal_is_raw;

static void terminal_restore(void)
{
	if (terminal_is_raw)
		tcsetattr(STDIN_FILENO, TCSANOW, &terminal_before);
	terminal_is_raw = 0;
}

static void on_deadly(int number)
{
	terminal_restore();
	_exit(128 + number);
}

/* Keys go to the process as they are typed, Ctrl-C too. */
static bool terminal_raw(struct error *err)
{
	static const int deadly[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT };
	struct sigaction action = { .sa_handler = on_deadly };
	struct termios raw;

	if (tcgetattr(STDIN_FILENO, &terminal_before) != 0)
		return error_os(err, "cannot ask the terminal");
	for (size_t i = 0; i < ARRAY_LENGTH(deadly); i++)
		sigaction(deadly[i], &action, NULL);
	raw = terminal_before;
	cfmakeraw(&raw);
	terminal_is_raw = 1;
	return tcsetattr(STDIN_FILENO, TCSANOW, &raw) == 0 ||
	       error_os(err, "cannot set up the terminal");
}

static void send_size(struct session *session)
{
	auto_buf frame = BUF_INIT;
	struct winsize size;

	if (ioctl(STDIN_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0 || size.ws_row == 0)
		return;
	ctr_frames_add_size(&frame, size.ws_col, size.ws_row);
	stream_write(session->stream, buf_str(&frame));
}

static void on_resized(struct loop_signal *watch, int number)
{
	(void)number;
	send_size(CONTAINER_OF(watch, struct session, resized));
}

/* --- our input --- */

static void end_input(struct session *session)
{
	auto_buf frame = BUF_INIT;

	loop_fd_stop(&session->input);
	loop_task_cancel(&session->pump);
	session->input_ended = true;
	ctr_frames_add(&frame, CTR_END, str_from("", 1)); /* the channel: stdin, 0 */
	stream_write(session->stream, buf_str(&frame));
}

static void read_input(struct session *session)
{
	auto_buf frame = BUF_INIT;
	char piece[PIECE_BYTES];
	ssize_t got = read(STDIN_FILENO, piece, sizeof(piece));

	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (got <= 0) {
		end_input(session);
		return;
	}
	ctr_frames_add(&frame, CTR_STDIN, str_from(piece, (size_t)got));
	stream_write(session->stream, buf_str(&frame));
}

static void on_input(struct loop_fd *watch, unsigned events)
{
	struct session *session = CONTAINER_OF(watch, struct session, input);

	(void)events;
	read_input(session);
	if (session->input.active && stream_pending(session->stream) > STREAM_HIGH)
		loop_fd_stop(&session->input); /* on_writable goes on */
}

static void on_pump(struct loop_task *task)
{
	struct session *session = CONTAINER_OF(task, struct session, pump);

	read_input(session);
	if (!session->input_ended && stream_pending(session->stream) <= STREAM_HIGH)
		loop_defer(session->loop, task);
}

static bool start_input(struct session *session, struct error *err)
{
	if (session->from_file) {
		loop_defer(session->loop, &session->pump);
		return true;
	}
	if (loop_fd_start(session->loop, &session->input, LOOP_READ, err))
		return true;
	session->from_file = err->os_code == EPERM;
	return session->from_file && start_input(session, err);
}

/* --- what comes --- */

static void end(struct session *session, const struct error *err)
{
	session->over = true;
	session->failed = err != NULL;
	if (err)
		session->why = *err;
}

static void take_frame(struct session *session, int channel, struct str payload)
{
	struct error err;

	if (channel == CTR_STATUS) {
		if (ctr_frames_status(payload, &session->status, &err))
			end(session, NULL);
		else
			end(session, &err);
	} else if ((channel == CTR_STDOUT && !ctr_write(STDOUT_FILENO, payload)) ||
		   (channel == CTR_STDERR && !ctr_write(STDERR_FILENO, payload))) {
		session->status = 128 + SIGPIPE;
		end(session, NULL);
	}
}

static void take_frames(struct session *session)
{
	struct error err;
	struct str payload;
	size_t used;
	int channel;

	while (!session->over) {
		if (!ctr_frames_next(buf_str(&session->in), &channel, &payload, &used, &err)) {
			end(session, &err);
			return;
		}
		if (used == 0)
			return;
		take_frame(session, channel, payload);
		buf_drop_front(&session->in, used);
	}
}

static void break_off(struct session *session)
{
	struct error err;

	if (session->over)
		return;
	error_set(&err, ERROR_UNAVAILABLE,
		  "the session broke off before the command ended: the agent or the container has "
		  "gone");
	end(session, &err);
}

static void on_readable(void *owner)
{
	struct session *session = owner;
	ptrdiff_t got;

	buf_reserve(&session->in, PIECE_BYTES);
	got = stream_read(session->stream, session->in.at + session->in.len, PIECE_BYTES - 1);
	if (got < 0)
		break_off(session);
	if (got <= 0)
		return;
	session->in.len += (size_t)got;
	take_frames(session);
}

static void on_writable(void *owner)
{
	struct session *session = owner;
	struct error err;

	if (session->stdin_wanted && !session->input_ended && !session->input.active &&
	    !start_input(session, &err))
		end_input(session);
}

static void on_closed(void *owner, const struct error *why)
{
	(void)why;
	break_off(owner);
}

static const struct stream_events stream_events = { .on_readable = on_readable,
						    .on_writable = on_writable,
						    .on_closed = on_closed };

/* --- all of it --- */

static bool begin(struct session *session, struct error *err)
{
	static const int signals[] = { SIGWINCH };

	stream_own(session->stream, &stream_events, session);
	if (session->tty) {
		session->resized.on_signal = on_resized;
		if (!loop_signal_start(session->loop, &session->resized, signals,
				       ARRAY_LENGTH(signals), err) ||
		    !terminal_raw(err))
			return false;
		send_size(session);
	}
	return !session->stdin_wanted || start_input(session, err);
}

static void finish(struct session *session)
{
	terminal_restore();
	if (session->tty)
		loop_signal_stop(&session->resized);
	loop_fd_stop(&session->input);
	loop_task_cancel(&session->pump);
	stream_close(session->stream);
	buf_clear(&session->in);
}

static bool talk(struct ctr *ctr, struct session *session, struct error *err)
{
	if (!begin(session, err))
		return false;
	while (!session->over)
		loop_once(session->loop, -1);
	if (session->failed) {
		*err = session->why;
		return false;
	}
	ctr->status = session->status;
	return true;
}

static bool print_path(const struct ctr *ctr, const struct ctr_target *target, bool tty,
		       struct buf *out, struct error *err)
{
	ctr_target_path(target, "exec", out);
	buf_add_print(out, "?stdin=%s&tty=%s", ctr->options.stdin_wanted ? "true" : "false",
		      tty ? "true" : "false");
	for (size_t i = 1; i < ctr->arg_count; i++) {
		buf_add_text(out, "&command=");
		buf_add_percent_encoded(out, str_of(ctr->args[i]));
	}
	/* Beside it the head has some short lines only. */
	return out->len < LIMIT_HTTP_HEAD - 1024 ||
	       error_set(err, ERROR_TOO_LARGE, "the command line is too long");
}

/* As kubectl: a terminal there needs one here. */
static bool choose_tty(const struct ctr *ctr)
{
	if (!ctr->options.tty || !ctr->options.stdin_wanted)
		return false;
	if (isatty(STDIN_FILENO))
		return true;
	fprintf(stderr, "mote: no terminal is used, for the input is none\n");
	return false;
}

static bool exec(struct ctr *ctr, struct error *err)
{
	struct session session = { .loop = ctr_agent_loop(ctr->agent),
				   .stdin_wanted = ctr->options.stdin_wanted,
				   .pump = { .on_task = on_pump },
				   .input = { .on_event = on_input, .fd = STDIN_FILENO } };
	struct ctr_target target = { 0 };
	auto_buf path = BUF_INIT;
	bool done;

	if (!ctr_target_find(ctr, &target, err))
		return false;
	session.tty = choose_tty(ctr);
	done = print_path(ctr, &target, session.tty, &path, err) &&
	       ctr_agent_upgrade(ctr->agent, buf_text(&path), "mote-exec", &session.stream, err);
	ctr_target_clear(&target);
	if (!done)
		return false;
	done = talk(ctr, &session, err);
	finish(&session);
	return done;
}

static const struct option_row rows[] = {
	{ .flag = "stdin",
	  .letter = 'i',
	  .type = OPTION_BOOL,
	  .at = CTR_AT(stdin_wanted),
	  .group = "Options",
	  .help = "give our input to the command" },
	{ .flag = "tty",
	  .letter = 't',
	  .type = OPTION_BOOL,
	  .at = CTR_AT(tty),
	  .group = "Options",
	  .help = "give it a terminal (with -i)" },
	CTR_NAMESPACE_ROW,
	CTR_CONTAINER_ROW,
	{ 0 },
};

const struct ctr_verb ctr_exec = { .name = "exec",
				   .arguments = "POD -- COMMAND...",
				   .help = "run a command inside a running container",
				   .rows = rows,
				   .args_min = 2,
				   .args_max = CTR_ARGS_MAX,
				   .run = exec };
