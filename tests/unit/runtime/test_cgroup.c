/*
 * test_cgroup.c - groups of processes on this machine, whichever version it has.
 */
#include "runtime/cgroup.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/text.h"
#include "runtime/cgroup_inside.h"
#include "tests/unit/harness.h"

static struct error err;
static struct cgroup *base;

static struct cgroup *make(const char *name)
{
	struct cgroup *cgroup;
	char path[96];

	if (geteuid() != 0)
		harness_skip("needs root: makes cgroups");
	if (!base)
		CHECK_OK(cgroup_open_base(&base, &err), &err);
	snprintf(path, sizeof(path), "pods/mote-test-%d-%s", getpid(), name);
	CHECK_OK(cgroup_open_child(base, path, &cgroup, &err), &err);
	return cgroup;
}

static void drop(struct cgroup *cgroup)
{
	for (int i = 0; i < 200 && !cgroup_remove(cgroup, &err); i++)
		usleep(5000);
	CHECK_OK(cgroup_remove(cgroup, &err), &err);
	cgroup_close(cgroup);
	cgroup_close(base);
}

/* A process in the group, and one forked by it. */
static pid_t populate(const struct cgroup *cgroup)
{
	int doors[CGROUP_PARTS];
	int ready[2];
	char c;
	pid_t pid;

	CHECK_OK(cgroup_open_doors(cgroup, doors, &err), &err);
	CHECK(pipe(ready) == 0);
	pid = fork();
	if (pid == 0) {
		if (!cgroup_enter(doors, &err) || fork() < 0)
			_exit(1);
		for (clock_t late = clock() + CLOCKS_PER_SEC / 20; clock() < late;)
			continue;
		if (write(ready[1], "x", 1) < 0)
			_exit(1);
		for (;;)
			pause();
	}
	CHECK(read(ready[0], &c, 1) == 1);
	CHECK(read(ready[0], &c, 1) == 1);
	close(ready[0]);
	close(ready[1]);
	for (size_t i = 0; i < CGROUP_PARTS; i++)
		if (doors[i] >= 0)
			close(doors[i]);
	return pid;
}

static void kills_and_removes(void)
{
	struct cgroup *cgroup = make("a"), *child;
	pid_t pid;
	int status;

	CHECK(cgroup_is_empty(cgroup));
	CHECK_OK(cgroup_open_child(cgroup, "inner", &child, &err), &err);
	pid = populate(child);
	CHECK(!cgroup_is_empty(cgroup));
	CHECK(!cgroup_remove(cgroup, &err));
	CHECK_INT(err.kind, ERROR_UNAVAILABLE);
	cgroup_kill(cgroup);
	CHECK(waitpid(pid, &status, 0) == pid);
	CHECK(WIFSIGNALED(status));
	CHECK_INT(WTERMSIG(status), SIGKILL);
	for (int i = 0; i < 200 && !cgroup_is_empty(cgroup); i++)
		usleep(5000);
	CHECK(cgroup_is_empty(cgroup));
	cgroup_close(child);
	drop(cgroup);
}

static void counts(void)
{
	struct cgroup *cgroup = make("b");
	struct usage usage;
	pid_t pid = populate(cgroup);

	CHECK_OK(cgroup_usage(cgroup, &usage, &err), &err);
	CHECK(usage.cpu_ns > 0);
	if (cgroup->folders[CGROUP_PIDS])
		CHECK_INT(usage.pids, 2);
	cgroup_kill(cgroup);
	waitpid(pid, NULL, 0);
	CHECK_INT(cgroup_oom_kills(cgroup), 0);
	drop(cgroup);
}

static void sets_limits(void)
{
	struct cgroup *cgroup = make("c");
	struct resources_plan plan = {
		.cpu_shares = 512, .cpu_quota_us = 20000, .memory_bytes = 32 << 20, .pids = 50
	};
	auto_buf warnings = BUF_INIT;
	uint64_t number;

	cgroup_limit(cgroup, &plan, &warnings);
	cgroup_limit_devices(cgroup, NULL, 0, &warnings);
	/* Only what the machine does not have may be warned of. */
	if (warnings.len > 0)
		CHECK(strstr(buf_text(&warnings), "no cgroup controller") ||
		      strstr(buf_text(&warnings), "No such file"));
	if (cgroup->folders[CGROUP_MEMORY]) {
		CHECK(cgroup_file_number(cgroup->folders[CGROUP_MEMORY], "memory.limit_in_bytes",
					 &number));
		CHECK_INT(number, 32 << 20);
	}
	if (cgroup->folders[CGROUP_PIDS]) {
		CHECK(cgroup_file_number(cgroup->folders[CGROUP_PIDS], "pids.max", &number));
		CHECK_INT(number, 50);
	}
	if (cgroup->folders[CGROUP_CPU]) {
		CHECK(cgroup_file_number(cgroup->folders[CGROUP_CPU], "cpu.cfs_quota_us", &number));
		CHECK_INT(number, 20000);
	}
	drop(cgroup);
}

static void warns_of_missing_controllers(void)
{
	struct cgroup none = { .folders = { [CGROUP_CPUACCT] = (char *)(uintptr_t) "/nowhere" } };
	struct resources_plan plan = { .memory_bytes = 1 << 20, .pids = 7 };
	auto_buf warnings = BUF_INIT;

	cgroup_limit(&none, &plan, &warnings);
	CHECK(strstr(buf_text(&warnings), "memory.limit_in_bytes") != NULL);
	CHECK(strstr(buf_text(&warnings), "pids.max") != NULL);
}

static void is_written_and_read(void)
{
	struct cgroup *cgroup = make("d"), *back;
	auto_json_doc doc = json_doc_new();
	struct json *value = cgroup_print(cgroup, doc);

	CHECK_OK(cgroup_parse(value, &back, &err), &err);
	for (size_t i = 0; i < CGROUP_PARTS; i++)
		CHECK_STR(back->folders[i], cgroup->folders[i]);
	cgroup_close(back);
	json_put(doc, value, "memory", json_new_text(doc, "/sys/../etc"));
	CHECK(!cgroup_parse(value, &back, &err));
	CHECK(!cgroup_parse(json_new_object(doc), &back, &err));
	drop(cgroup);
}

static void refuses_names_that_lead_away(void)
{
	struct cgroup *cgroup = make("e"), *child;

	CHECK(!cgroup_open_child(cgroup, "../x", &child, &err));
	CHECK(!cgroup_open_child(cgroup, "", &child, &err));
	drop(cgroup);
}

static void refuses_devices(void)
{
	struct cgroup *cgroup = make("f");
	auto_buf warnings = BUF_INIT;
	int doors[CGROUP_PARTS];
	int status;
	pid_t pid;

	cgroup_limit_devices(cgroup, NULL, 0, &warnings);
	if (warnings.len > 0)
		harness_skip("%s", buf_text(&warnings));
	CHECK_OK(cgroup_open_doors(cgroup, doors, &err), &err);
	pid = fork();
	if (pid == 0) {
		/* /dev/kmsg is no device of a container; /dev/null is. */
		bool fine = cgroup_enter(doors, &err) && access("/dev/null", R_OK) == 0;
		FILE *null = fopen("/dev/null", "re");
		FILE *kmsg = fopen("/dev/kmsg", "re");

		_exit(fine && null && !kmsg && errno == EPERM ? 0 : 1);
	}
	for (size_t i = 0; i < CGROUP_PARTS; i++)
		if (doors[i] >= 0)
			close(doors[i]);
	CHECK(waitpid(pid, &status, 0) == pid);
	CHECK_INT(status, 0);
	drop(cgroup);
}

static const struct test tests[] = {
	{ "kills and removes", kills_and_removes },
	{ "counts", counts },
	{ "sets limits", sets_limits },
	{ "warns of missing controllers", warns_of_missing_controllers },
	{ "is written and read", is_written_and_read },
	{ "refuses names that lead away", refuses_names_that_lead_away },
	{ "refuses devices", refuses_devices },
};
TEST_MAIN(tests)
