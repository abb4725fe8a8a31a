/*
 * test_sandbox.c - real pods on a real kernel: that containers run, end and are told of truly.
 *
 * This program is its own monitor (see main), as mote is.
 */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "tests/unit/harness.h"
#include "tests/unit/runtime/pod_fixture.h"

static void tells_exit_code(void)
{
	struct pod pod;
	const struct container_state *state;

	pod_open(&pod);
	pod_run(&pod, "one.0", "exit 7");
	state = pod_wait_exit(&pod, "one.0");
	CHECK_STR(state->message, "");
	CHECK_INT(state->exit_code, 7);
	CHECK_STR(state->reason, "Error");
	CHECK(state->started_us > 0);
	CHECK(state->finished_us >= state->started_us);
	pod_run(&pod, "two.0", "exit 0");
	state = pod_wait_exit(&pod, "two.0");
	CHECK_INT(state->exit_code, 0);
	CHECK_STR(state->reason, "Completed");
	pod_close(&pod);
}

static int tests_main(int argc, char **argv)
{
	static const struct test tests[] = {
		{ "tells the exit code", tells_exit_code },
	};

	return harness_main(tests, ARRAY_LENGTH(tests), argc, argv);
}

int main(int argc, char **argv)
{
	return pod_fixture_main(argc, argv, tests_main);
}
