/*
 * oci_front.h - a container's process in the foreground: its terminal, its signals, its end.
 */
#ifndef CLI_OCI_FRONT_H
#define CLI_OCI_FRONT_H

#include <sys/types.h>

#include "base/error.h"

/* To be called before the process is started: signals wait from now on. */
void oci_front_begin(void);
/* Hand signals to it and bytes between our terminal and `tty` (taken; -1 = none) until our child
 * `pid` ends.  Gives its exit status, 128 and more for a signal. */
MUST_CHECK bool oci_front_wait(pid_t pid, int tty, int *out_status, struct error *err);

#endif
