/*
 * oci_child.c - the clone on its way to become a container's process: into its namespaces, its
 * cgroup, its files.
 *
 * It is still this program, so it must not be opened or traced from inside the container: it is not
 * dumpable until exec, its file is on a read-only mount or sealed (oci_seal), and of its
 * descriptors none leads to a folder once the container's files are entered.
 */
#include "runtime/oci_inside.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/process.h"
#include "runtime/loopback.h"

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x00000080
#endif

/* --- users --- */

/* Root of the namespace, where it has one: with its rights all that follows is done. */
static bool become_root(struct error *err)
{
	if (setresgid(0, 0, 0) != 0 || setresuid(0, 0, 0) != 0)
		return error_os(err, "become root of the user namespace");
	/* Denied where we may not map groups. */
	(void)!setgroups(0, NULL);
	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	return true;
}

/* --- namespaces --- */

static bool join_one(const struct oci_launch *launch, size_t which, struct error *err)
{
	if (setns(launch->joined[which], (int)oci_namespace_rows[which].flag) == 0)
		return true;
	return error_os(err, "join %s namespace %s", oci_namespace_rows[which].name,
			launch->config->joined[which]);
}

/* As root of the host all can be joined; what cannot belongs to the user namespace that is joined
 * then. */
static bool join_all(struct oci_launch *launch, struct error *err)
{
	for (int round = 0; round < 2; round++) {
		for (size_t i = 0; i < OCI_NAMESPACES; i++) {
			if (launch->joined[i] < 0 || i == OCI_PID || i == OCI_TIME || i == OCI_USER)
				continue;
			if (join_one(launch, i, err))
				close(take_fd(&launch->joined[i]));
			else if (round > 0 || launch->joined[OCI_USER] < 0)
				return false;
		}
		if (round == 0 && launch->joined[OCI_USER] >= 0 &&
		    (!join_one(launch, OCI_USER, err) || !become_root(err)))
			return false;
	}
	return true;
}

/*
 * New namespaces that are to belong to users we have joined are made now; for the one of processes
 * that means to be born again.
 */
static bool make_below_users(struct oci_launch *launch, struct error *err)
{
	unsigned made = launch->config->made & ~(unsigned)(CLONE_NEWCGROUP | CLONE_NEWTIME);
	int pair[2];
	pid_t pid;

	if (launch->joined[OCI_USER] < 0 || made == 0)
		return true;
	if (unshare((int)(made & ~(unsigned)CLONE_NEWPID)) != 0)
		return error_os(err, "make namespaces");
	if ((made & CLONE_NEWPID) == 0)
		return true;
	if (pipe2(pair, O_CLOEXEC) != 0)
		return error_os(err, "make a pipe");
	pid = (pid_t)syscall(SYS_clone, (unsigned long)(CLONE_NEWPID | CLONE_PARENT | SIGCHLD), 0,
			     0, 0, 0);
	if (pid < 0)
		return error_os(err, "clone");
	if (pid > 0) {
		/* It cannot know its own number, as the host sees it. */
		(void)!write(pair[1], &pid, sizeof(pid));
		_exit(0);
	}
	if (read(pair[0], &pid, sizeof(pid)) != (ssize_t)sizeof(pid))
		return error_os(err, "be born again");
	close(pair[0]);
	close(pair[1]);
	/* Neither is inherited: to lead a session, as terminals ask for, and to go with the parent.
	 */
	setsid();
	prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	return oci_say(launch, OCI_STEP_MOVED, pid, -1, err);
}

static bool set_names(const struct oci_launch *launch, struct error *err)
{
	struct str host = json_str(json_get(launch->config->root, "hostname"));
	struct str domain = json_str(json_get(launch->config->root, "domainname"));

	if (host.len > 0 && sethostname(host.at, host.len) != 0)
		return error_os(err, "set hostname");
	return domain.len == 0 || setdomainname(domain.at, domain.len) == 0 ||
	       error_os(err, "set domainname");
}

static bool enter_net(const struct oci_launch *launch, struct error *err)
{
	if (launch->made_net < 0)
		return (launch->config->made & CLONE_NEWNET) == 0 || loopback_bring_up(err);
	return setns(launch->made_net, CLONE_NEWNET) == 0 ||
	       error_os(err, "enter the new network namespace");
}

static bool enter_new(struct oci_launch *launch, struct error *err)
{
	const struct oci_config *config = launch->config;

	if ((config->made & CLONE_NEWUSER) &&
	    (!oci_say(launch, OCI_STEP_USERS, 0, -1, err) || !cgroup_enter(launch->doors, err) ||
	     !become_root(err)))
		return false;
	if ((config->made & CLONE_NEWUSER) == 0 && !cgroup_enter(launch->doors, err))
		return false;
	if (!join_all(launch, err) || !make_below_users(launch, err))
		return false;
	if ((config->made & CLONE_NEWCGROUP) && unshare(CLONE_NEWCGROUP) != 0)
		return error_os(err, "make a cgroup namespace");
	if (!enter_net(launch, err))
		return false;
	return set_names(launch, err) && oci_rootfs_make(launch, err) &&
	       oci_rootfs_enter(launch, err);
}

static bool enter_running(struct oci_launch *launch, struct error *err)
{
	int flags = (int)(launch->made & ~(unsigned)CLONE_NEWPID);

	if (!cgroup_enter(launch->doors, err))
		return false;
	if (flags != 0 && setns(launch->target, flags) != 0)
		return errno == ESRCH ? error_set(err, ERROR_NOT_FOUND, "the container is gone")
				      : error_os(err, "enter the container's namespaces");
	if ((flags & CLONE_NEWUSER) && !become_root(err))
		return false;
	return oci_terminal_open(launch, err);
}

/* --- labels: they count from the next exec on --- */

bool oci_write_proc(struct oci_launch *launch, const char *path, const char *text,
		    struct error *err)
{
	auto_fd fd = openat(launch->host_proc, path, O_WRONLY | O_CLOEXEC);
	size_t len = strlen(text);

	return (fd >= 0 && write(fd, text, len) == (ssize_t)len) || error_os(err, "write %s", path);
}

static bool set_labels(struct oci_launch *launch, struct error *err)
{
	const char *profile =
		oci_config_text(launch->config, json_get(launch->process, "apparmorProfile"));
	const char *label =
		oci_config_text(launch->config, json_get(launch->process, "selinuxLabel"));
	struct error first;

	if (profile && *profile && access("/sys/kernel/security/apparmor", F_OK) == 0) {
		auto_free char *text = memory_print("exec %s", profile);

		if (!oci_write_proc(launch, "thread-self/attr/apparmor/exec", text, &first) &&
		    !oci_write_proc(launch, "thread-self/attr/exec", text, err))
			return error_context(err, "apply apparmor profile %s", profile);
	} else if (profile && *profile && strcmp(profile, "unconfined") != 0) {
		return error_set(err, ERROR_UNAVAILABLE,
				 "apparmorProfile %s: this kernel has no AppArmor", profile);
	}
	/* A machine without SELinux takes any label for nothing. */
	return !label || !*label || access("/sys/fs/selinux/enforce", F_OK) != 0 ||
	       oci_write_proc(launch, "thread-self/attr/exec", label, err);
}

static bool run(struct oci_launch *launch, struct error *err)
{
	if (!set_labels(launch, err))
		return false;
	if (launch->is_exec ? !enter_running(launch, err) : !enter_new(launch, err))
		return false;
	return oci_become(launch, err);
}

_Noreturn void oci_child(struct oci_launch *launch)
{
	struct error err;

	/* Our maps are written through our /proc, which must be ours for that. */
	if (geteuid() == 0)
		prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	process_reset_signals();
	prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	setsid();
	umask(0);
	if (!run(launch, &err))
		(void)!oci_say(launch, OCI_STEP_FAILED, 0, -1, &err);
	_exit(127);
}
