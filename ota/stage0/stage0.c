/*
 * stage0.c - the launcher: a small program of its own that starts the right version of mote.
 *
 * It is <data-dir>/ota/launcher, and `mote` in the path is a link to it, so its own path tells the
 * folder.  It executes the slot that ota/launch.h chooses, in its own process.  A daemon on trial
 * also gets a watcher: a process made from this program and not from the version it watches, which
 *	- passes the daemon's standard error on and keeps its end for ota/log;
 *	- takes the version back and kills it when it is not good in time;
 *	- ends when nobody writes to it any more.
 *
 * Environment for the version: MOTE_OTA_DIR, and on trial MOTE_OTA_STDERR, the descriptor of the
 * true standard error, which comes back here when the daemon executes the launcher again.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "ota/launch.h"

#define CHOICES_MAX   4
#define TICK_MS       500
#define END_MS        15000 /* to end by itself after it was taken back, and for its last words */
#define STDERR_LOWEST 64    /* away from what daemons use */

struct watch {
	int folder, pidfd, hear;
	pid_t pid;
	struct launch_choice choice;
	int64_t deadline_ms, end_ms; /* 0 = none */
	bool trial;                  /* nothing has been decided yet */
	size_t log_len;
	char log[2 * LAUNCH_LOG_BYTES];
};

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_BOOTTIME, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* --- the watcher --- */

static bool is_ours(const struct watch *watch)
{
	char path[64], want[SLOT_NAME + 16], target[4096];
	ssize_t len;

	snprintf(path, sizeof(path), "/proc/%d/exe", (int)watch->pid);
	len = readlink(path, target, sizeof(target) - 1);
	if (len < 0)
		return true; /* gone, or not to be told: its pidfd knows */
	target[len] = '\0';
	snprintf(want, sizeof(want), "/%s/bin", watch->choice.slot);
	return strstr(target, want) != NULL;
}

static void end_daemon(const struct watch *watch)
{
	if (!is_ours(watch))
		return;
	if (watch->pidfd < 0 || syscall(SYS_pidfd_send_signal, watch->pidfd, SIGKILL, NULL, 0) != 0)
		kill(watch->pid, SIGKILL);
}

static void keep_log(struct watch *watch)
{
	size_t from = watch->log_len > LAUNCH_LOG_BYTES ? watch->log_len - LAUNCH_LOG_BYTES : 0;
	int fd = openat(watch->folder, "log.tmp",
			O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (fd < 0)
		return;
	if (write(fd, watch->log + from, watch->log_len - from) >= 0 && fsync(fd) == 0)
		renameat(watch->folder, "log.tmp", watch->folder, "log");
	close(fd);
}

static void hear(struct watch *watch)
{
	char piece[4096];
	ssize_t got = read(watch->hear, piece, sizeof(piece));

	if (got < 0 && errno == EINTR)
		return;
	if (got <= 0) {
		close(watch->hear);
		watch->hear = -1;
		return;
	}
	for (ssize_t done = 0, put; done < got; done += put) {
		put = write(STDERR_FILENO, piece + done, (size_t)(got - done));
		if (put <= 0)
			break;
	}
	if (watch->log_len + (size_t)got > sizeof(watch->log)) {
		memmove(watch->log, watch->log + watch->log_len - LAUNCH_LOG_BYTES,
			LAUNCH_LOG_BYTES);
		watch->log_len = LAUNCH_LOG_BYTES;
	}
	memcpy(watch->log + watch->log_len, piece, (size_t)got);
	watch->log_len += (size_t)got;
}

/* What the version's own gates waited for when the time was over. */
static void read_waiting(int folder, char *out, size_t room)
{
	int fd = openat(folder, "waiting", O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	ssize_t got = fd < 0 ? -1 : read(fd, out, room - 1);

	if (fd >= 0)
		close(fd);
	out[got > 0 ? got : 0] = '\0';
	out[strcspn(out, "\n")] = '\0';
	if (!*out)
		snprintf(out, room, "it said nothing about them");
}

/* Has anybody decided?  A later try of the same slot has a watcher of its own. */
static void look(struct watch *watch)
{
	struct slot_state state;

	slot_state_read(watch->folder, &state);
	if (strcmp(state.slot, watch->choice.slot) != 0 ||
	    state.tries != watch->choice.state.tries || state.phase == SLOT_PHASE_GOOD) {
		watch->trial = false;
		watch->end_ms = 0;
	} else if (state.phase == SLOT_PHASE_REVERTED && watch->trial) {
		watch->trial = false;
		keep_log(watch);
		watch->end_ms = now_ms() + END_MS;
	}
}

static void time_is_over(struct watch *watch)
{
	char waiting[160], detail[252];

	read_waiting(watch->folder, waiting, sizeof(waiting));
	snprintf(detail, sizeof(detail), "its gates did not pass within %u seconds: %s",
		 (unsigned)watch->choice.state.gate_seconds, waiting);
	if (!launch_revert(watch->folder, watch->choice.slot, "timeout", detail)) {
		/* It became good just now; or the disk fails, and then the next start goes back. */
		look(watch);
		if (!watch->trial)
			return;
	}
	dprintf(STDERR_FILENO, "mote: version %s is taken back: %s\n", watch->choice.slot, detail);
	keep_log(watch);
	end_daemon(watch);
}

static bool has_ended(const struct watch *watch, const struct pollfd *pid)
{
	return watch->pidfd >= 0 ? pid->revents != 0 : kill(watch->pid, 0) != 0;
}

static void watch_until_the_end(struct watch *watch)
{
	struct pollfd fds[2] = { { .events = POLLIN }, { .events = POLLIN } };
	bool alive = true;

	while (watch->hear >= 0 || (alive && watch->trial)) {
		fds[0].fd = watch->hear;
		fds[1].fd = alive ? watch->pidfd : -1;
		fds[0].revents = fds[1].revents = 0;
		/* Without a trial and without a daemon there is nothing to look at in between. */
		if (poll(fds, 2, watch->trial || watch->end_ms || watch->pidfd < 0 ? TICK_MS : -1) <
			    0 &&
		    errno != EINTR)
			return;
		if (fds[0].revents)
			hear(watch);
		if (alive && has_ended(watch, &fds[1])) {
			alive = false;
			if (watch->trial)
				keep_log(watch);
			watch->end_ms = now_ms() + END_MS;
		}
		if (watch->trial && alive)
			look(watch);
		if (watch->trial && alive && now_ms() >= watch->deadline_ms)
			time_is_over(watch);
		if (watch->end_ms && now_ms() >= watch->end_ms && alive)
			end_daemon(watch);
		if (watch->end_ms && now_ms() >= watch->end_ms)
			break;
	}
	if (!alive && watch->trial)
		keep_log(watch);
}

static void run_watcher(const struct launch_choice *choice, int folder, pid_t pid, int pidfd,
			int hear_fd)
{
	static struct watch watch;

	watch.folder = folder;
	watch.pid = pid;
	watch.pidfd = pidfd;
	watch.hear = hear_fd;
	watch.choice = *choice;
	watch.trial = true;
	if (watch.choice.state.gate_seconds == 0)
		watch.choice.state.gate_seconds = SLOT_GATE_SECONDS;
	watch.deadline_ms = now_ms() + (int64_t)watch.choice.state.gate_seconds * 1000;
	/* What ends the daemon must not end us before it. */
	setsid();
	signal(SIGTERM, SIG_IGN);
	signal(SIGINT, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
	prctl(PR_SET_NAME, "mote-watch");
	watch_until_the_end(&watch);
	_exit(0);
}

/* Twice forked, so that the daemon has no child that it did not start. */
static void leave_watcher(const struct launch_choice *choice, int folder)
{
	pid_t pid = getpid(), child;
	int pidfd = (int)syscall(SYS_pidfd_open, pid, 0), ends[2], truth;
	char number[16];

	if (pipe(ends) != 0)
		return;
	child = fork();
	if (child == 0) {
		close(ends[1]);
		close(STDIN_FILENO);
		close(STDOUT_FILENO);
		if (fork() == 0)
			run_watcher(choice, folder, pid, pidfd, ends[0]);
		_exit(0);
	}
	close(ends[0]);
	if (pidfd >= 0)
		close(pidfd);
	while (child > 0 && waitpid(child, NULL, 0) < 0 && errno == EINTR)
		continue;
	truth = fcntl(STDERR_FILENO, F_DUPFD, STDERR_LOWEST);
	if (child > 0 && truth >= 0) {
		snprintf(number, sizeof(number), "%d", truth);
		setenv("MOTE_OTA_STDERR", number, 1);
		dup2(ends[1], STDERR_FILENO);
	}
	close(ends[1]);
}

/* --- starting --- */

/* The descriptor that a daemon of before had instead of its own. */
static void restore_stderr(void)
{
	const char *number = getenv("MOTE_OTA_STDERR");
	int fd = number ? (int)strtol(number, NULL, 10) : -1;

	if (fd > STDERR_FILENO && dup2(fd, STDERR_FILENO) >= 0)
		close(fd);
	unsetenv("MOTE_OTA_STDERR");
}

/* Daemons count their starts; asking one for help does not start it. */
static bool is_daemon(int argc, char **argv)
{
	if (argc < 2 || (strcmp(argv[1], "server") != 0 && strcmp(argv[1], "agent") != 0))
		return false;
	for (int i = 2; i < argc; i++)
		if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
			return false;
	return true;
}

static bool open_folder(char path[4096], int *out_folder)
{
	ssize_t len = readlink("/proc/self/exe", path, 4095);
	char *slash;

	if (len <= 0)
		return false;
	path[len] = '\0';
	slash = strrchr(path, '/');
	if (!slash)
		return false;
	*slash = '\0';
	*out_folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return *out_folder >= 0;
}

static void say(const struct launch_choice *choice, bool daemon)
{
	if (*choice->note)
		dprintf(STDERR_FILENO, "mote: %s; starting %s\n", choice->note, choice->slot);
	else if (daemon && choice->trial)
		dprintf(STDERR_FILENO, "mote: starting %s on trial, try %u of %d\n", choice->slot,
			(unsigned)choice->state.tries, SLOT_TRIES);
}

static void execute(const struct launch_choice *choice, const char *root, char **argv)
{
	char path[4096 + SLOT_NAME + 32];

	snprintf(path, sizeof(path), "%s/slots/%s/bin", root, choice->slot);
	execv(path, argv);
	dprintf(STDERR_FILENO, "mote: %s cannot be executed: %s\n", path, strerror(errno));
}

int main(int argc, char **argv)
{
	static struct launch_choice choice;
	bool daemon = is_daemon(argc, argv);
	struct error err;
	char root[4096], detail[128];
	int folder;

	restore_stderr();
	if (!open_folder(root, &folder)) {
		dprintf(STDERR_FILENO, "mote: the launcher does not find its own folder\n");
		return 1;
	}
	setenv("MOTE_OTA_DIR", root, 1);
	for (int i = 0; i < CHOICES_MAX; i++) {
		if (!(daemon ? launch_choose(folder, &choice, &err)
			     : launch_pick(folder, &choice, &err))) {
			dprintf(STDERR_FILENO, "mote: %s: %s\n", root, err.text);
			return 1;
		}
		say(&choice, daemon);
		if (choice.trial)
			leave_watcher(&choice, folder);
		execute(&choice, root, argv);
		snprintf(detail, sizeof(detail), "it cannot be executed: %s", strerror(errno));
		restore_stderr();
		if (!choice.trial || !launch_revert(folder, choice.slot, "exec", detail))
			break;
	}
	return 126;
}
