/*
 * cgroup_bpf.h - inside cgroup, version 2: the words in which the programs that judge the use of
 * devices are written, one instruction of the kernel's byte code (eBPF) each, and how such a
 * program gets into a group.
 *
 * A program begins with cgroup_bpf_begin().  It then has r2 = the kind of device
 * (BPF_DEVCG_DEV_...), r3 = what is asked for (BPF_DEVCG_ACC_...), r4 = major, r5 = minor, and
 * leaves with 1 (yes) or 0 (no).  Nothing is kept here; any thread may call.
 */
#ifndef RUNTIME_CGROUP_BPF_H
#define RUNTIME_CGROUP_BPF_H

#include <linux/bpf.h>
#include <stdbool.h>
#include <stddef.h>

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

/* Room for what cgroup_bpf_begin() writes and the last answer. */
#define CGROUP_BPF_ENDS_INSNS 8

/* What each program begins with, from `at` on; returns where the next instruction goes. */
struct bpf_insn *cgroup_bpf_begin(struct bpf_insn *at);

/* A descriptor of the program, for the caller to close, or -1; errno tells why not. */
int cgroup_bpf_load(const struct bpf_insn *program, size_t count);

/* Put a loaded program into the group (a descriptor of its folder), beside those that are there;
 * the group keeps it.  False: errno tells why not. */
bool cgroup_bpf_attach(int group, int loaded);

/* Take all of the group's own programs out; on failure some may still be in it. */
bool cgroup_bpf_detach_all(int group);

#endif
