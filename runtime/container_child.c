/*
 * container_child.c - the monitor's clone on its way to become a container's process.
 *
 * It is still this program with the monitor's memory, so it must not be opened or traced from
 * inside a container: it is not dumpable until exec, its file is on a read-only mount (see
 * monitor_setup.c), and it holds no descriptor that the container could use.
 */
#include "runtime/container_launch.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/process.h"
#include "runtime/mountfd.h"
#include "runtime/pathfd.h"
#include "runtime/rootfs.h"

/* Without the right to lower it the machine's value stays; the container runs all the same. */
static void adjust_oom_score(int score)
{
	char text[16];
	int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
	int len = snprintf(text, sizeof(text), "%d", score);

	if (fd >= 0) {
		(void)!write(fd, text, (size_t)len);
		close(fd);
	}
}

static bool enter_new(struct launch *launch, struct error *err)
{
	struct user_wish wish = {
		.text = launch->plan->user,
		.uid = launch->plan->uid,
		.gid = launch->plan->gid,
		.groups = launch->plan->groups,
		.group_count = launch->plan->group_count,
		.must_not_be_root = launch->plan->run_as_non_root,
		.with_own = true,
		.strict_groups = launch->plan->strict_groups,
	};
	static struct user_found user; /* lives on in launch->user */
	auto_fd tty = -1;
	auto_fd root = -1;

	if (!rootfs_enter(launch, &tty, err))
		return false;
	root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (root < 0)
		return error_os(err, "open the root");
	if (!user_lookup(root, &wish, &user, err))
		return false;
	launch->user = &user;
	for (size_t i = 0; i < launch->plan->device_count; i++)
		if (!rootfs_dev_own(root, &launch->plan->devices[i], launch->user_base + user.uid,
				    launch->user_base + user.gid, err))
			return false;
	return container_report_ready(launch, &user, tty, err);
}

/* The container may have prepared this place: only the right kind of device is taken. */
static bool open_tty_inside(struct launch *launch, int *out_master, struct error *err)
{
	auto_fd root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	auto_fd pts = -1;

	if (root < 0)
		return error_os(err, "open the root");
	if (!pathfd_open(root, "dev/pts", PATHFD_NO_LINKS, O_PATH | O_DIRECTORY, &pts, err))
		return false;
	if (!mountfd_is_kind(pts, DEVPTS_SUPER_MAGIC))
		return error_set(err, ERROR_INVALID, "/dev/pts holds no terminals");
	return rootfs_open_tty(pts, out_master, &launch->tty_slave, err);
}

static bool enter_running(struct launch *launch, struct error *err)
{
	auto_fd tty = -1;

	if (setns(launch->target, CLONE_NEWNS | CLONE_NEWCGROUP) != 0) {
		if (errno == ESRCH)
			return error_set(err, ERROR_NOT_FOUND, "the container is gone");
		return error_os(err, "enter the container's namespaces");
	}
	if (launch->tty && !open_tty_inside(launch, &tty, err))
		return false;
	return container_report_ready(launch, launch->user, tty, err);
}

static bool run(struct launch *launch, struct error *err)
{
	assert(launch->is_exec ? launch->user != NULL : launch->folder != NULL);
	umask(0);
	if (!cgroup_enter(launch->doors, err))
		return false;
	adjust_oom_score(launch->plan->oom_score_adj);
	if (launch->is_exec ? !enter_running(launch, err) : !enter_new(launch, err))
		return false;
	return container_become(launch, err);
}

_Noreturn void container_child(struct launch *launch)
{
	struct report report = { .kind = REPORT_FAILED };

	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	process_reset_signals();
	/* Until the user is known and it is set again: nothing may survive the monitor. */
	prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	setsid();
	if (!run(launch, &report.err))
		(void)!send(launch->report, &report, sizeof(report), MSG_NOSIGNAL);
	_exit(127);
}
