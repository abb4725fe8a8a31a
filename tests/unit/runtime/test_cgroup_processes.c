/*
 * test_cgroup_processes.c - processes and what they hold open: of folders that pretend to be the
 * kernel's, and of this very process.
 */
#include "runtime/cgroup_processes.h"

#include <stdio.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/limits.h"
#include "base/memory.h"
#include "tests/unit/harness.h"

static struct error err;
static struct cgroup_processes found;

static void put(const char *name, const char *text)
{
	auto_free char *path = memory_print("%s/%s", harness_folder(), name);

	CHECK_OK(file_replace(path, str_of(text), 0600, &err), &err);
}

/* proc/PID/fd with links to what the kernel says there; `sockets` of `count` are some. */
static void pretend(int pid, int count, int sockets)
{
	auto_free char *folder = memory_print("%s/proc/%d/fd", harness_folder(), pid);

	CHECK_OK(file_make_dirs(folder, 0700, &err), &err);
	for (int i = 0; i < count; i++) {
		auto_free char *path = memory_print("%s/%d", folder, i);

		CHECK(symlink(i < sockets ? "socket:[4711]" : "/dev/null", path) == 0);
	}
}

static bool count(int pid, int64_t until_ns)
{
	auto_free char *proc = memory_print("%s/proc", harness_folder());

	return cgroup_processes_count(proc, harness_folder(), pid, until_ns, &found);
}

static void counts(void)
{
	pretend(7, 5, 2);
	pretend(8, 3, 0);
	put("proc/7/limits",
	    "Limit                     Soft Limit           Hard Limit           Units\n"
	    "Max processes             100                  200                  processes\n"
	    "Max open files            1024                 524288               files\n");
	put("proc/8/limits",
	    "Max open files            unlimited            unlimited            files\n");
	put("cgroup.procs", "7\n8\n9\n"); /* the last has ended */
	CHECK(count(7, INT64_MAX));
	CHECK_INT(found.processes, 3);
	CHECK_INT(found.descriptors, 8);
	CHECK_INT(found.sockets, 2);
	CHECK_INT(found.files_max, 1024);
	CHECK(count(8, INT64_MAX));
	CHECK_INT(found.files_max, -1);
	CHECK(count(9, INT64_MAX));
	CHECK_INT(found.files_max, 0);
	put("cgroup.procs", "");
	CHECK(count(0, INT64_MAX));
	CHECK_INT(found.processes, 0);
	CHECK_INT(found.descriptors, 0);
}

/* What this process has open, as the real kernel shows it. */
static void counts_this_process(void)
{
	auto_free char *pid = memory_print("%d\n", getpid());
	uint64_t before_descriptors, before_sockets;
	struct rlimit most = { 0 };
	int pair[2], file;

	put("cgroup.procs", pid);
	CHECK(cgroup_processes_count("/proc", harness_folder(), getpid(), INT64_MAX, &found));
	before_descriptors = found.descriptors;
	before_sockets = found.sockets;
	CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0);
	file = dup(0);
	CHECK(file >= 0);
	CHECK(cgroup_processes_count("/proc", harness_folder(), getpid(), INT64_MAX, &found));
	CHECK_INT(found.processes, 1);
	CHECK_INT(found.descriptors, before_descriptors + 3);
	CHECK_INT(found.sockets, before_sockets + 2);
	CHECK(getrlimit(RLIMIT_NOFILE, &most) == 0);
	CHECK_INT(found.files_max, most.rlim_cur == RLIM_INFINITY ? -1 : (int64_t)most.rlim_cur);
}

/* The hog is told to have as many as are counted, and costs no more than that. */
static void ends_at_its_bounds(void)
{
	auto_buf list = BUF_INIT;

	for (int i = 0; i < LIMIT_COUNTED_PROCESSES + 500; i++)
		buf_add_print(&list, "%d\n", 100000 + i);
	put("cgroup.procs", buf_text(&list));
	CHECK(count(0, INT64_MAX));
	CHECK_INT(found.processes, LIMIT_COUNTED_PROCESSES);
	/* The same process, again and again, as if there were many; the end is amid one. */
	pretend(7, 70, 1);
	buf_reset(&list);
	for (int i = 0; i < LIMIT_COUNTED_DESCRIPTORS / 70 + 50; i++)
		buf_add_text(&list, "7\n");
	put("cgroup.procs", buf_text(&list));
	CHECK(count(7, INT64_MAX));
	CHECK_INT(found.processes, LIMIT_COUNTED_DESCRIPTORS / 70 + 50);
	CHECK_INT(found.descriptors, LIMIT_COUNTED_DESCRIPTORS);
}

static void tells_nothing_else(void)
{
	CHECK(!count(0, INT64_MAX)); /* there is no such group */
	pretend(7, 1, 0);
	put("cgroup.procs", "7\n7\n");
	CHECK(cgroup_processes_clock() > 0);
	CHECK(!count(0, cgroup_processes_clock())); /* the time is over */
	CHECK(count(0, cgroup_processes_clock() + 5000000000));
}

static const struct test tests[] = {
	{ "counts", counts },
	{ "counts this process", counts_this_process },
	{ "ends at its bounds", ends_at_its_bounds, .time_limit_s = 30 },
	{ "tells nothing else", tells_nothing_else },
};
TEST_MAIN(tests)
