/*
 * exec_bridge.c - copies with back-pressure both ways; the end of the process is the end of all.
 */
#include "agent/exec_bridge.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>

#include "base/json.h"
#include "base/list.h"

#define HEAD_BYTES  5
#define PIECE_BYTES (16u * 1024)
#define FRAME_MAX   (1024u * 1024)
#define STDIN_HELD  (256u * 1024)
#define LINGER_MS   10000
#define LAST_MAX    (1024u * 1024) /* the most that a pipe holds (Linux: pipe-max-size) */

enum {
	CHANNEL_STDIN,
	CHANNEL_STDOUT,
	CHANNEL_STDERR,
	CHANNEL_STATUS,
	CHANNEL_RESIZE,
	CHANNEL_END = 255
};

struct exec_bridge {
	struct list link;
	struct loop *loop;
	struct sandbox *sandbox;
	struct exec_session exec;
	bool alive;    /* the session is the sandbox's: it is cancelled when we go */
	bool attached; /* to a process that was there before us and outlives us */
	struct http_request *req;
	struct stream *stream;
	struct buf in;    /* frames from the server that are not whole yet */
	struct buf input; /* for the process's stdin                       */
	bool input_ended, input_closed;
	struct loop_fd out, errors, feed;
	struct loop_task bury;
};

struct exec_bridges {
	struct list list;
};

/* --- the end --- */

static void close_fds(struct exec_bridge *it)
{
	int feed = it->exec.stdin_fd, out = it->exec.stdout_fd, errors = it->exec.stderr_fd;

	loop_fd_stop(&it->out);
	loop_fd_stop(&it->errors);
	loop_fd_stop(&it->feed);
	it->exec.stdin_fd = it->exec.stdout_fd = it->exec.stderr_fd = -1;
	if (feed >= 0 && feed != out)
		close(feed);
	if (out >= 0)
		close(out);
	if (errors >= 0)
		close(errors);
}

static void bridge_free(struct exec_bridge *it)
{
	loop_task_cancel(&it->bury);
	list_remove(&it->link);
	if (it->alive)
		sandbox_exec_cancel(&it->exec);
	close_fds(it);
	if (it->req)
		http_request_free(it->req);
	stream_close(it->stream);
	buf_clear(&it->in);
	buf_clear(&it->input);
	free(it);
}

static void on_bury(struct loop_task *task)
{
	bridge_free(CONTAINER_OF(task, struct exec_bridge, bury));
}

/* Not from inside of its own callbacks. */
static void bury(struct exec_bridge *it)
{
	loop_defer(it->loop, &it->bury);
}

/* --- to the server --- */

static void send_frame(struct exec_bridge *it, unsigned char channel, struct str payload)
{
	unsigned char head[5] = { channel, (unsigned char)(payload.len >> 24),
				  (unsigned char)(payload.len >> 16),
				  (unsigned char)(payload.len >> 8), (unsigned char)payload.len };

	stream_write(it->stream, str_from(head, sizeof(head)));
	stream_write(it->stream, payload);
}

static void send_status(struct exec_bridge *it, int exit_code)
{
	char text[512];

	if (exit_code == 0)
		snprintf(text, sizeof(text), "{\"metadata\":{},\"status\":\"Success\"}");
	else
		snprintf(text, sizeof(text),
			 "{\"metadata\":{},\"status\":\"Failure\",\"message\":\"command terminated "
			 "with non-zero exit code: exit status %d\",\"reason\":\"NonZeroExitCode\","
			 "\"details\":{\"causes\":[{\"reason\":\"ExitCode\",\"message\":\"%d\"}]},"
			 "\"code\":500}",
			 exit_code, exit_code);
	send_frame(it, CHANNEL_STATUS, str_of(text));
}

/* One piece of output; false: the pipe is empty, or its last writer has gone. */
static bool copy_out(struct exec_bridge *it, struct loop_fd *watch, unsigned char channel)
{
	char piece[PIECE_BYTES];
	ssize_t got = read(watch->fd, piece, sizeof(piece));

	if (got > 0) {
		send_frame(it, channel, str_from(piece, (size_t)got));
		return true;
	}
	if (got == 0 || (errno != EAGAIN && errno != EINTR))
		loop_fd_stop(watch); /* a terminal says EIO when its last user has gone */
	return false;
}

/* A terminal has one descriptor for both ways. */
static bool is_terminal(const struct exec_bridge *it)
{
	return it->exec.stdin_fd >= 0 && it->exec.stdin_fd == it->exec.stdout_fd;
}

/* Who is listened to depends on what waits on either side. */
static void set_wants(struct exec_bridge *it)
{
	unsigned output = stream_pending(it->stream) > STREAM_HIGH ? 0 : LOOP_READ;
	unsigned input = it->input.len > 0 ? LOOP_WRITE : 0;

	if (it->out.active)
		loop_fd_want(&it->out, is_terminal(it) ? output | input : output);
	if (it->errors.active)
		loop_fd_want(&it->errors, output);
	if (it->feed.active)
		loop_fd_want(&it->feed, input);
}

/* After a hangup there is only what the pipe holds, and waiting would be told again at once. */
static bool may_copy(const struct exec_bridge *it, unsigned events)
{
	return (events & LOOP_HANGUP) || stream_pending(it->stream) <= STREAM_HIGH;
}

static void feed_process(struct exec_bridge *it);

static void on_out(struct loop_fd *watch, unsigned events)
{
	struct exec_bridge *it = CONTAINER_OF(watch, struct exec_bridge, out);

	if ((events & LOOP_WRITE) && it->input.len > 0)
		feed_process(it);
	if (may_copy(it, events))
		copy_out(it, watch, CHANNEL_STDOUT);
	set_wants(it);
}

static void on_errors(struct loop_fd *watch, unsigned events)
{
	struct exec_bridge *it = CONTAINER_OF(watch, struct exec_bridge, errors);

	if (may_copy(it, events))
		copy_out(it, watch, CHANNEL_STDERR);
	set_wants(it);
}

/* --- to the process --- */

static void end_input(struct exec_bridge *it)
{
	if (it->input_closed)
		return;
	it->input_closed = true;
	buf_reset(&it->input);
	loop_fd_stop(&it->feed);
	if (is_terminal(it)) { /* its end of input is a character */
		if (!it->attached)
			(void)!write(it->exec.stdin_fd, "\x04", 1);
	} else if (it->exec.stdin_fd >= 0) {
		close(it->exec.stdin_fd);
		it->exec.stdin_fd = -1;
	}
}

static void feed_process(struct exec_bridge *it)
{
	size_t fed = 0;
	bool broken = false;

	while (fed < it->input.len && !broken) {
		ssize_t done = write(it->exec.stdin_fd, it->input.at + fed, it->input.len - fed);

		if (done < 0 && errno == EAGAIN)
			break;
		if (done > 0)
			fed += (size_t)done;
		else if (errno != EINTR)
			broken = true; /* nobody reads it any more */
	}
	buf_drop_front(&it->input, fed);
	if (broken || (it->input.len == 0 && it->input_ended))
		end_input(it);
	stream_pause(it->stream, it->input.len > STDIN_HELD);
}

/* What nobody will read is not kept. */
static void take_input(struct exec_bridge *it, struct str bytes)
{
	if (it->exec.stdin_fd < 0 || it->input_ended || it->input_closed)
		return;
	buf_add_str(&it->input, bytes);
	feed_process(it);
	set_wants(it);
}

static void on_feed(struct loop_fd *watch, unsigned events)
{
	struct exec_bridge *it = CONTAINER_OF(watch, struct exec_bridge, feed);

	if (it->input.len == 0 && (events & LOOP_HANGUP)) {
		loop_fd_stop(watch); /* nobody will read from it any more */
		return;
	}
	feed_process(it);
	set_wants(it);
}

static void resize(struct exec_bridge *it, struct str payload)
{
	auto_json_doc doc = NULL;
	struct error ignored;
	int64_t width, height;

	if (!json_parse(payload, &doc, NULL, &ignored))
		return;
	width = json_int(json_get(json_root(doc), "Width"));
	height = json_int(json_get(json_root(doc), "Height"));
	if (width > 0 && width < 65536 && height > 0 && height < 65536 && it->alive)
		sandbox_exec_resize(&it->exec, (unsigned)width, (unsigned)height);
}

static void take_frame(struct exec_bridge *it, unsigned char channel, struct str payload)
{
	if (channel == CHANNEL_STDIN) {
		take_input(it, payload);
	} else if (channel == CHANNEL_RESIZE) {
		resize(it, payload);
	} else if (channel == CHANNEL_END && !it->input_ended) {
		it->input_ended = true;
		feed_process(it);
		set_wants(it);
	}
}

/* The frame that begins at `at`: its length with the head; 0 = it is not whole yet. */
static size_t take_next(struct exec_bridge *it, size_t from)
{
	const unsigned char *at = (const unsigned char *)it->in.at + from;
	size_t have = it->in.len - from, len;

	if (have < HEAD_BYTES)
		return 0;
	len = (size_t)at[1] << 24 | (size_t)at[2] << 16 | (size_t)at[3] << 8 | at[4];
	if (len > FRAME_MAX) {
		it->in.len = 0;
		stream_pause(it->stream, true);
		bury(it);
		return 0;
	}
	if (have < HEAD_BYTES + len)
		return 0;
	take_frame(it, at[0], str_from(at + HEAD_BYTES, len));
	return HEAD_BYTES + len;
}

static void on_readable(void *owner)
{
	struct exec_bridge *it = owner;
	size_t done = 0, len;
	ptrdiff_t got;

	buf_reserve(&it->in, PIECE_BYTES);
	got = stream_read(it->stream, it->in.at + it->in.len, PIECE_BYTES - 1);
	if (got < 0)
		bury(it); /* the client has left: so does the process */
	if (got <= 0)
		return;
	it->in.len += (size_t)got;
	while ((len = take_next(it, done)) > 0)
		done += len;
	if (it->in.len > 0)
		buf_drop_front(&it->in, done);
}

static void on_writable(void *owner)
{
	set_wants(owner);
}

static void on_closed(void *owner, const struct error *why)
{
	(void)why;
	bury(owner);
}

static const struct stream_events stream_events = { .on_readable = on_readable,
						    .on_writable = on_writable,
						    .on_closed = on_closed };

/* --- beginning --- */

static void watch_fd(struct exec_bridge *it, struct loop_fd *watch, int fd, unsigned wants)
{
	struct error ignored;

	watch->fd = fd;
	if (fd >= 0)
		(void)!loop_fd_start(it->loop, watch, wants, &ignored);
}

/* As kubelets do it: the upgrade stands, and the reason is the session's status. */
static void say_failed(struct exec_bridge *it, struct http_request *req, const struct error *err)
{
	auto_json_doc doc = json_doc_new();
	struct json *root = json_new_object(doc);
	auto_buf text = BUF_INIT;

	json_put(doc, root, "metadata", json_new_object(doc));
	json_put(doc, root, "status", json_new_text(doc, "Failure"));
	json_put(doc, root, "message", json_new_text(doc, err->text));
	json_put(doc, root, "reason", json_new_text(doc, "InternalError"));
	json_put(doc, root, "code", json_new_int(doc, 500));
	json_print(root, &text);
	req->on_gone = NULL;
	it->stream = http_upgrade(req, "mote-exec");
	send_frame(it, CHANNEL_STATUS, buf_str(&text));
	stream_close_after_flush(it->stream, LINGER_MS);
	it->stream = NULL;
}

static void on_started(struct exec_session *exec, const struct error *err)
{
	struct exec_bridge *it = CONTAINER_OF(exec, struct exec_bridge, exec);
	struct http_request *req = it->req;

	it->req = NULL;
	if (err) {
		it->alive = false;
		exec->stdin_fd = exec->stdout_fd = exec->stderr_fd = -1;
		if (req)
			say_failed(it, req, err);
		bury(it);
		return;
	}
	if (!req) { /* the client did not wait */
		bury(it);
		return;
	}
	req->on_gone = NULL;
	it->stream = http_upgrade(req, "mote-exec");
	stream_own(it->stream, &stream_events, it);
	it->out.on_event = on_out;
	it->errors.on_event = on_errors;
	it->feed.on_event = on_feed;
	watch_fd(it, &it->out, exec->stdout_fd, LOOP_READ);
	watch_fd(it, &it->errors, exec->stderr_fd, LOOP_READ);
	if (!is_terminal(it))
		watch_fd(it, &it->feed, exec->stdin_fd, 0);
}

/* What it said last is in the pipe.  No more than a pipe holds: children that it left behind may
 * write on for ever. */
static void copy_last(struct exec_bridge *it, struct loop_fd *watch, unsigned char channel)
{
	for (size_t i = 0; i < LAST_MAX / PIECE_BYTES; i++)
		if (!watch->active || !copy_out(it, watch, channel))
			return;
}

static void on_exit_(struct exec_session *exec, int exit_code)
{
	struct exec_bridge *it = CONTAINER_OF(exec, struct exec_bridge, exec);

	it->alive = false;
	if (!it->stream) {
		bury(it);
		return;
	}
	copy_last(it, &it->out, CHANNEL_STDOUT);
	copy_last(it, &it->errors, CHANNEL_STDERR);
	close_fds(it);
	send_status(it, exit_code);
	stream_close_after_flush(it->stream, LINGER_MS);
	it->stream = NULL;
	bury(it);
}

static void on_gone(struct http_request *req)
{
	struct exec_bridge *it = req->user;

	it->req = NULL;
	http_request_free(req);
}

void exec_bridge_start(struct exec_bridges *bridges, struct http_request *req,
		       const struct exec_bridge_plan *plan)
{
	struct exec_bridge *it = memory_new(struct exec_bridge);
	struct exec_plan exec = { .container = plan->container_id,
				  .argv = plan->argv,
				  .tty = plan->tty,
				  .stdin_wanted = plan->stdin_wanted };

	it->loop = plan->loop;
	it->sandbox = plan->sandbox;
	it->req = req;
	it->bury.on_task = on_bury;
	it->alive = true;
	it->attached = !plan->argv;
	it->exec = (struct exec_session){ .stdin_fd = -1,
					  .stdout_fd = -1,
					  .stderr_fd = -1,
					  .on_started = on_started,
					  .on_exit = on_exit_ };
	list_add(&bridges->list, &it->link);
	req->user = it;
	req->on_gone = on_gone;
	if (plan->argv)
		sandbox_exec(plan->sandbox, &exec, &it->exec);
	else
		sandbox_attach(plan->sandbox, plan->container_id, &it->exec);
}

/* --- all of them --- */

struct exec_bridges *exec_bridges_new(void)
{
	struct exec_bridges *bridges = memory_new(struct exec_bridges);

	list_init(&bridges->list);
	return bridges;
}

void exec_bridges_end(struct exec_bridges *bridges, const struct sandbox *sandbox)
{
	LIST_EACH_SAFE(&bridges->list, link)
	{
		struct exec_bridge *it = LIST_OWNER(link, struct exec_bridge, link);

		if (!sandbox || it->sandbox == sandbox)
			bridge_free(it);
	}
}

void exec_bridges_free(struct exec_bridges *bridges)
{
	if (!bridges)
		return;
	exec_bridges_end(bridges, NULL);
	free(bridges);
}
