/*
 * test_process.c - programs are started with just what the plan says, and failures are told.
 */
#include "base/process.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/text.h"
#include "tests/unit/harness.h"

/* Starts `sh -c script` with standard output on a pipe; all it says ends in *out. */
static int run_script(struct process_plan plan, const char *script, struct buf *out)
{
	const char *const argv[] = { "sh", "-c", script, NULL };
	struct error err;
	int ends[2], status;
	char room[512];
	ssize_t got;
	pid_t pid;

	CHECK(pipe2(ends, O_CLOEXEC) == 0);
	plan.path = plan.path ? plan.path : "sh";
	plan.argv = argv;
	plan.stdio[0] = plan.stdio[2] = -1;
	plan.stdio[1] = ends[1];
	CHECK_OK(process_start(&plan, &pid, &err), &err);
	close(ends[1]);
	while ((got = read(ends[0], room, sizeof(room))) > 0)
		buf_add(out, room, (size_t)got);
	close(ends[0]);
	CHECK(waitpid(pid, &status, 0) == pid);
	return status;
}

/* Goal: folder, environment and exit status are as planned. */
static void runs_as_planned(void)
{
	static const char *const envp[] = { "A=b c", "PATH=/usr/bin:/bin", NULL };
	auto_buf out = BUF_INIT;
	int status;

	status = run_script((struct process_plan){ .cwd = "/proc", .envp = envp },
			    "pwd; echo \"$A\"; exit 7", &out);
	CHECK(WIFEXITED(status));
	CHECK_INT(WEXITSTATUS(status), 7);
	CHECK_STR(buf_text(&out), "/proc\nb c\n");
	buf_reset(&out);
	CHECK(setenv("A", "ours", 1) == 0);
	run_script((struct process_plan){ .path = "/bin/sh" }, "echo \"$A\"", &out);
	CHECK_STR(buf_text(&out), "ours\n");
}

/* Goal: a child's end is told; one that takes too long is killed, and none is left as a zombie. */
static void waits_for_the_end(void)
{
	const char *ends[] = { "sh", "-c", "exit 7", NULL };
	const char *stays[] = { "sleep", "1000", NULL };
	struct process_plan plan = { .path = "sh", .argv = ends, .stdio = { -1, -1, -1 } };
	struct error err;
	int status = 0;
	pid_t pid;

	CHECK_OK(process_start(&plan, &pid, &err), &err);
	CHECK_OK(process_wait(pid, 60000, &status, &err), &err);
	CHECK_INT(WEXITSTATUS(status), 7);
	CHECK_OK(process_start(&plan, &pid, &err), &err);
	CHECK_OK(process_wait(pid, -1, &status, &err), &err);
	CHECK_INT(WEXITSTATUS(status), 7);
	plan.path = "sleep";
	plan.argv = stays;
	CHECK_OK(process_start(&plan, &pid, &err), &err);
	CHECK(!process_wait(pid, 30, &status, &err));
	CHECK_INT(err.kind, ERROR_TIMEOUT);
	CHECK_STR(err.text, "it ran for more than 0.03 seconds");
	CHECK(WIFSIGNALED(status));
	CHECK(kill(pid, 0) != 0);
}

/* Goal: the descriptors are exactly the planned ones, also when they stand in each other's way. */
static void gives_exact_descriptors(void)
{
	auto_buf out = BUF_INIT;
	int pipes[2][2], extra[3];

	for (int i = 0; i < 2; i++)
		CHECK(pipe2(pipes[i], O_CLOEXEC) == 0);
	/* 3, 4 and 5 of the child, crosswise and one of them twice */
	extra[0] = pipes[1][0];
	extra[1] = pipes[0][0];
	extra[2] = pipes[1][0];
	CHECK(write(pipes[0][1], "zero\n", 5) == 5);
	CHECK(write(pipes[1][1], "one\ntwo\n", 8) == 8);
	run_script((struct process_plan){ .extra_fds = extra, .extra_count = 3 },
		   "read a <&3; read b <&4; read c <&5; echo $a $b $c; "
		   "cd /proc/self/fd; for i in 0 1 2 3 4 5 6 7 8 9; do "
		   "if [ -e /proc/$$/fd/$i ]; then printf %s $i; fi; done; "
		   "readlink /proc/$$/fd/0; readlink /proc/$$/fd/2",
		   &out);
	CHECK_STR(buf_text(&out), "one zero two\n012345/dev/null\n/dev/null\n");
}

/* Goal: what this process does with signals is not passed on. */
static void resets_signals(void)
{
	unsigned long long ignored = 1;
	auto_buf out = BUF_INIT;
	sigset_t set;

	sigfillset(&set);
	CHECK(sigprocmask(SIG_BLOCK, &set, NULL) == 0);
	CHECK(signal(SIGPIPE, SIG_IGN) != SIG_ERR);
	CHECK(signal(SIGTERM, SIG_IGN) != SIG_ERR);
	run_script((struct process_plan){ 0 },
		   "while read k v; do case $k in Sig[BI]*) echo $k $v;; esac; done "
		   "</proc/self/status",
		   &out);
	CHECK(str_search(buf_str(&out), STR("SigBlk: 0000000000000000\n")) >= 0);
	CHECK(out.len > 8 &&
	      sscanf(strstr(buf_text(&out), "SigIgn"), "SigIgn: %llx", &ignored) == 1);
	CHECK((ignored & 0x7fffffff) == 0); /* 32 to 34 are libc's own */
}

/* Goal: a session of its own if asked for, ours otherwise. */
static void starts_sessions(void)
{
	static const char script[] = "read pid name state parent group session rest "
				     "</proc/self/stat; echo $session";
	auto_buf out = BUF_INIT;
	int64_t session;

	run_script((struct process_plan){ 0 }, script, &out);
	CHECK(str_to_i64(str_from(out.at, out.len - 1), 0, INT32_MAX, &session));
	CHECK_INT(session, getsid(0));
	buf_reset(&out);
	run_script((struct process_plan){ .new_session = true }, script, &out);
	CHECK(str_to_i64(str_from(out.at, out.len - 1), 0, INT32_MAX, &session));
	CHECK(session != getsid(0));
}

/* Starts a program that sleeps, holds `alive` open and would die with us; and goes. */
_Noreturn static void be_short_parent(int alive)
{
	static const char *const argv[] = { "sleep", "60", NULL };
	struct process_plan plan = { .path = "sleep",
				     .argv = argv,
				     .stdio = { -1, alive, -1 },
				     .die_with_parent = SIGKILL };
	struct error err;
	pid_t pid;

	_exit(process_start(&plan, &pid, &err) ? 0 : 1);
}

/* Goal: a program that shall die with its parent does: soon nobody holds the pipe. */
static void dies_with_parent(void)
{
	int ends[2], status;
	pid_t parent;
	char byte;

	CHECK(pipe2(ends, O_CLOEXEC) == 0);
	parent = fork();
	CHECK(parent >= 0);
	if (parent == 0)
		be_short_parent(ends[1]);
	close(ends[1]);
	CHECK(waitpid(parent, &status, 0) == parent);
	CHECK_INT(status, 0);
	CHECK_INT(read(ends[0], &byte, 1), 0);
}

/* Goal: what cannot be started is told with its reason and leaves no child. */
static void tells_failures(void)
{
	static const struct {
		const char *path, *cwd;
		int code;
	} rows[] = {
		{ "/nonexistent/program", NULL, ENOENT },
		{ "no-such-program-anywhere", NULL, ENOENT },
		{ "/dev/null", NULL, EACCES },
		{ "sh", "/nonexistent", ENOENT },
		{ "sh", "/dev/null", ENOTDIR },
	};
	static const char *const argv[] = { "x", NULL };

	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		struct process_plan plan = { .path = rows[i].path,
					     .cwd = rows[i].cwd,
					     .argv = argv,
					     .stdio = { -1, -1, -1 } };
		struct error err;
		pid_t pid = -7;

		CHECK(!process_start(&plan, &pid, &err));
		CHECK_INT(err.os_code, rows[i].code);
		CHECK(strstr(err.text, "start ") != NULL);
		CHECK_INT(pid, -7);
		CHECK(waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD);
	}
}

static const struct test tests[] = {
	{ "runs as planned", runs_as_planned },
	{ "waits for the end", waits_for_the_end },
	{ "gives exact descriptors", gives_exact_descriptors },
	{ "resets signals", resets_signals },
	{ "starts sessions", starts_sessions },
	{ "dies with parent", dies_with_parent },
	{ "tells failures", tells_failures },
};
TEST_MAIN(tests)
