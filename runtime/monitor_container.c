/*
 * monitor_container.c - one container's way: run, stop, exit, remove.
 *
 *	(none) --run--> CREATED --report ends--> RUNNING --on_exit--> EXITED --remove--> (none)
 *			   \------- start failed: on_exit ------------^
 *
 * A container that could not even be cloned goes straight to EXITED.  After the exit the cgroup is
 * removed as soon as the kernel lets go of it; the written files stay until remove.
 */
#include "runtime/monitor_inside.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/map.h"
#include "runtime/capability.h"
#include "runtime/container_plan.h"
#include "runtime/container_state.h"
#include "runtime/seccomp.h"

#define TIDY_MS 20

static void on_stop_late(struct loop_timer *timer);
static void on_tidy(struct loop_timer *timer);
static void on_report(struct loop_fd *watch, unsigned events);

struct monitor_container *monitor_container_find(struct monitor *monitor, struct str id)
{
	LIST_EACH(&monitor->containers, link)
	{
		struct monitor_container *container =
			LIST_OWNER(link, struct monitor_container, link);

		if (id.at && str_is(id, container->state.id))
			return container;
	}
	return NULL;
}

static struct monitor_container *container_new(struct monitor *monitor, struct str id)
{
	struct monitor_container *container = memory_new(struct monitor_container);

	container->monitor = monitor;
	snprintf(container->state.id, sizeof(container->state.id), STR_FMT, STR_ARG(id));
	container->arena = arena_new();
	container->folder = memory_print("%s/containers/%s", monitor->folder, container->state.id);
	container->filter = container->pidfd = container->input = -1;
	container->report = (struct loop_fd){ .on_event = on_report, .fd = -1 };
	for (size_t i = 0; i < ARRAY_LENGTH(container->outputs); i++) {
		container->outputs[i].container = container;
		container->outputs[i].watch.fd = -1;
		list_init(&container->outputs[i].sinks);
	}
	container->stop_timer.on_timer = on_stop_late;
	container->tidy_timer.on_timer = on_tidy;
	list_add(&monitor->containers, &container->link);
	monitor->container_count++;
	return container;
}

static void close_slot(int *fd)
{
	if (*fd >= 0)
		close(take_fd(fd));
}

void monitor_container_free(struct monitor_container *container)
{
	session_end_container(container);
	for (size_t i = 0; i < ARRAY_LENGTH(container->outputs); i++)
		output_finish(&container->outputs[i]);
	loop_fd_stop(&container->report);
	close_slot(&container->report.fd);
	close_slot(&container->filter);
	close_slot(&container->pidfd);
	close_slot(&container->input);
	loop_timer_stop(&container->stop_timer);
	loop_timer_stop(&container->tidy_timer);
	log_file_close(container->log);
	cgroup_close(container->cgroup);
	list_remove(&container->link);
	container->monitor->container_count--;
	arena_free(container->arena);
	free(container->folder);
	free(container->user);
	free(container);
}

/* --- run --- */

static bool read_plan(struct monitor_container *container, int fd, struct error *err)
{
	auto_free char *text = NULL;
	struct stat facts;

	if (fstat(fd, &facts) != 0)
		return error_os(err, "look at the plan");
	if (facts.st_size <= 0 || facts.st_size > (off_t)CONTAINER_PLAN_BYTES_MAX)
		return error_set(err, ERROR_TOO_LARGE, "the plan has %lld bytes",
				 (long long)facts.st_size);
	text = memory_get((size_t)facts.st_size);
	if (pread(fd, text, (size_t)facts.st_size, 0) != facts.st_size)
		return error_os(err, "read the plan");
	if (!container_plan_parse(str_from(text, (size_t)facts.st_size), container->arena,
				  &container->plan, err))
		return false;
	if (strcmp(container->plan.id, container->state.id) != 0)
		return error_set(err, ERROR_INVALID, "the plan is for container %s",
				 container->plan.id);
	return true;
}

static bool make_folder(const char *parent, const char *name, mode_t mode, struct error *err)
{
	auto_free char *path = memory_print("%s/%s", parent, name);

	if (mkdir(path, mode) != 0)
		return error_os(err, "make folder %s", path);
	return true;
}

/* As other runtimes do: a host folder that is missing is made. */
static bool make_sources(const struct container_plan *plan, struct error *err)
{
	for (size_t i = 0; i < plan->mount_count; i++) {
		const struct container_mount *mount = &plan->mounts[i];

		if (strcmp(mount->type, "bind") == 0 && !file_exists(mount->source) &&
		    !file_make_dirs(mount->source, 0755, err))
			return false;
	}
	return true;
}

static bool make_folders(struct monitor_container *container, struct error *err)
{
	auto_free char *termination = memory_print("%s/termination", container->folder);
	auto_free char *upper = memory_print("%s/upper", container->folder);
	uint32_t base = container->monitor->user_base;
	auto_fd fd = -1;

	if (!file_remove_tree(container->folder, err) ||
	    !file_make_dirs(container->folder, 0700, err))
		return false;
	if (!make_folder(container->folder, "upper", 0755, err) ||
	    !make_folder(container->folder, "work", 0700, err) ||
	    !make_folder(container->folder, "root", 0700, err))
		return false;
	/* Any user of the container may leave a last word. */
	fd = open(termination, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666);
	if (fd < 0 || fchmod(fd, 0666) != 0)
		return error_os(err, "make %s", termination);
	if (base > 0 && chown(upper, base, base) != 0)
		return error_os(err, "give %s to the pod's users", upper);
	return make_sources(&container->plan, err);
}

static bool make_cgroup(struct monitor_container *container, struct error *err)
{
	auto_buf warnings = BUF_INIT;
	struct str rest;

	if (!cgroup_open_child(container->monitor->cgroup, container->state.id, &container->cgroup,
			       err))
		return false;
	if (container->plan.resources)
		cgroup_limit(container->cgroup, container->plan.resources, &warnings);
	if (!container->plan.privileged)
		cgroup_limit_devices(container->cgroup, container->plan.devices,
				     container->plan.device_count, &warnings);
	rest = buf_str(&warnings);
	while (rest.len > 0) {
		struct str line = str_cut(&rest, '\n');

		log_warn("runtime.monitor", "a limit is not in force",
			 "container=%s why=\"" STR_FMT "\"", container->state.id, STR_ARG(line));
	}
	return true;
}

/* A text that sets the same name replaces the earlier one. */
static void set_env(struct map *places, const char **env, size_t *count, const char *text)
{
	struct str name = str_from(text, strcspn(text, "="));
	const char **place = map_find(places, name);

	if (!place) {
		place = &env[(*count)++];
		map_put(places, name, place);
	}
	*place = text;
}

static size_t list_count(const char *const *list)
{
	size_t count = 0;

	while (list && list[count])
		count++;
	return count;
}

static bool map_filter(int fd, struct sock_fprog *out, struct error *err)
{
	struct stat facts;
	void *at;

	if (fd < 0)
		return true;
	if (fstat(fd, &facts) != 0 || facts.st_size <= 0 ||
	    facts.st_size > (off_t)SECCOMP_BYTES_MAX ||
	    (size_t)facts.st_size % sizeof(struct sock_filter) != 0)
		return error_set(err, ERROR_INVALID, "the filter of system calls has a wrong size");
	at = mmap(NULL, (size_t)facts.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (at == MAP_FAILED)
		return error_os(err, "map the filter of system calls");
	out->filter = at;
	out->len = (unsigned short)((size_t)facts.st_size / sizeof(struct sock_filter));
	return true;
}

bool monitor_container_fill_launch(struct monitor_container *container, struct launch *launch,
				   const char *const *more_env, struct arena *arena,
				   struct error *err)
{
	const struct container_plan *plan = &container->plan;
	size_t room = list_count(plan->env) + list_count(more_env) + 2;
	auto_map places = map_new();

	launch->plan = plan;
	launch->env = arena_zero(arena, room * sizeof(char *));
	for (const char *const *at = plan->env; at && *at; at++)
		set_env(places, launch->env, &launch->env_count, *at);
	for (const char *const *at = more_env; at && *at; at++)
		set_env(places, launch->env, &launch->env_count, *at);
	launch->capabilities = container->capabilities;
	launch->cgroup = container->cgroup;
	launch->host_network = container->monitor->host_network;
	launch->host_mounts = container->monitor->host_mounts;
	launch->shm_mounts = container->monitor->shm_mounts;
	launch->pid_namespace = -1;
	launch->own_users = container->monitor->user_base > 0;
	launch->users = container->monitor->users;
	launch->user_base = container->monitor->user_base;
	return map_filter(container->filter, &launch->filter, err);
}

void monitor_container_clear_launch(struct launch *launch)
{
	if (launch->filter.len > 0)
		munmap(launch->filter.filter, launch->filter.len * sizeof(struct sock_filter));
	launch->filter.len = 0;
}

/* Pipes, ours in `ours`, the child's in launch->stdio; with a tty none: it comes with the
 * report. */
static bool make_stdio(struct monitor_container *container, struct launch *launch, int ours[3],
		       struct error *err)
{
	int pair[2];

	if (container->plan.tty)
		return true;
	for (int i = 0; i < 3; i++) {
		if (i == 0 && !container->plan.stdin_open) {
			launch->stdio[0] = open("/dev/null", O_RDONLY | O_CLOEXEC);
			if (launch->stdio[0] < 0)
				return error_os(err, "open /dev/null");
			continue;
		}
		if (pipe2(pair, O_CLOEXEC) != 0)
			return error_os(err, "make a pipe");
		launch->stdio[i] = pair[i == 0 ? 0 : 1];
		ours[i] = pair[i == 0 ? 1 : 0];
	}
	return true;
}

static void take_stdio(struct monitor_container *container, int ours[3])
{
	if (ours[0] >= 0) {
		container->input = take_fd(&ours[0]);
		fcntl(container->input, F_SETFL, O_WRONLY | O_NONBLOCK);
	}
	for (int i = 1; i < 3; i++)
		if (ours[i] >= 0)
			output_start(container, i - 1, take_fd(&ours[i]),
				     i == 1 ? "stdout" : "stderr");
}

static bool join_namespaces(struct monitor_container *container, struct launch *launch,
			    struct error *err)
{
	struct monitor *monitor = container->monitor;

	launch->new_pid_namespace = !monitor->share_process_namespace && !monitor->host_pid;
	if (launch->new_pid_namespace || monitor->host_pid)
		return true;
	if (!monitor->init)
		return error_set(err, ERROR_UNAVAILABLE, "the pod's first process has ended");
	launch->pid_namespace = (int)syscall(SYS_pidfd_open, monitor->init, 0);
	return launch->pid_namespace >= 0 || error_os(err, "find the pod's first process");
}

static bool launch_now(struct monitor_container *container, struct error *err)
{
	struct launch launch = { .stdio = { -1, -1, -1 },
				 .argv = container->plan.argv,
				 .tty = container->plan.tty,
				 .folder = container->folder };
	int ours[3] = { -1, -1, -1 };
	struct launched launched;
	bool fine;

	launch.mount_fds =
		arena_get(container->arena, (container->plan.mount_count + 1) * sizeof(int));
	fine = monitor_container_fill_launch(container, &launch, NULL, container->arena, err) &&
	       make_stdio(container, &launch, ours, err) &&
	       join_namespaces(container, &launch, err) &&
	       container_launch(&launch, &launched, err);
	close_slot(&launch.pid_namespace);
	for (int i = 0; i < 3; i++)
		close_slot(&launch.stdio[i]);
	monitor_container_clear_launch(&launch);
	if (fine) {
		take_stdio(container, ours);
		container->state.pid = launched.pid;
		container->pidfd = launched.pidfd;
		container->report.fd = launched.report;
		fine = loop_fd_start(container->monitor->loop, &container->report, LOOP_READ, err);
	}
	for (int i = 0; i < 3; i++)
		close_slot(&ours[i]);
	return fine;
}

static bool start(struct monitor_container *container, struct wire_fds *fds, struct error *err)
{
	const struct container_plan *plan = &container->plan;

	if (fds->count < 1)
		return error_set(err, ERROR_INVALID, "no plan came with the request");
	if (!read_plan(container, fds->at[0], err))
		return false;
	if (fds->count > 1)
		container->filter = take_fd(&fds->at[1]);
	if (container->filter < 0 && !plan->seccomp_unconfined && !plan->privileged)
		return error_set(err, ERROR_INVALID,
				 "no filter of system calls came with the request");
	if (plan->privileged)
		container->capabilities = capability_ours();
	else if (!capability_choose(plan->caps_add, plan->caps_drop, &container->capabilities, err))
		return false;
	if (!make_folders(container, err) || !make_cgroup(container, err))
		return false;
	if (plan->log_path && *plan->log_path &&
	    !log_file_open(plan->log_path, plan->log_size_max, plan->log_files_max, &container->log,
			   err))
		return false;
	return launch_now(container, err);
}

bool monitor_container_run(struct monitor *monitor, struct str id, struct wire_fds *fds,
			   struct error *err)
{
	auto_free char *text = str_copy(id.at ? id : STR(""));
	struct monitor_container *container;
	struct error why = { 0 };

	if (!container_id_validate(text, err))
		return false;
	if (monitor_container_find(monitor, id))
		return error_set(err, ERROR_EXISTS, "container %s exists already", text);
	if (monitor->container_count >= CONTAINERS_MAX || monitor->destroying)
		return error_set(err, ERROR_TOO_MANY, "the pod takes no more containers");
	container = container_new(monitor, id);
	if (!start(container, fds, &why)) {
		if (container->state.pid > 0) {
			container->why = why;
			kill(container->state.pid, SIGKILL); /* on_exit does the rest */
		} else {
			container_state_fail(&container->state, &why);
			loop_timer_set(monitor->loop, &container->tidy_timer, 0);
		}
	}
	monitor_changed(monitor, container, false);
	return true;
}

/* --- running --- */

static void take_terminal(struct monitor_container *container, int master)
{
	container->input = fcntl(master, F_DUPFD_CLOEXEC, 3);
	output_start(container, 0, master, "stdout");
}

static void set_running(struct monitor_container *container)
{
	container->state.phase = CONTAINER_RUNNING;
	container->state.started_us = clock_wall_us();
	monitor_changed(container->monitor, container, false);
}

static void read_reports(struct monitor_container *container)
{
	struct report report;
	int tty;
	int got = 0;

	while (container->report.fd >= 0 &&
	       (got = container_launch_read(container->report.fd, &report, &tty)) > 0) {
		if (report.kind == REPORT_FAILED && container->why.kind == ERROR_NONE)
			container->why = report.err;
		if (report.kind == REPORT_READY && !container->user) {
			container->user = memory_copy(&report.user, sizeof(report.user));
			if (tty >= 0)
				take_terminal(container, take_fd(&tty));
		}
		close_slot(&tty);
	}
	if (container->report.fd < 0 || got == 0)
		return;
	loop_fd_stop(&container->report);
	close_slot(&container->report.fd);
	/* Without any report it was killed on its way: on_exit will tell. */
	if (container->why.kind == ERROR_NONE && container->user)
		set_running(container);
}

static void on_report(struct loop_fd *watch, unsigned events)
{
	(void)events;
	read_reports(CONTAINER_OF(watch, struct monitor_container, report));
}

void monitor_container_signal(struct monitor_container *container, int signal)
{
	if (container->state.phase != CONTAINER_EXITED && signal > 0 && signal <= 64)
		kill(container->state.pid, signal);
}

void monitor_container_kill(struct monitor_container *container)
{
	if (container->state.phase == CONTAINER_EXITED)
		return;
	kill(container->state.pid, SIGKILL);
	cgroup_kill(container->cgroup);
}

static void on_stop_late(struct loop_timer *timer)
{
	struct monitor_container *container =
		CONTAINER_OF(timer, struct monitor_container, stop_timer);

	monitor_container_kill(container);
	/* Again, should something have slipped through while it was dying. */
	if (container->state.phase != CONTAINER_EXITED)
		loop_timer_set(container->monitor->loop, timer, 1000);
}

void monitor_container_stop(struct monitor_container *container, int64_t grace_ms)
{
	int signal = container->plan.stop_signal > 0 ? container->plan.stop_signal : SIGTERM;

	if (container->state.phase == CONTAINER_EXITED)
		return;
	/* One that has not begun yet would not understand. */
	if (container->state.phase == CONTAINER_CREATED)
		grace_ms = 0;
	if (grace_ms > 0)
		kill(container->state.pid, signal);
	loop_timer_set(container->monitor->loop, &container->stop_timer, grace_ms);
}

/* --- the end --- */

static void read_last_words(struct monitor_container *container)
{
	auto_free char *path = memory_print("%s/termination", container->folder);
	auto_fd fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	char room[CONTAINER_MESSAGE_MAX - 1];
	struct stat facts;
	ssize_t got;

	if (fd < 0 || fstat(fd, &facts) != 0)
		return;
	got = pread(fd, room, sizeof(room),
		    facts.st_size > (off_t)sizeof(room) ? facts.st_size - (off_t)sizeof(room) : 0);
	if (got > 0)
		container_state_set_message(&container->state, str_from(room, (size_t)got));
}

static void set_exited(struct monitor_container *container, int status)
{
	struct container_state *state = &container->state;
	const char *reason;

	state->phase = CONTAINER_EXITED;
	state->pid = 0;
	state->finished_us = clock_wall_us();
	state->signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
	state->exit_code = WIFSIGNALED(status) ? 128 + state->signal : WEXITSTATUS(status);
	state->oom_killed = state->exit_code != 0 && cgroup_oom_kills(container->cgroup) > 0;
	reason = state->oom_killed ? "OOMKilled" : state->exit_code == 0 ? "Completed" : "Error";
	snprintf(state->reason, sizeof(state->reason), "%s", reason);
	read_last_words(container);
}

void monitor_container_on_exit(struct monitor_container *container, int status)
{
	read_reports(container);
	/* Without a PID namespace of its own others may live on, and hold the pipes open. */
	cgroup_kill(container->cgroup);
	if (container->why.kind == ERROR_NONE && !container->user)
		error_set(&container->why, ERROR_BROKEN, "killed while starting, by %s %d",
			  WIFSIGNALED(status) ? "signal" : "exit code",
			  WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
	if (container->why.kind != ERROR_NONE)
		container_state_fail(&container->state, &container->why);
	else
		set_exited(container, status);
	for (size_t i = 0; i < ARRAY_LENGTH(container->outputs); i++)
		output_finish(&container->outputs[i]);
	log_file_close(take_ptr(&container->log));
	close_slot(&container->input);
	close_slot(&container->pidfd);
	loop_timer_stop(&container->stop_timer);
	monitor_changed(container->monitor, container, true);
	session_end_container(container);
	loop_timer_set(container->monitor->loop, &container->tidy_timer, 0);
}

/* --- tidying and removing --- */

/* The written files may be many: a child takes them away. */
static void remove_folder(struct monitor_container *container)
{
	static unsigned number;
	auto_free char *trash = memory_print("%s/trash", container->monitor->folder);
	auto_free char *there = memory_print("%s/%u", trash, ++number);
	struct error err;
	pid_t pid;

	if (mkdir(trash, 0700) != 0 && errno != EEXIST)
		log_warn("runtime.monitor", "cannot make the trash folder", "errno=%d", errno);
	if (!file_remove_tree(there, &err) || rename(container->folder, there) != 0)
		return; /* nothing there, or destroy takes it away */
	pid = fork();
	if (pid == 0) {
		syscall(SYS_close_range, 3, ~0u, 0);
		_exit(file_remove_tree(there, &err) ? 0 : 1);
	}
	if (pid < 0 && !file_remove_tree(there, &err))
		log_warn("runtime.monitor", "cannot remove files", "why=\"%s\"", err.text);
}

static void on_tidy(struct loop_timer *timer)
{
	struct monitor_container *container =
		CONTAINER_OF(timer, struct monitor_container, tidy_timer);
	struct monitor *monitor = container->monitor;
	struct error err;

	if (container->cgroup) {
		cgroup_kill(container->cgroup);
		if (!cgroup_remove(container->cgroup, &err)) {
			loop_timer_set(monitor->loop, timer, TIDY_MS);
			return;
		}
		cgroup_close(take_ptr(&container->cgroup));
	}
	if (container->removing) {
		auto_free char *id = memory_string(container->state.id);

		remove_folder(container);
		monitor_container_free(container);
		monitor_removed(monitor, id);
	}
}

void monitor_container_remove(struct monitor_container *container)
{
	container->removing = true;
	if (container->state.phase != CONTAINER_EXITED)
		monitor_container_kill(container);
	else
		loop_timer_set(container->monitor->loop, &container->tidy_timer, 0);
}
