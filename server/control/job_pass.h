/*
 * job_pass.h - one look at a Job: what it has, whether and how it ends, which pods it wants.  No
 * calls: control_job.c makes them.
 */
#ifndef SERVER_CONTROL_JOB_PASS_H
#define SERVER_CONTROL_JOB_PASS_H

#include "server/control/job_backoff.h"
#include "server/control/job_status.h"

#define JOB_SUCCESS "SuccessCriteriaMet" /* the Job ends so, */
#define JOB_FAILURE "FailureTarget"      /* or so; pods may still be there */

struct job_pass {
	const struct object *job; /* a reference of ours */
	const struct json *spec;  /* in `status`: parsed forms end before the pass does */
	struct arena *arena;
	struct job_pods pods;
	struct job_status status;
	struct job_indexes counted;    /* completedIndexes as it is written */
	struct job_indexes done, lost; /* and with this pass; failedIndexes */
	struct job_backoff backoff;    /* with this pass */
	bool indexed, per_index, suspended;
	int64_t active, ready, terminating, succeeded, failed; /* at the look; then as expected */
	struct job_end end;                                    /* type NULL: it goes on */
	int64_t look_ms;  /* > 0: look again after it, whatever happens */
	bool full;        /* more pods have ended than one pass counts */
	const char *told; /* "Suspended" or "Resumed": an event, once it is written */
};

void job_pass_open(struct job_pass *pass, const struct object *job, const struct family *family,
		   const struct job_backoff *backoff);
void job_pass_close(struct job_pass *pass);

/* After the pods have been seen to (pass->active is true): is it complete, or suspended? */
void job_pass_conclude(struct job_pass *pass);
/* Puts pods that have ended on the lists, and all else into the status; gives for each pod whether
 * its finalizer is to go once that is written (an array for the caller to free). */
bool *job_pass_track(struct job_pass *pass);
/* The finalizers are gone: true when the last condition has been put, the Job has finished. */
bool job_pass_finish(struct job_pass *pass);

#endif
