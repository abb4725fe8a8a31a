/*
 * deployment_status.h - the status of a deployment: its numbers, and what its conditions Available,
 * Progressing and ReplicaFailure say.
 *
 * Pure, but for the clock.
 */
#ifndef SERVER_CONTROL_DEPLOYMENT_STATUS_H
#define SERVER_CONTROL_DEPLOYMENT_STATUS_H

#include "server/control/deployment_sets.h"

/* What the pass did that its look at the sets cannot tell. */
struct deployment_news {
	bool is_rollout; /* progress is judged; else only numbers and Available are told */
	bool created;    /* a new set was made, of this name and revision */
	bool collided;   /* its name was that of another one */
	char name[256];
	int64_t revision;
	char failure[640]; /* why the new set could not be made, or "" */
};

/* The whole new status, in the doc; equal to the old one when nothing is new. */
struct json *deployment_status_make(struct json_doc *doc, const struct deployment_sets *sets,
				    const struct deployment_news *news);
/* Milliseconds until the deadline of the progress has passed, counted from what the status says;
 * -1 when no deadline is running. */
int64_t deployment_status_due_ms(const struct deployment_sets *sets, const struct json *status);
/* All that is wished is there and nothing else. */
bool deployment_status_is_complete(const struct deployment_sets *sets, const struct json *status);

#endif
