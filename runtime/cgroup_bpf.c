/*
 * cgroup_bpf.c - programs of byte code into a group of version 2 and out of it, by bpf(2).
 */
#include "runtime/cgroup_bpf.h"

#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/memory.h"

/* The kind is the low half of the first word, what is asked for the high one. */
struct bpf_insn *cgroup_bpf_begin(struct bpf_insn *at)
{
	*at++ = LOAD(BPF_REG_2, 0);
	*at++ = INSN(BPF_ALU64 | BPF_MOV | BPF_X, BPF_REG_3, BPF_REG_2, 0, 0);
	*at++ = INSN(BPF_ALU64 | BPF_RSH | BPF_K, BPF_REG_3, 0, 0, 16);
	*at++ = INSN(BPF_ALU64 | BPF_AND | BPF_K, BPF_REG_2, 0, 0, 0xffff);
	*at++ = LOAD(BPF_REG_4, 4);
	*at++ = LOAD(BPF_REG_5, 8);
	return at;
}

int cgroup_bpf_load(const struct bpf_insn *program, size_t count)
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

bool cgroup_bpf_attach(int group, int loaded)
{
	union bpf_attr attach;

	memset(&attach, 0, sizeof(attach));
	attach.target_fd = (__u32)group;
	attach.attach_bpf_fd = (__u32)loaded;
	attach.attach_type = BPF_CGROUP_DEVICE;
	attach.attach_flags = BPF_F_ALLOW_MULTI;
	return syscall(SYS_bpf, BPF_PROG_ATTACH, &attach, sizeof(attach)) == 0;
}

static bool detach(int group, __u32 id)
{
	union bpf_attr attr;
	auto_fd program = -1;

	memset(&attr, 0, sizeof(attr));
	attr.prog_id = id;
	program = (int)syscall(SYS_bpf, BPF_PROG_GET_FD_BY_ID, &attr, sizeof(attr));
	if (program < 0)
		return false;
	memset(&attr, 0, sizeof(attr));
	attr.target_fd = (__u32)group;
	attr.attach_bpf_fd = (__u32)program;
	attr.attach_type = BPF_CGROUP_DEVICE;
	return syscall(SYS_bpf, BPF_PROG_DETACH, &attr, sizeof(attr)) == 0;
}

/* Their number is small. */
bool cgroup_bpf_detach_all(int group)
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
	for (__u32 i = 0; i < query.query.prog_cnt; i++)
		if (!detach(group, ids[i]))
			return false;
	return true;
}
