/*
 * attack_program.h - tiny static programs for containers: one system call with arguments of 0, its
 * error number (or what it gave, or 200 for success of others) as exit code.
 */
#ifndef TESTS_UNIT_RUNTIME_ATTACK_PROGRAM_H
#define TESTS_UNIT_RUNTIME_ATTACK_PROGRAM_H

#include <stdbool.h>
#include <sys/types.h>

enum attack_door {
	DOOR_NATIVE,
	DOOR_32BIT, /* x86: int 0x80 */
	DOOR_X32,   /* x86: the number with x32's bit */
};

/* Exit code: what the call gave, or its error number (both modulo 256).  False: this processor has
 * no such door. */
bool attack_program_write(const char *path, enum attack_door door, long number, mode_t mode);

#endif
