/*
 * status_fields.h - numbers of a status that is written anew.
 *
 * Each puts one field into `status` (of `doc`) and says whether the old status has it so already:
 * when all do, nothing has to be written.  Pure.
 */
#ifndef SERVER_CONTROL_STATUS_FIELDS_H
#define SERVER_CONTROL_STATUS_FIELDS_H

#include "base/json.h"

/* Null, so that a patch takes it away, when it is zero. */
bool status_put_number(struct json_doc *doc, struct json *status, const struct json *old,
		       const char *key, int64_t value);
/* There when it is zero, too. */
bool status_put_zero_too(struct json_doc *doc, struct json *status, const struct json *old,
			 const char *key, int64_t value);

#endif
