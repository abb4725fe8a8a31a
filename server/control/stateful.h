/*
 * stateful.h - what a pass knows of one StatefulSet: its pods by ordinal, those beyond its range,
 * and the two revisions it moves between.
 *
 * Borrows from the caches: for one pass, on the loop thread.
 */
#ifndef SERVER_CONTROL_STATEFUL_H
#define SERVER_CONTROL_STATEFUL_H

#include "server/control/revisions.h"

#define STATEFUL_NAME_LABEL  "statefulset.kubernetes.io/pod-name"
#define STATEFUL_INDEX_LABEL "apps.kubernetes.io/pod-index"

struct stateful_pod {
	const struct member *member;
	int64_t ordinal;
	struct str revision; /* the name of its revision */
};

struct stateful {
	const struct object *set;
	const struct json *spec;
	int64_t replicas, start, min_ready, partition;
	bool rolling, parallel, has_partition;
	bool delete_with_set, delete_when_scaled; /* claims */
	struct stateful_pod *pods;                /* all, by ordinal */
	size_t count;
	const struct revision *current, *update;
};

void stateful_look(struct stateful *view, const struct control *control, const struct object *set);
void stateful_clear(struct stateful *view);

/* "web" and 3 of "web-3"; false when the name has no such end. */
bool stateful_parse_name(struct str name, struct str *out_set, int64_t *out_ordinal);
/* By its name a pod of the set? */
bool stateful_owns_name(const struct object *set, const struct object *pod);

bool stateful_is_in_range(const struct stateful *view, int64_t ordinal);
/* NULL when it is not there. */
const struct stateful_pod *stateful_find(const struct stateful *view, int64_t ordinal);
bool stateful_is_ready(const struct stateful_pod *pod); /* running and ready */
bool stateful_is_available(const struct stateful *view, const struct stateful_pod *pod);
bool stateful_is_terminating(const struct stateful_pod *pod);
/* Ready, available, and not going. */
bool stateful_is_well(const struct stateful *view, const struct stateful_pod *pod);
/* Milliseconds until the next pod is available by the clock; 0 = none will. */
int64_t stateful_due_ms(const struct stateful *view);
/* Of which revision a pod of this ordinal is to be made now. */
const struct revision *stateful_revision_for(const struct stateful *view, int64_t ordinal);

/* The status as a merge patch into `status`; true when it says what the old one says. */
bool stateful_put_status(struct json_doc *doc, struct json *status, const struct stateful *view);

#endif
