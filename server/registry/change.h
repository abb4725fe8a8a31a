/*
 * change.h - the change loop: read the newest object, make the wished one, default, admit,
 * validate, write if unchanged.  Everything that alters an object goes through here.
 */
#ifndef SERVER_REGISTRY_CHANGE_H
#define SERVER_REGISTRY_CHANGE_H

#include "server/registry/ownership.h"
#include "server/registry/registry.h"

enum change_goal {
	CHANGE_CREATE, /* must be absent            */
	CHANGE_UPDATE, /* must be there             */
	CHANGE_PUT,    /* there or, for kinds with put_creates, absent */
	CHANGE_APPLY,  /* there or absent           */
};

/* One running change; made by change_new in the arena of a request or of its own. */
struct changing {
	struct registry *registry;
	struct arena *arena;
	const struct kind *kind; /* that is kept */
	const struct kind *face; /* that was asked for: the same, or another face of it */
	struct request *req;     /* that hears the warnings, or NULL */
	struct str namespace, name;
	const char *subresource; /* "" = the object itself */
	const struct user *user;
	struct owning *owning; /* who writes, for managedFields; NULL: they stay as they are */
	enum change_goal goal;
	bool dry_run;
	bool marks_deletion; /* make sets deletionTimestamp and its grace period itself */
	/* The wished object from the newest one (NULL = absent): fills *out_doc, whose root it is.
	 */
	bool (*make)(struct changing *change, const struct object *old, struct json_doc **out_doc,
		     struct error *err);
	/* Exactly once: result is borrowed; err NULL on success. */
	void (*on_done)(struct changing *change, const struct object *result,
			const struct error *err);
	void *of;
	struct field_errors errors; /* of validation, for the Status */
	const char *shown_kind;     /* what else the Status of a refusal says */
	struct status_cause cause;
	bool created, removed; /* what came of it */

	const struct object *result; /* private from here */
	struct quota_charge *charge;
};

/* Runs it; on_done is called before it returns (refusals, dry runs, nothing to change) or after the
 * commit. */
void change_run(struct changing *change);

/* The usual end: reply_object or reply_error on the request in `of`. */
void change_reply(struct changing *change, const struct object *result, const struct error *err);
/* A change for this request: all facts filled in, make and of = req left to the caller. */
struct changing *change_of_request(struct request *req, enum change_goal goal);

/* Remove an object's record: `old` is what was decided upon.  on_done as above with the last state.
 */
void change_remove(struct changing *change, const struct object *old);

#endif
