/*
 * error.h - the one error value: on the caller's stack, last parameter, filled exactly on failure.
 *
 * A function that can fail returns bool (true = done), is MUST_CHECK, and fills *err exactly when
 * it returns false.  Outputs come before `err`, are named out_..., and are written only on success.
 * Raising never allocates.  A function returns an error or handles it; it never logs *and* returns.
 *
 * Any thread.
 */
#ifndef BASE_ERROR_H
#define BASE_ERROR_H

#include <stdbool.h>
#include <stddef.h>

#define MUST_CHECK                      __attribute__((warn_unused_result))
#define PRINTF_LIKE(format_at, args_at) __attribute__((format(printf, format_at, args_at)))

enum error_kind {
	ERROR_NONE = 0,
	ERROR_BAD_REQUEST,    /* the caller's bytes cannot be understood (400)          */
	ERROR_UNAUTHORIZED,   /* who are you? (401)                                     */
	ERROR_FORBIDDEN,      /* you may not (403)                                      */
	ERROR_NOT_FOUND,      /* a thing that was named does not exist (404)            */
	ERROR_METHOD,         /* this verb is not offered here (405)                    */
	ERROR_NOT_ACCEPTABLE, /* no servable media type in Accept (406)                 */
	ERROR_EXISTS,         /* create of a thing that is there (409 AlreadyExists)    */
	ERROR_CONFLICT,       /* somebody changed it in between (409 Conflict)          */
	ERROR_EXPIRED,        /* revision or continue token too old (410)               */
	ERROR_TOO_LARGE,      /* over a declared limit (413)                            */
	ERROR_MEDIA_TYPE,     /* body in an unknown format (415)                        */
	ERROR_INVALID,        /* understood, but breaks a rule of its kind (422)        */
	ERROR_TOO_MANY,       /* slow down (429)                                        */
	ERROR_BROKEN,         /* our fault (500)                                        */
	ERROR_UNAVAILABLE,    /* not now; try again (503)                               */
	ERROR_TIMEOUT,        /* a deadline passed (504)                                */
	ERROR_FULL,           /* no space or quota on the disk (507)                    */
	ERROR_PLAIN,          /* the real server gives no reason word here (500)        */
	ERROR_KINDS
};

struct error {
	enum error_kind kind;
	int os_code;      /* errno at the point of failure, or 0                    */
	const char *from; /* "file.c:line" of the first failure                     */
	char text[512];   /* reads as a sentence, outermost context first           */
};

/* What an error means outside: one row a kind. */
struct error_row {
	const char *reason; /* Kubernetes Status.reason                              */
	int status;         /* HTTP status code                                      */
	bool retry;         /* trying again later may help                           */
};

extern const struct error_row error_rows[ERROR_KINDS];

#define ERROR_STRING(x) #x
#define ERROR_LINE(x)   ERROR_STRING(x)
#define ERROR_FROM      __FILE__ ":" ERROR_LINE(__LINE__)

/* Fill *err and return false, so that `return error_set(...)` reads well. */
#define error_set(err, kind, ...) error_raise((err), (kind), 0, ERROR_FROM, __VA_ARGS__)

/* The same from errno: the text gets ": strerror" appended.  ENOSPC and EDQUOT become ERROR_FULL,
 * EAGAIN/ETIMEDOUT/ECONN... become ERROR_UNAVAILABLE, all else ERROR_BROKEN; never a 4xx. */
#define error_os(err, ...) error_raise_os((err), ERROR_FROM, __VA_ARGS__)

bool error_raise(struct error *err, enum error_kind kind, int os_code, const char *from,
		 const char *format, ...) PRINTF_LIKE(5, 6);
bool error_raise_os(struct error *err, const char *from, const char *format, ...) PRINTF_LIKE(3, 4);

/* Put "format: " before the text of a filled error; returns false. */
bool error_context(struct error *err, const char *format, ...) PRINTF_LIKE(2, 3);

void error_clear(struct error *err);

#endif
