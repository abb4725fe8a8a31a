/*
 * test_kernel_probe.c - what a child finds out comes back, and nothing stays.
 */
#include "runtime/kernel_probe.h"

#include <dirent.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "tests/unit/harness.h"

static struct error err;

static bool fails(const void *of, struct error *out)
{
	return error_set(out, ERROR_FULL, "%s", (const char *)of);
}

static bool dies(const void *of, struct error *out)
{
	(void)of;
	(void)out;
	raise(SIGKILL);
	return true;
}

static bool is_in_new_namespace(const void *of, struct error *out)
{
	char now[64] = "";

	(void)!readlink("/proc/self/ns/net", now, sizeof(now) - 1);
	return strcmp(now, of) != 0 || error_set(out, ERROR_BROKEN, "the same");
}

static void answers_come_back(void)
{
	CHECK(!kernel_probe_run(0, fails, "a reason", &err));
	CHECK_STR(err.text, "a reason");
	CHECK_INT(err.kind, ERROR_FULL);
	CHECK(!kernel_probe_run(0, dies, NULL, &err));
	CHECK_INT(err.kind, ERROR_BROKEN);
	CHECK_OK(kernel_probe_seccomp(&err), &err);
	CHECK_OK(kernel_probe_pidfd(&err), &err);
}

static void namespaces(void)
{
	char now[64] = "";

	if (geteuid() != 0)
		harness_skip("needs root");
	CHECK(readlink("/proc/self/ns/net", now, sizeof(now) - 1) > 0);
	CHECK_OK(kernel_probe_run(CLONE_NEWNET, is_in_new_namespace, now, &err), &err);
	CHECK(!kernel_probe_run(0, is_in_new_namespace, now, &err));
	CHECK_OK(kernel_probe_namespaces(&err), &err);
}

static size_t entries(const char *folder)
{
	DIR *dir = opendir(folder);
	size_t count = 0;

	CHECK(dir != NULL);
	for (const struct dirent *at; (at = readdir(dir));)
		count += at->d_name[0] != '.' || strlen(at->d_name) > 2;
	closedir(dir);
	return count;
}

/* Goal: an overlay is tried, told when it cannot be, and nothing of it is left. */
static void overlay(void)
{
	if (geteuid() != 0)
		harness_skip("needs root");
	CHECK_OK(kernel_probe_overlay(harness_folder(), &err), &err);
	CHECK_INT(entries(harness_folder()), 0);
	CHECK(!kernel_probe_overlay("/proc", &err));
}

static const struct test tests[] = {
	{ "answers come back", answers_come_back },
	{ "namespaces", namespaces },
	{ "overlay", overlay },
};
TEST_MAIN(tests)
