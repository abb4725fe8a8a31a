/*
 * removal_options.h - what a DELETE asks for, and what it means for an object: gone at once, or
 * marked and kept until its finalizers or its grace period have ended.
 */
#ifndef SERVER_REGISTRY_REMOVAL_OPTIONS_H
#define SERVER_REGISTRY_REMOVAL_OPTIONS_H

#include "server/request.h"

enum removal_policy { REMOVAL_DEFAULT, REMOVAL_BACKGROUND, REMOVAL_FOREGROUND, REMOVAL_ORPHAN };

struct removal_options {
	int64_t grace_s; /* < 0 = not given */
	enum removal_policy policy;
	bool old_cascade;         /* orphanDependents=false: what stays is answered with 202 */
	struct str uid, revision; /* preconditions */
};

/* From the body if there is one, else from the query; dryRun becomes the request's.  A refusal has
 * its causes in `errors`, of the kind removal_options_kind. */
MUST_CHECK bool removal_options_read(struct request *req, struct removal_options *out,
				     struct field_errors *errors, struct error *err);
extern const struct kind removal_options_kind;

/* The preconditions against the newest state; the Status of a refusal names the Kind. */
MUST_CHECK bool removal_options_check(const struct removal_options *options,
				      const struct kind *kind, const struct object *old,
				      struct error *err);

struct removal_decision {
	bool waits;              /* it is ending already, and nothing is to be changed */
	bool at_once;            /* nothing holds it */
	int64_t grace_s;         /* else: what its marks say */
	int64_t end_s;           /* when it ends, seconds since 1970 */
	bool orphan, foreground; /* which of the finalizers for its dependents it has from now on */
};
void removal_decide(const struct removal_options *options, const struct kind *kind,
		    const struct json *root, struct removal_decision *out);
/* Put the marks of a decision into an object of this kind. */
void removal_mark(const struct removal_decision *decision, const struct kind *kind,
		  struct json_doc *doc);

#endif
