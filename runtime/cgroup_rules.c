/*
 * cgroup_rules.c - rules for devices of somebody's own, version 2: a program in the kernel's byte
 * code that goes through them from the last to the first; the first that fits decides.
 */
#include "runtime/cgroup_inside.h"

#include <fcntl.h>

#include "runtime/cgroup_bpf.h"

#define RULE_INSNS 8

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
	struct bpf_insn program[CGROUP_DEVICE_RULES_MAX * RULE_INSNS + CGROUP_BPF_ENDS_INSNS];
	struct bpf_insn *at = program;
	auto_fd group = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	auto_fd loaded = -1;

	if (group < 0 || count > CGROUP_DEVICE_RULES_MAX)
		return false;
	at = cgroup_bpf_begin(at);
	while (count-- > 0)
		at = write_rule(at, &list[count]);
	*at++ = ANSWER(0);
	*at++ = LEAVE;
	loaded = cgroup_bpf_load(program, (size_t)(at - program));
	return loaded >= 0 && cgroup_bpf_detach_all(group) && cgroup_bpf_attach(group, loaded);
}
