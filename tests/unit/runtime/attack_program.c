/*
 * attack_program.c - an ELF file of one segment, written by hand: no compiler on the machines that
 * run tests.
 */
#include "tests/unit/runtime/attack_program.h"

#include <elf.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"
#include "tests/unit/harness.h"

#define BASE 0x400000u

struct program {
	Elf64_Ehdr head;
	Elf64_Phdr segment;
	unsigned char code[64];
};

#if defined(__x86_64__)
#define MACHINE EM_X86_64
/* eax = number; zero arguments; call; if negative negate; exit(eax) */
static size_t write_code(unsigned char *out, enum attack_door door, long number)
{
	static const unsigned char zero[] = { 0x31, 0xff, 0x31, 0xf6, 0x31, 0xd2, 0x31,
					      0xdb, 0x31, 0xc9, 0x45, 0x31, 0xd2 };
	static const unsigned char leave[] = {
		0x85, 0xc0, 0x79, 0x02, 0xf7, 0xd8, /* abs */
		0x89, 0xc7, 0xb8, 0x3c, 0x00, 0x00, 0x00, 0x0f, 0x05
	};
	unsigned value = (unsigned)number | (door == DOOR_X32 ? 0x40000000u : 0);
	size_t len = 0;

	out[len++] = 0xb8;
	memcpy(out + len, &value, 4);
	len += 4;
	memcpy(out + len, zero, sizeof(zero));
	len += sizeof(zero);
	out[len++] = door == DOOR_32BIT ? 0xcd : 0x0f;
	out[len++] = door == DOOR_32BIT ? 0x80 : 0x05;
	memcpy(out + len, leave, sizeof(leave));
	return len + sizeof(leave);
}
#elif defined(__aarch64__)
#define MACHINE EM_AARCH64
static size_t write_code(unsigned char *out, enum attack_door door, long number)
{
	unsigned code[] = {
		0xd2800008u | (unsigned)number << 5, /* mov x8, number */
		0xd2800000u,
		0xd2800001u,
		0xd2800002u,
		0xd2800003u, /* mov x0..x3, 0 */
		0xd4000001u, /* svc 0 */
		0xf100001fu,
		0x5400004au,
		0xcb0003e0u, /* cmp x0, 0; b.ge +2; neg x0, x0 */
		0xd2800008u | 93u << 5,
		0xd4000001u, /* exit */
	};

	if (door != DOOR_NATIVE)
		return 0;
	memcpy(out, code, sizeof(code));
	return sizeof(code);
}
#else
#define MACHINE EM_NONE
static size_t write_code(unsigned char *out, enum attack_door door, long number)
{
	(void)out;
	(void)door;
	(void)number;
	return 0;
}
#endif

bool attack_program_write(const char *path, enum attack_door door, long number, mode_t mode)
{
	struct program program = {
		.head = { .e_type = ET_EXEC,
			  .e_machine = MACHINE,
			  .e_version = EV_CURRENT,
			  .e_entry = BASE + offsetof(struct program, code),
			  .e_phoff = offsetof(struct program, segment),
			  .e_ehsize = sizeof(Elf64_Ehdr),
			  .e_phentsize = sizeof(Elf64_Phdr),
			  .e_phnum = 1 },
		.segment = { .p_type = PT_LOAD,
			     .p_flags = PF_R | PF_X,
			     .p_vaddr = BASE,
			     .p_paddr = BASE,
			     .p_filesz = sizeof(program),
			     .p_memsz = sizeof(program),
			     .p_align = 0x1000 },
	};
	size_t len = write_code(program.code, door, number);
	auto_fd fd = -1;

	if (len == 0)
		return false;
	memcpy(program.head.e_ident, ELFMAG, SELFMAG);
	program.head.e_ident[EI_CLASS] = ELFCLASS64;
	program.head.e_ident[EI_DATA] = ELFDATA2LSB;
	program.head.e_ident[EI_VERSION] = EV_CURRENT;
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0755);
	CHECK(fd >= 0);
	CHECK(write(fd, &program, sizeof(program)) == (ssize_t)sizeof(program));
	CHECK(fchmod(fd, mode) == 0);
	return true;
}
