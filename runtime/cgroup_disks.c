/*
 * cgroup_disks.c - which disk did how much for a group: io.stat of version 2, blkio of version 1.
 *
 * Version 1 counts in one of several places: where the disk's scheduler is bfq or (old kernels) cfq
 * the scheduler does, else the throttle.  The first pair of files that names a disk is it, as in
 * runc and so in cAdvisor.  Kernels from 6.10 on count nothing in the throttle until somebody sets
 * a limit there.
 */
#include <string.h>

#include "runtime/cgroup_inside.h"
#include "runtime/cgroup_usage.h"

#define TEXT_MAX 16384

const char *const disk_operation_names[DISK_OPERATIONS] = {
	[DISK_READ] = "Read",   [DISK_WRITE] = "Write",     [DISK_SYNC] = "Sync",
	[DISK_ASYNC] = "Async", [DISK_DISCARD] = "Discard", [DISK_TOTAL] = "Total",
};

struct disks {
	struct usage_disk *items;
	size_t count, room;
};

/* "8:16" */
static bool read_number(struct str text, unsigned *out_major, unsigned *out_minor)
{
	struct str major = str_cut(&text, ':');
	uint64_t first, second;

	if (!str_to_u64(major, UINT32_MAX, &first) || !str_to_u64(text, UINT32_MAX, &second))
		return false;
	*out_major = (unsigned)first;
	*out_minor = (unsigned)second;
	return true;
}

/* NULL: there is no room for one more, or it has no number. */
static struct usage_disk *disk_of(struct disks *disks, struct str number)
{
	unsigned major, minor;

	if (!read_number(number, &major, &minor))
		return NULL;
	for (size_t i = 0; i < disks->count; i++)
		if (disks->items[i].major == major && disks->items[i].minor == minor)
			return &disks->items[i];
	if (disks->count == disks->room)
		return NULL;
	disks->items[disks->count] = (struct usage_disk){ .major = major, .minor = minor };
	return &disks->items[disks->count++];
}

/* A file's whole lines: what a full buffer cut off is no number. */
static bool read_lines(const char *folder, const char *file, char text[TEXT_MAX], struct str *out)
{
	char *end;

	if (!cgroup_file_read(folder, file, text, TEXT_MAX))
		return false;
	end = strrchr(text, '\n');
	*out = str_from(text, end ? (size_t)(end - text) : 0);
	return true;
}

/* --- version 2 --- */

/* "8:0 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=0 dios=0"; some kernels put the numbers of disks that
 * did nothing before it on the line. */
static void see_unified(struct disks *disks, struct str line)
{
	struct str number = { 0 };

	while (line.len > 0) {
		struct str value = str_cut(&line, ' '), name = str_cut(&value, '=');
		struct usage_disk *disk;
		uint64_t count;

		if (value.len == 0) {
			number = name;
			continue;
		}
		if (!str_to_u64(value, UINT64_MAX, &count) || !(disk = disk_of(disks, number)))
			continue;
		disk->told = 1u << DISK_READ | 1u << DISK_WRITE;
		if (str_is(name, "rbytes"))
			disk->bytes[DISK_READ] = count;
		else if (str_is(name, "wbytes"))
			disk->bytes[DISK_WRITE] = count;
		else if (str_is(name, "rios"))
			disk->reads = count;
		else if (str_is(name, "wios"))
			disk->writes = count;
	}
}

/* --- version 1 --- */

/* "8:0 Read 4096"; the last line is "Total 4096". */
static void see_old(struct disks *disks, struct str line, bool is_bytes)
{
	struct str number = str_cut(&line, ' '), name = str_cut(&line, ' ');
	struct usage_disk *disk;
	uint64_t count;

	if (!str_to_u64(line, UINT64_MAX, &count) || !(disk = disk_of(disks, number)))
		return;
	for (unsigned i = 0; is_bytes && i < DISK_OPERATIONS; i++)
		if (str_is(name, disk_operation_names[i])) {
			disk->bytes[i] = count;
			disk->told |= 1u << i;
		}
	if (!is_bytes && str_is(name, disk_operation_names[DISK_READ]))
		disk->reads = count;
	if (!is_bytes && str_is(name, disk_operation_names[DISK_WRITE]))
		disk->writes = count;
}

static void read_old(const char *folder, struct disks *disks)
{
	static const char *const kinds[][2] = {
		{ "blkio.bfq.io_serviced_recursive", "blkio.bfq.io_service_bytes_recursive" },
		{ "blkio.io_serviced_recursive", "blkio.io_service_bytes_recursive" },
		{ "blkio.throttle.io_serviced_recursive",
		  "blkio.throttle.io_service_bytes_recursive" },
		{ "blkio.throttle.io_serviced", "blkio.throttle.io_service_bytes" },
	};
	char text[TEXT_MAX];
	struct str rest;

	for (size_t i = 0; i < ARRAY_LENGTH(kinds) && disks->count == 0; i++)
		for (size_t file = 0; file < 2; file++) {
			if (!read_lines(folder, kinds[i][file], text, &rest))
				break;
			while (rest.len > 0)
				see_old(disks, str_cut(&rest, '\n'), file == 1);
		}
}

size_t cgroup_usage_disks(const struct cgroup *cgroup, struct usage_disk *out, size_t room)
{
	const char *unified = cgroup->folders[CGROUP_UNIFIED];
	struct disks disks = { .items = out, .room = room };
	char text[TEXT_MAX];
	struct str rest;

	if (unified && read_lines(unified, "io.stat", text, &rest))
		while (rest.len > 0)
			see_unified(&disks, str_cut(&rest, '\n'));
	if (!unified && cgroup->folders[CGROUP_BLKIO])
		read_old(cgroup->folders[CGROUP_BLKIO], &disks);
	return disks.count;
}
