/*
 * cgroup_devices.c - the devices every container may use, for both versions.
 *
 * Version 1 takes lines.  Version 2 has no file for it: a small program in the kernel's own byte
 * code (eBPF) is asked at each use of a device; it is written here instruction by instruction.
 */
#include "runtime/cgroup_inside.h"

#include <fcntl.h>
#include <linux/bpf.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

struct rule {
	short type;
	int major;
	int minor; /* -1 = any */
};

/* Keep both lists alike: a test compares them. */
static const struct rule rules[] = {
	{ BPF_DEVCG_DEV_CHAR, 1, 3 },    /* null */
	{ BPF_DEVCG_DEV_CHAR, 1, 5 },    /* zero */
	{ BPF_DEVCG_DEV_CHAR, 1, 7 },    /* full */
	{ BPF_DEVCG_DEV_CHAR, 1, 8 },    /* random */
	{ BPF_DEVCG_DEV_CHAR, 1, 9 },    /* urandom */
	{ BPF_DEVCG_DEV_CHAR, 5, 0 },    /* tty */
	{ BPF_DEVCG_DEV_CHAR, 5, 1 },    /* console */
	{ BPF_DEVCG_DEV_CHAR, 5, 2 },    /* ptmx */
	{ BPF_DEVCG_DEV_CHAR, 136, -1 }, /* pts */
};

const char *const cgroup_devices_lines[] = {
	"c *:* m",   "b *:* m",   "c 1:3 rwm", "c 1:5 rwm", "c 1:7 rwm",   "c 1:8 rwm",
	"c 1:9 rwm", "c 5:0 rwm", "c 5:1 rwm", "c 5:2 rwm", "c 136:* rwm", NULL,
};

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

#define MORE_MAX  64
#define INSNS_MAX ((sizeof(rules) / sizeof(rules[0]) + MORE_MAX) * 5 + 16)

/* r2 = type, r3 = access, r4 = major, r5 = minor.  Skips to the next rule unless all fits. */
static struct bpf_insn *write_rule(struct bpf_insn *at, const struct rule *rule)
{
	int rest = rule->minor >= 0 ? 4 : 3;

	*at++ = JUMP_UNLESS(BPF_REG_2, rule->type, rest);
	*at++ = JUMP_UNLESS(BPF_REG_4, rule->major, rest - 1);
	if (rule->minor >= 0)
		*at++ = JUMP_UNLESS(BPF_REG_5, rule->minor, 2);
	*at++ = ANSWER(1);
	*at++ = LEAVE;
	return at;
}

static size_t write_program(struct bpf_insn *at, const struct container_device *devices,
			    size_t count)
{
	struct bpf_insn *first = at;

	*at++ = LOAD(BPF_REG_2, 0);
	*at++ = INSN(BPF_ALU64 | BPF_MOV | BPF_X, BPF_REG_3, BPF_REG_2, 0, 0);
	*at++ = INSN(BPF_ALU64 | BPF_RSH | BPF_K, BPF_REG_3, 0, 0, 16);
	*at++ = INSN(BPF_ALU64 | BPF_AND | BPF_K, BPF_REG_2, 0, 0, 0xffff);
	*at++ = LOAD(BPF_REG_4, 4);
	*at++ = LOAD(BPF_REG_5, 8);
	*at++ = JUMP_UNLESS(BPF_REG_3, BPF_DEVCG_ACC_MKNOD, 2);
	*at++ = ANSWER(1);
	*at++ = LEAVE;
	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++)
		at = write_rule(at, &rules[i]);
	for (size_t i = 0; i < count && i < MORE_MAX; i++)
		at = write_rule(at, &(struct rule){ devices[i].block ? BPF_DEVCG_DEV_BLOCK
								     : BPF_DEVCG_DEV_CHAR,
						    (int)devices[i].major, (int)devices[i].minor });
	*at++ = ANSWER(0);
	*at++ = LEAVE;
	return (size_t)(at - first);
}

bool cgroup_devices_attach(const char *folder, const struct container_device *devices, size_t count)
{
	struct bpf_insn program[INSNS_MAX];
	static const char license[] = "MIT";
	union bpf_attr load;
	union bpf_attr attach;
	auto_fd group = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	auto_fd loaded = -1;

	if (group < 0)
		return false;
	memset(&load, 0, sizeof(load));
	load.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE;
	load.insn_cnt = (__u32)write_program(program, devices, count);
	load.insns = (__u64)(uintptr_t)program;
	load.license = (__u64)(uintptr_t)license;
	loaded = (int)syscall(SYS_bpf, BPF_PROG_LOAD, &load, sizeof(load));
	if (loaded < 0)
		return false;
	memset(&attach, 0, sizeof(attach));
	attach.target_fd = (__u32)group;
	attach.attach_bpf_fd = (__u32)loaded;
	attach.attach_type = BPF_CGROUP_DEVICE;
	attach.attach_flags = BPF_F_ALLOW_MULTI;
	return syscall(SYS_bpf, BPF_PROG_ATTACH, &attach, sizeof(attach)) == 0;
}
