/*
 * cgroup_devices.c - the devices every container may use, for both versions.
 *
 * Version 1 takes lines.  Version 2 has no file for it: a small program in the kernel's own byte
 * code (eBPF) is asked at each use of a device; it is written here instruction by instruction.
 */
#include "runtime/cgroup_inside.h"

#include <fcntl.h>

#include "runtime/cgroup_bpf.h"

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

#define MORE_MAX  64
#define INSNS_MAX ((sizeof(rules) / sizeof(rules[0]) + MORE_MAX) * 5 + 3 + CGROUP_BPF_ENDS_INSNS)

/* Skips to the next rule unless all fits. */
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

	at = cgroup_bpf_begin(at);
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
	auto_fd group = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	auto_fd loaded = -1;

	if (group < 0)
		return false;
	loaded = cgroup_bpf_load(program, write_program(program, devices, count));
	return loaded >= 0 && cgroup_bpf_attach(group, loaded);
}
