/*
 * oci_signal.h - names of signals.
 */
#ifndef CLI_OCI_SIGNAL_H
#define CLI_OCI_SIGNAL_H

#include "base/error.h"

/* "KILL", "SIGKILL", "kill", "9", "RTMIN+3"; 0 is no signal. */
MUST_CHECK bool oci_signal_parse(const char *text, int *out_signal, struct error *err);

#endif
