/*
 * cgroup_rules.c - rules for devices of somebody's own, version 2: a program in the kernel's byte
 * code that goes through them from the last to the first; the first that fits decides.
 */
#include "runtime/cgroup_inside.h"

#include <fcntl.h>
#include <linux/bpf.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define INSN(op, dst, src, jump, number)                                                           \
	((struct bpf_insn){ .code = (__u8)(op),                                                    \
			    .dst_reg = (dst),                                                      \
			    .src_reg = (src),                                                      \
			    .off = (__s16)(jump),                                                  \
			    .imm = (number) })
#define LOAD(dst, at)                INSN(BPF_LDX | BPF_MEM | BPF_W, dst, BPF_REG_1, at, 0)
#define JUMP_UNLESS(reg, number, by) INSN(BPF_JMP | BPF_JNE | BPF_K, reg, 0, by, number)
#define ANSWER(number)               INSN(BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_0, 0, 0, number)
#define LEAVE                        INSN(BPF_JMP | BPF_EXIT, 0, 0, 0, 0)

static int load_program(const struct bpf_insn *program, size_t count)
{
	static const char license[] = "MIT";
	union bpf_attr load;

	memset(&load, 0, sizeof(load));
	load.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE;
	load.insn_cnt = (__u32)count;
	load.insns = (__u64)(uintptr_t)program;
	load.license = (__u64)(uintptr_t)license;
	return (int)syscall(SYS_bpf, BPF_PROG_LOAD, &load, sizeof(load));
}

static bool attach_program(int group, int loaded)
{
	union bpf_attr attach;

	memset(&attach, 0, sizeof(attach));
	attach.target_fd = (__u32)group;
	attach.attach_bpf_fd = (__u32)loaded;
	attach.attach_type = BPF_CGROUP_DEVICE;
	attach.attach_flags = BPF_F_ALLOW_MULTI;
	return syscall(SYS_bpf, BPF_PROG_ATTACH, &attach, sizeof(attach)) == 0;
}

#define RULE_INSNS 8

/* All of the group's own programs; their number is small. */
static bool detach_all(int group)
{
	__u32 ids[64];
	union bpf_attr query;

	memset(&query, 0, sizeof(query));
	query.query.target_fd = (__u32)group;
	query.query.attach_type = BPF_CGROUP_DEVICE;
	query.query.prog_cnt = sizeof(ids) / sizeof(ids[0]);
	query.query.prog_ids = (__u64)(uintptr_t)ids;
	if (syscall(SYS_bpf, BPF_PROG_QUERY, &query, sizeof(query)) != 0)
		return false;
	for (__u32 i = 0; i < query.query.prog_cnt; i++) {
		union bpf_attr attr;
		auto_fd program = -1;

		memset(&attr, 0, sizeof(attr));
		attr.prog_id = ids[i];
		program = (int)syscall(SYS_bpf, BPF_PROG_GET_FD_BY_ID, &attr, sizeof(attr));
		if (program < 0)
			return false;
		memset(&attr, 0, sizeof(attr));
		attr.target_fd = (__u32)group;
		attr.attach_bpf_fd = (__u32)program;
		attr.attach_type = BPF_CGROUP_DEVICE;
		if (syscall(SYS_bpf, BPF_PROG_DETACH, &attr, sizeof(attr)) != 0)
			return false;
	}
	return true;
}

/* An access is several letters at once: a rule that allows must have all of them, one that refuses
 * any of them. */
static struct bpf_insn *write_rule(struct bpf_insn *at, const struct cgroup_device_rule *rule)
{
	struct bpf_insn *jumps[4];
	size_t count = 0;
	unsigned rest = rule->allow ? ~rule->access & 7u : rule->access & 7u;

	if (rule->type != 'a') {
		jumps[count++] = at;
		*at++ = JUMP_UNLESS(
			BPF_REG_2, rule->type == 'b' ? BPF_DEVCG_DEV_BLOCK : BPF_DEVCG_DEV_CHAR, 0);
	}
	if (rule->major >= 0) {
		jumps[count++] = at;
		*at++ = JUMP_UNLESS(BPF_REG_4, (int)rule->major, 0);
	}
	if (rule->minor >= 0) {
		jumps[count++] = at;
		*at++ = JUMP_UNLESS(BPF_REG_5, (int)rule->minor, 0);
	}
	/* r1 = the letters that decide */
	*at++ = INSN(BPF_ALU64 | BPF_MOV | BPF_X, BPF_REG_1, BPF_REG_3, 0, 0);
	*at++ = INSN(BPF_ALU64 | BPF_AND | BPF_K, BPF_REG_1, 0, 0, (int)rest);
	jumps[count++] = at;
	*at++ = rule->allow ? JUMP_UNLESS(BPF_REG_1, 0, 0)
			    : INSN(BPF_JMP | BPF_JEQ | BPF_K, BPF_REG_1, 0, 0, 0);
	*at++ = ANSWER(rule->allow ? 1 : 0);
	*at++ = LEAVE;
	while (count-- > 0)
		jumps[count]->off = (__s16)(at - jumps[count] - 1);
	return at;
}

bool cgroup_devices_attach_rules(const char *folder, const struct cgroup_device_rule *list,
				 size_t count)
{
	struct bpf_insn program[CGROUP_DEVICE_RULES_MAX * RULE_INSNS + 8];
	struct bpf_insn *at = program;
	auto_fd group = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	auto_fd loaded = -1;

	if (group < 0 || count > CGROUP_DEVICE_RULES_MAX)
		return false;
	*at++ = LOAD(BPF_REG_2, 0);
	*at++ = INSN(BPF_ALU64 | BPF_MOV | BPF_X, BPF_REG_3, BPF_REG_2, 0, 0);
	*at++ = INSN(BPF_ALU64 | BPF_RSH | BPF_K, BPF_REG_3, 0, 0, 16);
	*at++ = INSN(BPF_ALU64 | BPF_AND | BPF_K, BPF_REG_2, 0, 0, 0xffff);
	*at++ = LOAD(BPF_REG_4, 4);
	*at++ = LOAD(BPF_REG_5, 8);
	while (count-- > 0)
		at = write_rule(at, &list[count]);
	*at++ = ANSWER(0);
	*at++ = LEAVE;
	loaded = load_program(program, (size_t)(at - program));
	return loaded >= 0 && detach_all(group) && attach_program(group, loaded);
}
