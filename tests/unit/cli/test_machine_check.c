/*
 * test_machine_check.c - answers of a machine that is a folder: proc, sys and boot of the test's
 * own.
 */
#include "cli/machine_check.h"

#include "base/file.h"
#include "tests/unit/harness.h"

static void put(const char *path, const char *text)
{
	auto_free char *whole = memory_print("%s%s", harness_folder(), path);
	auto_free char *folder = memory_string(whole);
	struct error err;

	*strrchr(folder, '/') = '\0';
	CHECK_OK(file_make_dirs(folder, 0700, &err), &err);
	CHECK_OK(file_replace(whole, str_of(text), 0600, &err), &err);
}

static enum check_state ask(const char *name, const char *word_found, const char *word_remedy)
{
	struct check_plan plan = { .root = harness_folder(),
				   .data_dir = harness_folder(),
				   .is_root = true };
	struct check_result result;

	for (const struct check *check = machine_checks; check->name; check++)
		if (str_is(str_of(check->name), name)) {
			machine_check_ask(check, &plan, &result);
			if (word_found)
				CHECK(str_search(buf_str(&result.found), str_of(word_found)) >= 0);
			CHECK((result.remedy != NULL) == (result.state != CHECK_OK));
			if (word_remedy)
				CHECK(str_search(str_of(result.remedy), str_of(word_remedy)) >= 0);
			check_result_clear(&result);
			return result.state;
		}
	harness_fail(__FILE__, __LINE__, "no check %s", name);
}

/* Goal: a Pi without the memory controller is told which file to change. */
static void cgroups_of_version_1(void)
{
	CHECK_INT(ask("cgroup memory", "no cgroups", NULL), CHECK_MISSING);
	put("/proc/cgroups", "#subsys_name\thierarchy\tnum_cgroups\tenabled\ncpu\t1\t1\t1\n"
			     "memory\t0\t1\t0\npids\t2\t1\t1\n");
	CHECK_INT(ask("cgroup memory", "off", "cgroup_enable=memory to the kernel's"),
		  CHECK_WARNING);
	put("/boot/cmdline.txt", "x");
	CHECK_INT(ask("cgroup memory", NULL, "/boot/cmdline.txt"), CHECK_WARNING);
	put("/boot/firmware/cmdline.txt", "x");
	CHECK_INT(ask("cgroup memory", NULL, "/boot/firmware/cmdline.txt"), CHECK_WARNING);
	CHECK_INT(ask("cgroup cpu", NULL, NULL), CHECK_OK);
	CHECK_INT(ask("cgroup pids", NULL, NULL), CHECK_OK);
}

static void cgroups_of_version_2(void)
{
	put("/sys/fs/cgroup/cgroup.controllers", "cpuset cpu io memory\n");
	CHECK_INT(ask("cgroup memory", NULL, NULL), CHECK_OK);
	CHECK_INT(ask("cgroup cpu", NULL, NULL), CHECK_OK);
	CHECK_INT(ask("cgroup pids", "off", NULL), CHECK_WARNING);
}

static void network(void)
{
	CHECK_INT(ask("br_netfilter", "not loaded", "modprobe br_netfilter"), CHECK_WARNING);
	put("/proc/sys/net/bridge/bridge-nf-call-iptables", "1\n");
	CHECK_INT(ask("br_netfilter", NULL, NULL), CHECK_OK);
	CHECK_INT(ask("ip_forward", "cannot be turned on", "sysctl"), CHECK_MISSING);
	put("/proc/sys/net/ipv4/ip_forward", "0\n");
	CHECK_INT(ask("ip_forward", "the agent turns it on", NULL), CHECK_OK);
	put("/proc/sys/net/ipv4/ip_forward", "1\n");
	CHECK_INT(ask("ip_forward", "on", NULL), CHECK_OK);
	CHECK_INT(ask("default route", "none", NULL), CHECK_OK);
	put("/proc/net/route",
	    "Iface\tDestination\tGateway\neth0\t0000A8C0\t0\neth0\t00000000\t1\n");
	CHECK_INT(ask("default route", "there is one", NULL), CHECK_OK);
	CHECK_INT(ask("conntrack", NULL, NULL), CHECK_WARNING);
	put("/proc/sys/net/netfilter/nf_conntrack_max", "100\n");
	CHECK_INT(ask("conntrack", "100 ", "nf_conntrack_max"), CHECK_WARNING);
	put("/proc/sys/net/netfilter/nf_conntrack_max", "65536\n");
	CHECK_INT(ask("conntrack", "65536 ", NULL), CHECK_OK);
}

static void memory_and_handles(void)
{
	put("/proc/swaps", "Filename Type Size\n");
	CHECK_INT(ask("swap", "off", NULL), CHECK_OK);
	put("/proc/swaps", "Filename Type Size\n/swapfile file 1\n");
	CHECK_INT(ask("swap", "on", "swapoff"), CHECK_WARNING);
	CHECK_INT(ask("inotify", NULL, "max_user_instances"), CHECK_WARNING);
	put("/proc/sys/fs/inotify/max_user_instances", "128\n");
	put("/proc/sys/fs/inotify/max_user_watches", "8192\n");
	CHECK_INT(ask("inotify", NULL, NULL), CHECK_OK);
}

/* Goal: who is not root gets no wrong answers. */
static void without_root(void)
{
	struct check_plan plan = { .root = "", .data_dir = "/nonexistent/a/b" };
	struct check_result result;

	for (const struct check *check = machine_checks; check->name; check++) {
		machine_check_ask(check, &plan, &result);
		if (check->needs_root) {
			CHECK_INT(result.state, CHECK_UNKNOWN);
			CHECK_STR(result.remedy, "ask again as root");
		}
		check_result_clear(&result);
	}
}

static const struct test tests[] = {
	{ "cgroups of version 1", cgroups_of_version_1 },
	{ "cgroups of version 2", cgroups_of_version_2 },
	{ "network", network },
	{ "memory and handles", memory_and_handles },
	{ "without root", without_root },
};
TEST_MAIN(tests)
