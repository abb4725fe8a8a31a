/*
 * container_launch.c - clones a container's process and listens to its reports.
 */
#include "runtime/container_launch.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/memory.h"
#include "runtime/fd_packet.h"

/* With version 2 the child is born in its cgroup, which spares the kernel a costly move. */
static pid_t clone_child(const struct launch *launch, int group, int *out_pidfd)
{
	struct clone_args args = {
		.flags = CLONE_PIDFD | (launch->new_pid_namespace ? CLONE_NEWPID : 0),
		.exit_signal = SIGCHLD,
		.pidfd = (uint64_t)(uintptr_t)out_pidfd,
	};

	if (group >= 0) {
		args.flags |= CLONE_INTO_CGROUP;
		args.cgroup = (uint64_t)(unsigned)group;
	}
	return (pid_t)syscall(SYS_clone3, &args, sizeof(args));
}

static void close_doors(struct launch *launch)
{
	for (size_t i = 0; i < CGROUP_PARTS; i++)
		if (launch->doors[i] >= 0)
			close(take_fd(&launch->doors[i]));
}

/* Only children are born into another PID namespace; afterwards we take ours back. */
static bool join_pid_namespace(int fd, struct error *err)
{
	if (fd >= 0 && setns(fd, CLONE_NEWPID) != 0) {
		if (errno == EINVAL || errno == ESRCH)
			return error_set(err, ERROR_NOT_FOUND, "the container is gone");
		return error_os(err, "join PID namespace");
	}
	return true;
}

static bool clone_in_namespace(struct launch *launch, int group, struct launched *out,
			       struct error *err)
{
	auto_fd own =
		launch->pid_namespace >= 0 ? open("/proc/self/ns/pid", O_RDONLY | O_CLOEXEC) : -1;

	if (launch->pid_namespace >= 0 && own < 0)
		return error_os(err, "open our PID namespace");
	if (!join_pid_namespace(launch->pid_namespace, err))
		return false;
	out->pid = clone_child(launch, group, &out->pidfd);
	if (out->pid == 0)
		container_child(launch);
	if (out->pid < 0)
		error_os(err, "clone");
	if (own >= 0 && setns(own, CLONE_NEWPID) != 0)
		assert(!"our own PID namespace refuses us");
	return out->pid > 0;
}

bool container_launch(struct launch *launch, struct launched *out, struct error *err)
{
	const char *unified = launch->cgroup->folders[CGROUP_UNIFIED];
	auto_fd group = unified ? open(unified, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
	int pair[2];
	bool fine;

	for (size_t i = 0; i < CGROUP_PARTS; i++)
		launch->doors[i] = -1;
	if (unified && group < 0)
		return error_os(err, "open cgroup %s", unified);
	if (!unified && !cgroup_open_doors(launch->cgroup, launch->doors, err))
		return false;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0) {
		close_doors(launch);
		return error_os(err, "make a socket pair");
	}
	launch->report = pair[1];
	launch->tty_slave = -1;
	out->report = pair[0];
	fine = clone_in_namespace(launch, group, out, err);
	close_doors(launch);
	close(pair[1]);
	if (!fine)
		close(pair[0]);
	return fine;
}

int container_launch_read(int report, struct report *out, int *out_tty)
{
	ssize_t got = fd_packet_receive(report, out, sizeof(*out), MSG_DONTWAIT, out_tty);

	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (got == (ssize_t)sizeof(*out))
		return 1;
	if (*out_tty >= 0)
		close(take_fd(out_tty));
	return -1;
}

bool container_report_ready(const struct launch *launch, const struct user_found *user,
			    int tty_master, struct error *err)
{
	struct report report = { .kind = REPORT_READY, .user = *user };

	return fd_packet_send(launch->report, &report, sizeof(report), tty_master) ||
	       error_os(err, "tell the monitor");
}
