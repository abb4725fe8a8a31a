/*
 * oci_process.h - the limits of a process: rlimits, OOM score, scheduler, I/O priority.
 */
#ifndef RUNTIME_OCI_PROCESS_H
#define RUNTIME_OCI_PROCESS_H

#include <sys/types.h>

#include "base/json.h"

/* `process` as in config.json; pid 0 is the caller, who then gets no OOM score.  ERROR_INVALID for
 * words that do not exist.  execCPUAffinity counts for a `further` process only. */
MUST_CHECK bool oci_process_limit(pid_t pid, const struct json *process, bool further,
				  struct error *err);

#endif
