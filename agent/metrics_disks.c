/*
 * metrics_disks.c - cAdvisor's metrics of what was read from disks and written to them.
 *
 * Pods and containers: what the kernel counts of their cgroups, which is bytes and requests (cgroup
 * version 1 of kernels from 6.10 on counts nothing unless a limit is set: then there are no lines).
 * The machine: its whole disks, of which the kernel counts more.
 */
#include "agent/metrics_inside.h"
#include "base/exposition.h"
#include "base/limits.h"

#define SECTOR_BYTES 512
#define MS_NS        1000000

/* One disk of one group. */
struct line {
	const char *labels; /* of the group, and device */
	const struct usage_disk *disk;
};

struct lines {
	struct line *items;
	size_t count;
	int64_t time_ms;
};

/* --- which disks there are --- */

static const char *labels_of(const struct group *group, struct str device, struct arena *arena)
{
	auto_buf labels = BUF_INIT;

	buf_add_text(&labels, group->labels);
	exposition_label(&labels, "device", device);
	return arena_string(arena, labels.at, labels.len);
}

static void find_of_machine(const struct group *group, const struct machine_disk *disks,
			    size_t count, struct arena *arena, struct lines *out)
{
	struct usage_disk *uses = arena_zero(arena, (count + 1) * sizeof(*uses));

	for (size_t i = 0; i < count; i++) {
		const char *device = arena_print(arena, "/dev/%s", disks[i].name);

		uses[i] = (struct usage_disk){ .major = disks[i].major,
					       .minor = disks[i].minor,
					       .told = 1u << DISK_READ | 1u << DISK_WRITE,
					       .reads = disks[i].reads,
					       .writes = disks[i].writes };
		uses[i].bytes[DISK_READ] = disks[i].sectors_read * SECTOR_BYTES;
		uses[i].bytes[DISK_WRITE] = disks[i].sectors_written * SECTOR_BYTES;
		out->items[out->count++] =
			(struct line){ .labels = labels_of(group, str_of(device), arena),
				       .disk = &uses[i] };
	}
}

static struct stats_disks disks_of(const struct group *group)
{
	if (group->container)
		return group->container->disks;
	return group->pod ? group->pod->disks : (struct stats_disks){ 0 };
}

static void find_of_group(const struct group *group, struct arena *arena, struct lines *out)
{
	struct stats_disks disks = disks_of(group);

	for (size_t i = 0; i < disks.count; i++) {
		auto_buf device = BUF_INIT;

		node_use_disk_name(disks.items[i].major, disks.items[i].minor, &device);
		out->items[out->count++] =
			(struct line){ .labels = labels_of(group, buf_str(&device), arena),
				       .disk = &disks.items[i] };
	}
}

/* --- metrics of all groups --- */

static const struct {
	const char *name, *help;
	size_t at;
} of_groups[] = {
	{ "container_fs_reads_bytes_total", "Cumulative count of bytes read",
	  offsetof(struct usage_disk, bytes[DISK_READ]) },
	{ "container_fs_reads_total", "Cumulative count of reads completed",
	  offsetof(struct usage_disk, reads) },
	{ "container_fs_writes_bytes_total", "Cumulative count of bytes written",
	  offsetof(struct usage_disk, bytes[DISK_WRITE]) },
	{ "container_fs_writes_total", "Cumulative count of writes completed",
	  offsetof(struct usage_disk, writes) },
};

static void add_of_groups(const struct lines *lines, struct buf *out)
{
	for (size_t row = 0; row < ARRAY_LENGTH(of_groups) && lines->count > 0; row++) {
		exposition_head(out, of_groups[row].name, "counter", of_groups[row].help);
		for (size_t i = 0; i < lines->count; i++) {
			const char *at = (const char *)lines->items[i].disk + of_groups[row].at;

			exposition_int(out, of_groups[row].name, str_of(lines->items[i].labels),
				       (int64_t) * (const uint64_t *)(const void *)at,
				       lines->time_ms);
		}
	}
}

#define USAGE "container_blkio_device_usage_total"

static void add_operations(const struct line *line, int64_t time_ms, struct buf *out)
{
	for (unsigned i = 0; i < DISK_OPERATIONS; i++) {
		auto_buf labels = BUF_INIT;

		if (!(line->disk->told & 1u << i))
			continue;
		buf_add_text(&labels, line->labels);
		buf_add_print(&labels, ",major=\"%u\",minor=\"%u\",operation=\"%s\"",
			      line->disk->major, line->disk->minor, disk_operation_names[i]);
		exposition_int(out, USAGE, buf_str(&labels), (int64_t)line->disk->bytes[i],
			       time_ms);
	}
}

/* --- metrics of the machine --- */

enum unit { PLAIN, SECONDS };

static const struct {
	const char *name, *type, *help;
	size_t at;
	enum unit unit;
} of_machine[] = {
	{ "container_fs_io_current", "gauge", "Number of I/Os currently in progress",
	  offsetof(struct machine_disk, running), PLAIN },
	{ "container_fs_io_time_seconds_total", "counter",
	  "Cumulative count of seconds spent doing I/Os", offsetof(struct machine_disk, busy_ms),
	  SECONDS },
	{ "container_fs_io_time_weighted_seconds_total", "counter",
	  "Cumulative weighted I/O time in seconds", offsetof(struct machine_disk, weighted_ms),
	  SECONDS },
	{ "container_fs_read_seconds_total", "counter", "Cumulative count of seconds spent reading",
	  offsetof(struct machine_disk, read_ms), SECONDS },
	{ "container_fs_reads_merged_total", "counter", "Cumulative count of reads merged",
	  offsetof(struct machine_disk, reads_merged), PLAIN },
	{ "container_fs_sector_reads_total", "counter",
	  "Cumulative count of sector reads completed", offsetof(struct machine_disk, sectors_read),
	  PLAIN },
	{ "container_fs_sector_writes_total", "counter",
	  "Cumulative count of sector writes completed",
	  offsetof(struct machine_disk, sectors_written), PLAIN },
	{ "container_fs_write_seconds_total", "counter",
	  "Cumulative count of seconds spent writing", offsetof(struct machine_disk, write_ms),
	  SECONDS },
	{ "container_fs_writes_merged_total", "counter", "Cumulative count of writes merged",
	  offsetof(struct machine_disk, writes_merged), PLAIN },
};

/* The machine's disks are the first lines, in their order. */
static void add_of_machine(const struct machine_disk *disks, size_t count,
			   const struct lines *lines, struct buf *out)
{
	for (size_t row = 0; row < ARRAY_LENGTH(of_machine) && count > 0; row++) {
		exposition_head(out, of_machine[row].name, of_machine[row].type,
				of_machine[row].help);
		for (size_t i = 0; i < count; i++) {
			const char *at = (const char *)&disks[i] + of_machine[row].at;
			uint64_t value = *(const uint64_t *)(const void *)at;
			struct str labels = str_of(lines->items[i].labels);

			if (of_machine[row].unit == SECONDS)
				exposition_ns(out, of_machine[row].name, labels, value * MS_NS,
					      lines->time_ms);
			else
				exposition_int(out, of_machine[row].name, labels, (int64_t)value,
					       lines->time_ms);
		}
	}
}

void metrics_add_disks(const struct groups *groups, struct arena *arena, struct buf *out)
{
	struct machine_disk *disks = arena_zero(arena, LIMIT_COUNTED_DISKS * sizeof(*disks));
	size_t count = node_use_disks(disks, LIMIT_COUNTED_DISKS), room = count + 1;
	struct lines lines = { .time_ms = groups->time_ms };

	for (size_t i = 0; i < groups->count; i++)
		room += disks_of(&groups->items[i]).count;
	lines.items = arena_zero(arena, room * sizeof(*lines.items));
	find_of_machine(&groups->items[0], disks, count, arena, &lines);
	for (size_t i = 0; i < groups->count; i++)
		find_of_group(&groups->items[i], arena, &lines);
	add_of_groups(&lines, out);
	add_of_machine(disks, count, &lines, out);
	if (lines.count > 0)
		exposition_head(out, USAGE, "counter", "Blkio Device bytes usage");
	for (size_t i = 0; i < lines.count; i++)
		add_operations(&lines.items[i], lines.time_ms, out);
}
