/*
 * ota_verb.h - one row a verb of `mote ota`.  A verb is a row in a file cli/ota_<thing>.c and one
 * line in command_ota.c.
 */
#ifndef CLI_OTA_VERB_H
#define CLI_OTA_VERB_H

#include "base/options.h"

struct ota_call {
	const void *options; /* the verb's own struct, filled from its rows; in the arena */
	const char **args;
	size_t arg_count;
	struct arena *arena; /* ends with the command */
	int status;          /* what the command exits with; 0 unless the verb says otherwise */
};

struct ota_verb {
	const char *name;              /* "verify" */
	const char *arguments;         /* "FILE" for the usage line, or "" */
	const char *help;              /* one line, as it goes on after "To " */
	const struct option_row *rows; /* end with flag == NULL */
	size_t options_size;           /* of its struct */
	size_t args_min, args_max;
	bool (*run)(struct ota_call *call, struct error *err); /* false: said, exit status 1 */
};

#endif
