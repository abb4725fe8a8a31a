/*
 * status_fields.c - puts and compares.
 */
#include "server/control/status_fields.h"

bool status_put_number(struct json_doc *doc, struct json *status, const struct json *old,
		       const char *key, int64_t value)
{
	json_put(doc, status, key, value ? json_new_int(doc, value) : json_new_null(doc));
	return json_int(json_get(old, key)) == value;
}

bool status_put_zero_too(struct json_doc *doc, struct json *status, const struct json *old,
			 const char *key, int64_t value)
{
	json_put(doc, status, key, json_new_int(doc, value));
	return json_get(old, key) && json_int(json_get(old, key)) == value;
}
