/*
 * job_pods.h - the pods of one Job as a pass sees them: how far each is, and whether it has been
 * counted.
 *
 * A pod that the Job has not counted for good carries the finalizer of the Job.  Pods are only
 * parsed where that matters: thousands may be running.
 */
#ifndef SERVER_CONTROL_JOB_PODS_H
#define SERVER_CONTROL_JOB_PODS_H

#include "server/control/family.h"
#include "server/control/job_indexes.h"
#include "server/control/job_policy.h"

#define JOB_FINALIZER        MEMBER_JOB_FINALIZER
#define JOB_INDEX            MEMBER_JOB_INDEX
#define JOB_FAILURES         "batch.kubernetes.io/job-index-failure-count"
#define JOB_IGNORED_FAILURES "batch.kubernetes.io/job-index-ignored-failure-count"

struct job_pod {
	const struct object *object; /* a reference of ours */
	int64_t index;               /* -1: none, or one that the Job does not have */
	enum member_phase phase;
	bool active;      /* neither finished nor being deleted */
	bool terminating; /* being deleted, not finished */
	bool ready;
	bool scheduled;
	bool uncounted;         /* has the finalizer */
	bool failed;            /* in the sense of the Job's podReplacementPolicy */
	bool counts;            /* failed, and no rule ignores it */
	enum job_action action; /* of a failed one */
	int64_t created_s, ready_since_s;
	int64_t ended_s;  /* finished ones that are not counted yet */
	int64_t restarts; /* of all its containers, where the Job restarts them */
	bool heirless;    /* the last failed one of an index that nobody has taken over */
	bool stripped;    /* its finalizer has been taken off in this pass */
};
struct job_pods {
	struct job_pod *items; /* by index */
	size_t count;
	char *fail_job; /* why the podFailurePolicy ends the Job, or NULL */
};

void job_pods_take(const struct family *family, const struct object *job, struct job_pods *out);
void job_pods_clear(struct job_pods *pods);

/* Does the pod carry the finalizer? */
bool job_pods_is_uncounted(const struct object *pod);
/* How often pods of its index have failed before it, and how often that was ignored. */
int64_t job_pods_failures(const struct object *pod);
int64_t job_pods_ignored(const struct object *pod);
/* Only pods that have ended are replaced, not those that are still ending. */
bool job_pods_wait_for_end(const struct json *job_spec);

/* The active ones that are to go: without or with a wrong index, with one that another has, and so
 * many more that `least` go.  Sets *out to an array for the caller to free. */
size_t job_pods_surplus(const struct job_pods *pods, bool indexed, size_t least,
			struct job_pod ***out);

#endif
