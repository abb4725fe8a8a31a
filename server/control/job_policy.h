/*
 * job_policy.h - what a Job's policies say: what the failure of a pod means (podFailurePolicy), and
 * whether enough indexes have succeeded (successPolicy).
 */
#ifndef SERVER_CONTROL_JOB_POLICY_H
#define SERVER_CONTROL_JOB_POLICY_H

#include "api/object.h"
#include "server/control/job_indexes.h"

enum job_action {
	JOB_ACTION_NONE, /* no rule is about this pod: it counts */
	JOB_ACTION_COUNT,
	JOB_ACTION_IGNORE,
	JOB_ACTION_FAIL_INDEX,
	JOB_ACTION_FAIL_JOB,
};

/* The first rule that fits a failed pod; policy NULL: none.  With FailJob the words of the
 * condition are added to `message` (may be NULL). */
enum job_action job_policy_judge(const struct json *policy, const struct object *pod,
				 struct buf *message);
/* Does the policy (may be NULL) call the job a success with these indexes?  Which rule says so. */
bool job_policy_is_met(const struct json *policy, int64_t completions,
		       const struct job_indexes *succeeded, size_t *out_rule);

#endif
