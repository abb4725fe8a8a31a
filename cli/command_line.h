/*
 * command_line.h - what every command does with its arguments, and the options that several have.
 */
#ifndef CLI_COMMAND_LINE_H
#define CLI_COMMAND_LINE_H

#include "base/log.h"
#include "base/options.h"
#include "cli/command.h"
#include "cli/config_path.h"

struct command_line {
	const struct option_set *set;
	const char *config; /* configuration file, or NULL: the command has none */
	struct arena *arena;
	void *target; /* the command's struct options */
	/* filled */
	struct option_result result;
	int status; /* to leave with */
};
/* True: go on.  False: help was wanted (and printed, status 0), or something is wrong (said, 2).
 * What was passed over is said on standard error. */
bool command_line_read(struct command_line *line, int argc, char **argv);

/* Rows for a `struct options` with const char *config; bool debug, log_json. */
#define COMMAND_OPTION(field) offsetof(struct options, field)
/* clang-format off */
#define COMMAND_ROW_CONFIG                                                                         \
	{ .flag = "config", .letter = 'c', .env = "MOTE_CONFIG_FILE", .type = OPTION_TEXT,         \
	  .at = COMMAND_OPTION(config), .value_name = "FILE", .fallback = CONFIG_PATH_USUAL,       \
	  .group = "Configuration", .help = "configuration file; FILE.d/*.yaml is read after it" }
#define COMMAND_ROWS_LOG                                                                           \
	{ .flag = "debug", .type = OPTION_BOOL, .at = COMMAND_OPTION(debug), .group = "Logging",   \
	  .help = "log more" },                                                                    \
	{ .flag = "log-json", .type = OPTION_BOOL, .at = COMMAND_OPTION(log_json),                 \
	  .group = "Logging", .help = "log lines as JSON" }
/* clang-format on */

#endif
