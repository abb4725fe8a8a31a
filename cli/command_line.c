/*
 * command_line.c - parse, or print help, or say what is wrong.
 */
#include "cli/command_line.h"

#include <stdio.h>

bool command_line_read(struct command_line *line, int argc, char **argv)
{
	auto_buf help = BUF_INIT;
	struct error err;

	if (!options_parse(line->set, argc, argv, line->config, line->arena, line->target,
			   &line->result, &err)) {
		command_fail(&err);
		line->status = 2;
		return false;
	}
	line->status = 0;
	if (!line->result.help_wanted)
		return true;
	options_help(line->set, &help);
	fputs(buf_text(&help), stdout);
	return false;
}
