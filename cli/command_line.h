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

/* How much is logged, and where to. */
struct command_log {
	bool debug, as_json, stderr_too;
	int64_t verbosity; /* -v, as programs of Kubernetes have it: 4 and more is debug */
	const char *file;
};
MUST_CHECK bool command_log_start(const struct command_log *log, struct error *err);

/* Rows for a `struct options` with const char *config; struct command_log log. */
#define COMMAND_OPTION(field) offsetof(struct options, field)
/* clang-format off */
#define COMMAND_ROW_CONFIG                                                                         \
	{ .flag = "config", .letter = 'c', .env = "MOTE_CONFIG_FILE", .type = OPTION_TEXT,         \
	  .at = COMMAND_OPTION(config), .value_name = "FILE", .fallback = CONFIG_PATH_USUAL,       \
	  .group = "Configuration", .help = "configuration file; FILE.d/*.yaml is read after it" }
#define COMMAND_ROWS_LOG                                                                           \
	{ .flag = "debug", .type = OPTION_BOOL, .at = COMMAND_OPTION(log.debug),                   \
	  .group = "Logging", .help = "log more" },                                                \
	{ .flag = "v", .letter = 'v', .type = OPTION_INT, .at = COMMAND_OPTION(log.verbosity),     \
	  .value_name = "N", .fallback = "0", .max = 10, .group = "Logging",                       \
	  .help = "how much is logged; 4 and more is as --debug" },                                \
	{ .flag = "log", .letter = 'l', .type = OPTION_TEXT, .at = COMMAND_OPTION(log.file),       \
	  .value_name = "FILE", .group = "Logging",                                                \
	  .help = "log to this file, at most 10 MiB of it and 10 MiB of FILE.1" },                 \
	{ .flag = "alsologtostderr", .type = OPTION_BOOL, .at = COMMAND_OPTION(log.stderr_too),    \
	  .group = "Logging", .help = "beside --log: log to standard error, too" },                \
	{ .flag = "log-json", .type = OPTION_BOOL, .at = COMMAND_OPTION(log.as_json),              \
	  .group = "Logging", .help = "log lines as JSON" }
/* For const char *output. */
#define COMMAND_ROW_OUTPUT                                                                         \
	{ .flag = "output", .letter = 'o', .type = OPTION_TEXT, .at = COMMAND_OPTION(output),      \
	  .value_name = "FORMAT", .fallback = "table", .group = "Output", .help = "table or json" }
/* clang-format on */
/* What was said as output; false: neither table nor json (said; leave with 2). */
bool command_output_read(const char *said, bool *out_json);

#endif
