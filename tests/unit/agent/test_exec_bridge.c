/*
 * test_exec_bridge.c - frames on one side, a process's descriptors on the other: cut anywhere, too
 * large, too fast, and ends in every order.
 *
 * The file under test is included, with the sandbox in the test's hands: a process is three pipes,
 * or a pair of sockets where it has a terminal.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "net/http_server.h"
#include "runtime/sandbox.h"
#include "tests/unit/agent/agent_fixture.h"
#include "tests/unit/harness.h"

static struct process {
	struct exec_session *exec;
	bool attached, cancelled;
	char argv[64];
	unsigned width, height;
	int in, out, errors; /* the process's ends; -1 = closed */
} process;

static void fake_exec(struct sandbox *sandbox, const struct exec_plan *plan,
		      struct exec_session *exec)
{
	(void)sandbox;
	process.exec = exec;
	snprintf(process.argv, sizeof(process.argv), "%s %s", plan->container, plan->argv[0]);
}

static void fake_attach(struct sandbox *sandbox, const char *id, struct exec_session *exec)
{
	(void)sandbox;
	process.exec = exec;
	process.attached = true;
	snprintf(process.argv, sizeof(process.argv), "%s", id);
}

static void fake_cancel(struct exec_session *exec)
{
	CHECK(exec == process.exec);
	CHECK(!process.cancelled);
	process.cancelled = true;
}

static void fake_resize(struct exec_session *exec, unsigned width, unsigned height)
{
	CHECK(exec == process.exec);
	process.width = width;
	process.height = height;
}

#define sandbox_exec        fake_exec
#define sandbox_attach      fake_attach
#define sandbox_exec_cancel fake_cancel
#define sandbox_exec_resize fake_resize
#include "agent/exec_bridge.c"
#undef sandbox_exec
#undef sandbox_attach
#undef sandbox_exec_cancel
#undef sandbox_exec_resize

struct scene {
	struct loop *loop;
	struct http_service service;
	struct exec_bridges *bridges;
	struct stream *client;
	bool slow; /* the client reads nothing */
	bool gone; /* the other side has ended the client's stream */
	struct buf got, plain, wrong, status;
	size_t statuses;
	bool upgraded, tty, input, attach;
};

/* --- the client --- */

static void client_readable(void *owner)
{
	struct scene *scene = owner;
	char piece[8192];
	ptrdiff_t got;

	while (!scene->slow && (got = stream_read(scene->client, piece, sizeof(piece))) != 0) {
		if (got < 0) {
			scene->gone = true;
			return;
		}
		buf_add(&scene->got, piece, (size_t)got);
	}
}

static void client_closed(void *owner, const struct error *why)
{
	(void)why;
	((struct scene *)owner)->gone = true;
}

static const struct stream_events client_events = { .on_readable = client_readable,
						    .on_closed = client_closed };

static void sort_frame(struct scene *scene, unsigned char channel, struct str payload)
{
	struct buf *to = channel == 1   ? &scene->plain
			 : channel == 2 ? &scene->wrong
					: &scene->status;

	CHECK(channel >= 1 && channel <= 3);
	CHECK_INT(scene->statuses, 0); /* the status is the last */
	scene->statuses += channel == 3;
	buf_add_str(to, payload);
}

/* The reply's head, then all whole frames. */
static void sort(struct scene *scene)
{
	ptrdiff_t head = str_search(buf_str(&scene->got), STR("\r\n\r\n"));
	size_t done = 0;

	if (!scene->upgraded) {
		if (head < 0)
			return;
		CHECK(str_starts(buf_str(&scene->got), STR("HTTP/1.1 101 ")));
		CHECK(str_search(buf_str(&scene->got), STR("mote-exec")) > 0);
		scene->upgraded = true;
		done = (size_t)head + 4;
	}
	while (scene->got.len - done >= 5) {
		const unsigned char *at = (const unsigned char *)scene->got.at + done;
		size_t len = (size_t)at[1] << 24 | (size_t)at[2] << 16 | (size_t)at[3] << 8 | at[4];

		if (scene->got.len - done < 5 + len)
			break;
		sort_frame(scene, at[0], str_from(at + 5, len));
		done += 5 + len;
	}
	buf_drop_front(&scene->got, done);
}

static void turn(struct scene *scene)
{
	fixture_turn(scene->loop, 20);
	sort(scene);
}

static void frame(struct buf *out, unsigned char channel, struct str payload)
{
	const unsigned char head[5] = { channel, (unsigned char)(payload.len >> 24),
					(unsigned char)(payload.len >> 16),
					(unsigned char)(payload.len >> 8),
					(unsigned char)payload.len };

	buf_add(out, head, 5);
	buf_add_str(out, payload);
}

static void send_one(struct scene *scene, unsigned char channel, struct str payload)
{
	auto_buf bytes = BUF_INIT;

	frame(&bytes, channel, payload);
	stream_write(scene->client, buf_str(&bytes));
	turn(scene);
}

/* --- the server --- */

static void on_request(struct http_service *service, struct http_request *req)
{
	static const char *const argv[] = { "sh", NULL };
	struct scene *scene = CONTAINER_OF(service, struct scene, service);
	struct exec_bridge_plan plan = { .loop = scene->loop,
					 .container_id = "main.0",
					 .argv = scene->attach ? NULL : argv,
					 .tty = scene->tty,
					 .stdin_wanted = scene->input };

	exec_bridge_start(scene->bridges, req, &plan);
}

static void scene_begin(struct scene *scene)
{
	struct stream *far;
	struct error err;

	signal(SIGPIPE, SIG_IGN);
	process = (struct process){ .in = -1, .out = -1, .errors = -1 };
	CHECK_OK(loop_open(&scene->loop, &err), &err);
	scene->bridges = exec_bridges_new();
	scene->service = (struct http_service){
		.on_request = on_request, .body_max = 100, .idle_ms = 90000, .body_ms = 30000
	};
	stream_pair(scene->loop, &scene->client, &far);
	stream_own(scene->client, &client_events, scene);
	http_serve(&scene->service, far, STR("test"), &scene->service);
	stream_write(scene->client, STR("GET /exec HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\n"
					"Upgrade: mote-exec\r\n\r\n"));
	fixture_turn(scene->loop, 10);
	CHECK(process.exec);
}

static void make_pipe(int *out_read, int *out_write)
{
	int fds[2];

	CHECK(pipe2(fds, O_CLOEXEC | O_NONBLOCK) == 0);
	*out_read = fds[0];
	*out_write = fds[1];
}

/* The process runs: its descriptors are there. */
static void scene_run(struct scene *scene)
{
	int pair[2];

	if (scene->tty) {
		CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) ==
		      0);
		process.exec->stdin_fd = process.exec->stdout_fd = pair[0];
		process.in = pair[1];
		process.out = pair[1];
	} else {
		make_pipe(&process.exec->stdout_fd, &process.out);
		make_pipe(&process.exec->stderr_fd, &process.errors);
		if (scene->input)
			make_pipe(&process.in, &process.exec->stdin_fd);
	}
	process.exec->on_started(process.exec, NULL);
	turn(scene);
	CHECK(scene->slow || scene->upgraded);
}

static void close_end(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static void close_process(void)
{
	if (process.in != process.out)
		close_end(&process.in);
	process.in = -1;
	close_end(&process.out);
	close_end(&process.errors);
}

static void scene_close(struct scene *scene)
{
	exec_bridges_free(scene->bridges);
	stream_close(scene->client);
	fixture_turn(scene->loop, 10);
	http_service_close(&scene->service);
	fixture_turn(scene->loop, 10);
	close_process();
	loop_close(scene->loop);
	buf_clear(&scene->got);
	buf_clear(&scene->plain);
	buf_clear(&scene->wrong);
	buf_clear(&scene->status);
}

static void say(int fd, const char *text)
{
	CHECK_INT(write(fd, text, strlen(text)), strlen(text));
}

/* What the process can read now; caller frees. */
static char *heard(void)
{
	auto_buf text = BUF_INIT;
	char piece[65536];
	ssize_t got;

	while ((got = read(process.in, piece, sizeof(piece))) > 0)
		buf_add(&text, piece, (size_t)got);
	if (got == 0)
		buf_add_text(&text, "<end>");
	return buf_take(&text);
}

static void check_heard(const char *want)
{
	auto_free char *text = heard();

	CHECK_STR(text, want);
}

static void exit_with(struct scene *scene, int code)
{
	process.exec->on_exit(process.exec, code);
	process.exec = NULL;
	turn(scene);
}

/* --- going well --- */

static void output_has_two_channels(void)
{
	struct scene scene = { 0 };

	scene_begin(&scene);
	CHECK_STR(process.argv, "main.0 sh");
	scene_run(&scene);
	say(process.out, "out");
	say(process.errors, "wrong");
	turn(&scene);
	CHECK_STR(buf_text(&scene.plain), "out");
	CHECK_STR(buf_text(&scene.wrong), "wrong");
	exit_with(&scene, 0);
	CHECK_STR(buf_text(&scene.status), "{\"metadata\":{},\"status\":\"Success\"}");
	CHECK(scene.gone);
	CHECK(!process.cancelled);
	scene_close(&scene);
}

static void failures_say_their_code(void)
{
	struct scene scene = { .attach = true };

	scene_begin(&scene);
	CHECK(process.attached);
	CHECK_STR(process.argv, "main.0");
	scene_run(&scene);
	exit_with(&scene, 137);
	CHECK(str_search(buf_str(&scene.status), STR("\"reason\":\"NonZeroExitCode\"")) > 0);
	CHECK(str_search(buf_str(&scene.status),
			 STR("{\"reason\":\"ExitCode\",\"message\":\"137\"}")) > 0);
	scene_close(&scene);
}

static void input_is_fed_to_its_end(void)
{
	struct scene scene = { .input = true };

	scene_begin(&scene);
	scene_run(&scene);
	send_one(&scene, 0, STR("one "));
	send_one(&scene, 0, STR(""));
	send_one(&scene, 0, STR("two"));
	check_heard("one two");
	send_one(&scene, 255, STR("\0"));
	check_heard("<end>");
	send_one(&scene, 0, STR("late"));
	send_one(&scene, 255, STR("\0"));
	exit_with(&scene, 0);
	CHECK_INT(scene.statuses, 1);
	scene_close(&scene);
}

/* All frames in every two pieces, and byte by byte. */
static void frames_may_be_cut_anywhere(void)
{
	auto_buf bytes = BUF_INIT;

	frame(&bytes, 0, STR("abc"));
	frame(&bytes, 4, STR("{\"Width\":80,\"Height\":24}"));
	frame(&bytes, 0, STR(""));
	frame(&bytes, 9, STR("unknown"));
	frame(&bytes, 0, STR("def"));
	frame(&bytes, 255, STR("\0"));
	for (size_t cut = 0; cut <= bytes.len; cut++) {
		struct scene scene = { .input = true };
		size_t step = cut == bytes.len ? 1 : cut ? cut : bytes.len;

		scene_begin(&scene);
		scene_run(&scene);
		for (size_t at = 0; at < bytes.len; at += step) {
			size_t len = bytes.len - at < step ? bytes.len - at : step;

			stream_write(scene.client, str_from(bytes.at + at, len));
			fixture_turn(scene.loop, 3);
		}
		turn(&scene);
		check_heard("abcdef<end>");
		CHECK_INT(process.width, 80);
		CHECK_INT(process.height, 24);
		scene_close(&scene);
	}
}

static void odd_sizes_are_left_out(void)
{
	static const char *const texts[] = { "",
					     "{",
					     "[]",
					     "{\"Width\":0,\"Height\":5}",
					     "{\"Width\":70000,\"Height\":5}",
					     "{\"Width\":-1,\"Height\":-1}",
					     "{\"Width\":5}" };
	struct scene scene = { .tty = true, .input = true };

	scene_begin(&scene);
	scene_run(&scene);
	for (size_t i = 0; i < ARRAY_LENGTH(texts); i++)
		send_one(&scene, 4, str_of(texts[i]));
	CHECK_INT(process.width + process.height, 0);
	scene_close(&scene);
}

/* --- a terminal --- */

static void a_terminal_is_one_descriptor(void)
{
	struct scene scene = { .tty = true, .input = true };

	scene_begin(&scene);
	scene_run(&scene);
	send_one(&scene, 0, STR("ls\n"));
	check_heard("ls\n");
	say(process.out, "echo");
	turn(&scene);
	CHECK_STR(buf_text(&scene.plain), "echo");
	send_one(&scene, 255, STR("\0"));
	send_one(&scene, 255, STR("\0"));
	check_heard("\x04"); /* once */
	exit_with(&scene, 0);
	CHECK_INT(scene.statuses, 1);
	scene_close(&scene);
}

/* More than the terminal takes at once: the rest follows without another frame. */
static void a_terminal_is_fed_when_it_can_take(void)
{
	struct scene scene = { .tty = true, .input = true };
	auto_free char *text = memory_zero(900000);
	size_t all = 0;

	memset(text, 'x', 900000);
	scene_begin(&scene);
	scene_run(&scene);
	send_one(&scene, 0, str_from(text, 900000));
	for (int i = 0; i < 100 && all < 900000; i++) {
		auto_free char *part = heard();

		all += strlen(part);
		turn(&scene);
	}
	CHECK_INT(all, 900000);
	scene_close(&scene);
}

/* --- back-pressure --- */

static void a_slow_process_stops_the_client(void)
{
	struct scene scene = { .input = true };
	auto_free char *text = memory_zero(100000);
	size_t sent = 0, all = 0;

	memset(text, 'x', 100000);
	scene_begin(&scene);
	scene_run(&scene);
	for (; sent < 400 && stream_pending(scene.client) < STREAM_HIGH; sent++)
		send_one(&scene, 0, str_from(text, 100000));
	CHECK(sent < 40); /* held: the pipe, STDIN_HELD, and what is on its way */
	send_one(&scene, 255, STR("\0"));
	for (int i = 0; i < 1000; i++) {
		auto_free char *part = heard();
		bool over = str_ends(str_of(part), STR("<end>"));

		all += strlen(part);
		if (over)
			break;
		turn(&scene);
	}
	CHECK_INT(all, sent * 100000 + 5);
	scene_close(&scene);
}

static void a_slow_client_stops_the_process(void)
{
	struct scene scene = { .slow = true };
	char piece[4096];
	size_t written = 0;

	memset(piece, 'y', sizeof(piece));
	scene_begin(&scene);
	scene_run(&scene);
	for (int i = 0; i < 3000; i++) {
		ssize_t done = write(process.out, piece, sizeof(piece));

		if (done > 0)
			written += (size_t)done;
		fixture_turn(scene.loop, 2);
	}
	CHECK(written < 3000 * sizeof(piece) / 2);
	CHECK(written > STREAM_HIGH);
	scene.slow = false;
	stream_pause(scene.client, true);
	stream_pause(scene.client, false);
	fixture_turn(scene.loop, 200);
	sort(&scene);
	CHECK_INT(scene.plain.len, written);
	say(process.out, "more");
	turn(&scene);
	CHECK_INT(scene.plain.len, written + 4);
	scene_close(&scene);
}

/* --- ends --- */

static void the_last_words_are_heard(void)
{
	struct scene scene = { .slow = true };
	auto_free char *text = memory_zero(60000);

	memset(text, 'z', 60000);
	scene_begin(&scene);
	scene_run(&scene);
	CHECK_INT(write(process.out, text, 60000), 60000);
	CHECK_INT(write(process.errors, text, 50000), 50000);
	process.exec->on_exit(process.exec, 0);
	close_process();
	scene.slow = false;
	stream_pause(scene.client, true);
	stream_pause(scene.client, false);
	fixture_turn(scene.loop, 100);
	sort(&scene);
	CHECK_INT(scene.plain.len, 60000);
	CHECK_INT(scene.wrong.len, 50000);
	CHECK_INT(scene.statuses, 1);
	CHECK(scene.gone);
	scene_close(&scene);
}

/* A child that was left behind holds the pipe and writes on. */
static void children_are_not_waited_for(void)
{
	struct scene scene = { 0 };

	scene_begin(&scene);
	scene_run(&scene);
	say(process.out, "before");
	process.exec->on_exit(process.exec, 0);
	CHECK(write(process.out, "x", 1) < 0); /* nobody reads it, though not all is buried yet */
	CHECK(write(process.errors, "x", 1) < 0);
	fixture_turn(scene.loop, 20);
	sort(&scene);
	CHECK_STR(buf_text(&scene.plain), "before");
	CHECK_INT(scene.statuses, 1);
	scene_close(&scene);
}

/* And writes without an end, faster than it is read. */
static void endless_output_ends(void)
{
	struct scene scene = { 0 };
	char piece[4096] = "";
	pid_t child;

	scene_begin(&scene);
	scene_run(&scene);
	child = fork();
	CHECK(child >= 0);
	if (child == 0) {
		close(process.exec->stdout_fd);
		while (write(process.out, piece, sizeof(piece)) >= 0 || errno == EAGAIN)
			continue;
		_exit(0);
	}
	process.exec->on_exit(process.exec, 0);
	for (int i = 0; i < 1000 && !scene.gone; i++)
		fixture_turn(scene.loop, 1);
	sort(&scene);
	CHECK(scene.plain.len <= 1u << 20);
	CHECK_INT(scene.statuses, 1);
	CHECK(waitpid(child, NULL, 0) == child); /* nobody reads it any more */
	scene_close(&scene);
}

static void a_closed_input_is_no_error(void)
{
	struct scene scene = { .input = true };
	auto_free char *text = memory_zero(100000);

	scene_begin(&scene);
	scene_run(&scene);
	close_end(&process.in);
	turn(&scene);
	for (int i = 0; i < 20; i++)
		send_one(&scene, 0, str_from(text, 100000));
	CHECK(stream_pending(scene.client) < STREAM_HIGH); /* it is thrown away */
	say(process.out, "still here");
	turn(&scene);
	CHECK_STR(buf_text(&scene.plain), "still here");
	send_one(&scene, 255, STR("\0"));
	exit_with(&scene, 0);
	CHECK_INT(scene.statuses, 1);
	scene_close(&scene);
}

static void unwanted_input_is_thrown_away(void)
{
	struct scene scene = { 0 };
	auto_free char *text = memory_zero(100000);

	scene_begin(&scene);
	scene_run(&scene);
	for (int i = 0; i < 20; i++)
		send_one(&scene, 0, str_from(text, 100000));
	send_one(&scene, 255, STR("\0"));
	send_one(&scene, 4, STR("{\"Width\":80,\"Height\":24}"));
	CHECK_INT(process.width, 80);
	scene_close(&scene);
}

static void a_leaving_client_kills(void)
{
	struct scene scene = { .input = true };

	scene_begin(&scene);
	scene_run(&scene);
	stream_close(scene.client);
	scene.client = NULL;
	fixture_turn(scene.loop, 10);
	CHECK(process.cancelled);
	check_heard("<end>");
	CHECK(write(process.out, "x", 1) < 0);
	CHECK_INT(errno, EPIPE);
	scene_close(&scene);
}

static void a_client_may_leave_before_the_start(void)
{
	struct scene scene = { .input = true };
	struct error why;

	scene_begin(&scene);
	stream_close(scene.client);
	scene.client = NULL;
	fixture_turn(scene.loop, 10);
	error_set(&why, ERROR_UNAVAILABLE, "no");
	process.exec->on_started(process.exec, &why);
	fixture_turn(scene.loop, 10);
	CHECK(!process.cancelled);
	scene_close(&scene);
	scene_begin(&scene);
	stream_close(scene.client);
	scene.client = NULL;
	fixture_turn(scene.loop, 10);
	process.exec->on_started(process.exec, NULL);
	fixture_turn(scene.loop, 10);
	CHECK(process.cancelled);
	scene_close(&scene);
}

/* The upgrade stands, and the reason is the session's status. */
static void a_refused_start_is_told(void)
{
	struct scene scene = { 0 };
	struct error why;

	scene_begin(&scene);
	error_set(&why, ERROR_NOT_FOUND, "no such program");
	process.exec->on_started(process.exec, &why);
	fixture_turn(scene.loop, 10);
	CHECK(str_starts(buf_str(&scene.got), STR("HTTP/1.1 101 ")));
	CHECK(str_search(buf_str(&scene.got), STR("no such program")) > 0);
	CHECK(!process.cancelled);
	scene_close(&scene);
}

static void a_large_frame_ends_it(void)
{
	struct scene scene = { .input = true };

	scene_begin(&scene);
	scene_run(&scene);
	stream_write(scene.client, str_from("\0\0\x10\0\x01more and more", 18));
	fixture_turn(scene.loop, 10);
	CHECK(process.cancelled);
	check_heard("<end>");
	CHECK(scene.gone);
	scene_close(&scene);
}

static void many_small_frames_are_quick(void)
{
	struct scene scene = { .input = true };
	auto_buf bytes = BUF_INIT;
	size_t all = 0;

	for (int i = 0; i < 200000; i++)
		frame(&bytes, 0, i % 10 ? STR("") : STR("x"));
	scene_begin(&scene);
	scene_run(&scene);
	stream_write(scene.client, buf_str(&bytes));
	for (int i = 0; i < 500 && all < 20000; i++) {
		auto_free char *part = NULL;

		turn(&scene);
		part = heard();
		all += strlen(part);
	}
	CHECK_INT(all, 20000);
	scene_close(&scene);
}

static void all_of_a_sandbox_end(void)
{
	struct scene scene = { .input = true };

	scene_begin(&scene);
	exec_bridges_end(scene.bridges, NULL); /* before it has started */
	CHECK(process.cancelled);
	scene_close(&scene);
	scene = (struct scene){ .input = true };
	scene_begin(&scene);
	scene_run(&scene);
	exec_bridges_end(scene.bridges, (const struct sandbox *)&scene); /* another's */
	CHECK(!process.cancelled);
	exec_bridges_end(scene.bridges, NULL);
	CHECK(process.cancelled);
	fixture_turn(scene.loop, 10);
	CHECK(scene.gone);
	scene_close(&scene);
	exec_bridges_free(NULL);
}

static const struct test tests[] = {
	{ "output has two channels", output_has_two_channels },
	{ "failures say their code", failures_say_their_code },
	{ "input is fed to its end", input_is_fed_to_its_end },
	{ "frames may be cut anywhere", frames_may_be_cut_anywhere },
	{ "odd sizes are left out", odd_sizes_are_left_out },
	{ "a terminal is one descriptor", a_terminal_is_one_descriptor },
	{ "a terminal is fed when it can take", a_terminal_is_fed_when_it_can_take },
	{ "a slow process stops the client", a_slow_process_stops_the_client },
	{ "a slow client stops the process", a_slow_client_stops_the_process },
	{ "the last words are heard", the_last_words_are_heard },
	{ "children are not waited for", children_are_not_waited_for },
	{ "endless output ends", endless_output_ends },
	{ "a closed input is no error", a_closed_input_is_no_error },
	{ "unwanted input is thrown away", unwanted_input_is_thrown_away },
	{ "a leaving client kills", a_leaving_client_kills },
	{ "a client may leave before the start", a_client_may_leave_before_the_start },
	{ "a refused start is told", a_refused_start_is_told },
	{ "a large frame ends it", a_large_frame_ends_it },
	{ "many small frames are quick", many_small_frames_are_quick },
	{ "all of a sandbox end", all_of_a_sandbox_end },
};

TEST_MAIN(tests)
