/*
 * cgroup_spec_devices.c - linux.resources.devices: lines for version 1, a program for version 2.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <linux/bpf.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "runtime/cgroup_inside.h"
#include "runtime/cgroup_spec.h"

static int64_t number_or_any(const struct json *value)
{
	return json_type(value) == JSON_NUMBER ? json_int(value) : -1;
}

static bool read_rule(const struct json *value, struct cgroup_device_rule *out, struct error *err)
{
	struct str type = json_str(json_get(value, "type"));
	struct str access = json_str(json_get(value, "access"));

	*out = (struct cgroup_device_rule){ .allow = json_bool(json_get(value, "allow")),
					    .type = type.len > 0 ? type.at[0] : 'a',
					    .major = number_or_any(json_get(value, "major")),
					    .minor = number_or_any(json_get(value, "minor")) };
	if (out->type == 'u')
		out->type = 'c';
	if (type.len > 1 || !strchr("abc", out->type))
		return error_set(err, ERROR_INVALID,
				 "a device's type is a, b or c, not \"" STR_FMT "\"",
				 STR_ARG(type));
	for (size_t i = 0; i < access.len; i++)
		switch (access.at[i]) {
		case 'r': out->access |= BPF_DEVCG_ACC_READ; break;
		case 'w': out->access |= BPF_DEVCG_ACC_WRITE; break;
		case 'm': out->access |= BPF_DEVCG_ACC_MKNOD; break;
		default: break; /* as other runtimes: configs in use have more */
		}
	if (access.len > 0 && out->access == 0)
		return error_set(err, ERROR_INVALID,
				 "access to devices is of r, w and m, not \"" STR_FMT "\"",
				 STR_ARG(access));
	if (access.len == 0)
		out->access = BPF_DEVCG_ACC_READ | BPF_DEVCG_ACC_WRITE | BPF_DEVCG_ACC_MKNOD;
	return true;
}

static size_t add_usual(struct cgroup_device_rule *at)
{
	static const int64_t usual[][2] = { { 1, 3 }, { 1, 5 }, { 1, 7 }, { 1, 8 },   { 1, 9 },
					    { 5, 0 }, { 5, 1 }, { 5, 2 }, { 136, -1 } };
	const unsigned all = BPF_DEVCG_ACC_READ | BPF_DEVCG_ACC_WRITE | BPF_DEVCG_ACC_MKNOD;
	size_t count = 0;

	at[count++] = (struct cgroup_device_rule){ true, 'c', -1, -1, BPF_DEVCG_ACC_MKNOD };
	at[count++] = (struct cgroup_device_rule){ true, 'b', -1, -1, BPF_DEVCG_ACC_MKNOD };
	for (size_t i = 0; i < ARRAY_LENGTH(usual); i++)
		at[count++] =
			(struct cgroup_device_rule){ true, 'c', usual[i][0], usual[i][1], all };
	return count;
}

static void print_rule(const struct cgroup_device_rule *rule, char *out, size_t size)
{
	char major[24] = "*";
	char minor[24] = "*";

	if (rule->major >= 0)
		snprintf(major, sizeof(major), "%" PRId64, rule->major);
	if (rule->minor >= 0)
		snprintf(minor, sizeof(minor), "%" PRId64, rule->minor);
	snprintf(out, size, "%c %s:%s %s%s%s", rule->type, major, minor,
		 rule->access & BPF_DEVCG_ACC_READ ? "r" : "",
		 rule->access & BPF_DEVCG_ACC_WRITE ? "w" : "",
		 rule->access & BPF_DEVCG_ACC_MKNOD ? "m" : "");
}

/* Version 1: files that take one rule a write; opened once for all of them. */
struct rule_files {
	int deny, allow;
};

static bool open_rules(const char *folder, struct rule_files *out, struct error *err)
{
	auto_fd at = -1;

	if (!folder)
		return error_set(err, ERROR_UNAVAILABLE,
				 "cannot limit devices: this machine has no cgroup controller for "
				 "them");
	at = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
	out->deny = openat(at, "devices.deny", O_WRONLY | O_CLOEXEC);
	out->allow = openat(at, "devices.allow", O_WRONLY | O_CLOEXEC);
	return (out->deny >= 0 && out->allow >= 0) || error_os(err, "open devices of the cgroup");
}

static void close_rules(struct rule_files *files)
{
	if (files->deny >= 0)
		close(take_fd(&files->deny));
	if (files->allow >= 0)
		close(take_fd(&files->allow));
}

static bool write_line(const struct rule_files *files, bool allow, const char *line,
		       struct error *err)
{
	size_t len = strlen(line);

	return write(allow ? files->allow : files->deny, line, len) == (ssize_t)len ||
	       error_os(err, "set %s of the cgroup to %s", allow ? "devices.allow" : "devices.deny",
			line);
}

/* "a" alone stands for everything; with numbers it is two rules. */
static bool write_rule(const struct rule_files *files, struct cgroup_device_rule rule,
		       struct error *err)
{
	char line[96];

	if (rule.type == 'a' && rule.major < 0 && rule.minor < 0)
		return write_line(files, rule.allow, "a", err);
	if (rule.type == 'a') {
		rule.type = 'b';
		if (!write_rule(files, rule, err))
			return false;
		rule.type = 'c';
	}
	print_rule(&rule, line, sizeof(line));
	return write_line(files, rule.allow, line, err);
}

/* Without any rule nothing is forbidden in version 1; the start is to be the same as in version 2.
 */
static bool write_rules(const char *folder, const struct cgroup_device_rule *list, size_t count,
			struct error *err)
{
	struct rule_files files = { -1, -1 };
	bool fine = open_rules(folder, &files, err) && write_line(&files, false, "a", err);

	for (size_t i = 0; fine && i < count; i++)
		fine = write_rule(&files, list[i], err);
	close_rules(&files);
	return fine;
}

bool cgroup_spec_devices(const struct cgroup *cgroup, const struct json *rules, struct error *err)
{
	struct cgroup_device_rule list[CGROUP_DEVICE_RULES_MAX];
	const char *unified = cgroup->folders[CGROUP_UNIFIED];
	size_t count = 0;

	if (json_count(rules) > CGROUP_DEVICE_RULES_MAX - 16)
		return error_set(err, ERROR_TOO_LARGE, "more than %d rules for devices",
				 CGROUP_DEVICE_RULES_MAX - 16);
	for (struct json_iter it = json_iter(rules); json_next(&it);)
		if (!read_rule(it.value, &list[count++], err))
			return false;
	count += add_usual(list + count);
	if (unified)
		return cgroup_devices_attach_rules(unified, list, count) ||
		       error_os(err, "limit devices");
	return write_rules(cgroup->folders[CGROUP_DEVICES], list, count, err);
}
