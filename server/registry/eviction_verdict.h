/*
 * eviction_verdict.h - may a pod be evicted now, and what does that cost its disruption budget?
 *
 * Kubernetes, "API-initiated eviction".  Nothing here reads or writes the registry: the caller
 * (eviction.c) shows the budgets and writes what has been paid.
 */
#ifndef SERVER_REGISTRY_EVICTION_VERDICT_H
#define SERVER_REGISTRY_EVICTION_VERDICT_H

#include "api/object.h"
#include "api/status.h"
#include "base/memory.h"

/* How long the one who evicts is to wait for the controller's count. */
#define EVICTION_WAIT_S 10

struct eviction {
	const struct object *pod;
	const struct object *budget; /* the last that is about it */
	size_t budgets;              /* how many are */
};

/* It has ended, has not begun, or is going already: nothing is disrupted, no budget is asked. */
bool eviction_needs_no_budget(const struct object *pod);
/* A budget of the pod's namespace: counted when it is about the pod. */
void eviction_note(struct eviction *it, const struct object *budget);

enum eviction_verdict {
	EVICTION_GOES,    /* free */
	EVICTION_COSTS,   /* its budget pays, if it can */
	EVICTION_REFUSED, /* *err says why (ERROR_PLAIN) */
};
enum eviction_verdict eviction_judge(const struct eviction *it, struct error *err);

struct eviction_refusal {
	struct status_cause cause; /* in the arena; no reason when the error says all */
	int retry_after_s;         /* -1: asking again soon is of no use */
};
/* Can the budget pay for one more?  ERROR_TOO_MANY, ERROR_FORBIDDEN. */
MUST_CHECK bool eviction_check(const struct object *budget, struct arena *arena,
			       struct eviction_refusal *out, struct error *err);
/* The budget's status (in doc) after it has paid for that pod. */
void eviction_pay(struct json_doc *doc, struct json *status, struct str pod, const char *now);

#endif
