/*
 * cgroup_usage.c - the kernel's flat files, each read once, into one struct: a table a version.
 */
#include "runtime/cgroup_usage.h"

#include <stdio.h>
#include <unistd.h>

#include "base/text.h"
#include "runtime/cgroup_inside.h"
#include "runtime/container_plan.h"
#include "runtime/sandbox_inside.h"

#define TEXT_MAX   16384
#define NO_LIMIT   (UINT64_MAX / 4) /* version 1 says a huge number where there is none */
#define TICKS_NS   10000000ull      /* version 1 counts user and system time in 1/100 s */
#define WEIGHT_LOW 1

/* "name value" lines of one file into fields. */
struct flat_row {
	const char *name;
	size_t at;
	uint64_t times;
};
#define FLAT(text, field, factor)                                                                  \
	{                                                                                          \
		(text), offsetof(struct usage_detail, field), (factor)                             \
	}

static const struct flat_row unified_cpu[] = {
	FLAT("usage_usec", cpu_ns, 1000),
	FLAT("user_usec", cpu_user_ns, 1000),
	FLAT("system_usec", cpu_system_ns, 1000),
	FLAT("nr_periods", periods, 1),
	FLAT("nr_throttled", periods_throttled, 1),
	FLAT("throttled_usec", throttled_ns, 1000),
	{ 0 },
};
/* working_set holds the inactive file pages until the end. */
static const struct flat_row unified_memory[] = {
	FLAT("anon", rss, 1),
	FLAT("file", cache, 1),
	FLAT("file_mapped", mapped, 1),
	FLAT("inactive_file", working_set, 1),
	FLAT("pgfault", faults, 1),
	FLAT("pgmajfault", major_faults, 1),
	{ 0 },
};
static const struct flat_row unified_events[] = {
	FLAT("max", memory_failures, 1),
	FLAT("oom_kill", oom_kills, 1),
	{ 0 },
};
static const struct flat_row old_cpu[] = {
	FLAT("nr_periods", periods, 1),
	FLAT("nr_throttled", periods_throttled, 1),
	FLAT("throttled_time", throttled_ns, 1),
	{ 0 },
};
static const struct flat_row old_cpuacct[] = {
	FLAT("user", cpu_user_ns, TICKS_NS),
	FLAT("system", cpu_system_ns, TICKS_NS),
	{ 0 },
};
static const struct flat_row old_memory[] = {
	FLAT("total_rss", rss, 1),
	FLAT("total_cache", cache, 1),
	FLAT("total_mapped_file", mapped, 1),
	FLAT("total_swap", swap, 1),
	FLAT("total_inactive_file", working_set, 1),
	FLAT("total_pgfault", faults, 1),
	FLAT("total_pgmajfault", major_faults, 1),
	{ 0 },
};
static const struct flat_row old_events[] = { FLAT("oom_kill", oom_kills, 1), { 0 } };

static void read_flat(const char *folder, const char *file, const struct flat_row *rows,
		      struct usage_detail *out)
{
	char text[TEXT_MAX];
	struct str rest;

	if (!folder || !cgroup_file_read(folder, file, text, sizeof(text)))
		return;
	rest = str_of(text);
	while (rest.len > 0) {
		struct str value = str_cut(&rest, '\n'), name = str_cut(&value, ' ');
		uint64_t number;

		for (const struct flat_row *row = rows; row->name; row++)
			if (str_is(name, row->name) && str_to_u64(value, UINT64_MAX, &number))
				*(uint64_t *)(void *)((char *)out + row->at) = number * row->times;
	}
}

/* One number; "max" and what is as good as none leave it 0. */
static void read_number(const char *folder, const char *file, uint64_t *out)
{
	uint64_t number;

	if (folder && cgroup_file_number(folder, file, &number) && number < NO_LIMIT)
		*out = number;
}

/* "quota period" of version 2 */
static void read_quota(const char *folder, struct usage_detail *out)
{
	char text[64];
	struct str rest, quota;

	if (!cgroup_file_read(folder, "cpu.max", text, sizeof(text)))
		return;
	rest = str_trim(str_of(text));
	quota = str_cut(&rest, ' ');
	(void)!str_to_u64(quota, NO_LIMIT, &out->cpu_quota_us);
	(void)!str_to_u64(str_cut(&rest, '\n'), NO_LIMIT, &out->cpu_period_us);
}

/* The weight as the shares that people know (cgroup.c makes the one of the other). */
static void read_weight(const char *folder, struct usage_detail *out)
{
	uint64_t weight = 0;

	read_number(folder, "cpu.weight", &weight);
	if (weight >= WEIGHT_LOW)
		out->cpu_shares = 2 + (weight - 1) * 262142 / 9999;
}

static void read_unified(const char *folder, struct usage_detail *out)
{
	read_flat(folder, "cpu.stat", unified_cpu, out);
	read_flat(folder, "memory.stat", unified_memory, out);
	read_flat(folder, "memory.events", unified_events, out);
	read_number(folder, "memory.current", &out->memory);
	read_number(folder, "memory.peak", &out->memory_peak);
	read_number(folder, "memory.max", &out->memory_max);
	read_number(folder, "memory.swap.current", &out->swap);
	read_number(folder, "memory.swap.max", &out->swap_max);
	read_number(folder, "pids.current", &out->pids);
	read_number(folder, "pids.max", &out->pids_max);
	read_quota(folder, out);
	read_weight(folder, out);
}

static void read_old(const struct cgroup *cgroup, struct usage_detail *out)
{
	const char *memory = cgroup->folders[CGROUP_MEMORY], *cpu = cgroup->folders[CGROUP_CPU];

	read_number(cgroup->folders[CGROUP_CPUACCT], "cpuacct.usage", &out->cpu_ns);
	read_flat(cgroup->folders[CGROUP_CPUACCT], "cpuacct.stat", old_cpuacct, out);
	read_flat(cpu, "cpu.stat", old_cpu, out);
	read_number(cpu, "cpu.shares", &out->cpu_shares);
	read_number(cpu, "cpu.cfs_quota_us", &out->cpu_quota_us);
	read_number(cpu, "cpu.cfs_period_us", &out->cpu_period_us);
	read_flat(memory, "memory.stat", old_memory, out);
	read_flat(memory, "memory.oom_control", old_events, out);
	read_number(memory, "memory.usage_in_bytes", &out->memory);
	read_number(memory, "memory.max_usage_in_bytes", &out->memory_peak);
	read_number(memory, "memory.limit_in_bytes", &out->memory_max);
	read_number(memory, "memory.failcnt", &out->memory_failures);
	read_number(cgroup->folders[CGROUP_PIDS], "pids.current", &out->pids);
	read_number(cgroup->folders[CGROUP_PIDS], "pids.max", &out->pids_max);
}

static bool exists(const struct cgroup *cgroup)
{
	for (size_t i = 0; i < CGROUP_PARTS; i++)
		if (cgroup->folders[i])
			return access(cgroup->folders[i], F_OK) == 0;
	return false;
}

bool cgroup_usage_detail(const struct cgroup *cgroup, struct usage_detail *out, struct error *err)
{
	*out = (struct usage_detail){ 0 };
	if (!exists(cgroup))
		return error_set(err, ERROR_NOT_FOUND, "the cgroup does not exist");
	if (cgroup->folders[CGROUP_UNIFIED])
		read_unified(cgroup->folders[CGROUP_UNIFIED], out);
	else
		read_old(cgroup, out);
	out->working_set = out->memory > out->working_set ? out->memory - out->working_set : 0;
	return true;
}

bool sandbox_usage_detail(const struct sandbox *sandbox, const char *id, struct usage_detail *out,
			  struct error *err)
{
	auto_cgroup child = NULL;

	if (!sandbox->cgroup)
		return error_set(err, ERROR_NOT_FOUND, "the pod's cgroup is not known");
	if (*id == '\0')
		return cgroup_usage_detail(sandbox->cgroup, out, err);
	if (!container_id_validate(id, err))
		return false;
	child = cgroup_name_child(sandbox->cgroup, id);
	return cgroup_usage_detail(child, out, err);
}

size_t sandbox_usage_disks(const struct sandbox *sandbox, const char *id, struct usage_disk *out,
			   size_t room)
{
	auto_cgroup child = NULL;
	struct error ignored;

	if (!sandbox->cgroup)
		return 0;
	if (*id == '\0')
		return cgroup_usage_disks(sandbox->cgroup, out, room);
	if (!container_id_validate(id, &ignored))
		return 0;
	child = cgroup_name_child(sandbox->cgroup, id);
	return cgroup_usage_disks(child, out, room);
}

void sandbox_cgroup_folder(const struct sandbox *sandbox, const char *id, struct buf *out)
{
	static const enum cgroup_part order[] = { CGROUP_UNIFIED, CGROUP_CPU, CGROUP_PIDS,
						  CGROUP_FREEZER, CGROUP_MEMORY };
	const char *folder = NULL;

	for (size_t i = 0; sandbox->cgroup && i < ARRAY_LENGTH(order) && !folder; i++)
		folder = sandbox->cgroup->folders[order[i]];
	if (folder)
		buf_add_print(out, "%s/%s", folder, id);
}

/* "/sys/fs/cgroup/mote/pods/x", and in version 1 a controller's folder before it. */
void sandbox_cgroup_name(const struct sandbox *sandbox, const char *id, struct buf *out)
{
	const char *folder = NULL;
	ptrdiff_t at;

	for (size_t i = 0; sandbox->cgroup && i < CGROUP_PARTS && !folder; i++)
		folder = sandbox->cgroup->folders[i];
	at = folder ? str_search(str_of(folder), STR("/mote/")) : -1;
	if (at < 0)
		return;
	buf_add_text(out, folder + at);
	if (*id)
		buf_add_print(out, "/%s", id);
}
