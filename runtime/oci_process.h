/*
 * oci_process.h - the limits of a process that its parent sets from outside: rlimits, OOM score,
 * scheduler, I/O priority.
 */
#ifndef RUNTIME_OCI_PROCESS_H
#define RUNTIME_OCI_PROCESS_H

#include <sys/types.h>

#include "base/json.h"

/* `process` as in config.json.  ERROR_INVALID for words that do not exist.  execCPUAffinity counts
 * for a `further` process only. */
MUST_CHECK bool oci_process_limit(pid_t pid, const struct json *process, bool further,
				  struct error *err);

#endif
