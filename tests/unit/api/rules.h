/*
 * rules.h - for tests of kinds: an object through its whole chain of rules, and what came of it.
 */
#ifndef TESTS_UNIT_API_RULES_H
#define TESTS_UNIT_API_RULES_H

#include "api/kind.h"

/* Default and validate `text` as an object of its kind, as a create (`old` is NULL) or an update.
 * The object is printed, and its errors, a line each: "path: Word: value: detail". */
void rules_run(const char *text, const char *old, struct buf *out_object, struct buf *out_errors);
/* The same as a write of a subresource: "status". */
void rules_run_on(const char *subresource, const char *text, const char *old,
		  struct buf *out_object, struct buf *out_errors);
/* The errors must be these lines ("" = none). */
void rules_check(const char *text, const char *old, const char *errors);
/* The object must hold this value at a dotted path, as JSON ("" = absent); errors do not matter. */
void rules_check_value(const char *text, const char *old, const char *path, const char *value);

#endif
