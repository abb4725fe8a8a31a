/*
 * absent_options.h - the options of k3s's server and agent that are not offered here, each with the
 * reason: who brings a command line or a configuration file is told instead of surprised.
 */
#ifndef CLI_ABSENT_OPTIONS_H
#define CLI_ABSENT_OPTIONS_H

#include "base/options.h"

extern const struct option_absent absent_options[]; /* ends with flag == NULL */

#endif
