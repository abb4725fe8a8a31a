/*
 * job_backoff.h - how long a Job waits before it replaces failed pods: 10 s after the first failure
 * since the last success, doubling to 10 minutes.
 *
 * Kept in memory only: after a restart of the server it begins anew, as the real one's does.
 */
#ifndef SERVER_CONTROL_JOB_BACKOFF_H
#define SERVER_CONTROL_JOB_BACKOFF_H

#include "server/control/job_pods.h"

struct job_backoff {
	int64_t failures; /* since the last success */
	int64_t last_s;   /* of the last of them */
};

/* What the record becomes with pods that are not counted yet; `skip` says which of them are known
 * already. */
struct job_backoff job_backoff_after(struct job_backoff record, const struct job_pods *pods,
				     bool (*skip)(void *of, const struct job_pod *pod), void *of);
/* 0: no wait. */
int64_t job_backoff_left_ms(const struct job_backoff *record);
/* The same for an index, from the pod that failed last. */
int64_t job_backoff_index_left_ms(const struct job_pod *failed);

#endif
