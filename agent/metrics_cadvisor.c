/*
 * metrics_cadvisor.c - cAdvisor's names and labels: a row a metric, printed for the machine ("/"),
 * for each pod and each container.
 *
 * What a pod shares (its network) stands at the pod's own cgroup, whose label container is empty.
 */
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "agent/metrics_inside.h"
#include "base/clock.h"
#include "base/exposition.h"
#include "base/version.h"

enum unit { PLAIN, SECONDS };

struct row {
	const char *name, *type, *help;
	const char *more; /* a further label, or NULL */
	size_t at;        /* in struct usage_detail */
	enum unit unit;
	bool if_any; /* only where the value is not 0 */
};

#define AT(field) offsetof(struct usage_detail, field)
#define CPU_HELP  "Cumulative cpu time consumed in seconds."
#define FAILURES  "Cumulative count of memory allocation failures."

static const struct row rows[] = {
	{ "container_cpu_cfs_periods_total", "counter",
	  "Number of elapsed enforcement period intervals.", NULL, AT(periods), PLAIN, true },
	{ "container_cpu_cfs_throttled_periods_total", "counter",
	  "Number of throttled period intervals.", NULL, AT(periods_throttled), PLAIN, true },
	{ "container_cpu_cfs_throttled_seconds_total", "counter",
	  "Total time duration the container has been throttled.", NULL, AT(throttled_ns), SECONDS,
	  true },
	{ "container_cpu_system_seconds_total", "counter",
	  "Cumulative system cpu time consumed in seconds.", NULL, AT(cpu_system_ns), SECONDS,
	  false },
	{ "container_cpu_usage_seconds_total", "counter", CPU_HELP, "cpu=\"total\"", AT(cpu_ns),
	  SECONDS, false },
	{ "container_cpu_user_seconds_total", "counter",
	  "Cumulative user cpu time consumed in seconds.", NULL, AT(cpu_user_ns), SECONDS, false },
	{ "container_memory_cache", "gauge", "Number of bytes of page cache memory.", NULL,
	  AT(cache), PLAIN, false },
	{ "container_memory_failcnt", "counter", "Number of memory usage hits limits", NULL,
	  AT(memory_failures), PLAIN, false },
	{ "container_memory_failures_total", "counter", FAILURES,
	  "failure_type=\"pgfault\",scope=\"hierarchy\"", AT(faults), PLAIN, false },
	{ "container_memory_failures_total", NULL, NULL,
	  "failure_type=\"pgmajfault\",scope=\"hierarchy\"", AT(major_faults), PLAIN, false },
	{ "container_memory_mapped_file", "gauge", "Size of memory mapped files in bytes.", NULL,
	  AT(mapped), PLAIN, false },
	{ "container_memory_max_usage_bytes", "gauge", "Maximum memory usage recorded in bytes",
	  NULL, AT(memory_peak), PLAIN, false },
	{ "container_memory_rss", "gauge", "Size of RSS in bytes.", NULL, AT(rss), PLAIN, false },
	{ "container_memory_swap", "gauge", "Container swap usage in bytes.", NULL, AT(swap), PLAIN,
	  false },
	{ "container_memory_usage_bytes", "gauge",
	  "Current memory usage in bytes, including all memory regardless of when it was accessed",
	  NULL, AT(memory), PLAIN, false },
	{ "container_memory_working_set_bytes", "gauge", "Current working set in bytes.", NULL,
	  AT(working_set), PLAIN, false },
	{ "container_oom_events_total", "counter",
	  "Count of out of memory events observed for the "
	  "container",
	  NULL, AT(oom_kills), PLAIN, false },
	{ "container_spec_cpu_period", "gauge", "CPU period of the container.", NULL,
	  AT(cpu_period_us), PLAIN, true },
	{ "container_spec_cpu_quota", "gauge", "CPU quota of the container.", NULL,
	  AT(cpu_quota_us), PLAIN, true },
	{ "container_spec_cpu_shares", "gauge", "CPU share of the container.", NULL, AT(cpu_shares),
	  PLAIN, true },
	{ "container_spec_memory_limit_bytes", "gauge", "Memory limit for the container.", NULL,
	  AT(memory_max), PLAIN, false },
	{ "container_spec_memory_swap_limit_bytes", "gauge", "Memory swap limit for the container.",
	  NULL, AT(swap_max), PLAIN, false },
	{ "container_threads", "gauge", "Number of threads running inside the container", NULL,
	  AT(pids), PLAIN, false },
	{ "container_threads_max", "gauge",
	  "Maximum number of threads allowed inside the container, infinity if value is zero", NULL,
	  AT(pids_max), PLAIN, false },
};

/* --- which groups there are --- */

static const char *labels_of(const struct stats_pod *pod, const struct stats_container *container,
			     struct arena *arena)
{
	auto_buf labels = BUF_INIT;
	auto_buf name = BUF_INIT;

	if (container)
		buf_add_print(&name, STR_FMT "/%s", STR_ARG(pod_uid(pod->pod)),
			      container->state->id);
	exposition_label(&labels, "container", container ? container->name : STR(""));
	exposition_label(&labels, "id",
			 str_of(container ? container->cgroup
				: pod     ? pod->cgroup
					  : "/"));
	exposition_label(&labels, "image", str_of(container ? container->image : ""));
	exposition_label(&labels, "name", buf_str(&name));
	exposition_label(&labels, "namespace", pod ? pod_namespace(pod->pod) : STR(""));
	exposition_label(&labels, "pod", pod ? pod_name(pod->pod) : STR(""));
	return arena_string(arena, labels.at, labels.len);
}

static void take_machine(struct groups *groups)
{
	struct memory_use memory;

	node_use_memory(&memory);
	groups->machine = (struct usage_detail){ .cpu_ns = node_use_cpu_ns(),
						 .memory = (uint64_t)memory.used,
						 .working_set = (uint64_t)memory.working_set,
						 .rss = (uint64_t)memory.rss,
						 .swap = (uint64_t)memory.swap_used,
						 .faults = (uint64_t)memory.faults,
						 .major_faults = (uint64_t)memory.major_faults,
						 .memory_max = (uint64_t)memory.total };
}

static void find_groups(const struct stats_look *look, struct arena *arena, struct groups *out)
{
	size_t room = 1;

	for (size_t i = 0; i < look->count; i++)
		room += 1 + look->pods[i].container_count;
	out->items = arena_zero(arena, room * sizeof(*out->items));
	out->time_ms = look->time_us / 1000;
	out->processes_ms = look->processes_us / 1000;
	take_machine(out);
	out->items[out->count++] =
		(struct group){ .labels = labels_of(NULL, NULL, arena), .use = &out->machine };
	for (size_t i = 0; i < look->count; i++) {
		const struct stats_pod *pod = &look->pods[i];

		if (pod->has_use)
			out->items[out->count++] = (struct group){
				.labels = labels_of(pod, NULL, arena), .use = &pod->use, .pod = pod
			};
		for (size_t c = 0; c < pod->container_count; c++)
			out->items[out->count++] = (struct group){
				.labels = labels_of(pod, &pod->containers[c], arena),
				.use = &pod->containers[c].use,
				.container = &pod->containers[c],
			};
	}
}

/* --- metrics of cgroups --- */

static void add_row(const struct row *row, const struct groups *groups, struct buf *out)
{
	if (row->type)
		exposition_head(out, row->name, row->type, row->help);
	for (size_t i = 0; i < groups->count; i++) {
		const struct group *group = &groups->items[i];
		const char *use = (const char *)group->use;
		uint64_t value = *(const uint64_t *)(const void *)(use + row->at);
		auto_buf labels = BUF_INIT;

		if (row->if_any && value == 0)
			continue;
		buf_add_text(&labels, group->labels);
		if (row->more)
			buf_add_print(&labels, ",%s", row->more);
		if (row->unit == SECONDS)
			exposition_ns(out, row->name, buf_str(&labels), value, groups->time_ms);
		else
			exposition_int(out, row->name, buf_str(&labels), (int64_t)value,
				       groups->time_ms);
	}
}

static void add_times(const struct groups *groups, struct buf *out)
{
	exposition_head(out, "container_last_seen", "gauge",
			"Last time a container was seen by the exporter");
	for (size_t i = 0; i < groups->count; i++)
		exposition_int(out, "container_last_seen", str_of(groups->items[i].labels),
			       groups->time_ms / 1000, groups->time_ms);
	exposition_head(out, "container_start_time_seconds", "gauge",
			"Start time of the container since unix epoch in seconds.");
	for (size_t i = 0; i < groups->count; i++) {
		const struct group *group = &groups->items[i];
		int64_t start_us = group->container ? group->container->state->started_us
				   : group->pod     ? group->pod->started_us
						    : node_use_boot_s() * 1000000;

		if (start_us > 0)
			exposition_int(out, "container_start_time_seconds", str_of(group->labels),
				       start_us / 1000000, groups->time_ms);
	}
}

/* --- processes --- */

static const struct {
	const char *name, *help;
	size_t at;
} processes[] = {
	{ "container_file_descriptors", "Number of open file descriptors for the container.",
	  offsetof(struct cgroup_processes, descriptors) },
	{ "container_processes", "Number of processes running inside the container.",
	  offsetof(struct cgroup_processes, processes) },
	{ "container_sockets", "Number of open sockets for the container.",
	  offsetof(struct cgroup_processes, sockets) },
};

/* Of containers that a servant has counted; a container past its limits is told to be at them
 * (cgroup_processes.h).  Nothing of the group around them: its processes are those of the
 * containers. */
static void add_processes(const struct groups *groups, struct buf *out)
{
	for (size_t row = 0; row < ARRAY_LENGTH(processes); row++) {
		exposition_head(out, processes[row].name, "gauge", processes[row].help);
		for (size_t i = 0; i < groups->count; i++) {
			const struct stats_container *container = groups->items[i].container;
			const char *found = container ? (const char *)&container->processes : NULL;

			if (found && container->has_processes)
				exposition_int(
					out, processes[row].name, str_of(groups->items[i].labels),
					*(const int64_t *)(const void *)(found + processes[row].at),
					groups->processes_ms);
		}
	}
	exposition_head(
		out, "container_ulimits_soft", "gauge",
		"Soft ulimit values for the container root process. Unlimited if -1, except "
		"priority and nice");
	for (size_t i = 0; i < groups->count; i++) {
		const struct stats_container *container = groups->items[i].container;
		auto_buf labels = BUF_INIT;

		if (!container || !container->has_processes || container->processes.files_max == 0)
			continue;
		buf_add_text(&labels, groups->items[i].labels);
		exposition_label(&labels, "ulimit", STR("max_open_files"));
		exposition_int(out, "container_ulimits_soft", buf_str(&labels),
			       container->processes.files_max, groups->processes_ms);
	}
}

/* --- files --- */

/* The disk or its part where the folder is; where the kernel has no name for it, the folder. */
static void device_of(const char *folder, struct buf *out)
{
	struct stat st;

	if (stat(folder, &st) == 0)
		node_use_disk_name(major(st.st_dev), minor(st.st_dev), out);
	if (out->len == 0)
		buf_add_text(out, folder);
}

static void add_files(const struct metrics_plan *plan, const struct groups *groups, struct buf *out)
{
	struct file_system_use fs;
	auto_buf root = BUF_INIT, device = BUF_INIT;
	int64_t time_ms = groups->time_ms;

	if (!node_use_file_system(plan->node->folder, &fs))
		return;
	device_of(plan->node->folder, &device);
	buf_add_text(&root, groups->items[0].labels);
	exposition_label(&root, "device", buf_str(&device));
	exposition_head(out, "container_fs_inodes_free", "gauge", "Number of available Inodes");
	exposition_int(out, "container_fs_inodes_free", buf_str(&root), fs.inodes_free, time_ms);
	exposition_head(out, "container_fs_inodes_total", "gauge", "Number of Inodes");
	exposition_int(out, "container_fs_inodes_total", buf_str(&root), fs.inodes, time_ms);
	exposition_head(
		out, "container_fs_limit_bytes", "gauge",
		"Number of bytes that can be consumed by the container on this filesystem.");
	exposition_int(out, "container_fs_limit_bytes", buf_str(&root), fs.capacity, time_ms);
	exposition_head(out, "container_fs_usage_bytes", "gauge",
			"Number of bytes that are consumed by the container on this filesystem.");
	exposition_int(out, "container_fs_usage_bytes", buf_str(&root), fs.used, time_ms);
	for (size_t i = 0; i < groups->count; i++) {
		const struct stats_container *container = groups->items[i].container;
		auto_buf labels = BUF_INIT;

		if (!container || !container->has_root)
			continue;
		buf_add_text(&labels, groups->items[i].labels);
		exposition_label(&labels, "device", buf_str(&device));
		exposition_int(out, "container_fs_usage_bytes", buf_str(&labels),
			       container->root.bytes + container->logs.bytes, time_ms);
	}
}

/* --- the network --- */

static const struct {
	const char *name, *help;
	size_t at;
} network[] = {
	{ "container_network_receive_bytes_total", "Cumulative count of bytes received",
	  offsetof(struct interface_use, received_bytes) },
	{ "container_network_receive_errors_total",
	  "Cumulative count of errors encountered while receiving",
	  offsetof(struct interface_use, received_errors) },
	{ "container_network_receive_packets_dropped_total",
	  "Cumulative count of packets dropped while receiving",
	  offsetof(struct interface_use, received_dropped) },
	{ "container_network_receive_packets_total", "Cumulative count of packets received",
	  offsetof(struct interface_use, received_packets) },
	{ "container_network_transmit_bytes_total", "Cumulative count of bytes transmitted",
	  offsetof(struct interface_use, sent_bytes) },
	{ "container_network_transmit_errors_total",
	  "Cumulative count of errors encountered while transmitting",
	  offsetof(struct interface_use, sent_errors) },
	{ "container_network_transmit_packets_dropped_total",
	  "Cumulative count of packets dropped while transmitting",
	  offsetof(struct interface_use, sent_dropped) },
	{ "container_network_transmit_packets_total", "Cumulative count of packets transmitted",
	  offsetof(struct interface_use, sent_packets) },
};

#define INTERFACES_MAX 256

static void add_interfaces(size_t row, const struct group *group,
			   const struct interface_use *interfaces, size_t count, int64_t time_ms,
			   struct buf *out)
{
	for (size_t i = 0; i < count; i++) {
		const char *at = (const char *)&interfaces[i] + network[row].at;
		auto_buf labels = BUF_INIT;

		buf_add_text(&labels, group->labels);
		exposition_label(&labels, "interface", str_of(interfaces[i].name));
		exposition_int(out, network[row].name, buf_str(&labels),
			       (int64_t) * (const uint64_t *)(const void *)at, time_ms);
	}
}

static void add_network(const struct groups *groups, struct arena *arena, struct buf *out)
{
	struct interface_use *own = arena_zero(arena, INTERFACES_MAX * sizeof(*own));
	size_t own_count = node_use_interfaces(0, own, INTERFACES_MAX);

	for (size_t row = 0; row < ARRAY_LENGTH(network); row++) {
		exposition_head(out, network[row].name, "counter", network[row].help);
		add_interfaces(row, &groups->items[0], own, own_count, groups->time_ms, out);
		for (size_t i = 0; i < groups->count; i++) {
			const struct stats_pod *pod = groups->items[i].pod;

			if (pod)
				add_interfaces(row, &groups->items[i], pod->interfaces,
					       pod->interface_count, groups->time_ms, out);
		}
	}
}

/* --- the machine --- */

static void add_machine(const struct metrics_plan *plan, struct buf *out)
{
	const struct machine *machine = plan->machine;
	struct memory_use memory;
	auto_buf labels = BUF_INIT;

	node_use_memory(&memory);
	exposition_label(&labels, "boot_id", str_of(machine->boot_id));
	exposition_label(&labels, "machine_id", str_of(machine->machine_id));
	exposition_label(&labels, "system_uuid", str_of(machine->system_uuid));
	exposition_head(out, "machine_cpu_cores", "gauge", "Number of logical CPU cores.");
	exposition_int(out, "machine_cpu_cores", buf_str(&labels), machine->cpu_milli / 1000, 0);
	exposition_head(out, "machine_memory_bytes", "gauge",
			"Amount of memory installed on the machine.");
	exposition_int(out, "machine_memory_bytes", buf_str(&labels), memory.total, 0);
	exposition_head(out, "machine_swap_bytes", "gauge",
			"Amount of swap memory available on the machine.");
	exposition_int(out, "machine_swap_bytes", buf_str(&labels), memory.swap_total, 0);
	exposition_head(out, "machine_scrape_error", "gauge",
			"1 if there was an error while getting machine metrics, 0 otherwise.");
	exposition_int(out, "machine_scrape_error", STR(""), 0, 0);
}

static void add_version(const struct metrics_plan *plan, struct buf *out)
{
	auto_buf labels = BUF_INIT;

	exposition_label(&labels, "cadvisorRevision", STR(""));
	exposition_label(&labels, "cadvisorVersion", STR(""));
	exposition_label(&labels, "dockerVersion", STR(""));
	exposition_label(&labels, "kernelVersion", str_of(plan->machine->kernel));
	exposition_label(&labels, "osVersion", str_of(plan->machine->os_image));
	exposition_head(out, "cadvisor_version_info", "gauge",
			"A metric with a constant '1' value labeled by kernel version, OS version, "
			"docker version, cadvisor version & cadvisor revision.");
	exposition_int(out, "cadvisor_version_info", buf_str(&labels), 1, 0);
}

void metrics_cadvisor(const struct metrics_plan *plan, struct buf *out)
{
	auto_arena arena = arena_new();
	struct groups groups = { 0 };
	struct stats_look look;

	stats_take(plan->stats, STATS_INTERFACES | STATS_DISKS | STATS_PROCESSES, arena, &look);
	find_groups(&look, arena, &groups);
	add_version(plan, out);
	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++)
		add_row(&rows[i], &groups, out);
	add_times(&groups, out);
	add_processes(&groups, out);
	add_files(plan, &groups, out);
	metrics_add_disks(&groups, arena, out);
	add_network(&groups, arena, out);
	exposition_head(out, "container_scrape_error", "gauge",
			"1 if there was an error while getting container metrics, 0 otherwise");
	exposition_int(out, "container_scrape_error", STR(""), 0, 0);
	add_machine(plan, out);
}
