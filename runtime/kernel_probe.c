/*
 * kernel_probe.c - the child writes its struct error into a pipe, or nothing and ends well.
 */
#include "runtime/kernel_probe.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "runtime/seccomp.h"

#define WAIT_MS 10000

/* --- the child --- */

static _Noreturn void be_child(int namespaces, bool (*probe)(const void *of, struct error *err),
			       const void *of, int out)
{
	struct error err = { 0 };

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (namespaces != 0 && unshare(namespaces) != 0)
		error_os(&err, "cannot leave the namespaces");
	else if (probe(of, &err))
		_exit(0);
	err.from = NULL; /* of another process */
	(void)!write(out, &err, sizeof(err));
	_exit(1);
}

/* True: it ended well.  The child is not reaped. */
static bool hear(int from, struct error *err)
{
	struct pollfd watch = { .fd = from, .events = POLLIN };
	struct error told;
	ssize_t got;

	if (poll(&watch, 1, WAIT_MS) != 1)
		return error_set(err, ERROR_TIMEOUT, "the kernel takes too long");
	got = read(from, &told, sizeof(told));
	if (got == 0)
		return true;
	if (got != (ssize_t)sizeof(told))
		return error_set(err, ERROR_BROKEN, "the probe says half a sentence");
	return error_raise(err, told.kind, told.os_code, ERROR_FROM, "%.*s",
			   (int)sizeof(told.text) - 1, told.text);
}

static bool end_child(pid_t child, bool done, struct error *err)
{
	int status = 0;

	if (!done)
		kill(child, SIGKILL);
	if (waitpid(child, &status, 0) != child)
		return error_os(err, "cannot wait for the probe");
	if (done && status != 0)
		return error_set(err, ERROR_BROKEN, "the probe was killed (status %d)", status);
	return done;
}

bool kernel_probe_run(int namespaces, bool (*probe)(const void *of, struct error *err),
		      const void *of, struct error *err)
{
	auto_fd from = -1, to = -1;
	int ends[2];
	pid_t child;

	if (pipe2(ends, O_CLOEXEC) != 0)
		return error_os(err, "cannot make a pipe");
	from = ends[0];
	to = ends[1];
	child = fork();
	if (child < 0)
		return error_os(err, "cannot fork");
	if (child == 0)
		be_child(namespaces, probe, of, to);
	close(take_fd(&to));
	return end_child(child, hear(from, err), err);
}

/* --- namespaces --- */

static bool nothing(const void *of, struct error *err)
{
	(void)of;
	(void)err;
	return true;
}

bool kernel_probe_namespaces(struct error *err)
{
	static const struct {
		const char *name;
		int flag;
	} rows[] = { { "mount", CLONE_NEWNS },    { "process", CLONE_NEWPID },
		     { "ipc", CLONE_NEWIPC },     { "name", CLONE_NEWUTS },
		     { "network", CLONE_NEWNET }, { "cgroup", CLONE_NEWCGROUP } };
	auto_buf missing = BUF_INIT;

	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++)
		if (!kernel_probe_run(rows[i].flag, nothing, NULL, err))
			buf_add_print(&missing, "%s%s", missing.len > 0 ? ", " : "", rows[i].name);
	return missing.len == 0 ||
	       error_set(err, ERROR_UNAVAILABLE, "no namespaces of: %s", buf_text(&missing));
}

/* --- overlay --- */

static bool mount_overlay(const void *of, struct error *err)
{
	const char *folder = of;
	auto_free char *options = memory_print(
		"lowerdir=%s/lower,upperdir=%s/upper,workdir=%s/work", folder, folder, folder);
	auto_free char *target = memory_print("%s/merged", folder);

	if (mount("", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0)
		return error_os(err, "cannot make the mounts private");
	return mount("overlay", target, "overlay", 0, options) == 0 ||
	       error_os(err, "cannot mount an overlay");
}

bool kernel_probe_overlay(const char *folder, struct error *err)
{
	static const char *const names[] = { "lower", "upper", "work", "merged" };
	auto_free char *own = memory_print("%s/.mote-check-%d", folder, (int)getpid());
	struct error ignored;
	bool done = file_make_dirs(own, 0700, err);

	for (size_t i = 0; done && i < ARRAY_LENGTH(names); i++) {
		auto_free char *path = memory_print("%s/%s", own, names[i]);

		done = file_make_dirs(path, 0700, err);
	}
	done = done && kernel_probe_run(CLONE_NEWNS, mount_overlay, own, err);
	(void)!file_remove_tree(own, &ignored);
	return done;
}

/* --- system calls --- */

/* getppid fails from now on. */
static bool filter(const void *of, struct error *err)
{
	struct sock_filter rules[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getppid, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { ARRAY_LENGTH(rules), rules };

	(void)of;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		return error_os(err, "no_new_privs");
	if (!seccomp_enforce(&program, err))
		return false;
	return syscall(SYS_getppid) < 0 ||
	       error_set(err, ERROR_BROKEN, "a filter of system calls does not hold");
}

bool kernel_probe_seccomp(struct error *err)
{
	return kernel_probe_run(0, filter, NULL, err);
}

bool kernel_probe_pidfd(struct error *err)
{
	auto_fd fd = (int)syscall(SYS_pidfd_open, getpid(), 0);

	return fd >= 0 || error_os(err, "processes have no descriptors");
}
