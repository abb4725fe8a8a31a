/*
 * job_status.h - the status of a Job while a pass works it out: a changeable copy that knows
 * whether it differs from what was written last.
 */
#ifndef SERVER_CONTROL_JOB_STATUS_H
#define SERVER_CONTROL_JOB_STATUS_H

#include "server/control/controller.h"
#include "server/control/job_pods.h"

struct job_status {
	struct json_doc *doc;
	struct json *root, *status; /* the whole Job, and its status */
	const struct json *written; /* what the API has of it */
	struct json *lists[2];      /* uncountedTerminatedPods: succeeded, failed */
};
enum { JOB_UNCOUNTED_SUCCEEDED, JOB_UNCOUNTED_FAILED };

void job_status_open(struct job_status *status, const struct object *job);
void job_status_close(struct job_status *status);
bool job_status_is_new(const struct job_status *status);
/* The call that writes it; ask->body is in `body`.  It fails if somebody was faster. */
void job_status_ask(const struct job_status *status, const struct control *control,
		    struct buf *body, struct client_ask *ask);
/* It was written, and is at this revision now. */
void job_status_note(struct job_status *status, uint64_t revision);

int64_t job_status_number(const struct job_status *status, const char *key);
/* 0 is left out, unless `zero`. */
void job_status_put_number(struct job_status *status, const char *key, int64_t value, bool zero);
void job_status_put_text(struct job_status *status, const char *key, struct str text);
void job_status_put_now(struct job_status *status, const char *key);

/* Conditions: the entry if it is True, or NULL. */
const struct json *job_status_true(const struct job_status *status, const char *type);
struct job_end { /* a condition that says how a Job ends; type NULL: it does not */
	const char *type, *reason, *message;
};
/* Appends or changes; a False one that was never there is not added.  True when it changed. */
bool job_status_put_condition(struct job_status *status, const char *type, bool is,
			      const char *reason, const char *message);

/* Pods that have ended and whose finalizer is still to be removed. */
bool job_status_has_uncounted(const struct job_status *status, int list, struct str uid);
void job_status_add_uncounted(struct job_status *status, int list, struct str uid);
size_t job_status_count_uncounted(const struct job_status *status, int list);
/* Those whose finalizer is gone are counted and taken off the lists. */
void job_status_settle(struct job_status *status, const struct job_pods *pods);

#endif
