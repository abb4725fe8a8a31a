/*
 * command_help.c - mote help: the commands, from their rows.
 */
#include <stdio.h>

#include "cli/command.h"

static int run(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	printf("mote is a Kubernetes distribution the size of a mote.\n\nUsage: mote COMMAND "
	       "[options]\n\nCommands:\n");
	for (const struct command *const *at = command_list; *at; at++)
		if ((*at)->help)
			printf("  %-15s  %s\n", (*at)->name, (*at)->help);
	printf("\nmote COMMAND --help tells about one of them.\n");
	return 0;
}

const struct command command_help = { "help", "print this", run };
