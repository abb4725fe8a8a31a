/*
 * validate_windows.h - options of Windows in security contexts, with the words of the real server.
 */
#ifndef API_VALIDATE_WINDOWS_H
#define API_VALIDATE_WINDOWS_H

#include "api/kind.h"

void windows_options(const struct kind_work *work, const struct json *options, const char *path);

#endif
