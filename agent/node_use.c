/*
 * node_use.c - /proc and statvfs.
 */
#include "agent/node_use.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/file.h"

#define FILE_BYTES_MAX (256u * 1024)
#define KIB            1024

static const char *pretended; /* by tests */

void node_use_pretend(const char *root)
{
	pretended = root;
}

static bool read_text(const char *path, struct buf *out)
{
	auto_free char *full = memory_print("%s%s", pretended ? pretended : "", path);
	struct error ignored;

	return file_read(full, FILE_BYTES_MAX, out, &ignored);
}

/* --- memory --- */

/* "Name:   123 kB" lines, or "name 123" ones. */
static int64_t field(struct str text, const char *name, char mark, int64_t times)
{
	while (text.len > 0) {
		struct str value = str_cut(&text, '\n'), key = str_cut(&value, mark);
		int64_t number;

		value = str_trim(value);
		if (str_is(key, name))
			return str_to_i64(str_cut(&value, ' '), 0, INT64_MAX / times, &number)
				       ? number * times
				       : 0;
	}
	return 0;
}

void node_use_memory(struct memory_use *out)
{
	auto_buf meminfo = BUF_INIT, vmstat = BUF_INIT;
	struct str text;
	int64_t inactive;

	*out = (struct memory_use){ 0 };
	if (!read_text("/proc/meminfo", &meminfo))
		return;
	text = buf_str(&meminfo);
	inactive = field(text, "Inactive(file)", ':', KIB);
	out->total = field(text, "MemTotal", ':', KIB);
	out->used = out->total - field(text, "MemFree", ':', KIB);
	out->working_set = out->used > inactive ? out->used - inactive : 0;
	out->available = out->total - out->working_set;
	out->rss = field(text, "AnonPages", ':', KIB);
	out->swap_total = field(text, "SwapTotal", ':', KIB);
	out->swap_used = out->swap_total - field(text, "SwapFree", ':', KIB);
	if (!read_text("/proc/vmstat", &vmstat))
		return;
	out->faults = field(buf_str(&vmstat), "pgfault", ' ', 1);
	out->major_faults = field(buf_str(&vmstat), "pgmajfault", ' ', 1);
}

/* --- processors and processes --- */

/* "cpu  user nice system idle iowait irq softirq steal ..." in ticks */
uint64_t node_use_cpu_ns(void)
{
	auto_buf stat = BUF_INIT;
	struct str rest, line;
	uint64_t ticks = 0, one, per_s = (uint64_t)sysconf(_SC_CLK_TCK);

	if (!read_text("/proc/stat", &stat) || per_s == 0)
		return 0;
	rest = buf_str(&stat);
	line = str_cut(&rest, '\n');
	str_cut(&line, ' ');
	line = str_trim(line);
	for (int i = 0; i < 8 && line.len > 0; i++)
		if (str_to_u64(str_cut(&line, ' '), UINT64_MAX, &one) && i != 3 && i != 4)
			ticks += one;
	return ticks * (1000000000 / per_s);
}

int64_t node_use_boot_s(void)
{
	auto_buf stat = BUF_INIT;

	return read_text("/proc/stat", &stat) ? field(buf_str(&stat), "btime", ' ', 1) : 0;
}

/* The fourth word of loadavg is "running/all". */
void node_use_processes(struct process_use *out)
{
	auto_buf max = BUF_INIT, threads = BUF_INIT, load = BUF_INIT;
	struct str word = STR_NONE, rest;
	int64_t most;

	*out = (struct process_use){ 0 };
	if (!read_text("/proc/sys/kernel/pid_max", &max) || !read_text("/proc/loadavg", &load))
		return;
	rest = str_trim(buf_str(&max));
	(void)!str_to_i64(str_cut(&rest, '\n'), 0, INT64_MAX, &out->max);
	if (read_text("/proc/sys/kernel/threads-max", &threads)) {
		rest = str_trim(buf_str(&threads));
		if (str_to_i64(str_cut(&rest, '\n'), 1, INT64_MAX, &most) && most < out->max)
			out->max = most;
	}
	rest = buf_str(&load);
	for (int i = 0; i < 4; i++)
		word = str_cut(&rest, ' ');
	str_cut(&word, '/');
	(void)!str_to_i64(word, 0, INT64_MAX, &out->running);
}

/* --- file systems --- */

bool node_use_file_system(const char *folder, struct file_system_use *out)
{
	struct statvfs fs;

	*out = (struct file_system_use){ 0 };
	if (statvfs(folder, &fs) != 0)
		return false;
	out->capacity = (int64_t)fs.f_blocks * (int64_t)fs.f_frsize;
	out->available = (int64_t)fs.f_bavail * (int64_t)fs.f_frsize;
	out->used = ((int64_t)fs.f_blocks - (int64_t)fs.f_bfree) * (int64_t)fs.f_frsize;
	out->inodes = (int64_t)fs.f_files;
	out->inodes_free = (int64_t)fs.f_ffree;
	out->inodes_used = out->inodes - out->inodes_free;
	return true;
}

/* --- interfaces --- */

/* "name: bytes packets errs drop fifo frame compressed multicast  bytes packets errs drop ..." */
static bool read_interface(struct str line, struct interface_use *out)
{
	struct str name = str_trim(str_cut(&line, ':'));
	uint64_t numbers[12] = { 0 };

	if (line.len == 0 || name.len == 0 || name.len >= sizeof(out->name) || str_is(name, "lo"))
		return false;
	line = str_trim(line);
	for (size_t i = 0; i < ARRAY_LENGTH(numbers) && line.len > 0; i++) {
		if (!str_to_u64(str_cut(&line, ' '), UINT64_MAX, &numbers[i]))
			return false;
		line = str_trim(line);
	}
	*out = (struct interface_use){ .received_bytes = numbers[0],
				       .received_packets = numbers[1],
				       .received_errors = numbers[2],
				       .received_dropped = numbers[3],
				       .sent_bytes = numbers[8],
				       .sent_packets = numbers[9],
				       .sent_errors = numbers[10],
				       .sent_dropped = numbers[11] };
	snprintf(out->name, sizeof(out->name), STR_FMT, STR_ARG(name));
	return true;
}

size_t node_use_interfaces(int pid, struct interface_use *out, size_t room)
{
	auto_free char *path =
		pid > 0 ? memory_print("/proc/%d/net/dev", pid) : memory_string("/proc/net/dev");
	auto_buf text = BUF_INIT;
	struct str rest;
	size_t count = 0;

	if (!read_text(path, &text))
		return 0;
	rest = buf_str(&text);
	while (rest.len > 0 && count < room)
		if (read_interface(str_cut(&rest, '\n'), &out[count]))
			count++;
	return count;
}

/* --- disks --- */

/* The kernel writes '!' where a name has a slash: "cciss!c0d0". */
static void swap_letters(char *name, char from, char to)
{
	for (; *name; name++)
		if (*name == from)
			*name = to;
}

/* Parts of disks have no folder there. */
static bool is_whole(const char *name)
{
	auto_free char *path = memory_print("%s/sys/block/%s", pretended ? pretended : "", name);

	swap_letters(path + strlen(path) - strlen(name), '/', '!');
	return access(path, F_OK) == 0;
}

/* "   8       0 sda 1 2 3 4 5 6 7 8 9 10 11 ..." */
static bool read_disk(struct str line, struct machine_disk *out)
{
	uint64_t numbers[13] = { 0 }, sum = 0;
	struct str name = STR_NONE;

	for (size_t i = 0; i < ARRAY_LENGTH(numbers); i++) {
		line = str_trim(line);
		if (i == 2)
			name = str_cut(&line, ' ');
		if (!str_to_u64(str_cut(&line, ' '), UINT64_MAX, &numbers[i]))
			return false;
		sum += i >= 2 ? numbers[i] : 0;
	}
	*out = (struct machine_disk){ .major = (unsigned)numbers[0],
				      .minor = (unsigned)numbers[1],
				      .reads = numbers[2],
				      .reads_merged = numbers[3],
				      .sectors_read = numbers[4],
				      .read_ms = numbers[5],
				      .writes = numbers[6],
				      .writes_merged = numbers[7],
				      .sectors_written = numbers[8],
				      .write_ms = numbers[9],
				      .running = numbers[10],
				      .busy_ms = numbers[11],
				      .weighted_ms = numbers[12] };
	snprintf(out->name, sizeof(out->name), STR_FMT, STR_ARG(name));
	return sum > 0 && name.len > 0 && name.len < sizeof(out->name) && is_whole(out->name);
}

size_t node_use_disks(struct machine_disk *out, size_t room)
{
	auto_buf text = BUF_INIT;
	struct str rest;
	size_t count = 0;

	if (!read_text("/proc/diskstats", &text))
		return 0;
	rest = buf_str(&text);
	while (rest.len > 0 && count < room)
		if (read_disk(str_cut(&rest, '\n'), &out[count]))
			count++;
	return count;
}

void node_use_disk_name(unsigned major, unsigned minor, struct buf *out)
{
	auto_free char *path =
		memory_print("%s/sys/dev/block/%u:%u", pretended ? pretended : "", major, minor);
	char target[PATH_MAX], *name;
	ssize_t len = readlink(path, target, sizeof(target) - 1);

	if (len <= 0)
		return;
	target[len] = '\0';
	name = strrchr(target, '/');
	name = name ? name + 1 : target;
	swap_letters(name, '!', '/');
	buf_add_print(out, "/dev/%s", name);
}
