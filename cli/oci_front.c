/*
 * oci_front.c - one poll over the signals, our terminal and the container's.
 */
#include "cli/oci_front.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "base/file.h"

struct front {
	pid_t pid;
	int tty, signals;
	bool input; /* ours is still open */
	bool raw;
	struct termios before;
	bool ended;
	int status;
};

static void wanted_signals(sigset_t *out)
{
	sigfillset(out);
	/* Those that are about ourselves. */
	sigdelset(out, SIGSEGV);
	sigdelset(out, SIGBUS);
	sigdelset(out, SIGFPE);
	sigdelset(out, SIGILL);
	sigdelset(out, SIGABRT);
}

void oci_front_begin(void)
{
	sigset_t all;

	wanted_signals(&all);
	sigprocmask(SIG_BLOCK, &all, NULL);
}

static void copy_size(const struct front *front)
{
	struct winsize size;

	if (front->tty >= 0 && ioctl(0, TIOCGWINSZ, &size) == 0)
		ioctl(front->tty, TIOCSWINSZ, &size);
}

static void make_raw(struct front *front)
{
	struct termios raw;

	if (front->tty < 0 || tcgetattr(0, &front->before) != 0)
		return;
	raw = front->before;
	cfmakeraw(&raw);
	front->raw = tcsetattr(0, TCSANOW, &raw) == 0;
}

static void reap(struct front *front)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		if (pid != front->pid)
			continue;
		front->ended = true;
		front->status = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
	}
}

static void on_signal(struct front *front)
{
	struct signalfd_siginfo info;

	if (read(front->signals, &info, sizeof(info)) != (ssize_t)sizeof(info))
		return;
	switch (info.ssi_signo) {
	case SIGCHLD: reap(front); break;
	case SIGWINCH: copy_size(front); break;
	case SIGPIPE:
	case SIGURG: break;
	default: kill(front->pid, (int)info.ssi_signo); break;
	}
}

/* False: there is no more. */
static bool move_bytes_on(int from, int into)
{
	char room[8192];
	struct error ignored;
	ssize_t got = read(from, room, sizeof(room));

	if (got < 0)
		return errno == EINTR || errno == EAGAIN;
	return got > 0 && file_write_all(into, room, (size_t)got, &ignored);
}

static bool step(struct front *front, struct error *err)
{
	struct pollfd watched[3] = {
		{ .fd = front->signals, .events = POLLIN },
		{ .fd = front->tty, .events = POLLIN },
		{ .fd = front->tty >= 0 && front->input ? 0 : -1, .events = POLLIN },
	};

	if (poll(watched, 3, -1) < 0)
		return errno == EINTR || error_os(err, "wait for the container");
	if (watched[1].revents && !move_bytes_on(front->tty, 1))
		close(take_fd(&front->tty));
	if (watched[2].revents && front->tty >= 0 && !move_bytes_on(0, front->tty))
		front->input = false;
	if (watched[0].revents)
		on_signal(front);
	return true;
}

/* What is in the terminal when its last user is gone. */
static void drain(struct front *front)
{
	struct pollfd watched = { .fd = front->tty, .events = POLLIN };

	while (front->tty >= 0 && poll(&watched, 1, 0) > 0 && (watched.revents & POLLIN) &&
	       move_bytes_on(front->tty, 1))
		continue;
}

bool oci_front_wait(pid_t pid, int tty, int *out_status, struct error *err)
{
	struct front front = { .pid = pid, .tty = tty, .input = true };
	sigset_t all;
	bool fine = true;

	wanted_signals(&all);
	front.signals = signalfd(-1, &all, SFD_CLOEXEC | SFD_NONBLOCK);
	if (front.signals < 0)
		return error_os(err, "watch signals");
	make_raw(&front);
	copy_size(&front);
	reap(&front);
	while (fine && !front.ended)
		fine = step(&front, err);
	drain(&front);
	if (front.raw)
		tcsetattr(0, TCSANOW, &front.before);
	if (front.tty >= 0)
		close(front.tty);
	close(front.signals);
	*out_status = front.status;
	return fine;
}
