/*
 * admit.h - admission: ordered checks and additions between the caller's wish and validation.
 *
 * Each is one file admit_<name>.c with one constant row, and one line in admit.c.
 */
#ifndef SERVER_REGISTRY_ADMIT_H
#define SERVER_REGISTRY_ADMIT_H

#include "server/registry/registry.h"

struct admit_work {
	struct registry *registry;
	const struct kind *kind; /* that is kept */
	const struct kind *face; /* that was asked for: the same, or another face of it */
	struct json_doc *doc;
	struct json *object;    /* may be changed */
	const struct json *old; /* NULL on create */
	const char *subresource;
	const struct user *user;
	struct arena *arena;
	struct str namespace;
	bool dry_run;
	struct status_cause *cause; /* of a refusal, for its Status; may be filled */
};

struct admit_row {
	const char *name;
	bool (*admit)(const struct admit_work *work, struct error *err);
};

/* All rows in order; the first refusal ends it. */
MUST_CHECK bool admit_run(const struct admit_work *work, struct error *err);

#endif
