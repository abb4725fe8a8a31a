/*
 * options.h - command lines from rows: flag, configuration key, environment name, default, help.
 *
 * One row says everything about an option; --help, the configuration file, the environment and
 * errors come from the rows.  Order of strength: command line, environment, config file, default.
 * A configuration key is the flag without dashes; "key+:" appends to a list.
 */
#ifndef BASE_OPTIONS_H
#define BASE_OPTIONS_H

#include "base/json.h"

enum option_type { OPTION_TEXT, OPTION_BOOL, OPTION_INT, OPTION_LIST };

struct option_row {
	const char *flag; /* "data-dir", without dashes                            */
	char letter;      /* 'h' for -h, 0 = none                                  */
	const char *env;  /* "MOTE_DATA_DIR" or NULL                               */
	enum option_type type;
	size_t at;              /* offsetof into the command's struct: const char *, bool,
				     int64_t, or struct option_list                        */
	const char *value_name; /* "DIR" for the help line, NULL for bool                */
	const char *fallback;   /* default as text, or NULL                              */
	int64_t min, max;       /* OPTION_INT; OPTION_TEXT: min is 1 if it must not be empty */
	const char *group;      /* heading in --help                                     */
	const char *help;       /* one line                                              */
	bool commas;            /* OPTION_LIST only: one value may be several, with commas */
};

/* A flag that people know from elsewhere and that is not offered, with the reason. */
struct option_absent {
	const char *flag;
	char letter;
	bool is_switch;  /* takes no value                                                */
	bool harmless;   /* going on without it does what they want: a notice, no error   */
	const char *why; /* "there is no ...": stands behind the flag and a colon         */
};

struct option_list {
	const char **items;
	size_t count;
};

struct option_set {
	const char *usage;                  /* "mote server [options]"                       */
	const char *about;                  /* one or two sentences                          */
	const struct option_row *rows;      /* ends with flag == NULL                        */
	size_t args_max;                    /* positional arguments allowed                  */
	const struct option_absent *absent; /* ends with flag == NULL; or NULL          */
	/* Reads the same configuration file: its keys are no mistake there.  Or NULL.  */
	const struct option_set *other;
};

struct option_result {
	const char **args; /* positional, in the arena                                   */
	size_t arg_count;
	bool help_wanted;           /* -h/--help was given: print options_help and leave          */
	struct option_list notices; /* sentences for the operator: what was passed over */
};

/*
 * Fill `target` from defaults, the config files (config_path may be NULL; config_path.d/ *.yaml in
 * alphabetical order after it; a missing file is fine), the environment and argv[1..].  All texts
 * live in the arena. A wrong flag: one sentence naming it and the nearest right one; a wrong key of
 * a file is passed over with a notice, so that a version that was taken back starts with the file
 * of its successor.
 */
MUST_CHECK bool options_parse(const struct option_set *set, int argc, char **argv,
			      const char *config_path, struct arena *arena, void *target,
			      struct option_result *out, struct error *err);
/* The last value that the command line itself gives this flag (no switch), or NULL. */
const char *options_value(const struct option_set *set, int argc, char **argv, const char *name);
void options_help(const struct option_set *set, struct buf *out);

#endif
