/*
 * machine_check.c - the questions, in the order in which one would ask them.
 */
#include "cli/machine_check.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/magic.h>
#include <sched.h>
#include <stdio.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/statvfs.h>
#include <sys/utsname.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/time_floor.h"
#include "flannel-lite/network_probe.h"
#include "runtime/kernel_probe.h"

#define FILE_MAX      (256u * 1024)
#define MIB           (1024ull * 1024)
#define DISK_LEAST    (256 * MIB)
#define DISK_GOOD     (1024 * MIB)
#define API_PORT      6443
#define VXLAN_PORT    8472
#define HANDLES_LEAST 4096

/* --- answering --- */

static void answer(struct check_result *out, enum check_state state, const char *found)
{
	out->state = state;
	buf_reset(&out->found);
	buf_add_text(&out->found, found);
}

/* What a probe said. */
static void answer_probe(struct check_result *out, bool done, enum check_state if_not,
			 const struct error *err)
{
	answer(out, done ? CHECK_OK : if_not, done ? "" : err->text);
}

static bool read_file(const struct check_plan *plan, const char *path, struct buf *out)
{
	auto_free char *whole = memory_print("%s%s", plan->root, path);
	struct error ignored;

	buf_reset(out);
	return file_read(whole, FILE_MAX, out, &ignored);
}

/* A number in a file of /proc/sys; -1 where there is none. */
static int64_t read_number(const struct check_plan *plan, const char *path)
{
	auto_buf text = BUF_INIT;
	struct str rest;
	int64_t number;

	if (!read_file(plan, path, &text))
		return -1;
	rest = buf_str(&text);
	return str_to_i64(str_trim(str_cut(&rest, '\n')), 0, INT64_MAX, &number) ? number : -1;
}

static bool has_word(struct str text, const char *word)
{
	while (text.len > 0)
		if (str_is(str_trim(str_cut(&text, ' ')), word))
			return true;
	return false;
}

/* --- the kernel --- */

static void look_kernel(const struct check_plan *plan, struct check_result *out)
{
	struct utsname name;
	struct error err;

	(void)plan;
	answer_probe(out, kernel_probe_pidfd(&err), CHECK_MISSING, &err);
	if (out->state == CHECK_OK && uname(&name) == 0)
		answer(out, CHECK_OK, name.release);
}

static void look_namespaces(const struct check_plan *plan, struct check_result *out)
{
	struct error err;

	(void)plan;
	answer_probe(out, kernel_probe_namespaces(&err), CHECK_MISSING, &err);
}

static void look_seccomp(const struct check_plan *plan, struct check_result *out)
{
	struct error err;

	(void)plan;
	answer_probe(out, kernel_probe_seccomp(&err), CHECK_MISSING, &err);
}

/* --- cgroups --- */

/* Version 2: a list of words; version 1: a table whose last column says whether it is on. */
static bool has_controller(const struct check_plan *plan, const char *name, bool *out_any)
{
	auto_buf text = BUF_INIT;
	struct str rest;

	*out_any = true;
	if (read_file(plan, "/sys/fs/cgroup/cgroup.controllers", &text)) {
		rest = buf_str(&text);
		return has_word(str_cut(&rest, '\n'), name);
	}
	*out_any = read_file(plan, "/proc/cgroups", &text);
	for (rest = buf_str(&text); rest.len > 0;) {
		struct str line = str_cut(&rest, '\n'), word = str_cut(&line, '\t');

		if (str_is(word, name))
			return str_ends(line, STR("\t1"));
	}
	return false;
}

static void look_controller(const struct check_plan *plan, const char *name,
			    enum check_state if_not, struct check_result *out)
{
	bool any, has = has_controller(plan, name, &any);

	if (has)
		answer(out, CHECK_OK, "");
	else
		answer(out, any ? if_not : CHECK_MISSING,
		       any ? "this controller is off" : "there are no cgroups");
}

static void look_memory(const struct check_plan *plan, struct check_result *out)
{
	static const char *const places[] = { "/boot/firmware/cmdline.txt", "/boot/cmdline.txt" };
	static const char *const remedies[] = {
		"add cgroup_enable=memory to the one line of /boot/firmware/cmdline.txt, and "
		"start the machine anew",
		"add cgroup_enable=memory to the one line of /boot/cmdline.txt, and start the "
		"machine anew",
	};

	look_controller(plan, "memory", CHECK_WARNING, out);
	for (size_t i = ARRAY_LENGTH(places); i-- > 0;) {
		auto_free char *path = memory_print("%s%s", plan->root, places[i]);

		if (out->state != CHECK_OK && file_exists(path))
			out->remedy = remedies[i];
	}
}

static void look_cpu(const struct check_plan *plan, struct check_result *out)
{
	look_controller(plan, "cpu", CHECK_WARNING, out);
}

static void look_pids(const struct check_plan *plan, struct check_result *out)
{
	look_controller(plan, "pids", CHECK_WARNING, out);
}

/* --- the network --- */

static bool probe_device(const void *of, struct error *err)
{
	return network_probe_device(of, err);
}

static bool probe_rules(const void *of, struct error *err)
{
	(void)of;
	return network_probe_rules(err);
}

static void look_device(const char *kind, struct check_result *out)
{
	struct error err;

	answer_probe(out, kernel_probe_run(CLONE_NEWNET, probe_device, kind, &err), CHECK_MISSING,
		     &err);
}

static void look_veth(const struct check_plan *plan, struct check_result *out)
{
	(void)plan;
	look_device("veth", out);
}

static void look_bridge(const struct check_plan *plan, struct check_result *out)
{
	(void)plan;
	look_device("bridge", out);
}

static void look_vxlan(const struct check_plan *plan, struct check_result *out)
{
	(void)plan;
	look_device("vxlan", out);
	if (out->state == CHECK_MISSING)
		out->state = CHECK_WARNING; /* a node alone needs none */
}

static void look_nftables(const struct check_plan *plan, struct check_result *out)
{
	struct error err;

	(void)plan;
	answer_probe(out, kernel_probe_run(CLONE_NEWNET, probe_rules, NULL, &err), CHECK_MISSING,
		     &err);
}

static void look_br_netfilter(const struct check_plan *plan, struct check_result *out)
{
	bool there = read_number(plan, "/proc/sys/net/bridge/bridge-nf-call-iptables") >= 0;

	answer(out, there ? CHECK_OK : CHECK_WARNING,
	       there ? "" : "the module is not loaded; the agent tries to");
}

static void look_conntrack(const struct check_plan *plan, struct check_result *out)
{
	int64_t most = read_number(plan, "/proc/sys/net/netfilter/nf_conntrack_max");

	answer(out, CHECK_OK, "");
	if (most < 0)
		answer(out, CHECK_WARNING, "the kernel follows no connections yet");
	else if (most < HANDLES_LEAST)
		answer(out, CHECK_WARNING, "");
	if (most >= 0)
		buf_add_print(&out->found, "%lld connections at once", (long long)most);
}

static void look_forward(const struct check_plan *plan, struct check_result *out)
{
	auto_free char *path = memory_print("%s/proc/sys/net/ipv4/ip_forward", plan->root);
	int64_t on = read_number(plan, "/proc/sys/net/ipv4/ip_forward");

	if (on > 0)
		answer(out, CHECK_OK, "on");
	else if (!plan->is_root)
		answer(out, CHECK_UNKNOWN, "off");
	else if (on == 0 && access(path, W_OK) == 0)
		answer(out, CHECK_OK, "off; the agent turns it on");
	else
		answer(out, CHECK_MISSING, "off, and cannot be turned on");
}

static bool is_port_free(int type, uint16_t port)
{
	auto_fd fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons(port) };
	int on = 1;

	/* Connections that have ended do not count. */
	if (type == SOCK_STREAM)
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	return fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof(at)) == 0 || errno != EADDRINUSE;
}

static void look_api_port(const struct check_plan *plan, struct check_result *out)
{
	bool is_free = is_port_free(SOCK_STREAM, API_PORT);

	(void)plan;
	answer(out, is_free ? CHECK_OK : CHECK_WARNING, is_free ? "free" : "in use");
}

static void look_vxlan_port(const struct check_plan *plan, struct check_result *out)
{
	bool is_free = is_port_free(SOCK_DGRAM, VXLAN_PORT);

	(void)plan;
	answer(out, is_free ? CHECK_OK : CHECK_WARNING, is_free ? "free" : "in use");
}

/* The second column of /proc/net/route is the destination. */
static bool has_default_route(struct str table)
{
	(void)str_cut(&table, '\n');
	while (table.len > 0) {
		struct str line = str_cut(&table, '\n');

		(void)str_cut(&line, '\t');
		if (str_is(str_cut(&line, '\t'), "00000000"))
			return true;
	}
	return false;
}

static void look_default_route(const struct check_plan *plan, struct check_result *out)
{
	auto_buf text = BUF_INIT;
	bool has = read_file(plan, "/proc/net/route", &text) && has_default_route(buf_str(&text));

	answer(out, CHECK_OK, has ? "there is one" : "none: fine, or say --node-ip");
}

/* --- memory, time, handles --- */

static void look_swap(const struct check_plan *plan, struct check_result *out)
{
	auto_buf text = BUF_INIT;
	struct str rest;

	answer(out, CHECK_OK, "off");
	if (!read_file(plan, "/proc/swaps", &text))
		return;
	rest = buf_str(&text);
	(void)str_cut(&rest, '\n');
	if (rest.len > 0)
		answer(out, CHECK_WARNING, "on: limits of memory do not hold for what is swapped");
}

static void look_entropy(const struct check_plan *plan, struct check_result *out)
{
	char byte;
	bool ready = getrandom(&byte, 1, GRND_NONBLOCK) == 1;

	(void)plan;
	answer(out, ready ? CHECK_OK : CHECK_WARNING,
	       ready ? "" : "the kernel has no random numbers yet; the start waits for them");
}

static void look_clock(const struct check_plan *plan, struct check_result *out)
{
	int64_t now = (int64_t)time(NULL);
	char text[CLOCK_TEXT];

	(void)plan;
	clock_print(now, text);
	answer(out, now >= time_floor_built_s() ? CHECK_OK : CHECK_WARNING, text);
	if (out->state != CHECK_OK)
		buf_add_text(&out->found, ", which is before this program was made");
}

static void look_inotify(const struct check_plan *plan, struct check_result *out)
{
	int64_t instances = read_number(plan, "/proc/sys/fs/inotify/max_user_instances");
	int64_t watches = read_number(plan, "/proc/sys/fs/inotify/max_user_watches");

	answer(out, instances >= 128 && watches >= 8192 ? CHECK_OK : CHECK_WARNING, "");
	buf_add_print(&out->found, "%lld instances, %lld watches", (long long)instances,
		      (long long)watches);
}

static void look_handles(const struct check_plan *plan, struct check_result *out)
{
	int64_t all = read_number(plan, "/proc/sys/fs/file-max");
	struct rlimit own = { 0 };

	getrlimit(RLIMIT_NOFILE, &own);
	answer(out, CHECK_OK, "");
	if (own.rlim_max < HANDLES_LEAST || (all >= 0 && all < 4 * HANDLES_LEAST))
		out->state = CHECK_WARNING;
	buf_add_print(&out->found, "%llu a process", (unsigned long long)own.rlim_max);
}

/* --- the data folder --- */

/* The folder itself, or the nearest above it that exists. */
static char *existing(const char *path)
{
	char *at = memory_string(path);

	while (!file_exists(at)) {
		char *slash = strrchr(at, '/');

		if (!slash || slash == at) {
			free(at);
			return memory_string(slash ? "/" : ".");
		}
		*slash = '\0';
	}
	return at;
}

static void look_disk(const struct check_plan *plan, struct check_result *out)
{
	auto_free char *folder = existing(plan->data_dir);
	struct statvfs fs;
	uint64_t room;

	if (statvfs(folder, &fs) != 0) {
		answer(out, CHECK_MISSING, "cannot be looked at");
		return;
	}
	room = (uint64_t)fs.f_bavail * fs.f_frsize;
	answer(out,
	       room < DISK_LEAST || (fs.f_flag & ST_RDONLY) ? CHECK_MISSING
	       : room < DISK_GOOD                           ? CHECK_WARNING
							    : CHECK_OK,
	       "");
	buf_add_print(&out->found, "%llu MiB free at %s%s", (unsigned long long)(room / MIB),
		      folder, fs.f_flag & ST_RDONLY ? ", which is read-only" : "");
}

static void look_inodes(const struct check_plan *plan, struct check_result *out)
{
	auto_free char *folder = existing(plan->data_dir);
	struct statvfs fs;

	answer(out, CHECK_OK, "");
	if (statvfs(folder, &fs) != 0 || fs.f_files == 0)
		return; /* btrfs and others have no count */
	if (fs.f_favail < 10000)
		out->state = CHECK_WARNING;
	buf_add_print(&out->found, "%llu free", (unsigned long long)fs.f_favail);
}

static void look_overlay(const struct check_plan *plan, struct check_result *out)
{
	auto_free char *folder = existing(plan->data_dir);
	struct error err;
	struct statfs fs;

	answer_probe(out, kernel_probe_overlay(folder, &err), CHECK_MISSING, &err);
	if (statfs(folder, &fs) == 0 && fs.f_type == OVERLAYFS_SUPER_MAGIC)
		buf_add_print(&out->found, "%s%s lies on an overlay itself",
			      out->found.len > 0 ? "; " : "", folder);
}

/* --- the list --- */

#define KERNEL "take a kernel of the distribution, 5.3 or younger, whose configuration has it"

const struct check machine_checks[] = {
	{ "kernel", false, look_kernel, "take Linux 5.3 or younger" },
	{ "namespaces", true, look_namespaces, KERNEL },
	{ "seccomp", false, look_seccomp, KERNEL },
	{ "cgroup memory", false, look_memory,
	  "add cgroup_enable=memory to the kernel's command line, and start the machine anew; "
	  "without it limits of memory do not hold" },
	{ "cgroup cpu", false, look_cpu, "without it limits of processors do not hold" },
	{ "cgroup pids", false, look_pids, "without it a pod may use up all process numbers" },
	{ "overlay", true, look_overlay,
	  "put --data-dir on ext4, xfs, btrfs or f2fs; modprobe overlay if the kernel lacks it" },
	{ "veth", true, look_veth, "modprobe veth" },
	{ "bridge", true, look_bridge, "modprobe bridge" },
	{ "vxlan", true, look_vxlan,
	  "modprobe vxlan; without it this node's pods reach no others" },
	{ "nftables", true, look_nftables,
	  "modprobe nf_tables nft_nat nft_masq nft_numgen nft_hash nft_ct nft_reject_ipv4" },
	{ "br_netfilter", false, look_br_netfilter,
	  "modprobe br_netfilter, and a line of that name in /etc/modules-load.d/mote.conf; "
	  "without "
	  "it pods miss services whose pods are on the same node" },
	{ "conntrack", false, look_conntrack, "sysctl -w net.netfilter.nf_conntrack_max=65536" },
	{ "ip_forward", false, look_forward, "sysctl -w net.ipv4.ip_forward=1" },
	{ "port 6443/tcp", false, look_api_port,
	  "fine if mote server runs here, or on an agent; else end who has it, or say "
	  "--https-listen-port" },
	{ "port 8472/udp", false, look_vxlan_port,
	  "fine if mote runs here; else end the other VXLAN (k3s, flannel)" },
	{ "default route", false, look_default_route, NULL },
	{ "disk", false, look_disk, "make room below --data-dir: 1 GiB is a beginning" },
	{ "inodes", false, look_inodes, "remove files: each layer of an image has thousands" },
	{ "swap", false, look_swap, "swapoff -a, and take its line out of /etc/fstab" },
	{ "random numbers", false, look_entropy,
	  "a moment's patience; a hardware generator, or rng-tools, helps" },
	{ "clock", false, look_clock, "set it, or have it set: date -s, or an NTP service" },
	{ "inotify", false, look_inotify,
	  "sysctl -w fs.inotify.max_user_instances=512 fs.inotify.max_user_watches=65536" },
	{ "file handles", false, look_handles, "raise the limit: ulimit -n, or LimitNOFILE=" },
	{ 0 },
};

void machine_check_ask(const struct check *check, const struct check_plan *plan,
		       struct check_result *out)
{
	*out = (struct check_result){ .found = BUF_INIT };
	if (check->needs_root && !plan->is_root) {
		answer(out, CHECK_UNKNOWN, "only root can try");
		out->remedy = "ask again as root";
		return;
	}
	check->look(plan, out);
	if (out->state == CHECK_OK)
		out->remedy = NULL;
	else if (!out->remedy)
		out->remedy = check->remedy;
}

void check_result_clear(struct check_result *result)
{
	buf_clear(&result->found);
}

const char *check_state_name(enum check_state state)
{
	static const char *const names[] = { [CHECK_OK] = "ok",
					     [CHECK_WARNING] = "warning",
					     [CHECK_MISSING] = "missing",
					     [CHECK_UNKNOWN] = "unknown" };

	return names[state];
}
