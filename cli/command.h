/*
 * command.h - one row a command of the binary.  Each command is a file cli/command_<name>.c with
 * one constant row, and one line in main.c.
 */
#ifndef CLI_COMMAND_H
#define CLI_COMMAND_H

#include <stdbool.h>

struct command {
	const char *name;
	const char *help; /* one line; NULL = hidden */
	int (*run)(int argc,
		   char **argv); /* argv[0] is the command's name; gives the exit status */
};

extern const struct command *const command_list[]; /* NULL-terminated */

/* Print "mote: <text>" to standard error; gives 1, the exit status of a failure. */
struct error;
int command_fail(const struct error *err);

#endif
