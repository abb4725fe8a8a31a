/*
 * process.c - fork and exec with exact descriptors.
 *
 * All memory is prepared before the fork; the child makes only async-signal-safe calls.
 */
#include "base/process.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/memory.h"

extern char **environ;

struct child {
	const struct process_plan *plan;
	const char *path;
	int *fds; /* what becomes 0, 1, 2, 3, ... */
	size_t fd_count;
	int report; /* errno of a failure is written here */
	pid_t parent;
};

static const char *find_in_path(const char *name, char *room, size_t size)
{
	const char *path = getenv("PATH");

	if (strchr(name, '/'))
		return name;
	for (const char *at = path ? path : "/usr/sbin:/usr/bin:/sbin:/bin"; at && *at;) {
		const char *end = strchr(at, ':');
		int len = end ? (int)(end - at) : (int)strlen(at);

		if (snprintf(room, size, "%.*s/%s", len, at, name) < (int)size &&
		    access(room, X_OK) == 0)
			return room;
		at = end ? end + 1 : NULL;
	}
	return name;
}

void process_reset_signals(void)
{
	struct sigaction fallback = { .sa_handler = SIG_DFL };
	sigset_t none;

	for (int i = 1; i < NSIG; i++)
		sigaction(i, &fallback,
			  NULL); /* refused for KILL, STOP and libc's own: as it should be */
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

/* First all sources above the targets, so that none is overwritten; then down to 0, 1, 2, ... */
static bool place_fds(struct child *child)
{
	int above = (int)child->fd_count + 1;

	child->report = fcntl(child->report, F_DUPFD_CLOEXEC, above);
	if (child->report < 0)
		return false;
	for (size_t i = 0; i < child->fd_count; i++) {
		child->fds[i] = fcntl(child->fds[i], F_DUPFD_CLOEXEC, above);
		if (child->fds[i] < 0)
			return false;
	}
	for (size_t i = 0; i < child->fd_count; i++)
		if (dup2(child->fds[i], (int)i) < 0)
			return false;
	return true;
}

static void run_child(struct child *child) __attribute__((noreturn));
static void run_child(struct child *child)
{
	const struct process_plan *plan = child->plan;
	int code;

	process_reset_signals();
	if (plan->new_session)
		setsid();
	if (plan->die_with_parent) {
		prctl(PR_SET_PDEATHSIG, plan->die_with_parent);
		if (getppid() != child->parent)
			_exit(127);
	}
	if (place_fds(child) && (!plan->cwd || chdir(plan->cwd) == 0))
		execve(child->path, (char *const *)plan->argv,
		       plan->envp ? (char *const *)plan->envp : environ);
	code = errno;
	if (write(child->report, &code, sizeof(code)) < 0)
		_exit(126);
	_exit(127);
}

static bool gather_fds(struct child *child, int null_fd)
{
	const struct process_plan *plan = child->plan;

	child->fd_count = 3 + plan->extra_count;
	child->fds = memory_get(child->fd_count * sizeof(int));
	for (size_t i = 0; i < child->fd_count; i++) {
		int fd = i < 3 ? plan->stdio[i] : plan->extra_fds[i - 3];

		child->fds[i] = fd >= 0 ? fd : null_fd;
	}
	return true;
}

/* Wait for the exec to happen (the pipe closes) or to fail (errno comes). */
static bool await_exec(int fd, pid_t pid, const char *path, struct error *err)
{
	int code = 0;
	ssize_t got;

	do
		got = read(fd, &code, sizeof(code));
	while (got < 0 && errno == EINTR);
	if (got <= 0)
		return true;
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		continue;
	errno = code;
	return error_os(err, "start %s", path);
}

bool process_start(const struct process_plan *plan, pid_t *out_pid, struct error *err)
{
	char room[4096];
	auto_fd null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	struct child child = { .plan = plan, .parent = getpid() };
	auto_free int *fds = NULL;
	auto_fd report = -1;
	auto_fd hear = -1;
	int pipe_fds[2];
	pid_t pid;

	if (null_fd < 0)
		return error_os(err, "open /dev/null");
	if (pipe2(pipe_fds, O_CLOEXEC) != 0)
		return error_os(err, "make a pipe");
	hear = pipe_fds[0];
	report = pipe_fds[1];
	child.path = find_in_path(plan->path, room, sizeof(room));
	child.report = report;
	gather_fds(&child, null_fd);
	fds = child.fds;
	pid = fork();
	if (pid < 0)
		return error_os(err, "fork");
	if (pid == 0)
		run_child(&child);
	close(take_fd(&report));
	if (!await_exec(hear, pid, child.path, err))
		return false;
	*out_pid = pid;
	return true;
}

/* False: its time is over. */
static bool await_end(pid_t pid, int64_t ms)
{
	auto_fd fd = (int)syscall(SYS_pidfd_open, pid, 0);
	struct pollfd end = { .fd = fd, .events = POLLIN };
	int64_t until = clock_now_ms() + ms;
	int got = -1;

	while (ms >= 0 && fd >= 0) {
		int64_t left = until - clock_now_ms();

		got = poll(&end, 1, left > 0 ? (int)(left < INT_MAX ? left : INT_MAX) : 0);
		if (got > 0 || (got < 0 && errno != EINTR) || left <= 0)
			break;
	}
	return got != 0;
}

bool process_wait(pid_t pid, int64_t ms, int *out_status, struct error *err)
{
	bool in_time = await_end(pid, ms);

	if (!in_time)
		kill(pid, SIGKILL);
	while (waitpid(pid, out_status, 0) < 0)
		if (errno != EINTR)
			return error_os(err, "wait for process %d", (int)pid);
	return in_time ||
	       error_set(err, ERROR_TIMEOUT, "it ran for more than %g seconds", (double)ms / 1000);
}
