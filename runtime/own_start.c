/*
 * own_start.c - the first instructions of this program, before its C library's.
 *
 * A static program that may lie anywhere in memory begins by correcting 10,000 pointers of its own
 * tables.  For a program that lives for milliseconds, as an OCI runtime does, that is a good part
 * of its life, so two things come before it:
 *
 *	- verbs of `mote oci` that make containers are run again from a read-only mount of our file
 *	  (own_program.h) at once, and what would have been corrected here is corrected only there;
 *	- the pages with those tables are asked for in one call instead of forty faults.
 *
 * Nothing here may fail: what cannot be done is left to the usual way (oci_seal, page faults).
 *
 * It runs without relocations, thread pointer and C library: no calls but those of this file, no
 * tables of pointers, no stack protector.  Entry of the program by the linker's -e (Makefile); on
 * other processors than these two the C library's own entry is.
 */
#include "runtime/own_program.h"
#include "runtime/mountfd.h"

#if defined(__x86_64__) || defined(__aarch64__)

#include <elf.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mount.h>
#include <sys/syscall.h>

#define ENV_MAX  512 /* with more, the usual way */
#define POPULATE 23  /* MADV_POPULATE_WRITE, Linux 5.14; older ones refuse it */

#define EARLY __attribute__((no_stack_protector))

extern const Elf64_Ehdr __ehdr_start __attribute__((visibility("hidden"))); /* the linker's */

void own_start(void);
__attribute__((used, visibility("hidden"))) void own_start_early(char **stack);

/* --- the processor: entry with the arguments on the stack, and system calls --- */

#ifdef __x86_64__

__asm__(".pushsection .text.own_start,\"ax\",@progbits\n"
	".globl own_start\n"
	".type own_start,@function\n"
	"own_start:\n"
	"	xor %ebp, %ebp\n"
	"	mov %rsp, %rbx\n"
	"	mov %rsp, %rdi\n"
	"	and $-16, %rsp\n"
	"	call own_start_early\n"
	"	mov %rbx, %rsp\n"
	"	jmp _start\n"
	".popsection\n");

EARLY static inline long call(long number, long a, long b, long c, long d, long e)
{
	register long fourth __asm__("r10") = d;
	register long fifth __asm__("r8") = e;
	long result;

	__asm__ volatile("syscall"
			 : "=a"(result)
			 : "a"(number), "D"(a), "S"(b), "d"(c), "r"(fourth), "r"(fifth)
			 : "rcx", "r11", "memory");
	return result;
}

#else

__asm__(".pushsection .text.own_start,\"ax\",@progbits\n"
	".globl own_start\n"
	".type own_start,@function\n"
	"own_start:\n"
	"	mov x29, xzr\n"
	"	mov x19, sp\n"
	"	mov x0, sp\n"
	"	bl own_start_early\n"
	"	mov sp, x19\n"
	"	mov x29, xzr\n"
	"	mov x30, xzr\n"
	"	b _start\n"
	".popsection\n");

EARLY static inline long call(long number, long a, long b, long c, long d, long e)
{
	register long eighth __asm__("x8") = number;
	register long first __asm__("x0") = a;
	register long second __asm__("x1") = b;
	register long third __asm__("x2") = c;
	register long fourth __asm__("x3") = d;
	register long fifth __asm__("x4") = e;

	__asm__ volatile("svc 0"
			 : "+r"(first)
			 : "r"(eighth), "r"(second), "r"(third), "r"(fourth), "r"(fifth)
			 : "memory");
	return first;
}

#endif

EARLY static inline long place(const volatile void *at)
{
	return (long)(uintptr_t)at;
}

/* --- words --- */

EARLY static bool is(const char *text, const char *word)
{
	while (*word && *text == *word) {
		text++;
		word++;
	}
	return *text == *word;
}

/* "mote oci ..." or a link named "...oci", as main() takes it. */
EARLY static bool is_runtime(char **argv)
{
	const char *end = argv[0];

	if (!end)
		return false;
	while (*end)
		end++;
	return (end - argv[0] >= 3 && is(end - 3, "oci")) || (argv[1] && is(argv[1], "oci"));
}

/* One word too many that looks like a verb costs a start, nothing else. */
EARLY static bool makes_container(char **argv)
{
	for (; *argv; argv++)
		if (is(*argv, "create") || is(*argv, "run") || is(*argv, "exec"))
			return true;
	return false;
}

/* `env` and the mark; false when it is there already, or when there is no room. */
EARLY static bool mark(char **env, char **out)
{
	size_t count = 0;

	for (; env[count] && count < ENV_MAX; count++) {
		const char *at = env[count];
		const char *name = OWN_PROGRAM_MARK "=";

		while (*name && *at == *name) {
			at++;
			name++;
		}
		if (!*name)
			return false;
		out[count] = env[count];
	}
	if (env[count])
		return false;
	out[count++] = (char *)(uintptr_t)OWN_PROGRAM_MARK "=1";
	out[count] = NULL;
	return true;
}

/* --- the two things --- */

EARLY static void seal(char **argv, char **env)
{
	struct mount_attr change = { .attr_set = MOUNT_ATTR_RDONLY, .propagation = MS_PRIVATE };
	char *marked[ENV_MAX + 2];
	long fd;

	if (!mark(env, marked))
		return;
	fd = call(SYS_open_tree, AT_FDCWD, place("/proc/self/exe"),
		  OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC, 0, 0);
	if (fd < 0)
		return;
	if (call(SYS_mount_setattr, fd, place(""), AT_EMPTY_PATH, place(&change), sizeof(change)) ==
	    0)
		call(SYS_execveat, fd, place(""), place(argv), place(marked), AT_EMPTY_PATH);
	call(SYS_close, fd, 0, 0, 0, 0);
}

/* What the C library will correct, and then makes read-only. */
EARLY static void populate(const Elf64_auxv_t *facts)
{
	uintptr_t base = (uintptr_t)&__ehdr_start;
	const Elf64_Phdr *part = (const Elf64_Phdr *)(base + __ehdr_start.e_phoff);
	uintptr_t page = 4096;

	for (; facts->a_type != AT_NULL; facts++)
		if (facts->a_type == AT_PAGESZ)
			page = facts->a_un.a_val;
	for (unsigned i = 0; i < __ehdr_start.e_phnum; i++, part++) {
		uintptr_t from = (base + part->p_vaddr) & ~(page - 1);
		uintptr_t to = (base + part->p_vaddr + part->p_memsz + page - 1) & ~(page - 1);

		if (part->p_type == PT_GNU_RELRO)
			call(SYS_madvise, (long)from, (long)(to - from), POPULATE, 0, 0);
	}
}

EARLY void own_start_early(char **stack)
{
	char **argv = stack + 1;
	char **env = argv + (intptr_t)stack[0] + 1;
	char **end = env;

	while (*end)
		end++;
	if (is_runtime(argv) && makes_container(argv))
		seal(argv, env);
	populate((const Elf64_auxv_t *)(const void *)(end + 1));
}

#endif
