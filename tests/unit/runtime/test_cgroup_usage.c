/*
 * test_cgroup_usage.c - the kernel's figures of a group as they are read, both versions: from files
 * written here, so that one machine shows both.
 */
#include "runtime/cgroup_usage.h"

#include <stdio.h>

#include "base/file.h"
#include "base/memory.h"
#include "base/text.h"
#include "tests/unit/harness.h"

static struct error err;
static struct usage_disk disks[4];

static void put(const char *name, const char *text)
{
	auto_free char *path = memory_print("%s/%s", harness_folder(), name);

	CHECK_OK(file_replace(path, str_of(text), 0600, &err), &err);
}

static struct cgroup group(enum cgroup_part part)
{
	struct cgroup cgroup = { 0 };

	cgroup.folders[part] = (char *)(uintptr_t)harness_folder();
	return cgroup;
}

static void details_of_version_2(void)
{
	struct cgroup cgroup = group(CGROUP_UNIFIED);
	struct usage_detail use;

	put("cpu.stat", "usage_usec 30\nuser_usec 20\nsystem_usec 10\nnr_periods 7\n"
			"nr_throttled 2\nthrottled_usec 5\n");
	put("cpu.max", "20000 100000\n");
	put("cpu.weight", "100\n");
	put("memory.stat", "anon 4096\nfile 8192\ninactive_file 1000\npgfault 3\n");
	put("memory.current", "16384\n");
	put("memory.max", "max\n");
	put("memory.events", "low 0\nmax 6\noom_kill 1\n");
	put("pids.current", "5\n");
	put("pids.max", "max\n");
	CHECK_OK(cgroup_usage_detail(&cgroup, &use, &err), &err);
	CHECK_INT(use.cpu_ns, 30000);
	CHECK_INT(use.throttled_ns, 5000);
	CHECK_INT(use.cpu_quota_us, 20000);
	CHECK_INT(use.cpu_period_us, 100000);
	CHECK_INT(use.memory, 16384);
	CHECK_INT(use.working_set, 15384);
	CHECK_INT(use.rss, 4096);
	CHECK_INT(use.memory_max, 0);
	CHECK_INT(use.memory_failures, 6);
	CHECK_INT(use.oom_kills, 1);
	CHECK_INT(use.pids, 5);
	CHECK_INT(use.pids_max, 0);
}

/* The second line is what some kernels write: a disk that did nothing has no end of its line. */
static void disks_of_version_2(void)
{
	struct cgroup cgroup = group(CGROUP_UNIFIED);

	CHECK_INT(cgroup_usage_disks(&cgroup, disks, ARRAY_LENGTH(disks)), 0);
	put("io.stat",
	    "8:0 rbytes=4096 wbytes=8192 rios=1 wios=2 dbytes=9 dios=9\n"
	    "7:0 7:1 254:16 rbytes=18446744073709551615 wbytes=0 rios=5 wios=0 cost.usage=3\n"
	    "253:0 \nnonsense rbytes=1\n9:0 rbytes=x\n");
	CHECK_INT(cgroup_usage_disks(&cgroup, disks, ARRAY_LENGTH(disks)), 2);
	CHECK_INT(disks[0].major, 8);
	CHECK_INT(disks[0].minor, 0);
	CHECK_INT(disks[0].told, 1 << DISK_READ | 1 << DISK_WRITE);
	CHECK_INT(disks[0].bytes[DISK_READ], 4096);
	CHECK_INT(disks[0].bytes[DISK_WRITE], 8192);
	CHECK_INT(disks[0].reads, 1);
	CHECK_INT(disks[0].writes, 2);
	CHECK_INT(disks[1].major, 254);
	CHECK_INT(disks[1].minor, 16);
	CHECK(disks[1].bytes[DISK_READ] == UINT64_MAX);
	CHECK_INT(disks[1].reads, 5);
	CHECK_INT(cgroup_usage_disks(&cgroup, disks, 1), 1); /* no room is no harm */
	CHECK_INT(disks[0].major, 8);
}

static void disks_of_version_1(void)
{
	struct cgroup cgroup = group(CGROUP_BLKIO);

	put("blkio.throttle.io_serviced", "8:0 Read 90\nTotal 90\n");
	put("blkio.throttle.io_service_bytes", "8:0 Read 91\nTotal 91\n");
	CHECK_INT(cgroup_usage_disks(&cgroup, disks, ARRAY_LENGTH(disks)), 1);
	CHECK_INT(disks[0].reads, 90);
	CHECK_INT(disks[0].bytes[DISK_READ], 91);
	CHECK_INT(disks[0].told, 1 << DISK_READ);
	/* What counts the groups below, too, comes before what does not. */
	put("blkio.throttle.io_serviced_recursive",
	    "8:0 Read 3\n8:0 Write 4\n8:0 Sync 5\n8:0 Async 2\n8:0 Discard 0\n8:0 Total 7\n"
	    "8:16 Read 1\n8:16 Write 0\n8:16 Total 1\nTotal 8\n");
	put("blkio.throttle.io_service_bytes_recursive",
	    "8:0 Read 12288\n8:0 Write 16384\n8:0 Sync 20480\n8:0 Async 8192\n8:0 Discard 1\n"
	    "8:0 Total 28672\n8:16 Read 512\n8:16 Write 0\n8:16 Total 512\nTotal 29184\n");
	CHECK_INT(cgroup_usage_disks(&cgroup, disks, ARRAY_LENGTH(disks)), 2);
	CHECK_INT(disks[0].reads, 3);
	CHECK_INT(disks[0].writes, 4);
	CHECK_INT(disks[0].bytes[DISK_WRITE], 16384);
	CHECK_INT(disks[0].bytes[DISK_DISCARD], 1);
	CHECK_INT(disks[0].bytes[DISK_TOTAL], 28672);
	CHECK_INT(disks[0].told, (1 << DISK_OPERATIONS) - 1);
	CHECK_INT(disks[1].minor, 16);
	CHECK_INT(disks[1].told, 1 << DISK_READ | 1 << DISK_WRITE | 1 << DISK_TOTAL);
	/* A scheduler that names no disk counts none; one that does comes first. */
	put("blkio.bfq.io_serviced_recursive", "Total 0\n");
	put("blkio.bfq.io_service_bytes_recursive", "Total 0\n");
	CHECK_INT(cgroup_usage_disks(&cgroup, disks, ARRAY_LENGTH(disks)), 2);
	put("blkio.bfq.io_serviced_recursive", "8:0 Read 33\nTotal 33\n");
	put("blkio.bfq.io_service_bytes_recursive", "8:0 Read 44\nTotal 44\n");
	CHECK_INT(cgroup_usage_disks(&cgroup, disks, ARRAY_LENGTH(disks)), 1);
	CHECK_INT(disks[0].reads, 33);
	CHECK_INT(disks[0].bytes[DISK_READ], 44);
}

/* A number that was cut off would be a wrong one. */
static void takes_whole_lines(void)
{
	struct cgroup cgroup = group(CGROUP_UNIFIED);
	struct usage_disk many[1000];
	auto_buf text = BUF_INIT;
	size_t count;

	for (int i = 0; i < 1000; i++)
		buf_add_print(&text, "8:%d rbytes=123456789 wbytes=2 rios=3 wios=123456789\n", i);
	put("io.stat", buf_text(&text));
	count = cgroup_usage_disks(&cgroup, many, ARRAY_LENGTH(many));
	CHECK(count > 100 && count < 1000);
	for (size_t i = 0; i < count; i++) {
		CHECK_INT(many[i].minor, i);
		CHECK_INT(many[i].bytes[DISK_READ], 123456789);
		CHECK_INT(many[i].writes, 123456789);
	}
}

static void without_controllers(void)
{
	struct cgroup none = group(CGROUP_MEMORY);

	CHECK_INT(cgroup_usage_disks(&none, disks, ARRAY_LENGTH(disks)), 0);
}

static const struct test tests[] = {
	{ "details of version 2", details_of_version_2 },
	{ "disks of version 2", disks_of_version_2 },
	{ "disks of version 1", disks_of_version_1 },
	{ "takes whole lines", takes_whole_lines },
	{ "without controllers", without_controllers },
};
TEST_MAIN(tests)
