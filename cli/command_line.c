/*
 * command_line.c - parse, or print help, or say what is wrong.
 */
#include "cli/command_line.h"

#include <stdio.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log_sink.h"

#define VERBOSE_DEBUG 4
#define PREFIX_K3S    "K3S_"
#define PREFIX_MOTE   "MOTE_"

static bool has_variable(const struct option_set *set, const char *name)
{
	for (const struct option_row *row = set ? set->rows : NULL; row && row->flag; row++)
		if (row->env && strcmp(row->env, name) == 0)
			return true;
	return false;
}

/* Variables that people know from k3s are ours by another name. */
static void warn_of_variables(const struct option_set *set)
{
	size_t prefix = strlen(PREFIX_K3S);

	for (char **at = environ; *at; at++) {
		struct str rest = str_of(*at), name = str_cut(&rest, '=');
		auto_free char *ours = NULL;

		if (!str_starts(name, STR(PREFIX_K3S)))
			continue;
		ours = memory_print(PREFIX_MOTE STR_FMT,
				    STR_ARG(str_from(name.at + prefix, name.len - prefix)));
		if (getenv(ours))
			continue;
		if (has_variable(set, ours) || has_variable(set->other, ours))
			fprintf(stderr, "mote: " STR_FMT " is not read; its name here is %s\n",
				STR_ARG(name), ours);
		else
			fprintf(stderr, "mote: " STR_FMT " is not read, and has no like here\n",
				STR_ARG(name));
	}
}

static bool check_config(const char *path, struct error *err)
{
	if (!path || strcmp(path, CONFIG_PATH_USUAL) == 0 || file_exists(path))
		return true;
	return error_set(err, ERROR_INVALID, "there is no configuration file %s", path);
}

static bool parse(struct command_line *line, int argc, char **argv, struct error *err)
{
	return check_config(line->config, err) &&
	       options_parse(line->set, argc, argv, line->config, line->arena, line->target,
			     &line->result, err);
}

bool command_line_read(struct command_line *line, int argc, char **argv)
{
	auto_buf help = BUF_INIT;
	struct error err;

	if (!parse(line, argc, argv, &err)) {
		command_fail(&err);
		line->status = 2;
		return false;
	}
	line->status = 0;
	if (!line->result.help_wanted) {
		for (size_t i = 0; i < line->result.notices.count; i++)
			fprintf(stderr, "mote: %s\n", line->result.notices.items[i]);
		if (line->set->absent)
			warn_of_variables(line->set);
		return true;
	}
	options_help(line->set, &help);
	fputs(buf_text(&help), stdout);
	return false;
}

bool command_log_start(const struct command_log *log, struct error *err)
{
	bool more = log->debug || log->verbosity >= VERBOSE_DEBUG;

	log_set(more ? LOG_DEBUG : LOG_INFO, log->as_json);
	return !log->file || !*log->file || log_sink_open(log->file, log->stderr_too, err);
}

bool command_output_read(const char *said, bool *out_json)
{
	struct error err;

	*out_json = strcmp(said, "json") == 0;
	if (*out_json || strcmp(said, "table") == 0)
		return true;
	error_set(&err, ERROR_INVALID, "--output must be table or json, not \"%s\"", said);
	command_fail(&err);
	return false;
}
