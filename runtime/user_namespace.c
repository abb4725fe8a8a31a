/*
 * user_namespace.c - a child is born into the new namespaces, gets its ids written, does what has
 * to be done inside, and waits until its parent has taken what it wants.
 */
#include "runtime/user_namespace.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/securebits.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/memory.h"

struct inside {
	bool (*call)(const void *of, struct error *err);
	const void *of;
	int wire; /* one byte in: the ids are there; one struct error out; its end: that is all */
};

static bool become_root(struct error *err)
{
	if (setresgid(0, 0, 0) != 0 || setresuid(0, 0, 0) != 0)
		return error_os(err, "become root of the pod's users");
	return true;
}

_Noreturn static void run_inside(const struct inside *inside)
{
	struct error report = { 0 };
	char byte;

	prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	if (read(inside->wire, &byte, 1) != 1)
		_exit(1);
	if (become_root(&report) && inside->call)
		(void)!inside->call(inside->of, &report);
	if (write(inside->wire, &report, sizeof(report)) != (ssize_t)sizeof(report))
		_exit(1);
	(void)!read(inside->wire, &byte, 1);
	_exit(0);
}

static bool write_map(pid_t pid, const char *file, uint32_t base, struct error *err)
{
	char path[64], text[64];
	int len = snprintf(text, sizeof(text), "0 %u %u\n", base, USER_NAMESPACE_IDS);
	auto_fd fd = -1;

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, file);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, text, (size_t)len) != len)
		return error_os(err, "map the pod's users: write %s", path);
	return true;
}

static bool hear(int wire, struct error *err)
{
	struct error report;

	if (write(wire, "", 1) != 1 ||
	    recv(wire, &report, sizeof(report), MSG_WAITALL) != (ssize_t)sizeof(report))
		return error_set(err, ERROR_BROKEN, "the pod's users cannot be made");
	if (report.kind == ERROR_NONE)
		return true;
	*err = report;
	return false;
}

/* A descriptor of the namespace, and ourselves in the others. */
static bool take_namespaces(pid_t pid, int flags, int *out_users, struct error *err)
{
	auto_fd process = (int)syscall(SYS_pidfd_open, pid, 0);
	char path[64];
	auto_fd users = -1;

	snprintf(path, sizeof(path), "/proc/%d/ns/user", (int)pid);
	users = open(path, O_RDONLY | O_CLOEXEC);
	if (process < 0 || users < 0)
		return error_os(err, "find the pod's users");
	if (flags && setns(process, flags) != 0)
		return error_os(err, "join the pod's namespaces");
	*out_users = take_fd(&users);
	return true;
}

static bool clone_failed(struct error *err)
{
	if (errno == EINVAL || errno == ENOSPC || errno == EPERM)
		return error_raise(err, ERROR_BROKEN, errno, ERROR_FROM,
				   "this kernel gives no user namespaces (%s); pods with "
				   "hostUsers: false need them: see user.max_user_namespaces",
				   strerror(errno));
	return error_os(err, "make the pod's users");
}

bool user_namespace_make(uint32_t base, int flags,
			 bool (*inside)(const void *of, struct error *err), const void *of,
			 int *out_users, struct error *err)
{
	int pair[2];
	bool fine;
	pid_t pid;

	if (base < USER_NAMESPACE_IDS || base > UINT32_MAX - 2 * USER_NAMESPACE_IDS)
		return error_set(err, ERROR_INVALID, "users of a pod cannot begin at %u", base);
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
		return error_os(err, "make a socket pair");
	pid = (pid_t)syscall(SYS_clone, (unsigned long)(CLONE_NEWUSER | (unsigned)flags | SIGCHLD),
			     0, 0, 0, 0);
	if (pid == 0) {
		close(pair[0]);
		run_inside(&(struct inside){ inside, of, pair[1] });
	}
	fine = pid > 0 || clone_failed(err);
	close(pair[1]);
	fine = fine && write_map(pid, "uid_map", base, err) &&
	       write_map(pid, "gid_map", base, err) && hear(pair[0], err) &&
	       take_namespaces(pid, flags, out_users, err);
	close(pair[0]);
	if (pid > 0 && waitpid(pid, NULL, 0) != pid)
		kill(pid, SIGKILL);
	return fine;
}

bool user_namespace_enter(int users, struct error *err)
{
	if (setns(users, CLONE_NEWUSER) != 0)
		return error_os(err, "enter the pod's users");
	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	return become_root(err);
}

bool user_namespace_make_files_as(uint32_t base, struct error *err)
{
	if (prctl(PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP, 0, 0, 0) != 0)
		return error_os(err, "keep rights");
	/* The call tells what was before: the second time it is what we wanted. */
	setfsgid(base);
	setfsuid(base);
	if (setfsgid(base) != (int)base || setfsuid(base) != (int)base)
		return error_set(err, ERROR_BROKEN, "files cannot be made as user %u", base);
	return true;
}
