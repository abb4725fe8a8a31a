/*
 * test_sandbox_exec.c - further processes in running containers, and attaching to their own input
 * and output.
 *
 * This program is its own monitor (see main), as mote is.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "tests/unit/harness.h"
#include "tests/unit/runtime/pod_fixture.h"

struct talk {
	struct exec_session exec;
	int started_count, exit_count, code;
	struct error why;
	struct buf out, err;
};

static void on_started(struct exec_session *exec, const struct error *err)
{
	struct talk *talk = exec->owner;

	talk->started_count++;
	if (err)
		talk->why = *err;
}

static void on_exit_told(struct exec_session *exec, int exit_code)
{
	struct talk *talk = exec->owner;

	talk->exit_count++;
	talk->code = exit_code;
}

static void talk_init(struct talk *talk)
{
	*talk = (struct talk){ .exec = { .on_started = on_started, .on_exit = on_exit_told } };
	talk->exec.owner = talk;
}

static bool has_started(struct pod *pod, const void *what)
{
	(void)pod;
	(void)what;
	return ((const struct talk *)what)->started_count > 0;
}

static bool read_some(int fd, struct buf *into)
{
	char room[4096];
	ssize_t got = fd >= 0 ? read(fd, room, sizeof(room)) : 0;

	if (got > 0)
		buf_add(into, room, (size_t)got);
	return got > 0;
}

static void gather(struct talk *talk)
{
	while (read_some(talk->exec.stdout_fd, &talk->out))
		continue;
	while (talk->exec.stderr_fd >= 0 && read_some(talk->exec.stderr_fd, &talk->err))
		continue;
}

/* Turn the loop until the process has ended, reading all the time. */
static void talk_to_end(struct pod *pod, struct talk *talk)
{
	int64_t late = clock_now_ms() + harness_patience_ms(8000);

	while (talk->exit_count == 0) {
		CHECK(clock_now_ms() < late);
		loop_once(pod->loop, 20);
		gather(talk);
	}
	gather(talk);
}

static void until_it_says(struct pod *pod, struct talk *talk, const char *text)
{
	int64_t late = clock_now_ms() + harness_patience_ms(8000);

	while (!strstr(buf_text(&talk->out), text)) {
		if (clock_now_ms() > late)
			harness_fail(__FILE__, __LINE__, "it did not say \"%s\" but \"%s\"", text,
				     buf_text(&talk->out));
		loop_once(pod->loop, 20);
		gather(talk);
	}
}

static void talk_clear(struct talk *talk)
{
	if (talk->exec.stdin_fd >= 0)
		close(talk->exec.stdin_fd);
	if (talk->exec.stdout_fd >= 0 && talk->exec.stdout_fd != talk->exec.stdin_fd)
		close(talk->exec.stdout_fd);
	if (talk->exec.stderr_fd >= 0)
		close(talk->exec.stderr_fd);
	buf_clear(&talk->out);
	buf_clear(&talk->err);
}

static void begin(struct pod *pod, struct talk *talk, const char *const *argv, bool tty, bool input)
{
	struct exec_plan plan = {
		.container = "a.0", .argv = argv, .tty = tty, .stdin_wanted = input
	};

	talk_init(talk);
	sandbox_exec(pod->sandbox, &plan, &talk->exec);
	pod_until(pod, has_started, talk);
}

static void open_sleeping(struct pod *pod)
{
	pod_open(pod);
	pod_run(pod, "a.0", "while true; do sleep 1; done");
	pod_wait_running(pod, "a.0");
}

static void runs_a_command(void)
{
	struct pod pod;
	struct talk talk;
	const char *const argv[] = { "sh", "-c", "echo out; echo err >&2; echo $A$B; pwd; exit 3",
				     NULL };
	const char *const env[] = { "A=x", "B=y", "PATH=/bin:/none", NULL };
	struct exec_plan plan = { .container = "a.0", .argv = argv, .env = env };

	open_sleeping(&pod);
	talk_init(&talk);
	sandbox_exec(pod.sandbox, &plan, &talk.exec);
	CHECK_INT(talk.started_count, 0); /* never from inside the call */
	talk_to_end(&pod, &talk);
	CHECK_INT(talk.started_count, 1);
	CHECK_INT(talk.code, 3);
	CHECK_STR(buf_text(&talk.out), "out\nxy\n/\n");
	CHECK_STR(buf_text(&talk.err), "err\n");
	talk_clear(&talk);
	pod_close(&pod);
}

static void is_as_confined_as_the_container(void)
{
	struct pod pod;
	struct talk talk;
	const char *const argv[] = { "sh", "-c",
				     "id -u; id -G; grep -E 'CapBnd|CapEff|NoNew|Seccomp:' "
				     "/proc/self/status; cat /proc/1/comm;"
				     "ls /proc/self/fd | wc -l; readlink /proc/self/ns/pid > "
				     "/tmp/a; readlink /proc/1/ns/pid > /tmp/b;"
				     "cat /proc/self/cgroup | grep -v :/$",
				     NULL };
	const char *const sleeping[] = { "sh", "-c", "while true; do sleep 1; done", NULL };
	struct container_plan plan;

	pod_open(&pod);
	plan = pod_container(&pod, "a.0", sleeping);
	plan.user = "web";
	pod_run_plan(&pod, &plan);
	pod_wait_running(&pod, "a.0");
	begin(&pod, &talk, argv, false, false);
	talk_to_end(&pod, &talk);
	CHECK(strncmp(buf_text(&talk.out), "101\n102 777\n", 12) == 0);
	CHECK(strstr(buf_text(&talk.out), "CapEff:\t0000000000000000\n") != NULL);
	CHECK(strstr(buf_text(&talk.out), "CapBnd:\t00000000a80425fb\n") != NULL);
	CHECK(strstr(buf_text(&talk.out), "NoNewPrivs:\t1\n") != NULL);
	CHECK(strstr(buf_text(&talk.out), "Seccomp:\t2\n") != NULL);
	CHECK(strstr(buf_text(&talk.out), "\nsh\n4\n") != NULL); /* 0, 1, 2 and the folder itself */
	talk_clear(&talk);
	pod_close(&pod);
}

static void tells_a_missing_program(void)
{
	struct pod pod;
	struct talk talk;
	const char *const argv[] = { "foo", NULL };

	open_sleeping(&pod);
	begin(&pod, &talk, argv, false, true);
	CHECK_STR(talk.why.text, "exec: \"foo\": executable file not found in $PATH");
	CHECK_INT(talk.why.os_code, ENOENT);
	CHECK_INT(talk.exec.stdin_fd, -1);
	for (int i = 0; i < 20; i++)
		loop_once(pod.loop, 10);
	CHECK_INT(talk.exit_count, 0);
	talk_clear(&talk);
	pod_close(&pod);
}

static void feeds_input_to_its_end(void)
{
	struct pod pod;
	struct talk talk;
	const char *const argv[] = { "sh", "-c", "cat; echo over", NULL };

	open_sleeping(&pod);
	begin(&pod, &talk, argv, false, true);
	CHECK_INT(write(talk.exec.stdin_fd, "hello\n", 6), 6);
	until_it_says(&pod, &talk, "hello\n");
	close(take_fd(&talk.exec.stdin_fd));
	talk_to_end(&pod, &talk);
	CHECK_STR(buf_text(&talk.out), "hello\nover\n");
	talk_clear(&talk);
	pod_close(&pod);
}

static void gives_a_terminal(void)
{
	struct pod pod;
	struct talk talk;
	const char *const argv[] = { "sh", "-c",
				     "tty; stty size; read line; echo got $line; exit 9", NULL };
	struct exec_plan plan = {
		.container = "a.0", .argv = argv, .tty = true, .stdin_wanted = true
	};

	open_sleeping(&pod);
	talk_init(&talk);
	sandbox_exec(pod.sandbox, &plan, &talk.exec);
	sandbox_exec_resize(&talk.exec, 100, 40);
	pod_until(&pod, has_started, &talk);
	CHECK_INT(talk.why.kind, ERROR_NONE);
	CHECK_INT(talk.exec.stdin_fd, talk.exec.stdout_fd);
	CHECK_INT(talk.exec.stderr_fd, -1);
	until_it_says(&pod, &talk, "/dev/pts/0\r\n");
	until_it_says(&pod, &talk, "\r\n");
	CHECK_INT(write(talk.exec.stdin_fd, "word\n", 5), 5);
	talk_to_end(&pod, &talk);
	CHECK(strstr(buf_text(&talk.out), "got word\r\n") != NULL);
	CHECK_INT(talk.code, 9);
	talk_clear(&talk);
	pod_close(&pod);
}

static void resizes_a_terminal(void)
{
	struct pod pod;
	struct talk talk;
	const char *const argv[] = { "sh", "-c", "read a; stty size; read b", NULL };

	open_sleeping(&pod);
	begin(&pod, &talk, argv, true, true);
	sandbox_exec_resize(&talk.exec, 123, 45);
	CHECK_INT(write(talk.exec.stdin_fd, "x\n", 2), 2);
	until_it_says(&pod, &talk, "45 123");
	sandbox_exec_cancel(&talk.exec);
	talk_clear(&talk);
	pod_close(&pod);
}

static bool has_no_sleeper(struct pod *pod, const void *what)
{
	struct usage usage;
	struct error err;

	(void)what;
	CHECK_OK(sandbox_usage(pod->sandbox, "a.0", &usage, &err), &err);
	return usage.pids <= 2;
}

static void cancels(void)
{
	struct pod pod;
	struct talk talk;
	const char *const argv[] = { "sh", "-c", "sleep 100; echo never", NULL };

	open_sleeping(&pod);
	begin(&pod, &talk, argv, false, false);
	sandbox_exec_cancel(&talk.exec);
	pod_until(&pod, has_no_sleeper, "the process to be gone");
	CHECK_INT(talk.exit_count, 0);
	talk_clear(&talk);
	pod_close(&pod);
}

static void ends_with_the_container(void)
{
	struct pod pod;
	struct talk talk;
	const char *const argv[] = { "sleep", "100", NULL };

	open_sleeping(&pod);
	begin(&pod, &talk, argv, false, false);
	sandbox_signal(pod.sandbox, "a.0", SIGKILL);
	talk_to_end(&pod, &talk);
	CHECK_INT(talk.code, 137);
	talk_clear(&talk);
	begin(&pod, &talk, argv, false, false);
	CHECK(talk.why.kind != ERROR_NONE);
	talk_clear(&talk);
	pod_close(&pod);
}

static void survives_a_dead_monitor(void)
{
	struct pod pod;
	struct talk talk;
	const char *const argv[] = { "sleep", "100", NULL };

	open_sleeping(&pod);
	begin(&pod, &talk, argv, false, false);
	kill(pod_monitor(&pod), SIGKILL);
	talk_to_end(&pod, &talk);
	CHECK_INT(talk.code, 137);
	talk_clear(&talk);
	pod_close(&pod);
}

/* --- attach --- */

static void run_plan(struct pod *pod, const char *script, bool input, bool once, bool tty)
{
	const char *const argv[] = { "sh", "-c", script, NULL };
	struct container_plan plan = pod_container(pod, "a.0", argv);

	plan.stdin_open = input;
	plan.stdin_once = once;
	plan.tty = tty;
	pod_run_plan(pod, &plan);
	pod_wait_running(pod, "a.0");
}

static void attach(struct pod *pod, struct talk *talk)
{
	talk_init(talk);
	sandbox_attach(pod->sandbox, "a.0", &talk->exec);
	pod_until(pod, has_started, talk);
	CHECK_STR(talk->why.text, "");
}

static void attaches(void)
{
	struct pod pod;
	struct talk talk;

	pod_open(&pod);
	run_plan(&pod,
		 "while read line; do echo heard $line; echo e >&2; done; echo closed; exit 6",
		 true, true, false);
	attach(&pod, &talk);
	CHECK_INT(write(talk.exec.stdin_fd, "one\n", 4), 4);
	until_it_says(&pod, &talk, "heard one\n");
	close(take_fd(&talk.exec.stdin_fd));
	talk_to_end(&pod, &talk);
	CHECK_STR(buf_text(&talk.out), "heard one\nclosed\n");
	CHECK_STR(buf_text(&talk.err), "e\n");
	CHECK_INT(talk.code, 6);
	auto_free char *log = pod_log_text(&pod, "a.0");
	CHECK(strstr(log, "heard one\n") != NULL);
	talk_clear(&talk);
	pod_close(&pod);
}

static void keeps_input_open_for_the_next(void)
{
	struct pod pod;
	struct talk talk;

	pod_open(&pod);
	run_plan(&pod, "while read line; do echo heard $line; done", true, false, false);
	attach(&pod, &talk);
	close(take_fd(&talk.exec.stdin_fd));
	for (int i = 0; i < 10; i++)
		loop_once(pod.loop, 10);
	sandbox_exec_cancel(&talk.exec);
	talk_clear(&talk);
	attach(&pod, &talk);
	CHECK_INT(write(talk.exec.stdin_fd, "two\n", 4), 4);
	until_it_says(&pod, &talk, "heard two\n");
	sandbox_exec_cancel(&talk.exec);
	talk_clear(&talk);
	pod_close(&pod);
}

static void attaches_to_a_terminal_after_adoption(void)
{
	struct pod pod;
	struct talk talk;

	pod_open(&pod);
	run_plan(&pod, "stty -echo; while read line; do echo heard $line; stty size; done", true,
		 false, true);
	pod_adopt(&pod);
	attach(&pod, &talk);
	CHECK_INT(talk.exec.stdin_fd, talk.exec.stdout_fd);
	sandbox_exec_resize(&talk.exec, 90, 30);
	CHECK_INT(write(talk.exec.stdin_fd, "you\n", 4), 4);
	until_it_says(&pod, &talk, "heard you\r\n30 90\r\n");
	sandbox_signal(pod.sandbox, "a.0", SIGKILL);
	talk_to_end(&pod, &talk);
	CHECK_INT(talk.code, 137);
	talk_clear(&talk);
	pod_close(&pod);
}

/* A reader that does not read stops the container, and gets every byte all the same. */
static void loses_nothing_to_a_slow_reader(void)
{
	struct pod pod;
	struct talk talk;

	pod_open(&pod);
	run_plan(&pod, "read go; seq 1 60000", true, true, false);
	attach(&pod, &talk);
	CHECK_INT(write(talk.exec.stdin_fd, "go\n", 3), 3);
	for (int i = 0; i < 30; i++)
		loop_once(pod.loop, 10);
	CHECK_INT(sandbox_container(pod.sandbox, "a.0")->phase, CONTAINER_RUNNING);
	talk_to_end(&pod, &talk);
	struct str rest = buf_str(&talk.out);
	for (int i = 1; i <= 60000; i++) {
		char want[16];

		snprintf(want, sizeof(want), "%d", i);
		if (!str_is(str_cut(&rest, '\n'), want))
			harness_fail(__FILE__, __LINE__, "line %d is missing", i);
	}
	talk_clear(&talk);
	pod_close(&pod);
}

/* Through /proc/PID/exe of a process that is still the runtime's program, nobody can write to
 * that. */
static void protects_its_own_program(void)
{
	struct pod pod;
	struct talk talk;
	const char *const trap[] = {
		"sh", "-c",
		"while true; do for p in /proc/[0-9]*; do (echo evil >> $p/exe) 2>/dev/null; "
		"(echo evil >> $p/root/proc/self/exe) 2>/dev/null; done; done",
		NULL
	};
	const char *const ptrace[] = { "SYS_PTRACE", NULL };
	const char *const argv[] = { "true", NULL };
	struct container_plan plan;
	struct stat before, after;

	CHECK(stat("/proc/self/exe", &before) == 0);
	pod_open(&pod);
	plan = pod_container(&pod, "a.0", trap);
	plan.caps_add = ptrace;
	pod_run_plan(&pod, &plan);
	pod_wait_running(&pod, "a.0");
	for (int i = 0; i < 20; i++) {
		begin(&pod, &talk, argv, false, false);
		talk_to_end(&pod, &talk);
		talk_clear(&talk);
	}
	CHECK(stat("/proc/self/exe", &after) == 0);
	CHECK_INT(after.st_size, before.st_size);
	CHECK_INT(after.st_mtime, before.st_mtime);
	/* The monitor's own file is on a read-only mount, even for the host's root. */
	char path[64];
	snprintf(path, sizeof(path), "/proc/%d/exe", pod_monitor(&pod));
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	CHECK(fd >= 0);
	/* Writing would be refused already because it runs; this is only because of the mount. */
	CHECK(fchmod(fd, 0700) < 0);
	CHECK_INT(errno, EROFS);
	close(fd);
	pod_close(&pod);
}

static int tests_main(int argc, char **argv)
{
	static const struct test tests[] = {
		{ "runs a command", runs_a_command },
		{ "is as confined as the container", is_as_confined_as_the_container },
		{ "tells a missing program", tells_a_missing_program },
		{ "feeds input to its end", feeds_input_to_its_end },
		{ "gives a terminal", gives_a_terminal },
		{ "resizes a terminal", resizes_a_terminal },
		{ "cancels", cancels },
		{ "ends with the container", ends_with_the_container },
		{ "survives a dead monitor", survives_a_dead_monitor },
		{ "attaches", attaches },
		{ "keeps input open for the next", keeps_input_open_for_the_next },
		{ "attaches to a terminal after adoption", attaches_to_a_terminal_after_adoption },
		{ "loses nothing to a slow reader", loses_nothing_to_a_slow_reader },
		{ "protects its own program", protects_its_own_program, .time_limit_s = 30 },
	};

	return harness_main(tests, ARRAY_LENGTH(tests), argc, argv);
}

int main(int argc, char **argv)
{
	return pod_fixture_main(argc, argv, tests_main);
}
