/*
 * oci_process.c - each limit by the call that works on another process.
 */
#include "runtime/oci_process.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/memory.h"

static const struct {
	const char *name;
	int which;
} limits[] = {
	{ "RLIMIT_AS", RLIMIT_AS },
	{ "RLIMIT_CORE", RLIMIT_CORE },
	{ "RLIMIT_CPU", RLIMIT_CPU },
	{ "RLIMIT_DATA", RLIMIT_DATA },
	{ "RLIMIT_FSIZE", RLIMIT_FSIZE },
	{ "RLIMIT_LOCKS", RLIMIT_LOCKS },
	{ "RLIMIT_MEMLOCK", RLIMIT_MEMLOCK },
	{ "RLIMIT_MSGQUEUE", RLIMIT_MSGQUEUE },
	{ "RLIMIT_NICE", RLIMIT_NICE },
	{ "RLIMIT_NOFILE", RLIMIT_NOFILE },
	{ "RLIMIT_NPROC", RLIMIT_NPROC },
	{ "RLIMIT_RSS", RLIMIT_RSS },
	{ "RLIMIT_RTPRIO", RLIMIT_RTPRIO },
	{ "RLIMIT_RTTIME", RLIMIT_RTTIME },
	{ "RLIMIT_SIGPENDING", RLIMIT_SIGPENDING },
	{ "RLIMIT_STACK", RLIMIT_STACK },
};

/* Beyond int64 is "unlimited", which people write as 2^64-1. */
static rlim_t read_limit(const struct json *value)
{
	return json_is_int(value) && json_int(value) >= 0 ? (rlim_t)json_int(value) : RLIM_INFINITY;
}

static bool set_limits(pid_t pid, const struct json *list, struct error *err)
{
	unsigned seen = 0;

	for (struct json_iter it = json_iter(list); json_next(&it);) {
		struct str type = json_str(json_get(it.value, "type"));
		struct rlimit limit = { .rlim_cur = read_limit(json_get(it.value, "soft")),
					.rlim_max = read_limit(json_get(it.value, "hard")) };
		size_t i = 0;

		while (i < ARRAY_LENGTH(limits) && !str_is(type, limits[i].name))
			i++;
		if (i == ARRAY_LENGTH(limits))
			return error_set(err, ERROR_INVALID, "there is no rlimit \"" STR_FMT "\"",
					 STR_ARG(type));
		if (seen >> i & 1)
			return error_set(err, ERROR_INVALID, "%s is given twice", limits[i].name);
		seen |= 1u << i;
		if (syscall(SYS_prlimit64, pid, limits[i].which, &limit, NULL) != 0)
			return error_os(err, "error setting rlimit type %s", limits[i].name);
	}
	return true;
}

static bool set_oom_score(pid_t pid, const struct json *value, struct error *err)
{
	char path[64];
	char text[16];
	auto_fd fd = -1;
	int len = snprintf(text, sizeof(text), "%d", (int)json_int(value));

	if (json_type(value) != JSON_NUMBER)
		return true;
	snprintf(path, sizeof(path), "/proc/%d/oom_score_adj", (int)pid);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd >= 0 && write(fd, text, (size_t)len) == len)
		return true;
	/* Without root nobody may be made safer than it was. */
	return (geteuid() != 0 && (errno == EACCES || errno == EPERM)) ||
	       error_os(err, "set oomScoreAdj to %s", text);
}

/* --- scheduler --- */

struct scheduling { /* what sched_setattr takes */
	uint32_t size;
	uint32_t policy;
	uint64_t flags;
	int32_t nice;
	uint32_t priority;
	uint64_t runtime, deadline, period;
};

static bool find_word(const char *const *names, struct str name, const char *what, size_t *out,
		      struct error *err)
{
	for (size_t i = 0; names[i]; i++)
		if (str_is(name, names[i])) {
			*out = i;
			return true;
		}
	return error_set(err, ERROR_INVALID, "there is no %s \"" STR_FMT "\"", what, STR_ARG(name));
}

static bool set_scheduler(pid_t pid, const struct json *value, struct error *err)
{
	static const char *const policies[] = { "SCHED_OTHER",    "SCHED_FIFO", "SCHED_RR",
						"SCHED_BATCH",    "SCHED_ISO",  "SCHED_IDLE",
						"SCHED_DEADLINE", NULL };
	static const char *const flags[] = {
		"SCHED_FLAG_RESET_ON_FORK",  "SCHED_FLAG_RECLAIM",
		"SCHED_FLAG_DL_OVERRUN",     "SCHED_FLAG_KEEP_POLICY",
		"SCHED_FLAG_KEEP_PARAMS",    "SCHED_FLAG_UTIL_CLAMP_MIN",
		"SCHED_FLAG_UTIL_CLAMP_MAX", NULL
	};
	struct scheduling wanted = { .size = sizeof(wanted),
				     .nice = (int32_t)json_int(json_get(value, "nice")),
				     .priority = (uint32_t)json_int(json_get(value, "priority")),
				     .runtime = (uint64_t)json_int(json_get(value, "runtime")),
				     .deadline = (uint64_t)json_int(json_get(value, "deadline")),
				     .period = (uint64_t)json_int(json_get(value, "period")) };
	size_t at;

	if (json_type(value) != JSON_OBJECT)
		return true;
	if (!find_word(policies, json_str(json_get(value, "policy")), "scheduler policy", &at, err))
		return false;
	wanted.policy = (uint32_t)at;
	for (struct json_iter it = json_iter(json_get(value, "flags")); json_next(&it);) {
		if (!find_word(flags, json_str(it.value), "scheduler flag", &at, err))
			return false;
		wanted.flags |= UINT64_C(1) << at;
	}
	return syscall(SYS_sched_setattr, pid, &wanted, 0) == 0 ||
	       error_os(err, "set scheduler " STR_FMT,
			STR_ARG(json_str(json_get(value, "policy"))));
}

static bool set_io_priority(pid_t pid, const struct json *value, struct error *err)
{
	static const char *const classes[] = { "", "IOPRIO_CLASS_RT", "IOPRIO_CLASS_BE",
					       "IOPRIO_CLASS_IDLE", NULL };
	int64_t priority = json_int(json_get(value, "priority"));
	size_t class;

	if (json_type(value) != JSON_OBJECT)
		return true;
	if (!find_word(classes, json_str(json_get(value, "class")), "ioPriority class", &class,
		       err))
		return false;
	if (priority < 0 || priority > 7)
		return error_set(err, ERROR_INVALID, "ioPriority must be from 0 to 7");
	return syscall(SYS_ioprio_set, 1, pid, (int)(class << 13) | (int)priority) == 0 ||
	       error_os(err, "set ioPriority");
}

/* --- processors --- */

static bool parse_cpus(struct str list, cpu_set_t *out, struct error *err)
{
	struct str rest = list;

	CPU_ZERO(out);
	while (rest.len > 0) {
		struct str last = str_trim(str_cut(&rest, ','));
		struct str first = str_cut(&last, '-');
		uint64_t begin;
		uint64_t end;

		if (!str_to_u64(first, CPU_SETSIZE - 1, &begin) ||
		    !str_to_u64(last.len > 0 ? last : first, CPU_SETSIZE - 1, &end) || begin > end)
			return error_set(err, ERROR_INVALID, "\"" STR_FMT "\" is no list of CPUs",
					 STR_ARG(list));
		for (; begin <= end; begin++)
			CPU_SET(begin, out);
	}
	return true;
}

static bool set_affinity(pid_t pid, const struct json *value, struct error *err)
{
	struct str list = json_str(json_get(value, "final"));
	cpu_set_t set;

	if (list.len == 0)
		list = json_str(json_get(value, "initial"));
	if (list.len == 0)
		return true;
	return parse_cpus(list, &set, err) &&
	       (sched_setaffinity(pid, sizeof(set), &set) == 0 ||
		error_os(err, "bind to CPUs " STR_FMT, STR_ARG(list)));
}

bool oci_process_limit(pid_t pid, const struct json *process, bool further, struct error *err)
{
	return set_limits(pid, json_get(process, "rlimits"), err) &&
	       set_oom_score(pid, json_get(process, "oomScoreAdj"), err) &&
	       set_scheduler(pid, json_get(process, "scheduler"), err) &&
	       set_io_priority(pid, json_get(process, "ioPriority"), err) &&
	       (!further || set_affinity(pid, json_get(process, "execCPUAffinity"), err));
}
