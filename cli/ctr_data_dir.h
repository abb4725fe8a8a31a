/*
 * ctr_data_dir.h - where the server or agent of this machine keeps its state: --data-dir,
 * MOTE_DATA_DIR, data-dir of the configuration file, or the usual place; as they find it
 * themselves.
 */
#ifndef CLI_CTR_DATA_DIR_H
#define CLI_CTR_DATA_DIR_H

#include "base/options.h"

/* The option's row for a command that has a `const char *` at this offset. */
struct option_row ctr_data_dir_row(size_t at);
/* Fill *data_dir if it is NULL or empty: neither flag nor environment said anything. */
MUST_CHECK bool ctr_data_dir_find(struct arena *arena, const char **data_dir, struct error *err);

#endif
