/*
 * oci_launch.c - the parent of a container's first process, or of a further one: clones it, serves
 * what it asks for.
 *
 * What needs the rights of the host is done here for the child: maps of ids, limits, its place
 * among the kernel's victims, hooks, the filter's listener.
 */
#include "runtime/oci_inside.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "runtime/fd_packet.h"
#include "runtime/oci_process.h"

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x00000080
#endif

/* The child makes these itself: after it has entered its cgroup, or not at all (time: oci_launch).
 */
#define LATER ((unsigned)(CLONE_NEWCGROUP | CLONE_NEWTIME))

static pid_t clone_child(const struct oci_launch *launch, int group, int *out_pidfd)
{
	/* What is to belong to users that are joined is made by the child, too. */
	bool bare = launch->is_exec || launch->joined[OCI_USER] >= 0;
	unsigned there = launch->made_net >= 0 ? CLONE_NEWNET : 0;
	struct clone_args args = {
		.flags = CLONE_PIDFD | (bare ? 0 : launch->made & ~LATER & ~there),
		.exit_signal = SIGCHLD,
		.pidfd = (uint64_t)(uintptr_t)out_pidfd,
	};

	if (group >= 0) {
		args.flags |= CLONE_INTO_CGROUP;
		args.cgroup = (uint64_t)(unsigned)group;
	}
	fflush(NULL);
	return (pid_t)syscall(SYS_clone3, &args, sizeof(args));
}

/* Children of ours begin with other clocks. */
static bool make_time(const struct oci_launch *launch, struct error *err)
{
	const struct json *offsets = json_get(launch->config->system, "timeOffsets");
	auto_buf text = BUF_INIT;
	auto_fd fd = -1;

	if (launch->is_exec || (launch->made & CLONE_NEWTIME) == 0)
		return true;
	if (unshare(CLONE_NEWTIME) != 0)
		return error_os(err, "make a time namespace");
	for (struct json_iter it = json_iter(offsets); json_next(&it);)
		buf_add_print(&text, STR_FMT " %" PRId64 " %" PRId64 "\n", STR_ARG(it.key),
			      json_int(json_get(it.value, "secs")),
			      json_int(json_get(it.value, "nanosecs")));
	if (text.len == 0)
		return true;
	fd = open("/proc/self/timens_offsets", O_WRONLY | O_CLOEXEC);
	return (fd >= 0 && write(fd, text.at, text.len) == (ssize_t)text.len) ||
	       error_os(err, "set timeOffsets");
}

/* Only children are born into another PID namespace; ours for children stays, as we soon end. */
static bool join_pids(const struct oci_launch *launch, struct error *err)
{
	if (launch->is_exec) {
		if (setns(launch->target, CLONE_NEWPID) != 0 && errno != EINVAL)
			return error_os(err, "join the container's PID namespace");
		return true;
	}
	if (launch->joined[OCI_PID] >= 0 && setns(launch->joined[OCI_PID], CLONE_NEWPID) != 0)
		return error_os(err, "join PID namespace %s", launch->config->joined[OCI_PID]);
	if (launch->joined[OCI_TIME] >= 0 && setns(launch->joined[OCI_TIME], CLONE_NEWTIME) != 0)
		return error_os(err, "join time namespace %s", launch->config->joined[OCI_TIME]);
	return true;
}

static void tell_clone(const struct oci_launch *launch, pid_t pid)
{
	const struct oci_listener *listener = &launch->options->listener;
	auto_buf names = BUF_INIT;

	for (size_t i = 0; listener->tell && i < OCI_NAMESPACES; i++)
		if (launch->joined[i] >= 0 || (launch->made & oci_namespace_rows[i].flag))
			buf_add_print(&names, " %s%s", oci_namespace_rows[i].name,
				      launch->joined[i] >= 0 || launch->is_exec ? " (joined)" : "");
	oci_tell(listener, "process %d is cloned; its own namespaces:%s", (int)pid,
		 names.len > 0 ? buf_text(&names) : " none");
}

bool oci_launch(struct oci_launch *launch, struct oci_launched *out, struct error *err)
{
	const struct cgroup *cgroup = launch->state->cgroup;
	const char *unified = cgroup ? cgroup->folders[CGROUP_UNIFIED] : NULL;
	auto_fd group = unified ? open(unified, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
	int pair[2];

	*out = (struct oci_launched){ .pidfd = -1, .report = -1, .tty = -1 };
	if (unified && group < 0)
		return error_os(err, "open cgroup %s", unified);
	if (cgroup && !unified && !cgroup_open_doors(cgroup, launch->doors, err))
		return false;
	launch->made_net = launch->net ? oci_net_await(launch->net) : -1;
	if (!make_time(launch, err) || !join_pids(launch, err))
		return false;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
		return error_os(err, "make a socket pair");
	launch->report = pair[1];
	out->report = pair[0];
	out->pid = clone_child(launch, group, &out->pidfd);
	if (out->pid == 0) {
		close(pair[0]);
		oci_child(launch);
	}
	close(pair[1]);
	launch->report = -1;
	if (out->pid > 0) {
		tell_clone(launch, out->pid);
		return true;
	}
	error_os(err, "clone");
	close(take_fd(&out->report));
	return false;
}

void oci_launched_kill(struct oci_launched *launched)
{
	if (launched->pid > 0) {
		kill(launched->pid, SIGKILL);
		while (waitpid(launched->pid, NULL, 0) < 0 && errno == EINTR)
			continue;
		launched->pid = 0;
	}
	if (launched->tty >= 0)
		close(take_fd(&launched->tty));
	if (launched->report >= 0)
		close(take_fd(&launched->report));
	if (launched->pidfd >= 0)
		close(take_fd(&launched->pidfd));
}

/* --- messages --- */

static bool receive(int report, struct oci_message *out, int *out_fd)
{
	ssize_t got;

	do
		got = fd_packet_receive(report, out, sizeof(*out), 0, out_fd);
	while (got < 0 && errno == EINTR);
	if (got == (ssize_t)sizeof(*out))
		return true;
	if (*out_fd >= 0)
		close(take_fd(out_fd));
	return false;
}

static bool send_with(int socket, struct str text, int fd, struct error *err)
{
	return fd_packet_send(socket, text.at, text.len, fd) || error_os(err, "send a descriptor");
}

bool oci_say(struct oci_launch *launch, enum oci_step step, int number, int fd, struct error *err)
{
	struct oci_message message = { .step = step, .number = number };
	char answer;
	ssize_t got;

	if (step == OCI_STEP_FAILED)
		message.err = *err;
	/* A plain write where no descriptor goes along: a filter may be in force by now. */
	if (fd < 0) {
		if (write(launch->report, &message, sizeof(message)) != (ssize_t)sizeof(message))
			return error_os(err, "tell the parent");
	} else if (!send_with(launch->report, str_from(&message, sizeof(message)), fd, err)) {
		return false;
	}
	if (step == OCI_STEP_READY || step == OCI_STEP_FAILED)
		return true;
	do
		got = read(launch->report, &answer, 1);
	while (got < 0 && errno == EINTR);
	return got == 1 || error_set(err, ERROR_BROKEN, "the parent has given up");
}

static bool connect_to(const char *path, int *out_fd, struct error *err)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	auto_fd fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	auto_fd place = open(path, O_PATH | O_CLOEXEC);

	/* By descriptor: the path may be longer than an address has room for. */
	if (place < 0)
		return error_os(err, "open %s", path);
	snprintf(address.sun_path, sizeof(address.sun_path), "/proc/self/fd/%d", place);
	if (fd < 0 || connect(fd, (const struct sockaddr *)&address, sizeof(address)) != 0)
		return error_os(err, "connect to %s", path);
	*out_fd = take_fd(&fd);
	return true;
}

/* --- what is done for the child --- */

static void make_plain(int master)
{
	struct termios facts;

	if (tcgetattr(master, &facts) != 0)
		return;
	facts.c_oflag &= ~(tcflag_t)ONLCR;
	(void)!tcsetattr(master, TCSANOW, &facts);
}

static bool take_terminal(const struct oci_launch *launch, struct oci_launched *launched, int fd,
			  struct error *err)
{
	const char *path = launch->options->console_socket;
	auto_fd master = fd;
	auto_fd socket = -1;

	if (!path || !*path) {
		if (launch->options->plain_lines)
			make_plain(master);
		launched->tty = take_fd(&master);
		return true;
	}
	return connect_to(path, &socket, err) && send_with(socket, STR("/dev/ptmx"), master, err);
}

static bool send_listener(const struct oci_launch *launch, const struct oci_launched *launched,
			  int number, struct error *err)
{
	const struct json *seccomp = json_get(launch->config->system, "seccomp");
	const char *path = oci_config_text(launch->config, json_get(seccomp, "listenerPath"));
	auto_json_doc doc = json_doc_new();
	struct json *root = json_new_object(doc);
	struct json *fds = json_new_array(doc);
	struct str metadata = json_str(json_get(seccomp, "listenerMetadata"));
	auto_fd listener = (int)syscall(SYS_pidfd_getfd, launched->pidfd, number, 0);
	auto_fd socket = -1;
	auto_buf text = BUF_INIT;

	if (listener < 0)
		return error_os(err, "take the listener of the filter");
	json_append(fds, json_new_text(doc, "seccompFd"));
	json_put(doc, root, "ociVersion", json_new_text(doc, OCI_VERSION));
	json_put(doc, root, "fds", fds);
	json_put(doc, root, "pid", json_new_int(doc, launched->pid));
	json_put(doc, root, "metadata", json_new_str(doc, metadata.at ? metadata : STR("")));
	json_put(doc, root, "state",
		 oci_state_print(launch->state, launch->config,
				 launch->is_exec ? "running" : "creating", doc));
	json_print(root, &text);
	return (connect_to(path, &socket, err) ||
		error_context(err, "failed to connect with seccomp agent")) &&
	       send_with(socket, buf_str(&text), listener, err);
}

/* The child had to be born again, into namespaces of users it joined: this is its other self. */
static bool follow(struct oci_launch *launch, struct oci_launched *launched, int pid,
		   struct error *err)
{
	int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);

	(void)launch;
	if (pidfd < 0)
		return error_os(err, "follow the container's first process");
	close(launched->pidfd);
	launched->pidfd = pidfd;
	while (waitpid(launched->pid, NULL, 0) < 0 && errno == EINTR)
		continue;
	launched->pid = pid;
	return true;
}

static bool serve_one(struct oci_launch *launch, struct oci_launched *launched,
		      const struct oci_message *message, int fd, struct error *err)
{
	const struct oci_config *config = launch->config;

	switch (message->step) {
	case OCI_STEP_USERS:
		return oci_write_mappings(launched->pid, json_get(config->system, "uidMappings"),
					  json_get(config->system, "gidMappings"), err);
	case OCI_STEP_MOVED: return follow(launch, launched, message->number, err);
	case OCI_STEP_MOUNTED:
		return oci_hooks_run(config, "prestart", launch->state, "creating", err) &&
		       oci_hooks_run(config, "createRuntime", launch->state, "creating", err);
	case OCI_STEP_TERMINAL: return take_terminal(launch, launched, fd, err);
	case OCI_STEP_PLACED:
		return oci_process_limit(launched->pid, launch->process, launch->is_exec, err);
	case OCI_STEP_LISTENER: return send_listener(launch, launched, message->number, err);
	case OCI_STEP_READY:
	case OCI_STEP_FAILED: break;
	}
	return error_set(err, ERROR_BROKEN, "the child says something unknown");
}

/* For who wants to follow the process without mistaking another for it. */
static bool send_pidfd(const struct oci_launch *launch, const struct oci_launched *launched,
		       struct error *err)
{
	const char *path = launch->options->pidfd_socket;
	auto_fd socket = -1;

	if (!path || !*path)
		return true;
	return connect_to(path, &socket, err) &&
	       send_with(socket, launch->is_exec ? STR("setns") : STR("standard"), launched->pidfd,
			 err);
}

static void tell_step(const struct oci_launch *launch, const struct oci_launched *launched,
		      enum oci_step step)
{
	static const char *const words[] = {
		[OCI_STEP_USERS] = "has the ids of its user namespace",
		[OCI_STEP_MOVED] = "is in the namespaces that belong to users it joined",
		[OCI_STEP_MOUNTED] = "has its mounts; hooks prestart and createRuntime are done",
		[OCI_STEP_TERMINAL] = "has its terminal",
		[OCI_STEP_PLACED] = "is inside; its limits are set",
		[OCI_STEP_LISTENER] = "is filtered; the listener is handed over",
		[OCI_STEP_READY] = "is ready",
		[OCI_STEP_FAILED] = "gives up",
	};

	oci_tell(&launch->options->listener, "process %d %s", (int)launched->pid, words[step]);
}

bool oci_launch_serve(struct oci_launch *launch, struct oci_launched *launched, struct error *err)
{
	struct oci_message message;
	int fd;

	for (;;) {
		if (!receive(launched->report, &message, &fd))
			return error_set(err, ERROR_BROKEN,
					 "the container's first process has ended too early");
		if (message.step == OCI_STEP_READY || message.step == OCI_STEP_FAILED)
			tell_step(launch, launched, message.step);
		if (message.step == OCI_STEP_READY)
			return send_pidfd(launch, launched, err);
		if (message.step == OCI_STEP_FAILED) {
			*err = message.err;
			err->text[sizeof(err->text) - 1] = '\0';
			err->from = ERROR_FROM;
			return false;
		}
		if (!serve_one(launch, launched, &message, fd, err))
			return false;
		tell_step(launch, launched, message.step);
		if (write(launched->report, "g", 1) != 1)
			return error_os(err, "answer the container's first process");
	}
}
