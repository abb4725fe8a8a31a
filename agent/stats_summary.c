/*
 * stats_summary.c - one JSON document of the node and its pods.
 */
#include "agent/stats_summary.h"

#include "base/clock.h"
#include "base/json.h"

#define INTERFACES_MAX 256

struct printing {
	const struct metrics_plan *plan;
	struct json_doc *doc;
	struct arena *arena;
	bool short_form;
	char now[CLOCK_TEXT];
	struct file_system_use fs; /* of the node's folder */
};

static void put_text(struct printing *it, struct json *to, const char *key, const char *text)
{
	json_put(it->doc, to, key, json_new_text(it->doc, text));
}

static void put(struct printing *it, struct json *to, const char *key, int64_t value)
{
	json_put(it->doc, to, key, json_new_int(it->doc, value > 0 ? value : 0));
}

static void put_time(struct printing *it, struct json *to, const char *key, int64_t wall_us)
{
	char text[CLOCK_TEXT];

	clock_print(wall_us / 1000000, text);
	if (wall_us > 0)
		put_text(it, to, key, text);
	else
		json_put(it->doc, to, key, json_new_null(it->doc));
}

static struct json *begin(struct printing *it, struct json *to, const char *key)
{
	struct json *part = json_sub_object(it->doc, to, key);

	put_text(it, part, "time", it->now);
	return part;
}

/* --- parts that node, pods and containers have alike --- */

static void put_cpu(struct printing *it, struct json *to, uint64_t cpu_ns, int64_t nano_cores)
{
	struct json *cpu = begin(it, to, "cpu");

	if (nano_cores >= 0)
		put(it, cpu, "usageNanoCores", nano_cores);
	put(it, cpu, "usageCoreNanoSeconds", (int64_t)cpu_ns);
}

static void put_memory(struct printing *it, struct json *to, const struct usage_detail *use)
{
	struct json *memory = begin(it, to, "memory");

	if (use->memory_max > 0)
		put(it, memory, "availableBytes",
		    (int64_t)use->memory_max - (int64_t)use->working_set);
	put(it, memory, "usageBytes", (int64_t)use->memory);
	put(it, memory, "workingSetBytes", (int64_t)use->working_set);
	put(it, memory, "rssBytes", (int64_t)use->rss);
	put(it, memory, "pageFaults", (int64_t)use->faults);
	put(it, memory, "majorPageFaults", (int64_t)use->major_faults);
}

static void put_swap(struct printing *it, struct json *to, int64_t used, int64_t available)
{
	struct json *swap = begin(it, to, "swap");

	put(it, swap, "swapAvailableBytes", available);
	put(it, swap, "swapUsageBytes", used);
}

static void fill_fs(struct printing *it, struct json *part, const struct file_system_use *fs,
		    const struct disk_use_figure *used)
{
	put(it, part, "availableBytes", fs->available);
	put(it, part, "capacityBytes", fs->capacity);
	put(it, part, "usedBytes", used ? used->bytes : fs->used);
	put(it, part, "inodesFree", fs->inodes_free);
	put(it, part, "inodes", fs->inodes);
	put(it, part, "inodesUsed", used ? used->inodes : fs->inodes_used);
}

static void put_fs(struct printing *it, struct json *to, const char *key,
		   const struct disk_use_figure *used)
{
	fill_fs(it, begin(it, to, key), &it->fs, used);
}

static void fill_interface(struct printing *it, struct json *to, const struct interface_use *one)
{
	put_text(it, to, "name", one->name);
	put(it, to, "rxBytes", (int64_t)one->received_bytes);
	put(it, to, "rxErrors", (int64_t)one->received_errors);
	put(it, to, "txBytes", (int64_t)one->sent_bytes);
	put(it, to, "txErrors", (int64_t)one->sent_errors);
}

/* The one that stands for all is eth0 where there is one. */
static void put_network(struct printing *it, struct json *to, const struct interface_use *all,
			size_t count)
{
	struct json *network, *list;
	size_t main = 0;

	if (count == 0 || it->short_form)
		return;
	for (size_t i = 0; i < count; i++)
		if (strcmp(all[i].name, "eth0") == 0)
			main = i;
	network = begin(it, to, "network");
	fill_interface(it, network, &all[main]);
	list = json_sub_array(it->doc, network, "interfaces");
	for (size_t i = 0; i < count; i++) {
		struct json *one = json_new_object(it->doc);

		fill_interface(it, one, &all[i]);
		json_append(list, one);
	}
}

/* --- the node --- */

static void put_node_memory(struct printing *it, struct json *node, const struct memory_use *use)
{
	struct json *memory = begin(it, node, "memory");

	put(it, memory, "availableBytes", use->available);
	put(it, memory, "usageBytes", use->used);
	put(it, memory, "workingSetBytes", use->working_set);
	put(it, memory, "rssBytes", use->rss);
	put(it, memory, "pageFaults", use->faults);
	put(it, memory, "majorPageFaults", use->major_faults);
}

static int64_t image_bytes(struct images *images)
{
	struct image **list = images_list(images);
	int64_t all = 0;

	for (size_t i = 0; list[i]; i++) {
		all += (int64_t)list[i]->size;
		image_free(images, list[i]);
	}
	free(list);
	return all;
}

static void put_node_files(struct printing *it, struct json *node)
{
	struct json *runtime = json_sub_object(it->doc, node, "runtime"), *images;

	put_fs(it, node, "fs", NULL);
	images = begin(it, runtime, "imageFs");
	fill_fs(it, images, &it->fs, NULL);
	put(it, images, "usedBytes", image_bytes(it->plan->node->images));
	put_fs(it, runtime, "containerFs", NULL);
}

/* All pods together, and the agent itself. */
static void put_system(struct printing *it, struct json *node, const struct stats_look *look)
{
	struct usage_detail all = { 0 };
	struct json *list = json_sub_array(it->doc, node, "systemContainers"),
		    *pods = json_new_object(it->doc);
	int64_t rate = 0;

	for (size_t i = 0; i < look->count; i++) {
		const struct usage_detail *use = &look->pods[i].use;

		all.cpu_ns += use->cpu_ns;
		all.memory += use->memory;
		all.working_set += use->working_set;
		all.rss += use->rss;
		all.faults += use->faults;
		all.major_faults += use->major_faults;
		if (look->pods[i].nano_cores > 0)
			rate += look->pods[i].nano_cores;
	}
	all.memory_max = (uint64_t)it->plan->machine->memory;
	put_text(it, pods, "name", "pods");
	put_time(it, pods, "startTime", node_use_boot_s() * 1000000);
	put_cpu(it, pods, all.cpu_ns, rate);
	put_memory(it, pods, &all);
	json_append(list, pods);
}

static void put_node(struct printing *it, struct json *root, const struct stats_look *look)
{
	struct json *node = json_sub_object(it->doc, root, "node"), *limits;
	struct interface_use *interfaces =
		arena_zero(it->arena, INTERFACES_MAX * sizeof(*interfaces));
	uint64_t cpu_ns = node_use_cpu_ns();
	struct process_use processes;
	struct memory_use memory;

	node_use_memory(&memory);
	node_use_processes(&processes);
	put_text(it, node, "nodeName", it->plan->node->name);
	put_system(it, node, look);
	put_time(it, node, "startTime", node_use_boot_s() * 1000000);
	put_cpu(it, node, cpu_ns, stats_node_nano_cores(it->plan->stats, cpu_ns));
	put_node_memory(it, node, &memory);
	if (it->short_form)
		return;
	put_network(it, node, interfaces, node_use_interfaces(0, interfaces, INTERFACES_MAX));
	put_node_files(it, node);
	limits = begin(it, node, "rlimit");
	put(it, limits, "maxpid", processes.max);
	put(it, limits, "curproc", processes.running);
	put_swap(it, node, memory.swap_used, memory.swap_total - memory.swap_used);
}

/* --- pods --- */

static struct json *print_container(struct printing *it, const struct stats_container *container)
{
	struct json *out = json_new_object(it->doc);

	json_put(it->doc, out, "name", json_new_str(it->doc, container->name));
	put_time(it, out, "startTime", container->state->started_us);
	put_cpu(it, out, container->use.cpu_ns, container->nano_cores);
	put_memory(it, out, &container->use);
	if (it->short_form)
		return out;
	if (container->has_root)
		put_fs(it, out, "rootfs", &container->root);
	if (container->has_logs)
		put_fs(it, out, "logs", &container->logs);
	put_swap(it, out, (int64_t)container->use.swap, 0);
	return out;
}

static void put_volumes(struct printing *it, struct json *out, const struct stats_pod *pod)
{
	for (size_t i = 0; i < pod->volume_count; i++) {
		const struct stats_volume *volume = &pod->volumes[i];
		struct json *one, *claim;

		if (!volume->known)
			continue;
		one = json_new_object(it->doc);
		put_text(it, one, "time", it->now);
		fill_fs(it, one, &volume->fs, &volume->figure);
		json_put(it->doc, one, "name", json_new_str(it->doc, volume->name));
		if (volume->claim.len > 0) {
			claim = json_sub_object(it->doc, one, "pvcRef");
			json_put(it->doc, claim, "name", json_new_str(it->doc, volume->claim));
			json_put(it->doc, claim, "namespace",
				 json_new_str(it->doc, pod_namespace(pod->pod)));
		}
		json_append(json_sub_array(it->doc, out, "volume"), one);
	}
}

static struct json *print_pod(struct printing *it, const struct stats_pod *pod)
{
	struct json *out = json_new_object(it->doc), *ref, *list;
	struct disk_use_figure disk = stats_pod_disk(pod);

	ref = json_sub_object(it->doc, out, "podRef");
	json_put(it->doc, ref, "name", json_new_str(it->doc, pod_name(pod->pod)));
	json_put(it->doc, ref, "namespace", json_new_str(it->doc, pod_namespace(pod->pod)));
	json_put(it->doc, ref, "uid", json_new_str(it->doc, pod_uid(pod->pod)));
	put_time(it, out, "startTime", pod->started_us);
	list = json_sub_array(it->doc, out, "containers");
	for (size_t i = 0; i < pod->container_count; i++)
		json_append(list, print_container(it, &pod->containers[i]));
	put_cpu(it, out, pod->use.cpu_ns, pod->nano_cores);
	put_memory(it, out, &pod->use);
	if (it->short_form)
		return out;
	put_network(it, out, pod->interfaces, pod->interface_count);
	put_volumes(it, out, pod);
	put_fs(it, out, "ephemeral-storage", &disk);
	put(it, json_sub_object(it->doc, out, "process_stats"), "process_count",
	    (int64_t)pod->use.pids);
	put_swap(it, out, (int64_t)pod->use.swap, 0);
	return out;
}

void stats_summary_print(const struct metrics_plan *plan, bool short_form, struct buf *out)
{
	auto_arena arena = arena_new();
	auto_json_doc doc = json_doc_new();
	struct printing it = { .plan = plan, .doc = doc, .arena = arena, .short_form = short_form };
	struct json *root = json_new_object(doc), *pods;
	struct stats_look look;

	stats_take(plan->stats, short_form ? 0 : STATS_VOLUMES | STATS_INTERFACES, arena, &look);
	clock_print(look.time_us / 1000000, it.now);
	(void)node_use_file_system(plan->node->folder, &it.fs);
	put_node(&it, root, &look);
	pods = json_sub_array(doc, root, "pods");
	for (size_t i = 0; i < look.count; i++)
		if (look.pods[i].container_count > 0)
			json_append(pods, print_pod(&it, &look.pods[i]));
	json_print(root, out);
}
