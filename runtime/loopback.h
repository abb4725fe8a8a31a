/*
 * loopback.h - brings up the loopback device of the network namespace that the caller is in.  No
 * allocation.
 */
#ifndef RUNTIME_LOOPBACK_H
#define RUNTIME_LOOPBACK_H

#include "base/error.h"

MUST_CHECK bool loopback_bring_up(struct error *err);

#endif
