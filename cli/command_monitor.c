/*
 * command_monitor.c - mote monitor FOLDER: the process that holds one pod (hidden;
 * runtime/sandbox.h starts it).
 */
#include "cli/command.h"
#include "runtime/sandbox.h"

const struct command command_monitor = { "monitor", NULL, monitor_main };
