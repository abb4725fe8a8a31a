/*
 * status.h - Kubernetes Status objects from errors, and error lists of validation ("causes").
 *
 * A validation failure is collected in a struct field_errors and becomes one ERROR_INVALID with its
 * causes.
 */
#ifndef API_STATUS_H
#define API_STATUS_H

#include "base/json.h"

struct kind;

enum field_error_kind {
	FIELD_REQUIRED,
	FIELD_INVALID,
	FIELD_NOT_SUPPORTED,
	FIELD_FORBIDDEN,
	FIELD_DUPLICATE,
	FIELD_TOO_LONG,
	FIELD_TOO_MANY,
	FIELD_NOT_FOUND,
	FIELD_TYPE_INVALID,
	FIELD_MANAGER_CONFLICT, /* of an apply: detail is the whole message */
};
struct field_error {
	enum field_error_kind kind;
	const char *path;   /* "spec.containers[0].name" */
	const char *value;  /* the bad value as it is shown (JSON text, quoted strings), or NULL */
	const char *detail; /* "must be ...", may be "" */
};
struct field_errors {
	struct arena *arena; /* given by the owner */
	struct field_error *items;
	size_t count, room;
	size_t dropped; /* behind FIELD_ERRORS_MAX: counted only */
};
/* Nobody reads more; a hostile object could bring a million. */
#define FIELD_ERRORS_MAX 100
/* Paths and details are copied; path is printf-like through field_path below. */
void field_errors_add(struct field_errors *errors, enum field_error_kind kind, const char *path,
		      const char *value, const char *detail);
/* arena_print for what is told of errors; "" when no further error will be kept. */
#define field_path(errors, ...)                                                                    \
	((errors)->count < FIELD_ERRORS_MAX ? arena_print((errors)->arena, __VA_ARGS__) : "")
/* The JSON text of a value, for `value`; in the arena.  "" when no further error will be kept. */
const char *field_value(struct field_errors *errors, const struct json *value);

/* What a Status needs beside the error; all may be empty. */
struct status_about {
	const struct kind *kind; /* details.kind (resource plural, or Kind for Invalid) and group */
	struct str name;
	struct str uid;
	const struct field_errors *causes; /* Invalid: causes and the joined message */
	int retry_after_s;      /* < 0: not even the header that an error of its kind has */
	const char *shown_kind; /* details.kind when it is another word than usual, or NULL */
	/* A cause that is no field error; reason NULL = none. */
	struct status_cause {
		const char *reason, *message, *field; /* field may be NULL */
	} cause;
};
/* Print a Status (JSON) for an error: HTTP code, reason, message as kube-apiserver writes them.
 * The error's text is the message; for NOT_FOUND, EXISTS, CONFLICT, INVALID and FORBIDDEN with a
 * kind and name the caller has already worded it, see status_not_found and so on.  A message of
 * status_invalid that was too long for the error is told whole, from the causes.  Bytes that are no
 * UTF-8 become U+FFFD.  Gives the HTTP code. */
int status_print(const struct error *err, const struct status_about *about, struct buf *out);
void status_print_success(const struct status_about *about, struct buf *out);

/* Kubernetes' standard wordings; each fills err and returns false. */
bool status_not_found(struct error *err, const struct kind *kind, struct str name);
bool status_exists(struct error *err, const struct kind *kind, struct str name);
bool status_conflict(struct error *err, const struct kind *kind,
		     struct str name); /* object modified */
/* A read at a revision that is yet to come (504); its Status names the cause. */
bool status_too_large_revision(struct error *err, uint64_t wanted, uint64_t now);
/* `Pod "b" is invalid: [..., ...]` from the list; true when the list is empty. */
MUST_CHECK bool status_invalid(struct error *err, const struct kind *kind, struct str name,
			       const struct field_errors *errors);
/* `Apply failed with 1 conflict: conflict with "m": .spec.replicas` from the list, whose entries of
 * one owner stand together. */
bool status_apply_conflict(struct error *err, const struct field_errors *conflicts);
/* From a Status JSON (client side) to an error: code and reason decide the kind. */
void status_to_error(const struct json *status, int http_code, struct error *err);

#endif
