/*
 * apply.h - server-side apply: a manager says all that it wants of an object; what it no longer
 * says goes, what others own is a conflict.
 *
 * Pure: the caller reads and writes the object.  Kubernetes' documentation "Server-Side Apply".
 */
#ifndef API_APPLY_H
#define API_APPLY_H

#include "api/managed_fields.h"
#include "api/status.h"

struct apply {
	const struct type *type;
	struct managed_actor actor;
	bool force;              /* take conflicting fields from their managers */
	const struct json *live; /* NULL: there is none yet */
	const struct json *config;
	struct arena *arena;
};

/*
 * The problems of a configuration before anything else is looked at: another kind, managedFields in
 * it, fields that the kind does not have.  ERROR_BAD_REQUEST, or ERROR_PLAIN with the words of the
 * real server.
 */
MUST_CHECK bool apply_check(const struct kind *kind, const struct json *config, struct error *err);

/*
 * The object after the apply, in doc, with its managedFields; defaults are not in it yet.
 * ERROR_CONFLICT with a cause for each field that another manager owns with another value.
 */
MUST_CHECK bool apply_run(const struct apply *apply, struct json_doc *doc, struct json **out,
			  struct field_errors *conflicts, struct error *err);

#endif
