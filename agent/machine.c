/*
 * machine.c - reads /proc, /etc and the kernel's own words.
 */
#include "agent/machine.h"

#include <ctype.h>
#include <stdio.h>
#include <sys/statvfs.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/file.h"

#define FILE_MAX_BYTES 65536

static void first_line(const char *path, char *out, size_t size)
{
	auto_buf text = BUF_INIT;
	struct error ignored;
	struct str rest, line;

	out[0] = '\0';
	if (!file_read(path, FILE_MAX_BYTES, &text, &ignored))
		return;
	rest = buf_str(&text);
	line = str_trim(str_cut(&rest, '\n'));
	snprintf(out, size, STR_FMT, STR_ARG(line));
}

/* NAME=value or NAME="value" in a file of such lines */
static void setting(const char *path, const char *name, char *out, size_t size)
{
	auto_buf text = BUF_INIT;
	struct error ignored;
	struct str rest;

	if (!file_read(path, FILE_MAX_BYTES, &text, &ignored))
		return;
	rest = buf_str(&text);
	while (rest.len > 0) {
		struct str value = str_cut(&rest, '\n'), key = str_cut(&value, '=');

		if (!str_is(key, name))
			continue;
		if (value.len >= 2 && value.at[0] == '"')
			value = str_from(value.at + 1, value.len - 2);
		snprintf(out, size, STR_FMT, STR_ARG(value));
	}
}

/* "MemTotal:  123 kB" */
static int64_t memory_line(const char *name)
{
	auto_buf text = BUF_INIT;
	struct error ignored;
	struct str rest;

	if (!file_read("/proc/meminfo", FILE_MAX_BYTES, &text, &ignored))
		return 0;
	rest = buf_str(&text);
	while (rest.len > 0) {
		struct str value = str_cut(&rest, '\n'), key = str_cut(&value, ':');
		struct str number = str_trim(value);
		int64_t kib;

		if (str_is(key, name) &&
		    str_to_i64(str_cut(&number, ' '), 0, INT64_MAX / 1024, &kib))
			return kib * 1024;
	}
	return 0;
}

static void architecture(const char *machine, char out[16])
{
	static const char *const names[][2] = { { "x86_64", "amd64" },
						{ "aarch64", "arm64" },
						{ "arm", "arm" } };

	snprintf(out, 16, "%.15s", machine);
	for (size_t i = 0; i < ARRAY_LENGTH(names); i++)
		if (str_starts(str_of(machine), str_of(names[i][0])))
			snprintf(out, 16, "%s", names[i][1]);
}

void machine_look(const char *folder, struct machine *out)
{
	struct utsname name;
	struct statvfs fs;

	*out = (struct machine){ .cpu_milli = sysconf(_SC_NPROCESSORS_ONLN) * 1000,
				 .memory = memory_line("MemTotal") };
	if (statvfs(folder, &fs) == 0)
		out->ephemeral = (int64_t)fs.f_blocks * (int64_t)fs.f_frsize;
	if (uname(&name) == 0) {
		snprintf(out->kernel, sizeof(out->kernel), "%.*s", 127, name.release);
		snprintf(out->hostname, sizeof(out->hostname), "%.*s", 63, name.nodename);
		architecture(name.machine, out->architecture);
	}
	for (char *c = out->hostname; *c; c++)
		*c = (char)tolower((unsigned char)*c);
	snprintf(out->os_image, sizeof(out->os_image), "Linux");
	setting("/etc/os-release", "PRETTY_NAME", out->os_image, sizeof(out->os_image));
	first_line("/etc/machine-id", out->machine_id, sizeof(out->machine_id));
	first_line("/proc/sys/kernel/random/boot_id", out->boot_id, sizeof(out->boot_id));
	first_line("/sys/class/dmi/id/product_uuid", out->system_uuid, sizeof(out->system_uuid));
}
