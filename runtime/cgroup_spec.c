/*
 * cgroup_spec.c - linux.resources: one row a number and file, and what is more than a number by
 * hand.
 *
 * Version 1 wants some pairs of files in one order when limits grow and in the other when they
 * shrink: what is refused at first is tried again after the rest.
 */
#include "runtime/cgroup_spec.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "runtime/cgroup_inside.h"

#define FREEZE_ROUNDS  2000
#define FREEZE_WAIT_US 500

/* --- where --- */

/* "a-b-c.slice" lies in "a.slice/a-b.slice". */
static bool print_slice(struct str slice, struct buf *out, struct error *err)
{
	struct str name = slice;

	if (!str_ends(slice, STR(".slice")) || str_find(slice, '/') >= 0)
		return error_set(err, ERROR_INVALID, "\"" STR_FMT "\" is no slice", STR_ARG(slice));
	name.len -= strlen(".slice");
	if (str_is(name, "-"))
		return true;
	for (size_t i = 1; i <= name.len; i++) {
		if (i < name.len && name.at[i] != '-')
			continue;
		if (name.at[i - 1] == '-')
			return error_set(err, ERROR_INVALID, "\"" STR_FMT "\" is no slice",
					 STR_ARG(slice));
		buf_add_print(out, "/%.*s.slice", (int)i, name.at);
	}
	return true;
}

static bool print_scope(const char *path, const char *id, struct buf *out, struct error *err)
{
	struct str rest = str_of(path ? path : "");
	struct str slice = str_cut(&rest, ':');
	struct str prefix = str_cut(&rest, ':');

	if (path && *path && (rest.len == 0 || str_find(rest, '/') >= 0))
		return error_set(err, ERROR_INVALID,
				 "cgroupsPath \"%s\" must be SLICE:PREFIX:NAME with "
				 "--systemd-cgroup",
				 path);
	if (!print_slice(slice.len > 0 ? slice : STR("system.slice"), out, err))
		return false;
	if (!path || !*path)
		buf_add_print(out, "/mote-%s.scope", id);
	else if (str_ends(rest, STR(".slice")))
		buf_add_print(out, "/" STR_FMT, STR_ARG(rest));
	else
		buf_add_print(out, "/" STR_FMT "%s" STR_FMT ".scope", STR_ARG(prefix),
			      prefix.len > 0 ? "-" : "", STR_ARG(rest));
	return true;
}

bool cgroup_spec_open(const char *path, const char *id, bool systemd, struct cgroup **out,
		      struct error *err)
{
	auto_buf scope = BUF_INIT;

	if (!systemd)
		return cgroup_open_path(path && *path ? path : id, out, err);
	return print_scope(path, id, &scope, err) && cgroup_open_path(buf_text(&scope), out, err);
}

/* --- numbers --- */

enum how {
	HOW_NUMBER, /* as it is                                            */
	HOW_MAX,    /* version 2 says "max" for a number below zero        */
	HOW_TEXT,
	HOW_FLAG,   /* true is "1"                                         */
	HOW_WEIGHT, /* cpu shares                                          */
	HOW_QUOTA,  /* cpu.max has two numbers: the first is changed       */
	HOW_PERIOD, /*                          the second                 */
	HOW_SWAP,   /* version 1 counts memory with swap, version 2 without */
};

static const struct row {
	const char *group, *key;
	enum cgroup_part part;
	const char *v1, *v2; /* NULL: there is no such thing there */
	enum how how;
} rows[] = {
	{ "memory", "limit", CGROUP_MEMORY, "memory.limit_in_bytes", "memory.max", HOW_MAX },
	{ "memory", "swap", CGROUP_MEMORY, "memory.memsw.limit_in_bytes", "memory.swap.max",
	  HOW_SWAP },
	{ "memory", "reservation", CGROUP_MEMORY, "memory.soft_limit_in_bytes", "memory.low",
	  HOW_MAX },
	{ "memory", "kernelTCP", CGROUP_MEMORY, "memory.kmem.tcp.limit_in_bytes", NULL,
	  HOW_NUMBER },
	{ "memory", "swappiness", CGROUP_MEMORY, "memory.swappiness", NULL, HOW_NUMBER },
	{ "memory", "disableOOMKiller", CGROUP_MEMORY, "memory.oom_control", NULL, HOW_FLAG },
	{ "cpu", "shares", CGROUP_CPU, "cpu.shares", "cpu.weight", HOW_WEIGHT },
	{ "cpu", "period", CGROUP_CPU, "cpu.cfs_period_us", "cpu.max", HOW_PERIOD },
	{ "cpu", "quota", CGROUP_CPU, "cpu.cfs_quota_us", "cpu.max", HOW_QUOTA },
	{ "cpu", "burst", CGROUP_CPU, "cpu.cfs_burst_us", "cpu.max.burst", HOW_NUMBER },
	{ "cpu", "realtimePeriod", CGROUP_CPU, "cpu.rt_period_us", NULL, HOW_NUMBER },
	{ "cpu", "realtimeRuntime", CGROUP_CPU, "cpu.rt_runtime_us", NULL, HOW_NUMBER },
	{ "cpu", "idle", CGROUP_CPU, "cpu.idle", "cpu.idle", HOW_NUMBER },
	{ "cpu", "cpus", CGROUP_CPUSET, "cpuset.cpus", "cpuset.cpus", HOW_TEXT },
	{ "cpu", "mems", CGROUP_CPUSET, "cpuset.mems", "cpuset.mems", HOW_TEXT },
	{ "pids", "limit", CGROUP_PIDS, "pids.max", "pids.max", HOW_MAX },
	{ "network", "classID", CGROUP_NET_CLS, "net_cls.classid", NULL, HOW_NUMBER },
};

static void print_number(const struct json *value, struct buf *out)
{
	double wide = json_double(value);

	if (wide >= 9.2e18)
		buf_add_print(out, "%" PRIu64,
			      wide >= 18446744073709551615.0 ? UINT64_MAX : (uint64_t)wide);
	else
		buf_add_print(out, "%" PRId64, json_int(value));
}

/* The two numbers of cpu.max, one of them as asked for. */
static void print_cpu_max(const char *folder, const struct row *row, const struct json *value,
			  struct buf *out)
{
	char text[64] = "max 100000";
	struct str period;
	struct str quota;

	(void)!cgroup_file_read(folder, "cpu.max", text, sizeof(text));
	text[strcspn(text, "\n")] = '\0';
	period = str_of(text);
	quota = str_cut(&period, ' ');
	if (row->how == HOW_PERIOD)
		buf_add_print(out, STR_FMT " %" PRId64, STR_ARG(quota), json_int(value));
	else if (json_int(value) <= 0)
		buf_add_print(out, "max " STR_FMT, STR_ARG(period));
	else
		buf_add_print(out, "%" PRId64 " " STR_FMT, json_int(value), STR_ARG(period));
}

static bool print_swap(const struct json *memory, struct buf *out, struct error *err)
{
	int64_t swap = json_int(json_get(memory, "swap"));
	int64_t limit = json_int(json_get(memory, "limit"));

	if (swap < 0)
		buf_add_text(out, "max");
	else if (limit < 0)
		buf_add_text(out, "0");
	else if (!json_get(memory, "limit") || swap < limit)
		return error_set(err, ERROR_INVALID,
				 "memory.swap counts memory too: it needs a memory.limit that is "
				 "not above it");
	else
		buf_add_print(out, "%" PRId64, swap - limit);
	return true;
}

static bool print_value(const struct row *row, const char *folder, bool unified,
			const struct json *group, struct buf *out, struct error *err)
{
	const struct json *value = json_get(group, row->key);

	switch (row->how) {
	case HOW_TEXT: buf_add_str(out, json_str(value)); return true;
	case HOW_FLAG: buf_add_text(out, json_bool(value) ? "1" : "0"); return true;
	case HOW_SWAP:
		if (unified)
			return print_swap(group, out, err);
		break;
	case HOW_WEIGHT:
		if (unified) {
			buf_add_print(out, "%" PRIu64,
				      cgroup_weight_of_shares((uint64_t)json_int(value)));
			return true;
		}
		break;
	case HOW_QUOTA:
	case HOW_PERIOD:
		if (unified) {
			print_cpu_max(folder, row, value, out);
			return true;
		}
		break;
	case HOW_MAX:
		if ((unified || row->part == CGROUP_PIDS) && json_int(value) < 0) {
			buf_add_text(out, "max");
			return true;
		}
		break;
	case HOW_NUMBER: break;
	}
	print_number(value, out);
	return true;
}

static bool is_asked(const struct row *row, const struct json *value)
{
	switch (json_type(value)) {
	case JSON_NUMBER:
		/* Docker and others write 0 for "as it is". */
		if (row->how == HOW_NUMBER || row->how == HOW_FLAG)
			return strcmp(row->key, "burst") != 0 || json_int(value) >= 0;
		return json_int(value) != 0;
	case JSON_STRING: return json_str(value).len > 0;
	case JSON_BOOL: return json_bool(value);
	case JSON_ABSENT:
	case JSON_NULL:
	case JSON_ARRAY:
	case JSON_OBJECT: break;
	}
	return false;
}

bool cgroup_spec_write(const char *folder, const char *file, const char *text, struct error *err)
{
	if (!folder)
		return error_set(err, ERROR_UNAVAILABLE,
				 "cannot set %s: this machine has no cgroup controller for it",
				 file);
	return cgroup_file_write(folder, file, text) ||
	       error_os(err, "set %s of the cgroup to %s", file, text);
}

/* What the kernel refuses as a wrong value may come right when the other files are written. */
static bool set_row(const struct cgroup *cgroup, const struct row *row,
		    const struct json *resources, struct error *err)
{
	bool unified = cgroup->folders[CGROUP_UNIFIED] != NULL;
	const struct json *group = json_get(resources, row->group);
	const char *folder = cgroup->folders[unified ? CGROUP_UNIFIED : row->part];
	const char *file = unified ? row->v2 : row->v1;
	auto_buf text = BUF_INIT;

	if (!is_asked(row, json_get(group, row->key)))
		return true;
	if (!file)
		return json_int(json_get(group, row->key)) == 0 || row->part == CGROUP_MEMORY ||
		       error_set(err, ERROR_INVALID,
				 "resources.%s.%s: cgroups of version 2 have no such thing",
				 row->group, row->key);
	if (!print_value(row, folder, unified, group, &text, err))
		return false;
	if (cgroup_spec_write(folder, file, buf_text(&text), err))
		return true;
	/* Swap is counted only where the kernel was told to; without swap nothing is lost. */
	return row->how == HOW_SWAP && err->os_code == ENOENT;
}

/* No limit of memory means none of memory with swap, unless that is said: the second is never below
 * the first. */
static bool lift_swap(const struct cgroup *cgroup, const struct json *resources, struct error *err)
{
	const char *unified = cgroup->folders[CGROUP_UNIFIED];
	const struct json *memory = json_get(resources, "memory");

	if (json_int(json_get(memory, "limit")) >= 0 || json_int(json_get(memory, "swap")) != 0)
		return true;
	return cgroup_spec_write(unified ? unified : cgroup->folders[CGROUP_MEMORY],
				 unified ? "memory.swap.max" : "memory.memsw.limit_in_bytes",
				 unified ? "max" : "-1", err) ||
	       err->os_code == ENOENT;
}

static bool set_rows(const struct cgroup *cgroup, const struct json *resources, struct error *err)
{
	bool again[ARRAY_LENGTH(rows)];
	bool fine = true;

	if (!lift_swap(cgroup, resources, err))
		return false;
	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		again[i] = !set_row(cgroup, &rows[i], resources, err);
		if (again[i] && err->os_code != EINVAL && err->os_code != EBUSY)
			return false;
	}
	for (size_t i = ARRAY_LENGTH(rows); i-- > 0 && fine;)
		if (again[i])
			fine = set_row(cgroup, &rows[i], resources, err);
	return fine;
}

/* --- lists --- */

static bool set_huge_pages(const struct cgroup *cgroup, const struct json *list, struct error *err)
{
	const char *unified = cgroup->folders[CGROUP_UNIFIED];

	for (struct json_iter it = json_iter(list); json_next(&it);) {
		struct str size = json_str(json_get(it.value, "pageSize"));
		auto_free char *file = memory_print(unified ? "hugetlb." STR_FMT ".max"
							    : "hugetlb." STR_FMT ".limit_in_bytes",
						    STR_ARG(size));
		auto_buf text = BUF_INIT;

		if (str_find(size, '/') >= 0)
			return error_set(err, ERROR_INVALID, "pageSize \"" STR_FMT "\"",
					 STR_ARG(size));
		print_number(json_get(it.value, "limit"), &text);
		if (!cgroup_spec_write(unified ? unified : cgroup->folders[CGROUP_HUGETLB], file,
				       buf_text(&text), err))
			return false;
	}
	return true;
}

static bool set_rdma(const struct cgroup *cgroup, const struct json *rdma, struct error *err)
{
	const char *unified = cgroup->folders[CGROUP_UNIFIED];

	for (struct json_iter it = json_iter(rdma); json_next(&it);) {
		auto_buf text = BUF_INIT;
		const struct json *handles = json_get(it.value, "hcaHandles");
		const struct json *objects = json_get(it.value, "hcaObjects");

		buf_add_str(&text, it.key);
		if (handles)
			buf_add_print(&text, " hca_handle=%" PRId64, json_int(handles));
		if (objects)
			buf_add_print(&text, " hca_object=%" PRId64, json_int(objects));
		if (!cgroup_spec_write(unified ? unified : cgroup->folders[CGROUP_RDMA], "rdma.max",
				       buf_text(&text), err))
			return false;
	}
	return true;
}

static bool set_priorities(const struct cgroup *cgroup, const struct json *list, struct error *err)
{
	for (struct json_iter it = json_iter(list); json_next(&it);) {
		auto_free char *text = memory_print(STR_FMT " %" PRId64,
						    STR_ARG(json_str(json_get(it.value, "name"))),
						    json_int(json_get(it.value, "priority")));

		if (!cgroup_spec_write(cgroup->folders[CGROUP_NET_PRIO], "net_prio.ifpriomap", text,
				       err))
			return false;
	}
	return true;
}

static bool set_unified(const struct cgroup *cgroup, const struct json *map, struct error *err)
{
	const char *folder = cgroup->folders[CGROUP_UNIFIED];

	if (json_count(map) > 0 && !folder)
		return error_set(
			err, ERROR_INVALID,
			"invalid configuration: resources.unified needs cgroups of version 2");
	for (struct json_iter it = json_iter(map); json_next(&it);) {
		auto_free char *file = str_copy(it.key);
		struct str rest = json_str(it.value);

		if (strchr(file, '/') || !strchr(file, '.'))
			return error_set(err, ERROR_INVALID, "resources.unified: \"%s\" is no file",
					 file);
		while (rest.len > 0) {
			auto_free char *line = str_copy(str_cut(&rest, '\n'));

			if (!cgroup_spec_write(folder, file, line, err))
				return false;
		}
	}
	return true;
}

/* --- block devices --- */

static const struct {
	const char *key, *v1, *v2;
} throttles[] = {
	{ "throttleReadBpsDevice", "blkio.throttle.read_bps_device", "rbps" },
	{ "throttleWriteBpsDevice", "blkio.throttle.write_bps_device", "wbps" },
	{ "throttleReadIOPSDevice", "blkio.throttle.read_iops_device", "riops" },
	{ "throttleWriteIOPSDevice", "blkio.throttle.write_iops_device", "wiops" },
};

static bool set_throttles(const struct cgroup *cgroup, const struct json *io, struct error *err)
{
	const char *unified = cgroup->folders[CGROUP_UNIFIED];

	for (size_t i = 0; i < ARRAY_LENGTH(throttles); i++)
		for (struct json_iter it = json_iter(json_get(io, throttles[i].key));
		     json_next(&it);) {
			auto_buf text = BUF_INIT;
			const struct json *rate = json_get(it.value, "rate");

			buf_add_print(&text, "%" PRId64 ":%" PRId64 " ",
				      json_int(json_get(it.value, "major")),
				      json_int(json_get(it.value, "minor")));
			if (unified)
				buf_add_print(&text, "%s=", throttles[i].v2);
			if (unified && json_int(rate) == 0)
				buf_add_text(&text, "max");
			else
				print_number(rate, &text);
			if (!cgroup_spec_write(unified ? unified : cgroup->folders[CGROUP_BLKIO],
					       unified ? "io.max" : throttles[i].v1,
					       buf_text(&text), err))
				return false;
		}
	return true;
}

/* The files of the scheduler of block devices have one of two names, or are not there at all. */
static bool set_weight(const struct cgroup *cgroup, const char *text, bool of_device,
		       struct error *err)
{
	const char *unified = cgroup->folders[CGROUP_UNIFIED];
	const char *folder = unified ? unified : cgroup->folders[CGROUP_BLKIO];
	const char *first = of_device ? "blkio.weight_device" : "blkio.weight";
	const char *second = of_device ? "blkio.bfq.weight_device" : "blkio.bfq.weight";

	if (unified) {
		first = "io.bfq.weight";
		second = "io.weight";
	}
	return cgroup_spec_write(folder, first, text, err) ||
	       (err->os_code == ENOENT && cgroup_spec_write(folder, second, text, err));
}

static bool set_weights(const struct cgroup *cgroup, const struct json *io, struct error *err)
{
	static const char *const leaves[] = { "leafWeight", "blkio.leaf_weight" };
	int64_t weight = json_int(json_get(io, "weight"));
	int64_t leaf = json_int(json_get(io, leaves[0]));
	char text[80];

	snprintf(text, sizeof(text), "%" PRId64, weight);
	if (weight > 0 && !set_weight(cgroup, text, false, err))
		return false;
	snprintf(text, sizeof(text), "%" PRId64, leaf);
	if (leaf > 0 && !cgroup->folders[CGROUP_UNIFIED] &&
	    !cgroup_spec_write(cgroup->folders[CGROUP_BLKIO], leaves[1], text, err))
		return false;
	for (struct json_iter it = json_iter(json_get(io, "weightDevice")); json_next(&it);) {
		weight = json_int(json_get(it.value, "weight"));
		snprintf(text, sizeof(text), "%" PRId64 ":%" PRId64 " %" PRId64,
			 json_int(json_get(it.value, "major")),
			 json_int(json_get(it.value, "minor")), weight);
		if (weight > 0 && !set_weight(cgroup, text, true, err))
			return false;
	}
	return true;
}

bool cgroup_spec_limit(const struct cgroup *cgroup, const struct json *resources, struct error *err)
{
	const struct json *io = json_get(resources, "blockIO");

	return set_rows(cgroup, resources, err) && set_weights(cgroup, io, err) &&
	       set_throttles(cgroup, io, err) &&
	       set_huge_pages(cgroup, json_get(resources, "hugepageLimits"), err) &&
	       set_rdma(cgroup, json_get(resources, "rdma"), err) &&
	       set_priorities(cgroup, json_path(resources, "network", "priorities", NULL), err) &&
	       set_unified(cgroup, json_get(resources, "unified"), err);
}

/* --- stopping for a while --- */

static bool freezes(const struct cgroup *cgroup)
{
	char text[512];

	if (cgroup->folders[CGROUP_UNIFIED])
		return cgroup_file_read(cgroup->folders[CGROUP_UNIFIED], "cgroup.events", text,
					sizeof(text)) &&
		       strstr(text, "frozen 1");
	return cgroup->folders[CGROUP_FREEZER] &&
	       cgroup_file_read(cgroup->folders[CGROUP_FREEZER], "freezer.state", text,
				sizeof(text)) &&
	       strncmp(text, "FROZEN", 6) == 0;
}

bool cgroup_spec_is_frozen(const struct cgroup *cgroup)
{
	return freezes(cgroup);
}

bool cgroup_spec_freeze(const struct cgroup *cgroup, bool frozen, struct error *err)
{
	const char *unified = cgroup->folders[CGROUP_UNIFIED];
	const char *folder = unified ? unified : cgroup->folders[CGROUP_FREEZER];
	const char *file = unified ? "cgroup.freeze" : "freezer.state";
	const char *v1 = frozen ? "FROZEN" : "THAWED";
	struct error ignored;

	if (!cgroup_spec_write(folder, file, unified ? (frozen ? "1" : "0") : v1, err))
		return false;
	for (int i = 0; i < FREEZE_ROUNDS; i++) {
		if (freezes(cgroup) == frozen)
			return true;
		usleep(FREEZE_WAIT_US);
		/* Version 1 sometimes stays "FREEZING" until it is asked again. */
		if (!unified && frozen && i % 50 == 49)
			(void)!cgroup_spec_write(folder, file, v1, &ignored);
	}
	(void)!cgroup_spec_write(folder, file, unified ? "0" : "THAWED", &ignored);
	return error_set(err, ERROR_TIMEOUT, "the processes do not come to rest");
}
