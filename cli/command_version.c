/*
 * command_version.c - mote version.
 */
#include <stdio.h>

#include "base/version.h"
#include "cli/command.h"

static int run(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	printf("mote %s\n", version_text());
	return 0;
}

const struct command command_version = { "version", "print the version", run };
