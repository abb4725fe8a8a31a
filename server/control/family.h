/*
 * family.h - who is controlled by whom: the objects of one kind by the uid of their controlling
 * owner, and those without one by their namespace.  Pods carry the facts that passes ask for, so
 * that a look at a thousand of them parses none.
 *
 * One a kind, kept by control.c before any controller hears of a change (control->families).  What
 * it gives is borrowed and holds until the loop goes round.  Loop thread only.
 */
#ifndef SERVER_CONTROL_FAMILY_H
#define SERVER_CONTROL_FAMILY_H

#include "api/object.h"

#define MEMBER_JOB_FINALIZER "batch.kubernetes.io/job-tracking"
#define MEMBER_JOB_INDEX     "batch.kubernetes.io/job-completion-index" /* an annotation */

enum member_phase { MEMBER_PENDING, MEMBER_RUNNING, MEMBER_SUCCEEDED, MEMBER_FAILED, MEMBER_LOST };

struct brood;
struct member {
	const struct object *object; /* the cache's */
	int64_t created_s;
	/* Pods only: */
	char *node;            /* spec.nodeName, or NULL */
	int64_t ready_since_s; /* of the condition Ready */
	int32_t deletion_cost; /* its annotation, 0 when it is absent or no number */
	int32_t restarts;      /* the most that one of its containers has */
	int32_t job_index;     /* what MEMBER_JOB_INDEX says, -1: nothing */
	enum member_phase phase;
	bool ready;
	bool uncounted; /* has MEMBER_JOB_FINALIZER: its Job is yet to count it */
	bool replaced;  /* its node is silent, and it has a stand-in (lost_policy.h) */
	/* Inside: */
	struct brood *brood;
	size_t at;
};

struct family;
struct family *family_new(void);
void family_free(struct family *family); /* NULL is fine */
/* A change of the cache; either may be NULL. */
void family_note(struct family *family, const struct object *before, const struct object *after);

size_t family_count(const struct family *family, struct str owner_uid);
/* for (size_t i = 0; (member = family_next(family, uid, &i));) - in no order */
const struct member *family_next(const struct family *family, struct str owner_uid, size_t *at);
/* The same for those of a namespace that nobody controls. */
const struct member *family_next_orphan(const struct family *family, struct str namespace,
					size_t *at);
/* NULL when there is none. */
const struct member *family_find(const struct family *family, struct str namespace,
				 struct str name);

/* Not deleted, not finished, and without a stand-in. */
bool member_is_active(const struct member *pod);
/* When will this pod have been ready for so long?  0: it has; -1: it is not ready; else the
 * milliseconds until it will, if it stays ready: only the clock brings that moment. */
int64_t member_due_ms(const struct member *pod, int64_t min_ready_s);

#endif
