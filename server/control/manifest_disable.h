/*
 * manifest_disable.h - manifests that are switched off by name (--disable).
 *
 * A name means the file, with or without its last ending, or a folder that it lies in.  Several
 * names may stand in one item, with commas between.
 */
#ifndef SERVER_CONTROL_MANIFEST_DISABLE_H
#define SERVER_CONTROL_MANIFEST_DISABLE_H

#include <stdbool.h>

#include "base/map.h"
#include "base/options.h"

bool manifest_disable_has(const struct option_list *list, const char *file);
/* Log the names that none of the files has, so that a word that means nothing here is noticed.
 * `files`: by their names. */
void manifest_disable_tell(const struct option_list *list, struct map *files);

#endif
