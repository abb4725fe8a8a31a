/*
 * cgroup.c - making, filling, limiting, killing and removing groups of processes, both versions.
 */
#include "runtime/cgroup_inside.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdarg.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/text.h"
#include "runtime/pathfd.h"

#define PROCS_BYTES_MAX (4 * 1024 * 1024)
#define DEPTH_MAX       16

/* --- small files --- */

static bool name_file(const char *folder, const char *file, char out[PATH_MAX])
{
	return snprintf(out, PATH_MAX, "%s/%s", folder, file) < PATH_MAX;
}

bool cgroup_file_write(const char *folder, const char *file, const char *text)
{
	char path[PATH_MAX];
	auto_fd fd = -1;
	ssize_t put;

	if (!name_file(folder, file, path))
		return false;
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	do
		put = write(fd, text, strlen(text));
	while (put < 0 && errno == EINTR);
	return put == (ssize_t)strlen(text);
}

bool cgroup_file_read(const char *folder, const char *file, char *out, size_t size)
{
	char path[PATH_MAX];
	auto_fd fd = -1;
	size_t len = 0;
	ssize_t got;

	if (!name_file(folder, file, path))
		return false;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	while (len + 1 < size) {
		got = read(fd, out + len, size - 1 - len);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			break;
		len += (size_t)got;
	}
	out[len] = '\0';
	return len > 0;
}

bool cgroup_file_number(const char *folder, const char *file, uint64_t *out)
{
	char text[64];

	if (!cgroup_file_read(folder, file, text, sizeof(text)))
		return false;
	text[strcspn(text, "\n ")] = '\0';
	return str_to_u64(str_of(text), UINT64_MAX, out);
}

bool cgroup_file_field(const char *folder, const char *file, const char *name, uint64_t *out)
{
	char text[8192];
	struct str rest;

	if (!cgroup_file_read(folder, file, text, sizeof(text)))
		return false;
	rest = str_of(text);
	while (rest.len > 0) {
		struct str value = str_cut(&rest, '\n');

		if (str_is(str_cut(&value, ' '), name))
			return str_to_u64(value, UINT64_MAX, out);
	}
	return false;
}

/* --- making --- */

/* One by one: an unknown one spoils the whole write. */
void cgroup_hand_down(const char *folder)
{
	static const char *const wanted[] = { "+memory", "+cpu", "+pids", "+hugetlb", "+io" };

	for (size_t i = 0; i < ARRAY_LENGTH(wanted); i++)
		(void)!cgroup_file_write(folder, "cgroup.subtree_control", wanted[i]);
}

/* A new group of version 1 has no processors and may hold no process before it is given some. */
static void inherit_cpuset(const char *parent, const char *folder, bool is_new)
{
	static const char *const files[] = { "cpuset.cpus", "cpuset.mems" };
	char text[4096];

	for (size_t i = 0; i < ARRAY_LENGTH(files); i++)
		if ((is_new ||
		     (cgroup_file_read(folder, files[i], text, sizeof(text)) && text[0] == '\n')) &&
		    cgroup_file_read(parent, files[i], text, sizeof(text)))
			(void)!cgroup_file_write(folder, files[i], text);
}

/* Each component in turn; version 2 needs each parent to hand its controllers down. */
bool cgroup_make_folders(const char *parent, const char *path, enum cgroup_part part, char **out,
			 struct error *err)
{
	auto_free char *folder = memory_string(parent);
	struct str rest = str_of(path);

	while (rest.len > 0) {
		struct str name = str_cut(&rest, '/');
		char *longer;
		bool is_new;

		if (name.len == 0)
			continue;
		if (part == CGROUP_UNIFIED)
			cgroup_hand_down(folder);
		longer = memory_print("%s/" STR_FMT, folder, STR_ARG(name));
		is_new = mkdir(longer, 0755) == 0;
		if (!is_new && errno != EEXIST) {
			error_os(err, "make cgroup %s", longer);
			free(longer);
			return false;
		}
		/* Version 1 on old kernels counts only the group itself unless told. */
		if (part == CGROUP_MEMORY && is_new)
			(void)!cgroup_file_write(longer, "memory.use_hierarchy", "1");
		if (part == CGROUP_CPUSET)
			inherit_cpuset(folder, longer, is_new);
		free(folder);
		folder = longer;
	}
	*out = take_ptr(&folder);
	return true;
}

bool cgroup_open_child(const struct cgroup *parent, const char *path, struct cgroup **out,
		       struct error *err)
{
	auto_cgroup child = memory_new(struct cgroup);

	if (*path == '\0' || pathfd_has_dotdot(path) || strlen(path) > PATH_MAX / 2)
		return error_set(err, ERROR_INVALID, "\"%s\" is no name of a cgroup", path);
	for (size_t i = 0; i < CGROUP_PARTS; i++)
		if (parent->folders[i] &&
		    !cgroup_make_folders(parent->folders[i], path, (enum cgroup_part)i,
					 &child->folders[i], err))
			return false;
	*out = take_ptr(&child);
	return true;
}

struct cgroup *cgroup_name_child(const struct cgroup *parent, const char *path)
{
	struct cgroup *child = memory_new(struct cgroup);

	for (size_t i = 0; i < CGROUP_PARTS; i++)
		if (parent->folders[i])
			child->folders[i] = memory_print("%s/%s", parent->folders[i], path);
	return child;
}

void cgroup_close(struct cgroup *cgroup)
{
	if (!cgroup)
		return;
	for (size_t i = 0; i < CGROUP_PARTS; i++)
		free(cgroup->folders[i]);
	free(cgroup);
}

static const char *part_key(size_t part)
{
	return part == CGROUP_UNIFIED ? "unified" : cgroup_part_names[part];
}

struct json *cgroup_print(const struct cgroup *cgroup, struct json_doc *doc)
{
	struct json *value = json_new_object(doc);

	for (size_t i = 0; i < CGROUP_PARTS; i++)
		if (cgroup->folders[i])
			json_put(doc, value, part_key(i), json_new_text(doc, cgroup->folders[i]));
	return value;
}

bool cgroup_parse(const struct json *value, struct cgroup **out, struct error *err)
{
	auto_cgroup cgroup = memory_new(struct cgroup);
	size_t count = 0;

	for (size_t i = 0; i < CGROUP_PARTS; i++) {
		struct str folder = json_str(json_get(value, part_key(i)));

		if (!folder.at)
			continue;
		cgroup->folders[i] = str_copy(folder);
		if (folder.at[0] != '/' || strlen(cgroup->folders[i]) != folder.len ||
		    pathfd_has_dotdot(cgroup->folders[i]))
			return error_set(err, ERROR_INVALID, "not a cgroup folder");
		count++;
	}
	if (count == 0)
		return error_set(err, ERROR_INVALID, "no cgroup is named");
	*out = take_ptr(&cgroup);
	return true;
}

/* --- limits --- */

static void set(const char *folder, const char *file, struct buf *warnings, const char *format, ...)
	PRINTF_LIKE(4, 5);
static void set(const char *folder, const char *file, struct buf *warnings, const char *format, ...)
{
	char text[64];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (!folder)
		buf_add_print(warnings, "this machine has no cgroup controller for %s\n", file);
	else if (!cgroup_file_write(folder, file, text))
		buf_add_print(warnings, "cannot set %s to %s: %s\n", file, text, strerror(errno));
}

/* Version 1: 2 to 262144, 1024 usual.  Version 2: 1 to 10000, 100 usual. */
uint64_t cgroup_weight_of_shares(uint64_t shares)
{
	if (shares < 2)
		shares = 2;
	if (shares > 262144)
		shares = 262144;
	return 1 + (shares - 2) * 9999 / 262142;
}

/* "2MB": how the files of the controller are called. */
static void print_page_size(uint64_t bytes, char out[16])
{
	if (bytes >= UINT64_C(1) << 30)
		snprintf(out, 16, "%" PRIu64 "GB", bytes >> 30);
	else if (bytes >= UINT64_C(1) << 20)
		snprintf(out, 16, "%" PRIu64 "MB", bytes >> 20);
	else
		snprintf(out, 16, "%" PRIu64 "KB", bytes >> 10);
}

/* Every size that the machine has: what a plan does not name, it may not use. */
static void limit_hugepages(const char *folder, const char *file, const struct resources_plan *plan,
			    struct buf *warnings)
{
	DIR *dir = plan->hugepages_limited ? opendir("/sys/kernel/mm/hugepages") : NULL;
	struct dirent *entry;
	uint64_t kib;

	while (dir && (entry = readdir(dir))) {
		char size[16], name[64];
		uint64_t bytes = 0;

		if (sscanf(entry->d_name, "hugepages-%" SCNu64 "kB", &kib) != 1)
			continue;
		for (size_t i = 0; i < HUGEPAGE_SIZES_MAX; i++)
			if (plan->hugepages[i].size_bytes == kib << 10)
				bytes = plan->hugepages[i].bytes;
		print_page_size(kib << 10, size);
		snprintf(name, sizeof(name), "hugetlb.%s.%s", size, file);
		/* A machine without the controller cannot count; said where pages are used. */
		if (folder || bytes > 0)
			set(folder, name, warnings, "%" PRIu64, bytes);
		/* What is reserved counts too, where the kernel can say so. */
		snprintf(name, sizeof(name), "hugetlb.%s.rsvd.%s", size, file);
		snprintf(size, sizeof(size), "%" PRIu64, bytes);
		if (folder)
			(void)!cgroup_file_write(folder, name, size);
	}
	if (dir)
		closedir(dir);
}

static void limit_unified(const char *folder, const struct resources_plan *plan,
			  struct buf *warnings)
{
	int64_t period = plan->cpu_period_us > 0 ? plan->cpu_period_us : 100000;

	if (plan->cpu_shares > 0)
		set(folder, "cpu.weight", warnings, "%" PRIu64,
		    cgroup_weight_of_shares(plan->cpu_shares));
	if (plan->cpu_quota_us > 0)
		set(folder, "cpu.max", warnings, "%" PRId64 " %" PRId64, plan->cpu_quota_us,
		    period);
	if (plan->pids > 0)
		set(folder, "pids.max", warnings, "%" PRIu64, plan->pids);
	limit_hugepages(folder, "max", plan, warnings);
	if (plan->memory_bytes == 0)
		return;
	set(folder, "memory.max", warnings, "%" PRIu64, plan->memory_bytes);
	/* Not there without swap, or on kernels without the group kill: nothing is lost then. */
	(void)!cgroup_file_write(folder, "memory.swap.max", "0");
	(void)!cgroup_file_write(folder, "memory.oom.group", plan->oom_alone ? "0" : "1");
}

static void limit_parts(char *const *folders, const struct resources_plan *plan,
			struct buf *warnings)
{
	int64_t period = plan->cpu_period_us > 0 ? plan->cpu_period_us : 100000;
	char text[32];

	if (plan->cpu_shares > 0)
		set(folders[CGROUP_CPU], "cpu.shares", warnings, "%" PRIu64,
		    plan->cpu_shares < 2 ? 2 : plan->cpu_shares);
	if (plan->cpu_quota_us > 0) {
		set(folders[CGROUP_CPU], "cpu.cfs_period_us", warnings, "%" PRId64, period);
		set(folders[CGROUP_CPU], "cpu.cfs_quota_us", warnings, "%" PRId64,
		    plan->cpu_quota_us);
	}
	if (plan->pids > 0)
		set(folders[CGROUP_PIDS], "pids.max", warnings, "%" PRIu64, plan->pids);
	limit_hugepages(folders[CGROUP_HUGETLB], "limit_in_bytes", plan, warnings);
	if (plan->memory_bytes == 0)
		return;
	set(folders[CGROUP_MEMORY], "memory.limit_in_bytes", warnings, "%" PRIu64,
	    plan->memory_bytes);
	/* Memory and swap together; the file is there only where swap is counted. */
	snprintf(text, sizeof(text), "%" PRIu64, plan->memory_bytes);
	if (folders[CGROUP_MEMORY])
		(void)!cgroup_file_write(folders[CGROUP_MEMORY], "memory.memsw.limit_in_bytes",
					 text);
}

void cgroup_limit(const struct cgroup *cgroup, const struct resources_plan *plan,
		  struct buf *warnings)
{
	if (cgroup->folders[CGROUP_UNIFIED])
		limit_unified(cgroup->folders[CGROUP_UNIFIED], plan, warnings);
	else
		limit_parts(cgroup->folders, plan, warnings);
}

void cgroup_limit_devices(const struct cgroup *cgroup, const struct container_device *devices,
			  size_t count, struct buf *warnings)
{
	const char *unified = cgroup->folders[CGROUP_UNIFIED];
	const char *folder = cgroup->folders[CGROUP_DEVICES];

	if (unified) {
		if (!cgroup_devices_attach(unified, devices, count))
			buf_add_print(warnings, "cannot limit devices: %s\n", strerror(errno));
		return;
	}
	set(folder, "devices.deny", warnings, "a");
	for (size_t i = 0; folder && cgroup_devices_lines[i]; i++)
		set(folder, "devices.allow", warnings, "%s", cgroup_devices_lines[i]);
	for (size_t i = 0; folder && i < count; i++)
		set(folder, "devices.allow", warnings, "%c %u:%u rwm", devices[i].block ? 'b' : 'c',
		    devices[i].major, devices[i].minor);
}

/* --- entering --- */

/* "cpu,cpuacct" are often one hierarchy: its folder is entered once. */
static bool is_repeated(const struct cgroup *cgroup, size_t part)
{
	for (size_t i = 0; i < part; i++)
		if (cgroup->folders[i] && strcmp(cgroup->folders[i], cgroup->folders[part]) == 0)
			return true;
	return false;
}

bool cgroup_open_doors(const struct cgroup *cgroup, int *fds, struct error *err)
{
	char path[PATH_MAX];

	for (size_t i = 0; i < CGROUP_PARTS; i++)
		fds[i] = -1;
	for (size_t i = 0; i < CGROUP_PARTS; i++) {
		if (!cgroup->folders[i] || is_repeated(cgroup, i))
			continue;
		/* Version 1: to move one's only thread takes no lock of the whole machine,
		 * which the kernel may wait milliseconds for. */
		if (!name_file(cgroup->folders[i], i == CGROUP_UNIFIED ? "cgroup.procs" : "tasks",
			       path))
			return error_set(err, ERROR_TOO_LARGE, "cgroup path is too long");
		fds[i] = open(path, O_WRONLY | O_CLOEXEC);
		if (fds[i] >= 0)
			continue;
		error_os(err, "open %s", path);
		while (i-- > 0)
			if (fds[i] >= 0)
				close(take_fd(&fds[i]));
		return false;
	}
	return true;
}

bool cgroup_enter(const int *fds, struct error *err)
{
	for (size_t i = 0; i < CGROUP_PARTS; i++)
		if (fds[i] >= 0 && write(fds[i], "0", 1) != 1)
			return error_os(err, "enter cgroup %s", cgroup_part_names[i]);
	return true;
}

/* --- whole trees --- */

typedef bool cgroup_visit_fn(const char *folder, void *owner);

/* Children first.  Stops at the first false. */
static bool visit(const char *folder, int depth, cgroup_visit_fn *each, void *owner)
{
	DIR *dir = depth < DEPTH_MAX ? opendir(folder) : NULL;
	struct dirent *entry;
	bool fine = true;

	while (fine && dir && (entry = readdir(dir))) {
		auto_free char *child = NULL;

		if (entry->d_type != DT_DIR || strcmp(entry->d_name, ".") == 0 ||
		    strcmp(entry->d_name, "..") == 0)
			continue;
		child = memory_print("%s/%s", folder, entry->d_name);
		fine = visit(child, depth + 1, each, owner);
	}
	if (dir)
		closedir(dir);
	return fine && each(folder, owner);
}

/* The hierarchy that is asked who is in the group. */
static const char *counting_folder(const struct cgroup *cgroup)
{
	static const enum cgroup_part order[] = { CGROUP_UNIFIED, CGROUP_PIDS,    CGROUP_FREEZER,
						  CGROUP_MEMORY,  CGROUP_CPUACCT, CGROUP_CPU,
						  CGROUP_DEVICES };

	for (size_t i = 0; i < ARRAY_LENGTH(order); i++)
		if (cgroup->folders[order[i]])
			return cgroup->folders[order[i]];
	return NULL;
}

static bool has_none(const char *folder, void *owner)
{
	char text[16];

	(void)owner;
	return !cgroup_file_read(folder, "cgroup.procs", text, sizeof(text));
}

bool cgroup_is_empty(const struct cgroup *cgroup)
{
	return visit(counting_folder(cgroup), 0, has_none, NULL);
}

static bool kill_members(const char *folder, void *owner)
{
	auto_buf pids = BUF_INIT;
	auto_free char *procs = memory_print("%s/cgroup.procs", folder);
	struct error err;
	struct str rest;
	int64_t pid;

	(void)owner;
	if (!file_read(procs, PROCS_BYTES_MAX, &pids, &err))
		return true; /* removed meanwhile */
	rest = buf_str(&pids);
	while (rest.len > 0)
		if (str_to_i64(str_cut(&rest, '\n'), 1, INT_MAX, &pid))
			kill((pid_t)pid, SIGKILL);
	return true;
}

/* Version 1: frozen processes cannot fork while the list is read; thawed, they die. */
void cgroup_kill(const struct cgroup *cgroup)
{
	const char *unified = cgroup->folders[CGROUP_UNIFIED];
	const char *freezer = cgroup->folders[CGROUP_FREEZER];
	char state[32];

	if (unified && cgroup_file_write(unified, "cgroup.kill", "1"))
		return;
	if (cgroup_is_empty(cgroup))
		return;
	if (freezer && cgroup_file_write(freezer, "freezer.state", "FROZEN")) {
		for (int i = 0; i < 100; i++) {
			if (cgroup_file_read(freezer, "freezer.state", state, sizeof(state)) &&
			    strncmp(state, "FROZEN", 6) == 0)
				break;
			usleep(200);
		}
	}
	visit(counting_folder(cgroup), 0, kill_members, NULL);
	if (freezer)
		(void)!cgroup_file_write(freezer, "freezer.state", "THAWED");
}

static bool remove_one(const char *folder, void *owner)
{
	(void)owner;
	return rmdir(folder) == 0 || errno == ENOENT;
}

bool cgroup_remove(const struct cgroup *cgroup, struct error *err)
{
	for (size_t i = 0; i < CGROUP_PARTS; i++) {
		const char *folder = cgroup->folders[i];

		if (!folder || visit(folder, 0, remove_one, NULL))
			continue;
		if (errno == EBUSY)
			return error_set(err, ERROR_UNAVAILABLE, "cgroup %s is still in use",
					 folder);
		return error_os(err, "remove cgroup %s", folder);
	}
	return true;
}

/* --- reading --- */

uint64_t cgroup_oom_kills(const struct cgroup *cgroup)
{
	const char *unified = cgroup->folders[CGROUP_UNIFIED];
	const char *memory = cgroup->folders[CGROUP_MEMORY];
	uint64_t count = 0;

	if (unified)
		(void)!cgroup_file_field(unified, "memory.events", "oom_kill", &count);
	else if (memory)
		(void)!cgroup_file_field(memory, "memory.oom_control", "oom_kill", &count);
	return count;
}

static uint64_t less(uint64_t from, uint64_t taken)
{
	return from > taken ? from - taken : 0;
}

static void usage_unified(const char *folder, struct usage *out)
{
	uint64_t cpu_us = 0;
	uint64_t inactive = 0;

	(void)!cgroup_file_field(folder, "cpu.stat", "usage_usec", &cpu_us);
	(void)!cgroup_file_number(folder, "memory.current", &out->memory_bytes);
	(void)!cgroup_file_field(folder, "memory.stat", "inactive_file", &inactive);
	(void)!cgroup_file_number(folder, "pids.current", &out->pids);
	out->cpu_ns = cpu_us * 1000;
	out->memory_working_set = less(out->memory_bytes, inactive);
}

bool cgroup_usage(const struct cgroup *cgroup, struct usage *out, struct error *err)
{
	const char *memory = cgroup->folders[CGROUP_MEMORY];
	uint64_t inactive = 0;

	if (access(counting_folder(cgroup), F_OK) != 0)
		return error_set(err, ERROR_NOT_FOUND, "cgroup %s does not exist",
				 counting_folder(cgroup));
	*out = (struct usage){ 0 };
	if (cgroup->folders[CGROUP_UNIFIED]) {
		usage_unified(cgroup->folders[CGROUP_UNIFIED], out);
		return true;
	}
	if (cgroup->folders[CGROUP_CPUACCT])
		(void)!cgroup_file_number(cgroup->folders[CGROUP_CPUACCT], "cpuacct.usage",
					  &out->cpu_ns);
	if (cgroup->folders[CGROUP_PIDS])
		(void)!cgroup_file_number(cgroup->folders[CGROUP_PIDS], "pids.current", &out->pids);
	if (memory) {
		(void)!cgroup_file_number(memory, "memory.usage_in_bytes", &out->memory_bytes);
		(void)!cgroup_file_field(memory, "memory.stat", "total_inactive_file", &inactive);
		out->memory_working_set = less(out->memory_bytes, inactive);
	}
	return true;
}
