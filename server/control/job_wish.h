/*
 * job_wish.h - which pods a Job should have, and which it should not.
 */
#ifndef SERVER_CONTROL_JOB_WISH_H
#define SERVER_CONTROL_JOB_WISH_H

#include "server/control/job_pass.h"
#include "server/control/pod_maker.h"

/* At most one of the two has entries: pods are not made while others are too many. */
struct job_wish {
	struct job_pod **surplus; /* the caller's to free */
	size_t surplus_count;
	struct pod_list made;
};
/* May set pass->look_ms: failed pods are replaced only after a while. */
void job_wish_find(struct job_pass *pass, struct job_wish *out);

#endif
