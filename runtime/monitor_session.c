/*
 * monitor_session.c - exec: a further process in a container; attach: its own input and output.
 *
 * Exec without a terminal costs the monitor nothing: the client's pipes become the process's.  With
 * a terminal the master goes to the client.  Attach is a pump for the input, and a sink for each
 * output.
 *
 * Messages: "started" (with the master), "failed", "exited".  A client that goes away takes its
 * sessions with it: its exec processes are killed, its attachments end.
 */
#include "runtime/monitor_inside.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "runtime/container_plan.h"

#define SESSIONS_MAX 256
#define PUMP_CHUNK   2048

/* From the client's input to the container's. */
struct pump {
	struct loop_fd from, to;
	struct buf waiting;
};

struct session {
	struct list link;
	struct client *client;               /* NULL when it has gone */
	struct monitor_container *container; /* attach only */
	struct monitor *monitor;
	int64_t number;
	pid_t pid; /* exec only */
	struct loop_fd report;
	int terminal; /* exec's master on its way to the client */
	struct error why;
	bool started, ended; /* ended: attach waits for its sinks to be empty */
	int exit_code;
	struct sink sinks[2];
	struct pump pump;
};

static void on_report(struct loop_fd *watch, unsigned events);
static void on_pump_from(struct loop_fd *watch, unsigned events);
static void on_pump_to(struct loop_fd *watch, unsigned events);

static struct session *session_new(struct client *client, const struct json *message)
{
	struct session *session = memory_new(struct session);

	session->client = client;
	session->monitor = client->monitor;
	session->number = json_int(json_get(message, "session"));
	session->report = (struct loop_fd){ .on_event = on_report, .fd = -1 };
	session->terminal = -1;
	session->sinks[0].watch.fd = session->sinks[1].watch.fd = -1;
	session->pump.from = (struct loop_fd){ .on_event = on_pump_from, .fd = -1 };
	session->pump.to = (struct loop_fd){ .on_event = on_pump_to, .fd = -1 };
	list_add(&client->monitor->sessions, &session->link);
	return session;
}

static void close_slot(int *fd)
{
	if (*fd >= 0)
		close(take_fd(fd));
}

static void pump_stop(struct pump *pump)
{
	loop_fd_stop(&pump->from);
	loop_fd_stop(&pump->to);
	close_slot(&pump->from.fd);
	close_slot(&pump->to.fd);
	buf_clear(&pump->waiting);
}

static void session_free(struct session *session)
{
	list_remove(&session->link);
	loop_fd_stop(&session->report);
	close_slot(&session->report.fd);
	close_slot(&session->terminal);
	sink_stop(&session->sinks[0]);
	sink_stop(&session->sinks[1]);
	pump_stop(&session->pump);
	free(session);
}

static void tell(struct session *session, const char *what, int code, int fd)
{
	auto_json_doc doc = json_doc_new();
	struct json *message = json_new_object(doc);
	struct wire_fds fds = { .at = { fd }, .count = fd >= 0 };

	if (!session->client)
		return;
	json_put(doc, message, "is", json_new_text(doc, what));
	json_put(doc, message, "session", json_new_int(doc, session->number));
	json_put(doc, message, "code", json_new_int(doc, code));
	if (session->why.kind != ERROR_NONE) {
		json_put(doc, message, "error", json_new_text(doc, session->why.text));
		json_put(doc, message, "kind", json_new_int(doc, session->why.kind));
		json_put(doc, message, "errno", json_new_int(doc, session->why.os_code));
	}
	wire_send(&session->client->wire, message, &fds);
}

/* --- exec --- */

static void read_reports(struct session *session)
{
	struct report report;
	int terminal;
	int got = 0;

	while (session->report.fd >= 0 &&
	       (got = container_launch_read(session->report.fd, &report, &terminal)) > 0) {
		if (report.kind == REPORT_FAILED && session->why.kind == ERROR_NONE)
			session->why = report.err;
		else if (terminal >= 0 && session->terminal < 0)
			session->terminal = take_fd(&terminal);
		if (report.kind == REPORT_READY)
			session->started = true;
		close_slot(&terminal);
	}
	if (session->report.fd < 0 || got == 0)
		return;
	loop_fd_stop(&session->report);
	close_slot(&session->report.fd);
	if (session->why.kind == ERROR_NONE && !session->started)
		error_set(&session->why, ERROR_UNAVAILABLE, "killed while starting");
	tell(session, session->why.kind == ERROR_NONE ? "started" : "failed", 0, session->terminal);
	close_slot(&session->terminal);
}

static void on_report(struct loop_fd *watch, unsigned events)
{
	(void)events;
	read_reports(CONTAINER_OF(watch, struct session, report));
}

static bool read_exec_plan(int fd, struct arena *arena, struct launch *launch,
			   const char *const **out_env, struct error *err)
{
	AUTO(json_doc_free) struct json_doc *doc = NULL;
	auto_free char *text = NULL;
	struct stat facts;

	if (fstat(fd, &facts) != 0 || facts.st_size <= 0 ||
	    facts.st_size > (off_t)CONTAINER_PLAN_BYTES_MAX)
		return error_set(err, ERROR_TOO_LARGE, "the exec plan has a wrong size");
	text = memory_get((size_t)facts.st_size);
	if (pread(fd, text, (size_t)facts.st_size, 0) != facts.st_size)
		return error_os(err, "read the exec plan");
	if (!json_parse(str_from(text, (size_t)facts.st_size), &doc, NULL, err))
		return false;
	launch->argv = container_plan_parse_list(json_get(json_root(doc), "argv"), arena);
	*out_env = container_plan_parse_list(json_get(json_root(doc), "env"), arena);
	launch->tty = json_bool(json_get(json_root(doc), "tty"));
	if (!launch->argv[0] || launch->argv[0][0] == '\0')
		return error_set(err, ERROR_INVALID, "no command is given");
	return true;
}

/* Behind the plan: stdin, stdout and stderr in this order; without input the null device. */
static bool take_stdio(const struct json *message, struct wire_fds *fds, struct launch *launch,
		       struct error *err)
{
	bool has_input = json_bool(json_get(message, "stdin"));
	size_t wanted = launch->tty ? 1 : has_input ? 4 : 3;
	size_t at = 1;

	if (fds->count != wanted)
		return error_set(err, ERROR_INVALID, "%zu descriptors came, not %zu", fds->count,
				 wanted);
	for (int i = 0; i < 3 && !launch->tty; i++)
		launch->stdio[i] = i > 0 || has_input ? take_fd(&fds->at[at++])
						      : open("/dev/null", O_RDONLY | O_CLOEXEC);
	return true;
}

static bool find_container(struct client *client, const struct json *message,
			   struct monitor_container **out, struct error *err)
{
	struct str id = json_str(json_get(message, "id"));
	size_t count = 0;

	LIST_EACH(&client->monitor->sessions, link)
	count++;
	*out = monitor_container_find(client->monitor, id);
	if (!*out)
		return error_set(err, ERROR_NOT_FOUND, "there is no container of this name");
	if ((*out)->state.phase != CONTAINER_RUNNING)
		return error_set(err, ERROR_UNAVAILABLE, "container %s is not running",
				 (*out)->state.id);
	if (count >= SESSIONS_MAX)
		return error_set(err, ERROR_TOO_MANY, "more than %d sessions", SESSIONS_MAX);
	return true;
}

static bool launch_exec(struct monitor_container *container, const struct json *message,
			struct wire_fds *fds, struct launched *out, struct error *err)
{
	struct launch launch = { .is_exec = true,
				 .stdio = { -1, -1, -1 },
				 .user = container->user,
				 .target = container->pidfd };
	auto_arena arena = arena_new();
	const char *const *env = NULL;
	bool fine;

	fine = fds->count > 0 ? read_exec_plan(fds->at[0], arena, &launch, &env, err)
			      : error_set(err, ERROR_INVALID, "no plan came with the request");
	fine = fine && take_stdio(message, fds, &launch, err) &&
	       monitor_container_fill_launch(container, &launch, env, arena, err);
	/* Its children's namespace is also right for the shared and for the host's one. */
	launch.pid_namespace = container->pidfd;
	fine = fine && container_launch(&launch, out, err);
	monitor_container_clear_launch(&launch);
	for (int i = 0; i < 3; i++)
		close_slot(&launch.stdio[i]);
	return fine;
}

bool session_exec(struct client *client, const struct json *message, struct wire_fds *fds,
		  struct error *err)
{
	struct monitor_container *container;
	struct launched launched;
	struct session *session;

	if (!find_container(client, message, &container, err) ||
	    !launch_exec(container, message, fds, &launched, err))
		return false;
	close(launched.pidfd);
	session = session_new(client, message);
	session->pid = launched.pid;
	session->report.fd = launched.report;
	if (!loop_fd_start(client->monitor->loop, &session->report, LOOP_READ, err)) {
		log_error("runtime.monitor", "cannot watch an exec", "why=\"%s\"", err->text);
		kill(session->pid, SIGKILL);
	}
	return true;
}

bool session_on_exit(struct monitor *monitor, pid_t pid, int status)
{
	LIST_EACH_SAFE(&monitor->sessions, link)
	{
		struct session *session = LIST_OWNER(link, struct session, link);

		if (session->pid != pid)
			continue;
		read_reports(session);
		if (session->why.kind == ERROR_NONE)
			tell(session, "exited",
			     WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status),
			     -1);
		session_free(session);
		return true;
	}
	return false;
}

/* --- attach --- */

/* The container has ended; what its readers have not taken yet is still theirs. */
static void finish_attached(struct session *session)
{
	if (session->sinks[0].waiting.len > 0 || session->sinks[1].waiting.len > 0)
		return; /* session_check_drained comes back */
	tell(session, "exited", session->exit_code, -1);
	session_free(session);
}

static void end_attached(struct session *session)
{
	session->ended = true;
	session->exit_code = session->container->state.exit_code;
	session->container = NULL;
	for (size_t i = 0; i < ARRAY_LENGTH(session->sinks); i++) {
		if (session->sinks[i].watch.fd >= 0)
			list_remove(&session->sinks[i].link);
		session->sinks[i].output = NULL;
	}
	pump_stop(&session->pump);
	finish_attached(session);
}

void session_check_drained(struct session *session)
{
	if (session->ended)
		finish_attached(session);
}

/* The client has no more input. */
static void end_input(struct session *session)
{
	struct monitor_container *container = session->container;
	bool had_input = session->pump.to.fd >= 0;

	pump_stop(&session->pump);
	if (had_input && container && container->plan.stdin_once && !container->plan.tty)
		close_slot(&container->input);
}

/* False when the container takes no more. */
static bool pump_put(struct pump *pump, struct str bytes)
{
	ssize_t put;

	do
		put = write(pump->to.fd, bytes.at, bytes.len);
	while (put < 0 && errno == EINTR);
	if (put < 0 && errno != EAGAIN)
		return false;
	if (put < 0)
		put = 0;
	buf_add(&pump->waiting, bytes.at + put, bytes.len - (size_t)put);
	loop_fd_want(&pump->from, pump->waiting.len > 0 ? 0 : LOOP_READ);
	loop_fd_want(&pump->to, pump->waiting.len > 0 ? LOOP_WRITE : 0);
	return true;
}

static void on_pump_from(struct loop_fd *watch, unsigned events)
{
	struct session *session = CONTAINER_OF(watch, struct session, pump.from);
	char room[PUMP_CHUNK];
	ssize_t got;

	/* A hang-up comes unasked; what waits must go first. */
	if (session->pump.waiting.len > 0) {
		if (events & LOOP_HANGUP)
			loop_fd_stop(watch);
		return;
	}
	got = read(watch->fd, room, sizeof(room));
	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (got <= 0 || !pump_put(&session->pump, str_from(room, (size_t)got)))
		end_input(session);
}

static void on_pump_to(struct loop_fd *watch, unsigned events)
{
	struct session *session = CONTAINER_OF(watch, struct session, pump.to);
	struct buf waiting = session->pump.waiting;
	struct error ignored;
	bool fine;

	/* A terminal hangs up when its last user is gone; a pipe when nobody reads any more. */
	if (events & LOOP_HANGUP) {
		end_input(session);
		return;
	}
	session->pump.waiting = BUF_INIT;
	fine = waiting.len == 0 || pump_put(&session->pump, buf_str(&waiting));
	buf_clear(&waiting);
	if (!fine) {
		end_input(session);
	} else if (session->pump.waiting.len == 0) {
		loop_fd_want(watch, 0);
		if (!session->pump.from.active)
			(void)!loop_fd_start(session->monitor->loop, &session->pump.from, LOOP_READ,
					     &ignored);
	}
}

static bool start_pump(struct session *session, int fd, struct error *err)
{
	struct pump *pump = &session->pump;
	int to = session->container->input >= 0
			 ? fcntl(session->container->input, F_DUPFD_CLOEXEC, 3)
			 : -1;

	if (to < 0) {
		close(fd); /* the container reads nothing */
		return true;
	}
	pump->from.fd = fd;
	pump->to.fd = to;
	fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
	return loop_fd_start(session->monitor->loop, &pump->from, LOOP_READ, err) &&
	       loop_fd_start(session->monitor->loop, &pump->to, 0, err);
}

/* With a terminal one socket, both ways; else stdin (if there is one), stdout and stderr. */
bool session_attach(struct client *client, const struct json *message, struct wire_fds *fds,
		    struct error *err)
{
	bool has_input = json_bool(json_get(message, "stdin"));
	struct monitor_container *container;
	struct session *session;
	size_t wanted;
	size_t at = 0;
	bool fine = true;

	if (!find_container(client, message, &container, err))
		return false;
	wanted = container->plan.tty ? 1 : has_input ? 3 : 2;
	if (fds->count != wanted)
		return error_set(err, ERROR_INVALID, "%zu descriptors came, not %zu", fds->count,
				 wanted);
	session = session_new(client, message);
	session->container = container;
	if (container->plan.tty)
		fine = start_pump(session, fcntl(fds->at[0], F_DUPFD_CLOEXEC, 3), err);
	else if (has_input)
		fine = start_pump(session, take_fd(&fds->at[at++]), err);
	if (!fine) {
		session_free(session);
		return false;
	}
	for (int i = 0; at < fds->count; i++) {
		session->sinks[i].session = session;
		output_add_sink(&container->outputs[i], &session->sinks[i],
				take_fd(&fds->at[at++]));
	}
	tell(session, "started", 0, -1);
	return true;
}

void session_end_container(struct monitor_container *container)
{
	LIST_EACH_SAFE(&container->monitor->sessions, link)
	{
		struct session *session = LIST_OWNER(link, struct session, link);

		if (session->container == container)
			end_attached(session);
	}
}

/* --- from the client --- */

static struct session *find_session(struct client *client, const struct json *message)
{
	int64_t number = json_int(json_get(message, "session"));

	LIST_EACH(&client->monitor->sessions, link)
	{
		struct session *session = LIST_OWNER(link, struct session, link);

		if (session->client == client && session->number == number)
			return session;
	}
	return NULL;
}

/* The client has the master of its own terminals; here only those of containers are changed. */
void session_resize(struct client *client, const struct json *message)
{
	struct session *session = find_session(client, message);
	struct winsize size = {
		.ws_col = (unsigned short)json_int(json_get(message, "width")),
		.ws_row = (unsigned short)json_int(json_get(message, "height")),
	};

	if (session && session->container && session->container->plan.tty &&
	    session->container->outputs[0].watch.fd >= 0)
		ioctl(session->container->outputs[0].watch.fd, TIOCSWINSZ, &size);
}

static void cancel(struct session *session)
{
	session->client = NULL;
	if (session->pid > 0) {
		/* It leads a process group of its own once it has begun. */
		kill(session->pid, SIGKILL);
		kill(-session->pid, SIGKILL);
		return; /* until its exit is seen */
	}
	end_input(session);
	session_free(session);
}

void session_cancel(struct client *client, const struct json *message)
{
	struct session *session = find_session(client, message);

	if (session)
		cancel(session);
}

void session_end_client(struct client *client)
{
	LIST_EACH_SAFE(&client->monitor->sessions, link)
	{
		struct session *session = LIST_OWNER(link, struct session, link);

		if (session->client == client)
			cancel(session);
	}
}
