/*
 * validate_conditions.h - checks of metav1.Condition lists, as newer kinds have them in their
 * status.
 *
 * Adds to work->errors, with the paths and words of the real server.
 */
#ifndef API_VALIDATE_CONDITIONS_H
#define API_VALIDATE_CONDITIONS_H

#include "api/kind.h"

/* Each type once, with a status, a time, a reason that is one word, and a message of bounded size.
 */
void conditions_validate(const struct kind_work *work, const struct json *conditions,
			 const char *path);

#endif
