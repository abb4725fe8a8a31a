/*
 * ota_preflight.c - a child that runs the self test of another version, and what it says.
 */
#include "cli/ota_preflight.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/process.h"
#include "cli/ota_database.h"

#define SELF_TEST_MS   120000
#define SELF_TEST_TEXT 4096

/* The last line of what it said. */
static void last_line(struct buf *text)
{
	while (text->len > 0 && text->at[text->len - 1] == '\n')
		text->at[--text->len] = '\0';
	for (size_t i = text->len; i > 0; i--)
		if (text->at[i - 1] == '\n') {
			buf_drop_front(text, i);
			return;
		}
}

/* Until the end of the child, or of its time: then it is killed. */
static int await_end(pid_t pid, int hear, struct buf *said)
{
	int64_t until_ms = clock_now_ms() + SELF_TEST_MS;
	struct pollfd fd = { .fd = hear, .events = POLLIN };
	int status = -1;

	for (;;) {
		int64_t left = until_ms - clock_now_ms();
		char piece[512];
		ssize_t got;

		if (left <= 0 || poll(&fd, 1, (int)left) == 0) {
			kill(pid, SIGKILL);
			buf_add_print(said, "it has no end");
			break;
		}
		got = read(hear, piece, sizeof(piece));
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			break;
		if (said->len < SELF_TEST_TEXT)
			buf_add(said, piece, (size_t)got);
	}
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		continue;
	return status;
}

bool ota_preflight(const struct slots *slots, const char *data_dir, const char *slot,
		   struct error *err)
{
	auto_free char *path = memory_print("%s/slots/%s/bin", slots->root, slot);
	const char *argv[] = { "mote", "ota", "self-test", "--data-dir", data_dir, NULL };
	struct process_plan plan = {
		.path = path, .argv = argv, .stdio = { -1, -1, -1 }, .die_with_parent = SIGKILL
	};
	auto_buf said = BUF_INIT;
	auto_fd hear = -1, tell_fd = -1;
	int ends[2], status;
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC) != 0)
		return error_os(err, "make a pipe");
	hear = ends[0];
	tell_fd = ends[1];
	plan.stdio[2] = tell_fd;
	if (!process_start(&plan, &pid, err))
		return error_context(err, "version %s cannot be executed", slot);
	close(take_fd(&tell_fd));
	status = await_end(pid, hear, &said);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return true;
	ota_database_forget(slots);
	last_line(&said);
	return error_set(err, ERROR_INVALID,
			 "version %s does not pass its own test here (%s %d): %s", slot,
			 WIFEXITED(status) ? "status" : "signal",
			 WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status),
			 said.len ? buf_text(&said) : "it says nothing");
}
