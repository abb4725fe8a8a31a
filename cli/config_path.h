/*
 * config_path.h - which configuration file is read: it is asked for before everything else, because
 * it names where the rest comes from.
 */
#ifndef CLI_CONFIG_PATH_H
#define CLI_CONFIG_PATH_H

#include "base/options.h"

#define CONFIG_PATH_USUAL "/etc/mote/config.yaml"

/* What --config or -c of this command line says, MOTE_CONFIG_FILE, or the usual one.  `set` is that
 * of the command, NULL for one that has no such flag. */
const char *config_path(const struct option_set *set, int argc, char **argv);

#endif
