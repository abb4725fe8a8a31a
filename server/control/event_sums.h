/*
 * event_sums.h - which events are worth a new object: the same again is counted, many alike become
 * one, and of one object not more than so many are told (Kubernetes' recorder does the same).
 *
 * It remembers the last thousand of each sort, as hashes, and forgets the oldest.  Pure but for
 * the time it is given.  Owner: struct control; loop thread only.
 */
#ifndef SERVER_CONTROL_EVENT_SUMS_H
#define SERVER_CONTROL_EVENT_SUMS_H

#include "base/text.h"

#define EVENT_SUMS_KEPT    1024
#define EVENT_SUMS_ALIKE   10           /* different messages of one reason, in ... */
#define EVENT_SUMS_TIME_MS (600 * 1000) /* ... this time; further ones are combined */
#define EVENT_SUMS_BURST   25           /* of one object at once ... */
#define EVENT_SUMS_EVERY   (300 * 1000) /* ... then one a time of so many ms */
#define EVENT_SUMS_SUFFIX  17

/* What is told. */
struct event_word {
	struct str component, uid; /* of whom, about what */
	const char *type, *reason, *message;
};

struct event_sum {
	char suffix[EVENT_SUMS_SUFFIX]; /* of the object's name */
	int64_t count;                  /* 1: a new object */
	int64_t first_s;                /* when it was told first */
	bool combined;                  /* its message is of events alike */
};

struct event_sums;
struct event_sums *event_sums_new(void);
void event_sums_free(struct event_sums *sums); /* NULL is fine */
/* False: enough has been told about this object. */
bool event_sums_take(struct event_sums *sums, const struct event_word *word, int64_t now_ms,
		     int64_t wall_s, struct event_sum *out);

#endif
