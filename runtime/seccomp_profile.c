/*
 * seccomp_profile.c - each word of a profile is a row of a table; libseccomp makes the program.
 *
 * Rules for which libseccomp has no need (the same action as the default) are left out; a rule that
 * comes twice is one.
 */
#include "runtime/seccomp_profile.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "base/file.h"
#include "runtime/seccomp.h"

#ifndef SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
#define SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV (1UL << 5)
#endif

#define ARGUMENTS 6 /* of a system call */
#define X32_BIT   0x40000000u

/* In the order of the name lists below: one index is one thing. */
const char *const seccomp_profile_actions[] = {
	"SCMP_ACT_ALLOW",       "SCMP_ACT_ERRNO",
	"SCMP_ACT_KILL",        "SCMP_ACT_KILL_PROCESS",
	"SCMP_ACT_KILL_THREAD", "SCMP_ACT_LOG",
	"SCMP_ACT_NOTIFY",      "SCMP_ACT_TRACE",
	"SCMP_ACT_TRAP",        NULL,
};
static const uint32_t actions[] = {
	SCMP_ACT_ALLOW,        SCMP_ACT_ERRNO(0),    SCMP_ACT_KILL_THREAD,
	SCMP_ACT_KILL_PROCESS, SCMP_ACT_KILL_THREAD, SCMP_ACT_LOG,
	SCMP_ACT_NOTIFY,       SCMP_ACT_TRACE(0),    SCMP_ACT_TRAP,
};
_Static_assert(ARRAY_LENGTH(actions) + 1 == ARRAY_LENGTH(seccomp_profile_actions), "alike");

const char *const seccomp_profile_operators[] = {
	"SCMP_CMP_EQ", "SCMP_CMP_GE", "SCMP_CMP_GT",        "SCMP_CMP_LE",
	"SCMP_CMP_LT", "SCMP_CMP_NE", "SCMP_CMP_MASKED_EQ", NULL,
};
static const enum scmp_compare operators[] = {
	SCMP_CMP_EQ, SCMP_CMP_GE, SCMP_CMP_GT,        SCMP_CMP_LE,
	SCMP_CMP_LT, SCMP_CMP_NE, SCMP_CMP_MASKED_EQ,
};
_Static_assert(ARRAY_LENGTH(operators) + 1 == ARRAY_LENGTH(seccomp_profile_operators), "alike");

const char *const seccomp_profile_architectures[] = {
	"SCMP_ARCH_AARCH64",     "SCMP_ARCH_ARM",    "SCMP_ARCH_LOONGARCH64",
	"SCMP_ARCH_M68K",        "SCMP_ARCH_MIPS",   "SCMP_ARCH_MIPS64",
	"SCMP_ARCH_MIPS64N32",   "SCMP_ARCH_MIPSEL", "SCMP_ARCH_MIPSEL64",
	"SCMP_ARCH_MIPSEL64N32", "SCMP_ARCH_PARISC", "SCMP_ARCH_PARISC64",
	"SCMP_ARCH_PPC",         "SCMP_ARCH_PPC64",  "SCMP_ARCH_PPC64LE",
	"SCMP_ARCH_RISCV64",     "SCMP_ARCH_S390",   "SCMP_ARCH_S390X",
	"SCMP_ARCH_SH",          "SCMP_ARCH_SHEB",   "SCMP_ARCH_X32",
	"SCMP_ARCH_X86",         "SCMP_ARCH_X86_64", NULL,
};

const char *const seccomp_profile_flags[] = {
	"SECCOMP_FILTER_FLAG_TSYNC",
	"SECCOMP_FILTER_FLAG_LOG",
	"SECCOMP_FILTER_FLAG_SPEC_ALLOW",
	"SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV",
	NULL,
};
/* A container's process has one thread when it is given its filter: TSYNC says nothing more. */
static const unsigned flags[] = {
	0,
	SECCOMP_FILTER_FLAG_LOG,
	SECCOMP_FILTER_FLAG_SPEC_ALLOW,
	SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV,
};
_Static_assert(ARRAY_LENGTH(flags) + 1 == ARRAY_LENGTH(seccomp_profile_flags), "alike");

struct making {
	scmp_filter_ctx filter;
	uint32_t fallback;
	bool notifies;
	int youngest; /* the highest number among the calls that it names; 0: it names none */
};

static bool find(const char *const *names, const struct json *value, const char *what,
		 size_t *out_index, struct error *err)
{
	struct str name = json_str(value);

	for (size_t i = 0; names[i]; i++) {
		if (!str_is(name, names[i]))
			continue;
		*out_index = i;
		return true;
	}
	return error_set(err, ERROR_INVALID, "seccomp: \"" STR_FMT "\" is no %s", STR_ARG(name),
			 what);
}

/* `code` may be absent: EPERM then. */
static bool read_action(const struct json *value, const struct json *code, uint32_t *out,
			struct error *err)
{
	size_t index;
	int64_t number = json_type(code) == JSON_NUMBER ? json_int(code) : EPERM;

	if (!find(seccomp_profile_actions, value, "action", &index, err))
		return false;
	if (number < 0 || number > 0xffff)
		return error_set(err, ERROR_INVALID, "seccomp: error number %lld is out of range",
				 (long long)number);
	*out = actions[index];
	if (*out == SCMP_ACT_ERRNO(0) || *out == SCMP_ACT_TRACE(0)) {
		*out |= (uint32_t)number;
		return true;
	}
	return json_type(code) != JSON_NUMBER ||
	       error_set(err, ERROR_INVALID,
			 "seccomp: an error number goes with SCMP_ACT_ERRNO and SCMP_ACT_TRACE "
			 "only");
}

/* Beyond int64 numbers come as doubles: masks such as 2^64-1 are wanted exactly. */
static uint64_t read_number(const struct json *value)
{
	double wide = json_double(value);

	if (json_is_int(value) || wide < 9.2e18)
		return (uint64_t)json_int(value);
	return wide >= 18446744073709551615.0 ? UINT64_MAX : (uint64_t)wide;
}

static bool read_condition(const struct json *value, struct scmp_arg_cmp *out, struct error *err)
{
	int64_t index = json_int(json_get(value, "index"));
	size_t operator;

	if (index < 0 || index >= ARGUMENTS)
		return error_set(err, ERROR_INVALID, "seccomp: calls have no argument %lld",
				 (long long)index);
	if (!find(seccomp_profile_operators, json_get(value, "op"), "operator", &operator, err))
		return false;
	*out = (struct scmp_arg_cmp){ .arg = (unsigned)index,
				      .op = operators[operator],
				      .datum_a = read_number(json_get(value, "value")),
				      .datum_b = read_number(json_get(value, "valueTwo")) };
	return true;
}

struct rule {
	uint32_t action;
	struct scmp_arg_cmp conditions[ARGUMENTS];
	unsigned count;
	bool repeats; /* two conditions on one argument: any of them is enough */
};

static bool read_rule(const struct json *value, struct rule *out, struct error *err)
{
	const struct json *list = json_get(value, "args");
	unsigned seen = 0;

	*out = (struct rule){ 0 };
	if (!read_action(json_get(value, "action"), json_get(value, "errnoRet"), &out->action, err))
		return false;
	if (json_count(list) > ARGUMENTS)
		return error_set(err, ERROR_INVALID, "seccomp: a rule has more than %d conditions",
				 ARGUMENTS);
	for (struct json_iter it = json_iter(list); json_next(&it);) {
		struct scmp_arg_cmp *one = &out->conditions[out->count++];

		if (!read_condition(it.value, one, err))
			return false;
		out->repeats |= (seen >> one->arg & 1) != 0;
		seen |= 1u << one->arg;
	}
	return true;
}

static bool add_one(scmp_filter_ctx filter, int number, const struct rule *rule, unsigned first,
		    unsigned count)
{
	int code = seccomp_rule_add_array(filter, rule->action, number, count,
					  rule->conditions + first);

	/* Said twice; or not a call of this architecture by its number. */
	return code == 0 || code == -EEXIST || code == -EDOM;
}

static bool add_call(scmp_filter_ctx filter, int number, const struct rule *rule)
{
	if (!rule->repeats)
		return add_one(filter, number, rule, 0, rule->count);
	for (unsigned i = 0; i < rule->count; i++)
		if (!add_one(filter, number, rule, i, 1))
			return false;
	return true;
}

static bool add_name(struct making *making, struct str name, const struct rule *rule,
		     struct error *err)
{
	char text[128];
	int number;

	if (name.len == 0 || name.len >= sizeof(text))
		return error_set(err, ERROR_INVALID, "seccomp: a call's name is empty or too long");
	memcpy(text, name.at, name.len);
	text[name.len] = '\0';
	/* The listener's messages are sent by the very process that is under the filter. */
	if (rule->action == SCMP_ACT_NOTIFY && strcmp(text, "write") == 0)
		return error_set(err, ERROR_INVALID,
				 "seccomp: SCMP_ACT_NOTIFY cannot be used for the write syscall");
	if (!making->filter)
		return true;
	number = seccomp_syscall_resolve_name(text);
	if (number > making->youngest)
		making->youngest = number;
	return rule->action == making->fallback || number == __NR_SCMP_ERROR ||
	       add_call(making->filter, number, rule) ||
	       error_set(err, ERROR_INVALID, "seccomp: the rule for %s cannot be made", text);
}

static bool add_rules(struct making *making, const struct json *list, struct error *err)
{
	struct rule rule;

	for (struct json_iter it = json_iter(list); json_next(&it);) {
		const struct json *names = json_get(it.value, "names");

		if (!read_rule(it.value, &rule, err))
			return false;
		if (json_count(names) == 0)
			return error_set(err, ERROR_INVALID, "seccomp: a rule names no call");
		making->notifies |= rule.action == SCMP_ACT_NOTIFY;
		for (struct json_iter name = json_iter(names); json_next(&name);)
			if (!add_name(making, json_str(name.value), &rule, err))
				return false;
	}
	return true;
}

static bool add_architectures(const struct making *making, const struct json *list,
			      struct error *err)
{
	size_t index;

	for (struct json_iter it = json_iter(list); json_next(&it);) {
		char name[32];
		size_t len = 0;
		uint32_t token;
		int code;

		if (!find(seccomp_profile_architectures, it.value, "architecture", &index, err))
			return false;
		for (const char *at = seccomp_profile_architectures[index] + sizeof("SCMP_ARCH");
		     *at; at++)
			name[len++] = (char)(*at >= 'A' && *at <= 'Z' ? *at - 'A' + 'a' : *at);
		name[len] = '\0';
		token = seccomp_arch_resolve_name(name);
		if (!making->filter || token == 0)
			continue; /* this libseccomp is built without it: such calls are refused */
		code = seccomp_arch_add(making->filter, token);
		if (code != 0 && code != -EEXIST)
			return error_set(err, ERROR_INVALID,
					 "seccomp: architecture %s does not go with the others",
					 name);
	}
	return true;
}

static bool read_flags(const struct json *list, unsigned *out, struct error *err)
{
	size_t index;

	*out = 0;
	for (struct json_iter it = json_iter(list); json_next(&it);) {
		if (!find(seccomp_profile_flags, it.value, "flag", &index, err))
			return false;
		*out |= flags[index];
	}
	return true;
}

static bool fill(struct making *making, const struct json *profile, struct seccomp_program *out,
		 struct error *err)
{
	if (!read_flags(json_get(profile, "flags"), &out->flags, err) ||
	    !add_architectures(making, json_get(profile, "architectures"), err) ||
	    !add_rules(making, json_get(profile, "syscalls"), err))
		return false;
	out->notifies = making->notifies;
	if (!making->notifies && (out->flags & SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV))
		return error_set(err, ERROR_INVALID,
				 "seccomp: SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV needs a rule "
				 "with SCMP_ACT_NOTIFY");
	return true;
}

static bool read_fallback(const struct json *profile, uint32_t *out, struct error *err)
{
	if (json_type(profile) != JSON_OBJECT)
		return error_set(err, ERROR_INVALID, "seccomp: a profile is an object");
	if (!read_action(json_get(profile, "defaultAction"), json_get(profile, "defaultErrnoRet"),
			 out, err))
		return error_context(err, "defaultAction");
	return *out != SCMP_ACT_NOTIFY ||
	       error_set(err, ERROR_INVALID, "seccomp: SCMP_ACT_NOTIFY cannot be the default");
}

bool seccomp_profile_look(const struct json *profile, struct seccomp_program *out,
			  struct error *err)
{
	struct making making = { 0 };

	*out = (struct seccomp_program){ .fd = -1 };
	return read_fallback(profile, &making.fallback, err) && fill(&making, profile, out, err);
}

static uint32_t native_machine(void)
{
	switch (seccomp_arch_native()) {
	case SCMP_ARCH_X86_64: return AUDIT_ARCH_X86_64;
	case SCMP_ARCH_AARCH64: return AUDIT_ARCH_AARCH64;
	case SCMP_ARCH_ARM: return AUDIT_ARCH_ARM;
	default: return 0;
	}
}

/*
 * Before libseccomp's program: where the rest is refused, a call younger than all that the profile
 * names fails with ENOSYS, so that programs fall back to what it does name (other runtimes do so
 * too).  x32 numbers are beyond all and left to the program.
 */
static size_t write_prelude(const struct making *making, struct sock_filter *at)
{
	const struct sock_filter *first = at;
	uint32_t kind = making->fallback & SECCOMP_RET_ACTION_FULL, machine = native_machine();

	if (kind == SECCOMP_RET_ALLOW || kind == SECCOMP_RET_LOG || kind == SECCOMP_RET_TRACE ||
	    making->youngest == 0 || machine == 0)
		return 0;
	*at++ = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
					     offsetof(struct seccomp_data, arch));
	*at++ = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, machine, 0, 4);
	*at++ = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
					     offsetof(struct seccomp_data, nr));
	*at++ = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, X32_BIT, 2, 0);
	*at++ = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, (uint32_t)making->youngest,
					     0, 1);
	*at++ = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SCMP_ACT_ERRNO(ENOSYS));
	return (size_t)(at - first);
}

static bool print_program(const struct making *making, int *out_fd, struct error *err)
{
	struct sock_filter prelude[8];
	size_t bytes = write_prelude(making, prelude) * sizeof(prelude[0]);
	auto_fd fd = memfd_create("mote-seccomp", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	struct stat facts;

	if (fd < 0 || (bytes > 0 && !file_write_all(fd, prelude, bytes, err)) ||
	    seccomp_export_bpf(making->filter, fd) != 0 || fstat(fd, &facts) != 0)
		return error_set(err, ERROR_BROKEN, "cannot make the filter of system calls");
	if ((size_t)facts.st_size > SECCOMP_BYTES_MAX)
		return error_set(err, ERROR_TOO_LARGE,
				 "seccomp: the profile makes a program larger than the kernel "
				 "takes");
	if (fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) != 0)
		return error_os(err, "seal the filter");
	*out_fd = take_fd(&fd);
	return true;
}

bool seccomp_profile_make(const struct json *profile, struct seccomp_program *out,
			  struct error *err)
{
	struct making making = { 0 };
	bool fine;

	*out = (struct seccomp_program){ .fd = -1 };
	if (!read_fallback(profile, &making.fallback, err))
		return false;
	making.filter = seccomp_init(making.fallback);
	if (!making.filter)
		return error_set(err, ERROR_BROKEN, "cannot make the filter of system calls");
	fine = seccomp_attr_set(making.filter, SCMP_FLTATR_CTL_OPTIMIZE, 2) == 0 ||
	       error_set(err, ERROR_BROKEN, "cannot make the filter of system calls");
	fine = fine && fill(&making, profile, out, err) && print_program(&making, &out->fd, err);
	seccomp_release(making.filter);
	return fine;
}
