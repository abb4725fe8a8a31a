/*
 * stats.c - walks the pods, their containers and volumes.
 */
#include "agent/stats.h"

#include <stdio.h>
#include <string.h>

#include "agent/pod_files.h"
#include "base/clock.h"
#include "base/limits.h"
#include "base/map.h"

#define RATE_MIN_US 500000ll    /* a shorter span says nothing */
#define RATE_MAX_US 300000000ll /* a longer one nothing about now */

/* The processor time of something at the look before, and the rate that came of it. */
struct rate {
	uint64_t cpu_ns;
	int64_t time_us, nano_cores;
	unsigned look;
};

struct stats {
	struct node *node;
	struct pods *pods;
	struct disk_use *disk;
	struct process_counts *processes;
	struct map *rates; /* "uid" or "uid/container.attempt" -> struct rate */
	struct rate machine;
	unsigned look;
};

/* --- rates --- */

static int64_t rate_step(struct rate *rate, uint64_t cpu_ns, int64_t now_us)
{
	int64_t span = now_us - rate->time_us;

	if (rate->time_us > 0 && span < RATE_MIN_US)
		return rate->nano_cores;
	rate->nano_cores = rate->time_us > 0 && span <= RATE_MAX_US && cpu_ns >= rate->cpu_ns
				   ? (int64_t)((cpu_ns - rate->cpu_ns) / (uint64_t)span * 1000000 +
					       (cpu_ns - rate->cpu_ns) % (uint64_t)span * 1000000 /
						       (uint64_t)span)
				   : -1;
	rate->cpu_ns = cpu_ns;
	rate->time_us = now_us;
	return rate->nano_cores;
}

static int64_t rate_of(struct stats *stats, const char *key, uint64_t cpu_ns)
{
	struct rate *rate = map_find(stats->rates, str_of(key));

	if (!rate) {
		rate = memory_new(struct rate);
		rate->nano_cores = -1;
		map_put(stats->rates, str_of(key), rate);
	}
	rate->look = stats->look;
	return rate_step(rate, cpu_ns, clock_now_us());
}

int64_t stats_node_nano_cores(struct stats *stats, uint64_t cpu_ns)
{
	if (stats->machine.time_us == 0)
		stats->machine.nano_cores = -1;
	return rate_step(&stats->machine, cpu_ns, clock_now_us());
}

static void drop_unseen(struct stats *stats)
{
	struct str key;
	void *value;

	for (size_t i = 0; map_next(stats->rates, &i, &key, &value);)
		if (((struct rate *)value)->look != stats->look) {
			map_remove(stats->rates, key);
			free(value);
		}
}

/* --- folders on the disk --- */

static const char *writable_folder(const struct pod *pod, const char *id, struct arena *arena)
{
	char path[4096];

	sandbox_writable_folder(pod_sandbox(pod), id, path, sizeof(path));
	return arena_print(arena, "%s", path);
}

static const char *log_folder(const struct pod *pod, struct str container, struct arena *arena)
{
	auto_buf path = BUF_INIT;
	auto_free char *name = str_copy(container);

	pod_files_log_folder(pod, name, &path);
	return arena_print(arena, "%s", buf_text(&path));
}

/* On the node's own disk, and nobody else's to count. */
static bool is_local(const struct json *volume)
{
	const struct json *empty = json_get(volume, "emptyDir");

	return (empty && !str_is(json_str(json_get(empty, "medium")), "Memory")) ||
	       json_get(volume, "configMap") || json_get(volume, "downwardAPI");
}

static bool is_counted(const struct json *volume)
{
	return json_get(volume, "emptyDir") || json_get(volume, "configMap") ||
	       json_get(volume, "secret") || json_get(volume, "projected") ||
	       json_get(volume, "downwardAPI") || json_get(volume, "persistentVolumeClaim");
}

static const char *volume_folder(const struct pod *pod, struct str name, struct arena *arena)
{
	struct downward_facts facts;
	struct volumes_work work = pod_volumes_work(pod, &facts);
	auto_free char *path = volumes_path(&work, name);

	return path ? arena_print(arena, "%s", path) : NULL;
}

/* The folders to count, for disk_use. */
static void list_folders(void *of, struct disk_use *use)
{
	struct stats *stats = of;
	auto_arena arena = arena_new();
	const struct pod *pod;

	for (size_t i = 0; (pod = pods_next(stats->pods, &i));) {
		const struct json *spec = json_get(pod_object(pod), "spec");
		size_t count = 0;
		const struct container_state *states =
			pod_sandbox(pod) ? sandbox_containers(pod_sandbox(pod), &count) : NULL;

		for (size_t c = 0; c < count; c++) {
			struct str name = str_from(states[c].id, strcspn(states[c].id, "."));

			disk_use_add(use, writable_folder(pod, states[c].id, arena));
			disk_use_add(use, log_folder(pod, name, arena));
		}
		for (struct json_iter it = json_iter(json_get(spec, "volumes")); json_next(&it);) {
			const char *path =
				is_counted(it.value)
					? volume_folder(pod, json_str(json_get(it.value, "name")),
							arena)
					: NULL;

			if (path)
				disk_use_add(use, path);
		}
	}
}

/* --- processes --- */

static const char *group_folder(const struct pod *pod, const char *id, struct arena *arena)
{
	auto_buf folder = BUF_INIT;

	sandbox_cgroup_folder(pod_sandbox(pod), id, &folder);
	return arena_print(arena, "%s", buf_text(&folder));
}

/* The groups to look into, for process_counts. */
static void list_groups(void *of, struct process_counts *counts)
{
	struct stats *stats = of;
	auto_arena arena = arena_new();
	const struct pod *pod;

	for (size_t i = 0; (pod = pods_next(stats->pods, &i));) {
		size_t count = 0;
		const struct container_state *states =
			pod_sandbox(pod) ? sandbox_containers(pod_sandbox(pod), &count) : NULL;

		for (size_t c = 0; c < count; c++)
			if (states[c].phase == CONTAINER_RUNNING)
				process_counts_add(counts, group_folder(pod, states[c].id, arena),
						   states[c].pid);
	}
}

/* --- one look --- */

static const char *image_of(const struct pod *pod, struct str name, struct arena *arena)
{
	static const char *const lists[] = { "containers", "initContainers",
					     "ephemeralContainers" };
	const struct json *spec = json_get(pod_object(pod), "spec");

	for (size_t i = 0; i < ARRAY_LENGTH(lists); i++)
		for (struct json_iter it = json_iter(json_get(spec, lists[i])); json_next(&it);)
			if (str_equal(json_str(json_get(it.value, "name")), name))
				return str_copy_arena(json_str(json_get(it.value, "image")), arena);
	return "";
}

static const char *group_name(const struct pod *pod, const char *id, struct arena *arena)
{
	auto_buf name = BUF_INIT;

	sandbox_cgroup_name(pod_sandbox(pod), id, &name);
	return arena_print(arena, "%s", buf_text(&name));
}

static struct stats_disks take_disks(const struct pod *pod, const char *id, struct arena *arena)
{
	struct usage_disk found[LIMIT_COUNTED_DISKS];
	struct stats_disks disks = { 0 };

	disks.count = sandbox_usage_disks(pod_sandbox(pod), id, found, ARRAY_LENGTH(found));
	disks.items = arena_zero(arena, (disks.count + 1) * sizeof(found[0]));
	memcpy(disks.items, found, disks.count * sizeof(found[0]));
	return disks;
}

static bool take_container(struct stats *stats, unsigned parts, const struct pod *pod,
			   const struct container_state *state, struct stats_container *out,
			   struct arena *arena)
{
	const char *key;
	struct error ignored;

	if (state->phase != CONTAINER_RUNNING ||
	    !sandbox_usage_detail(pod_sandbox(pod), state->id, &out->use, &ignored))
		return false;
	key = arena_print(arena, STR_FMT "/%s", STR_ARG(pod_uid(pod)), state->id);
	out->name = str_of(str_copy_arena(str_from(state->id, strcspn(state->id, ".")), arena));
	out->state = state;
	out->image = image_of(pod, out->name, arena);
	out->cgroup = group_name(pod, state->id, arena);
	out->nano_cores = rate_of(stats, key, out->use.cpu_ns);
	out->has_root =
		disk_use_find(stats->disk, writable_folder(pod, state->id, arena), &out->root);
	out->has_logs = disk_use_find(stats->disk, log_folder(pod, out->name, arena), &out->logs);
	if (parts & STATS_DISKS)
		out->disks = take_disks(pod, state->id, arena);
	if (parts & STATS_PROCESSES)
		out->has_processes = process_counts_find(
			stats->processes, group_folder(pod, state->id, arena), &out->processes);
	return true;
}

static void take_volumes(const struct stats *stats, struct stats_pod *out, struct arena *arena)
{
	const struct json *list = json_path(pod_object(out->pod), "spec", "volumes", NULL);

	out->volumes = arena_zero(arena, (json_count(list) + 1) * sizeof(*out->volumes));
	for (struct json_iter it = json_iter(list); json_next(&it);) {
		struct stats_volume *volume = &out->volumes[out->volume_count];
		struct str medium = json_str(json_path(it.value, "emptyDir", "medium", NULL));

		if (!is_counted(it.value))
			continue;
		volume->name = json_str(json_get(it.value, "name"));
		volume->claim =
			json_str(json_path(it.value, "persistentVolumeClaim", "claimName", NULL));
		volume->is_local = is_local(it.value);
		volume->is_memory = str_is(medium, "Memory") || json_get(it.value, "secret") ||
				    json_get(it.value, "projected");
		volume->path = volume_folder(out->pod, volume->name, arena);
		if (!volume->path)
			continue;
		volume->known = disk_use_find(stats->disk, volume->path, &volume->figure) &&
				node_use_file_system(volume->path, &volume->fs);
		out->volume_count++;
	}
}

static void take_pod(struct stats *stats, unsigned parts, struct arena *arena,
		     struct stats_pod *out)
{
	size_t count = 0;
	struct sandbox *sandbox = pod_sandbox(out->pod);
	const struct container_state *states = sandbox ? sandbox_containers(sandbox, &count) : NULL;
	const char *uid = str_copy_arena(pod_uid(out->pod), arena);
	struct error ignored;
	int pid = 0;

	out->containers = arena_zero(arena, (count + 1) * sizeof(*out->containers));
	out->nano_cores = -1;
	out->cgroup = "";
	for (size_t i = 0; i < count; i++) {
		struct stats_container *one = &out->containers[out->container_count];

		if (!take_container(stats, parts, out->pod, &states[i], one, arena))
			continue;
		out->container_count++;
		pid = one->state->pid;
		if (out->started_us == 0 || one->state->started_us < out->started_us)
			out->started_us = one->state->started_us;
	}
	if (sandbox && sandbox_usage_detail(sandbox, "", &out->use, &ignored)) {
		out->has_use = true;
		out->nano_cores = rate_of(stats, uid, out->use.cpu_ns);
		out->cgroup = group_name(out->pod, "", arena);
		if (parts & STATS_DISKS)
			out->disks = take_disks(out->pod, "", arena);
	}
	if ((parts & STATS_INTERFACES) && pid > 0 && !pod_host_network(out->pod))
		out->interface_count =
			node_use_interfaces(pid, out->interfaces, STATS_INTERFACES_MAX);
	if (parts & STATS_VOLUMES) {
		take_volumes(stats, out, arena);
		out->etc_bytes = pod_etc_bytes(out->pod);
	}
}

void stats_take(struct stats *stats, unsigned parts, struct arena *arena, struct stats_look *out)
{
	const struct pod *pod;
	size_t count = 0;

	for (size_t i = 0; pods_next(stats->pods, &i);)
		count++;
	*out = (struct stats_look){ .time_us = clock_wall_us(),
				    .processes_us = process_counts_time_us(stats->processes) };
	out->pods = arena_zero(arena, (count + 1) * sizeof(*out->pods));
	stats->look++;
	for (size_t i = 0; (pod = pods_next(stats->pods, &i));) {
		struct stats_pod *one = &out->pods[out->count++];

		one->pod = pod;
		take_pod(stats, parts, arena, one);
	}
	drop_unseen(stats);
}

struct disk_use_figure stats_pod_disk(const struct stats_pod *pod)
{
	struct disk_use_figure all = { .bytes = pod->etc_bytes };

	for (size_t i = 0; i < pod->container_count; i++) {
		all.bytes += pod->containers[i].root.bytes + pod->containers[i].logs.bytes;
		all.inodes += pod->containers[i].root.inodes + pod->containers[i].logs.inodes;
	}
	for (size_t i = 0; i < pod->volume_count; i++)
		if (pod->volumes[i].is_local && pod->volumes[i].known) {
			all.bytes += pod->volumes[i].figure.bytes;
			all.inodes += pod->volumes[i].figure.inodes;
		}
	return all;
}

struct disk_use *stats_disk(struct stats *stats)
{
	return stats->disk;
}

struct process_counts *stats_processes(struct stats *stats)
{
	return stats->processes;
}

/* --- life --- */

struct stats *stats_new(struct node *node, struct pods *pods)
{
	struct stats *stats = memory_new(struct stats);

	stats->node = node;
	stats->pods = pods;
	stats->rates = map_new();
	stats->disk = disk_use_new(node->movers);
	disk_use_plan(stats->disk, list_folders, stats);
	stats->processes = process_counts_new(node->loop, list_groups, stats);
	return stats;
}

void stats_free(struct stats *stats)
{
	if (!stats)
		return;
	map_free_all(stats->rates);
	disk_use_free(stats->disk);
	process_counts_free(stats->processes);
	free(stats);
}
