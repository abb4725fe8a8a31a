/*
 * metrics_text.c - /metrics/resource and /metrics.
 */
#include "agent/metrics_text.h"

#include <dirent.h>
#include <time.h>
#include <unistd.h>

#include "agent/evictor.h"
#include "base/clock.h"
#include "base/exposition.h"
#include "base/file.h"
#include "base/version.h"

/* --- /metrics/resource --- */

enum level { OF_CONTAINER, OF_NODE, OF_POD };
enum what { CPU, MEMORY, START, SWAP };

static const struct {
	const char *name;
	enum level level;
	enum what what;
	const char *help;
} resources[] = {
	{ "container_cpu_usage_seconds_total", OF_CONTAINER, CPU,
	  "[STABLE] Cumulative cpu time consumed by the container in core-seconds" },
	{ "container_memory_working_set_bytes", OF_CONTAINER, MEMORY,
	  "[STABLE] Current working set of the container in bytes" },
	{ "container_start_time_seconds", OF_CONTAINER, START,
	  "[STABLE] Start time of the container since unix epoch in seconds" },
	{ "container_swap_usage_bytes", OF_CONTAINER, SWAP,
	  "[ALPHA] Current amount of the container swap usage in bytes. Reported only on "
	  "non-windows systems" },
	{ "node_cpu_usage_seconds_total", OF_NODE, CPU,
	  "[STABLE] Cumulative cpu time consumed by the node in core-seconds" },
	{ "node_memory_working_set_bytes", OF_NODE, MEMORY,
	  "[STABLE] Current working set of the node in bytes" },
	{ "node_swap_usage_bytes", OF_NODE, SWAP,
	  "[ALPHA] Current swap usage of the node in bytes. Reported only on non-windows systems" },
	{ "pod_cpu_usage_seconds_total", OF_POD, CPU,
	  "[STABLE] Cumulative cpu time consumed by the pod in core-seconds" },
	{ "pod_memory_working_set_bytes", OF_POD, MEMORY,
	  "[STABLE] Current working set of the pod in bytes" },
	{ "pod_swap_usage_bytes", OF_POD, SWAP,
	  "[ALPHA] Current amount of the pod swap usage in bytes. Reported only on non-windows "
	  "systems" },
};

struct values {
	uint64_t cpu_ns, start_ns;
	int64_t memory, swap;
};

static void add_line(struct buf *out, size_t row, struct str labels, const struct values *values,
		     int64_t time_ms)
{
	const char *name = resources[row].name;

	switch (resources[row].what) {
	case CPU: exposition_ns(out, name, labels, values->cpu_ns, time_ms); break;
	case MEMORY: exposition_int(out, name, labels, values->memory, time_ms); break;
	case START: exposition_ns(out, name, labels, values->start_ns, 0); break;
	case SWAP: exposition_int(out, name, labels, values->swap, time_ms); break;
	}
}

static struct values values_of(const struct usage_detail *use)
{
	return (struct values){ .cpu_ns = use->cpu_ns,
				.memory = (int64_t)use->working_set,
				.swap = (int64_t)use->swap };
}

static void add_containers(struct buf *out, size_t row, const struct stats_pod *pod,
			   int64_t time_ms)
{
	for (size_t i = 0; i < pod->container_count; i++) {
		const struct stats_container *one = &pod->containers[i];
		struct values values = values_of(&one->use);
		auto_buf labels = BUF_INIT;

		values.start_ns = (uint64_t)one->state->started_us * 1000;
		exposition_label(&labels, "container", one->name);
		exposition_label(&labels, "namespace", pod_namespace(pod->pod));
		exposition_label(&labels, "pod", pod_name(pod->pod));
		add_line(out, row, buf_str(&labels), &values, time_ms);
	}
}

static void add_pods(struct buf *out, size_t row, const struct stats_look *look, int64_t time_ms)
{
	for (size_t i = 0; i < look->count; i++) {
		const struct stats_pod *pod = &look->pods[i];
		struct values values = values_of(&pod->use);
		auto_buf labels = BUF_INIT;

		if (resources[row].level == OF_CONTAINER) {
			add_containers(out, row, pod, time_ms);
			continue;
		}
		if (!pod->has_use || pod->container_count == 0)
			continue;
		exposition_label(&labels, "namespace", pod_namespace(pod->pod));
		exposition_label(&labels, "pod", pod_name(pod->pod));
		add_line(out, row, buf_str(&labels), &values, time_ms);
	}
}

void metrics_resource(const struct metrics_plan *plan, struct buf *out)
{
	auto_arena arena = arena_new();
	struct stats_look look;
	struct memory_use memory;
	struct values machine;
	int64_t time_ms;

	stats_take(plan->stats, 0, arena, &look);
	node_use_memory(&memory);
	time_ms = look.time_us / 1000;
	machine = (struct values){ .cpu_ns = node_use_cpu_ns(),
				   .memory = memory.working_set,
				   .swap = memory.swap_used };
	for (size_t row = 0; row < ARRAY_LENGTH(resources); row++) {
		exposition_head(out, resources[row].name,
				resources[row].what == CPU ? "counter" : "gauge",
				resources[row].help);
		if (resources[row].level == OF_NODE)
			add_line(out, row, STR(""), &machine, time_ms);
		else
			add_pods(out, row, &look, time_ms);
	}
	exposition_head(out, "resource_scrape_error", "gauge",
			"[STABLE] 1 if there was an error while getting container metrics, 0 "
			"otherwise");
	exposition_int(out, "resource_scrape_error", STR(""), 0, 0);
}

/* --- /metrics --- */

static void one_gauge(struct buf *out, const char *name, const char *help, int64_t value)
{
	exposition_head(out, name, "gauge", help);
	exposition_int(out, name, STR(""), value, 0);
}

static void add_running(const struct metrics_plan *plan, struct buf *out)
{
	static const struct {
		enum container_phase phase;
		const char *label;
	} states[] = { { CONTAINER_CREATED, "created" },
		       { CONTAINER_EXITED, "exited" },
		       { CONTAINER_RUNNING, "running" } };
	int64_t counts[ARRAY_LENGTH(states)] = { 0 }, pods = 0;
	const struct pod *pod;

	for (size_t i = 0; (pod = pods_next(plan->pods, &i));) {
		size_t count = 0;
		const struct container_state *all =
			pod_sandbox(pod) ? sandbox_containers(pod_sandbox(pod), &count) : NULL;

		pods += pod_sandbox(pod) != NULL;
		for (size_t c = 0; c < count; c++)
			for (size_t s = 0; s < ARRAY_LENGTH(states); s++)
				counts[s] += all[c].phase == states[s].phase;
	}
	exposition_head(out, "kubelet_running_containers", "gauge",
			"[ALPHA] Number of containers currently running");
	for (size_t s = 0; s < ARRAY_LENGTH(states); s++) {
		auto_buf labels = BUF_INIT;

		exposition_label(&labels, "container_state", str_of(states[s].label));
		exposition_int(out, "kubelet_running_containers", buf_str(&labels), counts[s], 0);
	}
	one_gauge(out, "kubelet_running_pods",
		  "[ALPHA] Number of pods that have a running pod sandbox", pods);
}

static void add_evictions(const struct metrics_plan *plan, struct buf *out)
{
	const struct evictor *evictor = plan->node->evictor;

	exposition_head(out, "kubelet_evictions", "counter",
			"[ALPHA] Cumulative number of pod evictions by eviction signal");
	for (int i = 0; evictor && i < SIGNALS; i++) {
		uint64_t count = evictor_count(evictor, (enum eviction_signal)i);
		auto_buf labels = BUF_INIT;

		if (count == 0)
			continue;
		exposition_label(&labels, "eviction_signal",
				 str_of(eviction_signal_name((enum eviction_signal)i)));
		exposition_int(out, "kubelet_evictions", buf_str(&labels), (int64_t)count, 0);
	}
}

/* The volumes of claims, as far as they have been counted. */
static void add_volumes(const struct metrics_plan *plan, struct buf *out)
{
	static const struct {
		const char *name, *help;
		size_t at;
	} rows[] = {
		{ "kubelet_volume_stats_available_bytes",
		  "[ALPHA] Number of available bytes in the volume",
		  offsetof(struct file_system_use, available) },
		{ "kubelet_volume_stats_capacity_bytes", "[ALPHA] Capacity in bytes of the volume",
		  offsetof(struct file_system_use, capacity) },
		{ "kubelet_volume_stats_inodes", "[ALPHA] Maximum number of inodes in the volume",
		  offsetof(struct file_system_use, inodes) },
		{ "kubelet_volume_stats_inodes_free", "[ALPHA] Number of free inodes in the volume",
		  offsetof(struct file_system_use, inodes_free) },
		{ "kubelet_volume_stats_used_bytes", "[ALPHA] Number of used bytes in the volume",
		  offsetof(struct file_system_use, used) },
	};
	auto_arena arena = arena_new();
	struct stats_look look;

	stats_take(plan->stats, STATS_VOLUMES, arena, &look);
	for (size_t row = 0; row < ARRAY_LENGTH(rows); row++) {
		bool begun = false;

		for (size_t i = 0; i < look.count; i++)
			for (size_t v = 0; v < look.pods[i].volume_count; v++) {
				const struct stats_volume *volume = &look.pods[i].volumes[v];
				const char *fs = (const char *)&volume->fs;
				auto_buf labels = BUF_INIT;

				if (volume->claim.len == 0 || !volume->known)
					continue;
				if (!begun)
					exposition_head(out, rows[row].name, "gauge",
							rows[row].help);
				begun = true;
				exposition_label(&labels, "namespace",
						 pod_namespace(look.pods[i].pod));
				exposition_label(&labels, "persistentvolumeclaim", volume->claim);
				exposition_int(out, rows[row].name, buf_str(&labels),
					       *(const int64_t *)(const void *)(fs + rows[row].at),
					       0);
			}
	}
}

static int64_t count_descriptors(void)
{
	DIR *open = opendir("/proc/self/fd");
	int64_t count = 0;

	if (!open)
		return 0;
	while (readdir(open))
		count++;
	closedir(open);
	return count - 3; /* ".", "..", and the one that looks */
}

/* What client libraries of Prometheus say about every process. */
static void add_process(struct buf *out)
{
	auto_buf statm = BUF_INIT;
	struct timespec used = { 0 };
	struct error ignored;
	struct str rest;
	int64_t pages = 0;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
	exposition_head(out, "process_cpu_seconds_total", "counter",
			"Total user and system CPU time spent in seconds.");
	exposition_ns(out, "process_cpu_seconds_total", STR(""),
		      (uint64_t)used.tv_sec * 1000000000 + (uint64_t)used.tv_nsec, 0);
	if (file_read("/proc/self/statm", 256, &statm, &ignored)) {
		rest = buf_str(&statm);
		str_cut(&rest, ' ');
		(void)!str_to_i64(str_cut(&rest, ' '), 0, INT64_MAX / 65536, &pages);
	}
	one_gauge(out, "process_resident_memory_bytes", "Resident memory size in bytes.",
		  pages * sysconf(_SC_PAGESIZE));
	one_gauge(out, "process_open_fds", "Number of open file descriptors.", count_descriptors());
}

void metrics_kubelet(const struct metrics_plan *plan, struct buf *out)
{
	auto_buf node = BUF_INIT, build = BUF_INIT;

	exposition_label(&build, "git_version", STR(VERSION_KUBERNETES "+mote"));
	exposition_label(&build, "major", STR("1"));
	exposition_label(&build, "minor", STR("32"));
	exposition_label(&build, "platform", STR("linux"));
	exposition_head(out, "kubernetes_build_info", "gauge",
			"[ALPHA] A metric with a constant '1' value labeled by what it was built "
			"from");
	exposition_int(out, "kubernetes_build_info", buf_str(&build), 1, 0);
	exposition_label(&node, "node", str_of(plan->node->name));
	exposition_head(out, "kubelet_node_name", "gauge",
			"[ALPHA] The node's name. The count is always 1.");
	exposition_int(out, "kubelet_node_name", buf_str(&node), 1, 0);
	add_running(plan, out);
	add_evictions(plan, out);
	add_volumes(plan, out);
	add_process(out);
}
