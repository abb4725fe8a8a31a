/*
 * cgroup_stats.c - who is in a container's cgroup and what it has used, in the words of the events
 * that people know from runc.
 */
#include "runtime/cgroup_spec.h"

#include <dirent.h>
#include <inttypes.h>
#include <string.h>

#include "base/file.h"
#include "runtime/cgroup_inside.h"

#define PROCS_BYTES_MAX (4 * 1024 * 1024)
#define DEPTH_MAX       16

static const char *counting_folder(const struct cgroup *cgroup)
{
	static const enum cgroup_part order[] = { CGROUP_UNIFIED, CGROUP_PIDS,    CGROUP_FREEZER,
						  CGROUP_MEMORY,  CGROUP_DEVICES, CGROUP_CPU };

	for (size_t i = 0; i < ARRAY_LENGTH(order); i++)
		if (cgroup->folders[order[i]])
			return cgroup->folders[order[i]];
	return NULL;
}

static bool gather(const char *folder, int depth, struct json_doc *doc, struct json *list,
		   struct error *err)
{
	auto_free char *path = memory_print("%s/cgroup.procs", folder);
	auto_buf text = BUF_INIT;
	DIR *dir = opendir(folder);
	struct dirent *entry;
	struct str rest;
	int64_t pid;
	bool fine = file_read(path, PROCS_BYTES_MAX, &text, err);

	rest = buf_str(&text);
	while (fine && rest.len > 0)
		if (str_to_i64(str_cut(&rest, '\n'), 1, INT32_MAX, &pid))
			json_append(list, json_new_int(doc, pid));
	while (fine && dir && depth < DEPTH_MAX && (entry = readdir(dir))) {
		auto_free char *child = memory_print("%s/%s", folder, entry->d_name);

		if (entry->d_type == DT_DIR && entry->d_name[0] != '.')
			fine = gather(child, depth + 1, doc, list, err);
	}
	if (dir)
		closedir(dir);
	return fine;
}

bool cgroup_spec_processes(const struct cgroup *cgroup, struct json_doc *doc, struct json **out,
			   struct error *err)
{
	const char *folder = counting_folder(cgroup);

	*out = json_new_array(doc);
	return !folder || gather(folder, 0, doc, *out, err);
}

/* --- numbers --- */

static uint64_t number(const char *folder, const char *file)
{
	uint64_t value = 0;

	if (folder)
		(void)!cgroup_file_number(folder, file, &value);
	return value;
}

static uint64_t field(const char *folder, const char *file, const char *name)
{
	uint64_t value = 0;

	if (folder)
		(void)!cgroup_file_field(folder, file, name, &value);
	return value;
}

static void put(struct json_doc *doc, struct json *into, const char *key, uint64_t value)
{
	json_put(doc, into, key, json_new_uint(doc, value));
}

/* "max" is the largest number there is. */
static uint64_t limit(const char *folder, const char *file)
{
	uint64_t value;

	return folder && cgroup_file_number(folder, file, &value) ? value : UINT64_MAX;
}

static struct json *memory_entry(struct json_doc *doc, uint64_t most, uint64_t usage, uint64_t max,
				 uint64_t failures)
{
	struct json *entry = json_new_object(doc);

	put(doc, entry, "limit", most);
	put(doc, entry, "usage", usage);
	put(doc, entry, "max", max);
	put(doc, entry, "failcnt", failures);
	return entry;
}

static struct json *raw_memory(const char *folder, struct json_doc *doc)
{
	struct json *raw = json_new_object(doc);
	char text[8192];
	struct str rest;

	if (!folder || !cgroup_file_read(folder, "memory.stat", text, sizeof(text)))
		return raw;
	rest = str_of(text);
	while (rest.len > 0) {
		struct str value = str_cut(&rest, '\n');
		struct str name = str_cut(&value, ' ');
		uint64_t parsed;

		if (str_to_u64(value, UINT64_MAX, &parsed))
			json_add_str(doc, raw, name, json_new_uint(doc, parsed));
	}
	return raw;
}

static struct json *memory_of(const struct cgroup *cgroup, struct json_doc *doc)
{
	const char *unified = cgroup->folders[CGROUP_UNIFIED];
	const char *v1 = cgroup->folders[CGROUP_MEMORY];
	struct json *memory = json_new_object(doc);

	put(doc, memory, "cache",
	    unified ? field(unified, "memory.stat", "file") : field(v1, "memory.stat", "cache"));
	if (unified)
		json_put(doc, memory, "usage",
			 memory_entry(doc, limit(unified, "memory.max"),
				      number(unified, "memory.current"),
				      number(unified, "memory.peak"),
				      field(unified, "memory.events", "max")));
	else
		json_put(doc, memory, "usage",
			 memory_entry(doc, number(v1, "memory.limit_in_bytes"),
				      number(v1, "memory.usage_in_bytes"),
				      number(v1, "memory.max_usage_in_bytes"),
				      number(v1, "memory.failcnt")));
	if (unified)
		json_put(doc, memory, "swap",
			 memory_entry(doc, limit(unified, "memory.swap.max"),
				      number(unified, "memory.swap.current"), 0, 0));
	else
		json_put(doc, memory, "swap",
			 memory_entry(doc, number(v1, "memory.memsw.limit_in_bytes"),
				      number(v1, "memory.memsw.usage_in_bytes"),
				      number(v1, "memory.memsw.max_usage_in_bytes"),
				      number(v1, "memory.memsw.failcnt")));
	json_put(doc, memory, "raw", raw_memory(unified ? unified : v1, doc));
	return memory;
}

static struct json *cpu_of(const struct cgroup *cgroup, struct json_doc *doc)
{
	const char *unified = cgroup->folders[CGROUP_UNIFIED];
	const char *account = cgroup->folders[CGROUP_CPUACCT];
	const char *v1 = cgroup->folders[CGROUP_CPU];
	const char *either = unified ? unified : v1;
	struct json *cpu = json_new_object(doc);
	struct json *usage = json_new_object(doc);
	struct json *throttling = json_new_object(doc);

	if (unified) {
		put(doc, usage, "total", field(unified, "cpu.stat", "usage_usec") * 1000);
		put(doc, usage, "kernel", field(unified, "cpu.stat", "system_usec") * 1000);
		put(doc, usage, "user", field(unified, "cpu.stat", "user_usec") * 1000);
	} else {
		put(doc, usage, "total", number(account, "cpuacct.usage"));
		put(doc, usage, "kernel", number(account, "cpuacct.usage_sys"));
		put(doc, usage, "user", number(account, "cpuacct.usage_user"));
	}
	put(doc, throttling, "periods", field(either, "cpu.stat", "nr_periods"));
	put(doc, throttling, "throttledPeriods", field(either, "cpu.stat", "nr_throttled"));
	put(doc, throttling, "throttledTime",
	    unified ? field(unified, "cpu.stat", "throttled_usec") * 1000
		    : field(v1, "cpu.stat", "throttled_time"));
	json_put(doc, cpu, "usage", usage);
	json_put(doc, cpu, "throttling", throttling);
	return cpu;
}

struct json *cgroup_spec_stats(const struct cgroup *cgroup, struct json_doc *doc)
{
	const char *unified = cgroup->folders[CGROUP_UNIFIED];
	const char *pids_folder = unified ? unified : cgroup->folders[CGROUP_PIDS];
	struct json *stats = json_new_object(doc);
	struct json *pids = json_new_object(doc);
	uint64_t most = limit(pids_folder, "pids.max");

	put(doc, pids, "current", number(pids_folder, "pids.current"));
	if (most != UINT64_MAX)
		put(doc, pids, "limit", most);
	json_put(doc, stats, "cpu", cpu_of(cgroup, doc));
	json_put(doc, stats, "memory", memory_of(cgroup, doc));
	json_put(doc, stats, "pids", pids);
	json_put(doc, stats, "blkio", json_new_object(doc));
	json_put(doc, stats, "hugetlb", json_new_object(doc));
	json_put(doc, stats, "intel_rdt", json_new_object(doc));
	return stats;
}
