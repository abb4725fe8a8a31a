/*
 * test_node_use.c - the kernel's files as they are read, from a folder that pretends to be "/".
 */
#include "agent/node_use.h"

#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "tests/unit/harness.h"

static void put(const char *path, const char *text)
{
	auto_free char *full = memory_print("%s%s", harness_folder(), path);
	auto_free char *folder = memory_string(full);
	struct error err;

	*strrchr(folder, '/') = '\0';
	CHECK_OK(file_make_dirs(folder, 0700, &err), &err);
	CHECK_OK(file_replace(full, str_of(text), 0600, &err), &err);
}

static void reads_memory(void)
{
	struct memory_use use;

	put("/proc/meminfo", "MemTotal:       1000 kB\nMemFree:         300 kB\n"
			     "AnonPages:       50 kB\nInactive(file):  200 kB\n"
			     "SwapTotal:       10 kB\nSwapFree:        4 kB\n");
	put("/proc/vmstat", "pgfault 77\npgmajfault 7\n");
	node_use_pretend(harness_folder());
	node_use_memory(&use);
	CHECK_INT(use.total, 1000 * 1024);
	CHECK_INT(use.used, 700 * 1024);
	CHECK_INT(use.working_set, 500 * 1024);
	CHECK_INT(use.available, 500 * 1024);
	CHECK_INT(use.swap_used, 6 * 1024);
	CHECK_INT(use.faults, 77);
	CHECK_INT(use.major_faults, 7);
}

static void reads_processors_and_processes(void)
{
	struct process_use use;

	put("/proc/stat", "cpu  100 1 20 9999 5000 2 3 4 0 0\ncpu0 1 2 3\nbtime 1700000000\n");
	put("/proc/loadavg", "0.00 0.01 0.05 2/345 6789\n");
	put("/proc/sys/kernel/pid_max", "32768\n");
	put("/proc/sys/kernel/threads-max", "20000\n");
	node_use_pretend(harness_folder());
	CHECK_INT(node_use_cpu_ns() / 10000000, 130);
	CHECK_INT(node_use_boot_s(), 1700000000);
	node_use_processes(&use);
	CHECK_INT(use.max, 20000);
	CHECK_INT(use.running, 345);
}

static void reads_interfaces(void)
{
	struct interface_use list[2];

	put("/proc/net/dev", "Inter-|   Receive      |  Transmit\n"
			     " face |bytes    packets|bytes\n"
			     "    lo: 1 1 0 0 0 0 0 0 1 1 0 0 0 0 0 0\n"
			     "  eth0: 11 12 13 14 0 0 0 0 21 22 23 24 0 0 0 0\n"
			     "broken: x\n");
	node_use_pretend(harness_folder());
	CHECK_INT(node_use_interfaces(0, list, 2), 1);
	CHECK_STR(list[0].name, "eth0");
	CHECK_INT(list[0].received_errors, 13);
	CHECK_INT(list[0].sent_bytes, 21);
	CHECK_INT(list[0].sent_dropped, 24);
}

static void make_folder(const char *path)
{
	auto_free char *full = memory_print("%s%s", harness_folder(), path);
	struct error err;

	CHECK_OK(file_make_dirs(full, 0700, &err), &err);
}

/* Parts of disks, and those that nobody used, are none. */
static void reads_disks(void)
{
	auto_free char *link_path = memory_print("%s/sys/dev/block/8:0", harness_folder());
	auto_free char *other = memory_print("%s/sys/dev/block/104:0", harness_folder());
	struct machine_disk disks[4];
	auto_buf name = BUF_INIT;

	put("/proc/diskstats",
	    "   7       0 loop0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0\n"
	    "   8       0 sda 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17\n"
	    "   8       1 sda1 1 2 3 4 5 6 7 8 9 10 11\n"
	    " 104       0 cciss/c0d0 21 0 0 0 0 0 0 0 0 0 0\n"
	    "   9       0 short 1 2 3\n   9       x bad 1 2 3 4 5 6 7 8 9 10 11\n");
	make_folder("/sys/block/loop0");
	make_folder("/sys/block/sda");
	make_folder("/sys/block/cciss!c0d0");
	make_folder("/sys/block/short");
	make_folder("/sys/dev/block");
	CHECK(symlink("../../devices/pci0000:00/0000:00:02.0/block/sda", link_path) == 0);
	CHECK(symlink("../../devices/cciss0/block/cciss!c0d0", other) == 0);
	node_use_pretend(harness_folder());
	CHECK_INT(node_use_disks(disks, 4), 2);
	CHECK_STR(disks[0].name, "sda");
	CHECK_INT(disks[0].major, 8);
	CHECK_INT(disks[0].minor, 0);
	CHECK_INT(disks[0].reads, 1);
	CHECK_INT(disks[0].reads_merged, 2);
	CHECK_INT(disks[0].sectors_read, 3);
	CHECK_INT(disks[0].read_ms, 4);
	CHECK_INT(disks[0].writes, 5);
	CHECK_INT(disks[0].writes_merged, 6);
	CHECK_INT(disks[0].sectors_written, 7);
	CHECK_INT(disks[0].write_ms, 8);
	CHECK_INT(disks[0].running, 9);
	CHECK_INT(disks[0].busy_ms, 10);
	CHECK_INT(disks[0].weighted_ms, 11);
	CHECK_STR(disks[1].name, "cciss/c0d0");
	CHECK_INT(disks[1].reads, 21);
	CHECK_INT(node_use_disks(disks, 1), 1);
	node_use_disk_name(8, 0, &name);
	CHECK_STR(buf_text(&name), "/dev/sda");
	buf_reset(&name);
	node_use_disk_name(104, 0, &name);
	CHECK_STR(buf_text(&name), "/dev/cciss/c0d0");
	buf_reset(&name);
	node_use_disk_name(8, 16, &name);
	CHECK_STR(buf_text(&name), "");
}

static void without_files(void)
{
	struct machine_disk disks[1];
	struct interface_use list[1];
	struct file_system_use fs;
	struct process_use processes;
	struct memory_use use;

	node_use_pretend(harness_folder());
	node_use_memory(&use);
	CHECK_INT(use.total, 0);
	node_use_processes(&processes);
	CHECK_INT(processes.max, 0);
	CHECK_INT(node_use_cpu_ns(), 0);
	CHECK_INT(node_use_interfaces(1, list, 1), 0);
	CHECK_INT(node_use_disks(disks, 1), 0);
	CHECK(!node_use_file_system("/nowhere/at/all", &fs));
	CHECK(node_use_file_system("/", &fs));
	CHECK(fs.capacity > 0);
}

static const struct test tests[] = {
	{ "reads memory", reads_memory },
	{ "reads processors and processes", reads_processors_and_processes },
	{ "reads interfaces", reads_interfaces },
	{ "reads disks", reads_disks },
	{ "without files", without_files },
};
TEST_MAIN(tests)
