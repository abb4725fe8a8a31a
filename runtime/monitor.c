/*
 * monitor.c - the process that owns a pod: starts, hears requests, reaps children, ends.
 *
 * comes from: sandbox.c starts `mote monitor FOLDER` with the listening socket as descriptor 3.
 * goes to:    monitor_setup.c, then the loop.
 *
 * It lives in no terminal and no session of the agent, and only destroy ends it.  When it is
 * killed, the kernel kills its containers (PR_SET_PDEATHSIG), and the state file tells the next
 * agent what ran.
 */
#include "runtime/monitor_inside.h"

#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "runtime/capability.h"
#include "runtime/container_state.h"

enum { LISTENER_FD = 3, PROGRAM_FD = 4 };

#define CLIENTS_MAX      16
#define DESTROY_MS       10
#define DESTROY_AGAIN_MS 1000
#define FAREWELL_MS      5000
#define QUIET_MS         500
/* The agent's and the containers' scores are higher: the monitor is killed last. */
#define OOM_SCORE "-999"

/* --- telling --- */

static void send_state(struct client *client, const struct monitor_container *container)
{
	auto_json_doc doc = json_doc_new();
	struct json *message = container_state_print(&container->state, doc);

	json_put(doc, message, "is", json_new_text(doc, "container"));
	json_put(doc, message, "tty", json_new_bool(doc, container->plan.tty));
	json_put(doc, message, "stdinOpen", json_new_bool(doc, container->plan.stdin_open));
	wire_send(&client->wire, message, NULL);
}

static void send_word(struct client *client, const char *word)
{
	auto_json_doc doc = json_doc_new();
	struct json *message = json_new_object(doc);

	json_put(doc, message, "is", json_new_text(doc, word));
	json_put(doc, message, "pid", json_new_int(doc, getpid()));
	wire_send(&client->wire, message, NULL);
}

/* --- memory --- */

/* Pages of the program file that only starting needed: the kernel reads them again if it must. */
static int shed(struct dl_phdr_info *info, size_t size, void *of)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);

	(void)size;
	(void)of;
	for (size_t i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *part = &info->dlpi_phdr[i];
		uintptr_t begin = (uintptr_t)info->dlpi_addr + part->p_vaddr;
		uintptr_t end = (begin + part->p_memsz) & ~(page - 1);

		begin = (begin + page - 1) & ~(page - 1);
		if (part->p_type == PT_LOAD && !(part->p_flags & PF_W) && end > begin)
			(void)!madvise((void *)begin, end - begin, MADV_DONTNEED);
	}
	return 0;
}

static void on_quiet(struct loop_timer *timer)
{
	(void)timer;
	dl_iterate_phdr(shed, NULL);
}

static void save(struct monitor *monitor, bool sync)
{
	auto_free const struct container_state **states =
		memory_get((monitor->container_count + 1) * sizeof(*states));
	struct error err;
	size_t count = 0;

	loop_timer_set(monitor->loop, &monitor->quiet_timer, QUIET_MS);
	LIST_EACH(&monitor->containers, link)
	states[count++] = &LIST_OWNER(link, struct monitor_container, link)->state;
	if (!container_state_save(monitor->folder, states, count, sync, &err))
		log_error("runtime.monitor", "cannot keep the state", "why=\"%s\"", err.text);
}

void monitor_changed(struct monitor *monitor, const struct monitor_container *container, bool sync)
{
	save(monitor, sync && !monitor->destroying);
	LIST_EACH(&monitor->clients, link)
	send_state(LIST_OWNER(link, struct client, link), container);
}

void monitor_removed(struct monitor *monitor, const char *id)
{
	auto_json_doc doc = json_doc_new();
	struct json *message = json_new_object(doc);

	json_put(doc, message, "is", json_new_text(doc, "removed"));
	json_put(doc, message, "id", json_new_text(doc, id));
	save(monitor, false);
	LIST_EACH(&monitor->clients, link)
	wire_send(&LIST_OWNER(link, struct client, link)->wire, message, NULL);
}

/* --- requests --- */

typedef bool request_fn(struct client *client, const struct json *message, struct wire_fds *fds,
			struct error *err);

static bool on_run(struct client *client, const struct json *message, struct wire_fds *fds,
		   struct error *err)
{
	return monitor_container_run(client->monitor, json_str(json_get(message, "id")), fds, err);
}

static struct monitor_container *named(struct client *client, const struct json *message,
				       struct error *err)
{
	struct monitor_container *container =
		monitor_container_find(client->monitor, json_str(json_get(message, "id")));

	if (!container)
		error_set(err, ERROR_NOT_FOUND, "there is no container of this name");
	return container;
}

static bool on_signal(struct client *client, const struct json *message, struct wire_fds *fds,
		      struct error *err)
{
	struct monitor_container *container = named(client, message, err);

	(void)fds;
	if (container)
		monitor_container_signal(container, (int)json_int(json_get(message, "signal")));
	return container != NULL;
}

static bool on_stop(struct client *client, const struct json *message, struct wire_fds *fds,
		    struct error *err)
{
	struct monitor_container *container = named(client, message, err);

	(void)fds;
	if (container)
		monitor_container_stop(container, json_int(json_get(message, "graceMs")));
	return container != NULL;
}

static bool on_remove(struct client *client, const struct json *message, struct wire_fds *fds,
		      struct error *err)
{
	struct monitor_container *container = named(client, message, err);

	(void)fds;
	if (container)
		monitor_container_remove(container);
	return container != NULL;
}

static void kill_all(struct monitor *monitor)
{
	LIST_EACH(&monitor->containers, link)
	monitor_container_kill(LIST_OWNER(link, struct monitor_container, link));
	if (monitor->init > 0)
		kill(monitor->init, SIGKILL);
	cgroup_kill(monitor->cgroup);
}

static bool on_destroy(struct client *client, const struct json *message, struct wire_fds *fds,
		       struct error *err)
{
	struct monitor *monitor = client->monitor;

	(void)message;
	(void)fds;
	(void)err;
	monitor->destroying = true;
	kill_all(monitor);
	loop_timer_set(monitor->loop, &monitor->destroy_timer, 0);
	return true;
}

static bool on_resize(struct client *client, const struct json *message, struct wire_fds *fds,
		      struct error *err)
{
	(void)fds;
	(void)err;
	session_resize(client, message);
	return true;
}

static bool on_cancel(struct client *client, const struct json *message, struct wire_fds *fds,
		      struct error *err)
{
	(void)fds;
	(void)err;
	session_cancel(client, message);
	return true;
}

static const struct {
	const char *name;
	request_fn *answer;
} requests[] = {
	{ "run", on_run },
	{ "signal", on_signal },
	{ "stop", on_stop },
	{ "remove", on_remove },
	{ "destroy", on_destroy },
	{ "exec", session_exec },
	{ "attach", session_attach },
	{ "resize", on_resize },
	{ "cancel", on_cancel },
};

/* The client's number of the session comes back, so that it knows which one failed. */
static void send_failure(struct client *client, const struct json *request, const struct error *why)
{
	auto_json_doc doc = json_doc_new();
	struct json *message = json_new_object(doc);

	json_put(doc, message, "is", json_new_text(doc, "failed"));
	json_put(doc, message, "do", json_clone(doc, json_get(request, "do")));
	json_put(doc, message, "id", json_clone(doc, json_get(request, "id")));
	json_put(doc, message, "session", json_clone(doc, json_get(request, "session")));
	json_put(doc, message, "error", json_new_text(doc, why->text));
	json_put(doc, message, "kind", json_new_int(doc, why->kind));
	json_put(doc, message, "errno", json_new_int(doc, why->os_code));
	wire_send(&client->wire, message, NULL);
}

static void on_message(struct wire *wire, const struct json *message, struct wire_fds *fds)
{
	struct client *client = CONTAINER_OF(wire, struct client, wire);
	struct str name = json_str(json_get(message, "do"));
	struct error err = { 0 };
	size_t at = 0;
	bool fine;

	while (at < ARRAY_LENGTH(requests) && !(name.at && str_is(name, requests[at].name)))
		at++;
	fine = at < ARRAY_LENGTH(requests)
		       ? requests[at].answer(client, message, fds, &err)
		       : error_set(&err, ERROR_BAD_REQUEST, "an unknown request");
	if (!fine)
		send_failure(client, message, &err);
}

/* --- clients --- */

static void on_closed(struct wire *wire)
{
	struct client *client = CONTAINER_OF(wire, struct client, wire);

	session_end_client(client);
	wire_stop(wire);
	list_remove(&client->link);
	free(client);
}

static bool is_allowed(const struct monitor *monitor, int fd)
{
	struct ucred peer;
	socklen_t size = sizeof(peer);
	size_t count = 0;

	LIST_EACH(&monitor->clients, link)
	count++;
	return count < CLIENTS_MAX && getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 &&
	       peer.uid == geteuid();
}

/* A new client hears all states first. */
static void greet(struct client *client)
{
	send_word(client, "hello");
	LIST_EACH(&client->monitor->containers, link)
	send_state(client, LIST_OWNER(link, struct monitor_container, link));
	send_word(client, "ready");
}

static void on_connect(struct loop_fd *watch, unsigned events)
{
	struct monitor *monitor = CONTAINER_OF(watch, struct monitor, listener);
	int fd = accept4(watch->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	struct client *client;
	struct error err;

	(void)events;
	if (fd < 0)
		return;
	if (!is_allowed(monitor, fd)) {
		close(fd);
		return;
	}
	client = memory_new(struct client);
	client->monitor = monitor;
	client->wire = (struct wire){ .on_message = on_message, .on_closed = on_closed };
	if (!wire_start(monitor->loop, &client->wire, fd, &err)) {
		log_warn("runtime.monitor", "cannot hear a client", "why=\"%s\"", err.text);
		free(client);
		return;
	}
	list_add(&monitor->clients, &client->link);
	greet(client);
}

/* --- children --- */

static void on_child(struct monitor *monitor, pid_t pid, int status)
{
	if (pid == monitor->init) {
		monitor->init = 0;
		if (monitor->destroying)
			return;
		/* Its namespace took all containers with it; new ones cannot be made. */
		log_error("runtime.monitor", "the pod's first process ended", "status=%d", status);
		return;
	}
	LIST_EACH(&monitor->containers, link)
	{
		struct monitor_container *container =
			LIST_OWNER(link, struct monitor_container, link);

		if (container->state.pid == pid) {
			monitor_container_on_exit(container, status);
			return;
		}
	}
	/* Or an orphan of a container that shares the host's processes. */
	(void)session_on_exit(monitor, pid, status);
}

/* True when there is no child left. */
static bool reap(struct monitor *monitor)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		on_child(monitor, pid, status);
	return pid < 0 && errno == ECHILD;
}

static void on_child_signal(struct loop_signal *watch, int signal)
{
	(void)signal;
	reap(CONTAINER_OF(watch, struct monitor, child_signal));
}

/* --- the end --- */

/* Done when no child is left and the kernel lets go of the cgroups. */
static void on_destroy_timer(struct loop_timer *timer)
{
	struct monitor *monitor = CONTAINER_OF(timer, struct monitor, destroy_timer);
	static unsigned rounds;
	struct error err;

	if (!reap(monitor) || !cgroup_remove(monitor->cgroup, &err)) {
		if (++rounds % (DESTROY_AGAIN_MS / DESTROY_MS) == 0)
			kill_all(monitor);
		loop_timer_set(monitor->loop, timer, DESTROY_MS);
		return;
	}
	LIST_EACH_SAFE(&monitor->containers, link)
	monitor_container_free(LIST_OWNER(link, struct monitor_container, link));
	if (!file_remove_tree(monitor->folder, &err))
		log_error("runtime.monitor", "cannot remove the pod's files", "why=\"%s\"",
			  err.text);
	loop_stop(monitor->loop);
}

/* --- the beginning --- */

static bool open_all(struct monitor *monitor, struct error *err)
{
	static const int signals[] = { SIGCHLD };

	if (!capability_leave_rules(err) || !monitor_read_plan(monitor, err) ||
	    !monitor_enter_namespaces(monitor, err) || !loop_open(&monitor->loop, err) ||
	    !loop_signal_start(monitor->loop, &monitor->child_signal, signals, 1, err))
		return false;
	save(monitor, false);
	return loop_fd_start(monitor->loop, &monitor->listener, LOOP_READ, err);
}

/* The agent is connected already, or soon: tell it why, and leave. */
static void say_farewell(const struct error *why)
{
	auto_json_doc doc = json_doc_new();
	struct json *message = json_new_object(doc);
	struct pollfd ready = { .fd = LISTENER_FD, .events = POLLIN };
	auto_buf text = BUF_INIT;
	auto_fd fd = -1;

	log_error("runtime.monitor", "cannot start", "why=\"%s\"", why->text);
	json_put(doc, message, "is", json_new_text(doc, "broken"));
	json_put(doc, message, "error", json_new_text(doc, why->text));
	json_put(doc, message, "kind", json_new_int(doc, why->kind));
	json_print(message, &text);
	if (poll(&ready, 1, FAREWELL_MS) == 1)
		fd = accept4(LISTENER_FD, NULL, NULL, SOCK_CLOEXEC);
	if (fd >= 0)
		(void)!send(fd, text.at, text.len, MSG_NOSIGNAL);
}

static void become_quiet(void)
{
	int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);

	prctl(PR_SET_NAME, "mote-monitor", 0, 0, 0);
	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
	signal(SIGPIPE, SIG_IGN);
	umask(0);
	if (fd >= 0) {
		(void)!write(fd, OOM_SCORE, sizeof(OOM_SCORE) - 1);
		close(fd);
	}
	fcntl(LISTENER_FD, F_SETFD, FD_CLOEXEC);
	close(PROGRAM_FD);
	if (chdir("/") != 0)
		log_warn("runtime.monitor", "cannot leave the folder", "errno=%d", errno);
}

int monitor_main(int argc, char **argv)
{
	struct monitor monitor = { .host_mounts = -1, .shm_mounts = -1 };
	struct error err;

	if (argc < 2 || argv[argc - 1][0] != '/') {
		log_error("runtime.monitor", "started by hand", "%s",
			  "usage=\"mote monitor FOLDER\"");
		return 2;
	}
	become_quiet();
	clock_inherit_floor();
	monitor.folder = memory_print("%s/sandbox", argv[argc - 1]);
	monitor.arena = arena_new();
	monitor.listener = (struct loop_fd){ .on_event = on_connect, .fd = LISTENER_FD };
	monitor.child_signal.on_signal = on_child_signal;
	monitor.destroy_timer.on_timer = on_destroy_timer;
	monitor.quiet_timer.on_timer = on_quiet;
	list_init(&monitor.clients);
	list_init(&monitor.containers);
	list_init(&monitor.sessions);
	if (!open_all(&monitor, &err)) {
		say_farewell(&err);
		_exit(1);
	}
	loop_run(monitor.loop);
	_exit(0);
}
