/*
 * cgroup_processes.c - cgroup.procs, and /proc/PID/fd of each that it names.
 *
 * What a descriptor leads to is read as the kernel's text, never opened or asked: that cannot hang
 * on a file system that does not answer.
 */
#include "runtime/cgroup_processes.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "base/limits.h"
#include "base/memory.h"

#define LIMITS_BYTES_MAX 8192
#define SOCKET           "socket:"

int64_t cgroup_processes_clock(void)
{
	struct timespec used = { 0 };

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
	return (int64_t)used.tv_sec * 1000000000 + used.tv_nsec;
}

static void count_descriptors(const char *proc, uint64_t pid, struct cgroup_processes *out)
{
	char path[PATH_MAX], target[sizeof(SOCKET)];
	struct dirent *entry;
	DIR *open;

	snprintf(path, sizeof(path), "%s/%llu/fd", proc, (unsigned long long)pid);
	open = out->descriptors < LIMIT_COUNTED_DESCRIPTORS ? opendir(path) : NULL;
	while (open && out->descriptors < LIMIT_COUNTED_DESCRIPTORS && (entry = readdir(open))) {
		if (entry->d_name[0] == '.')
			continue;
		out->descriptors++;
		if (readlinkat(dirfd(open), entry->d_name, target, sizeof(target)) >=
			    (ssize_t)strlen(SOCKET) &&
		    memcmp(target, SOCKET, strlen(SOCKET)) == 0)
			out->sockets++;
	}
	if (open)
		closedir(open);
}

/* "Max open files            1024                 524288               files": soft, hard. */
static int64_t files_max(const char *proc, int pid)
{
	auto_free char *path = memory_print("%s/%d/limits", proc, pid);
	auto_buf text = BUF_INIT;
	struct error ignored;
	struct str rest;

	if (pid <= 0 || !file_read(path, LIMITS_BYTES_MAX, &text, &ignored))
		return 0;
	rest = buf_str(&text);
	while (rest.len > 0) {
		const struct str name = STR("Max open files ");
		struct str line = str_cut(&rest, '\n'), soft;
		int64_t most;

		if (!str_starts(line, name))
			continue;
		line = str_trim(str_from(line.at + name.len, line.len - name.len));
		soft = str_cut(&line, ' ');
		if (str_is(soft, "unlimited"))
			return -1;
		return str_to_i64(soft, 0, INT64_MAX, &most) ? most : 0;
	}
	return 0;
}

/* One line of cgroup.procs after the other, so that a long list takes no memory. */
bool cgroup_processes_count(const char *proc, const char *folder, int pid, int64_t until_ns,
			    struct cgroup_processes *out)
{
	auto_free char *path = memory_print("%s/cgroup.procs", folder);
	FILE *list = fopen(path, "re");
	struct cgroup_processes found = { 0 };
	unsigned long long one;
	bool in_time = true;

	if (!list)
		return false;
	while (found.processes < LIMIT_COUNTED_PROCESSES && in_time &&
	       fscanf(list, "%llu", &one) == 1) {
		found.processes++;
		count_descriptors(proc, one, &found);
		in_time = cgroup_processes_clock() < until_ns;
	}
	fclose(list);
	if (!in_time)
		return false;
	found.files_max = files_max(proc, pid);
	*out = found;
	return true;
}
