/*
 * scheduler_args.h - what --kube-scheduler-arg means here: config=FILE, a
 * KubeSchedulerConfiguration; the others are refused with the reason.
 */
#ifndef CLI_SCHEDULER_ARGS_H
#define CLI_SCHEDULER_ARGS_H

#include "base/options.h"
#include "server/schedule/profile.h"

/* *out is the caller's, and stays NULL when no file is named. */
MUST_CHECK bool scheduler_args_read(const struct option_list *args, struct profiles **out,
				    struct error *err);

#endif
