/*
 * config_path.c - flag, variable, usual place.
 */
#include "cli/config_path.h"

#include <stdlib.h>

const char *config_path(const struct option_set *set, int argc, char **argv)
{
	const char *path = set ? options_value(set, argc, argv, "config") : NULL;

	if (!path)
		path = getenv("MOTE_CONFIG_FILE");
	return path && *path ? path : CONFIG_PATH_USUAL;
}
